"""Indexes that find words inside texts and names, on PostgreSQL: SQLite reads the texts through, which its sizes allow.

btree_gin and pg_trgm are trusted extensions since PostgreSQL 13: whoever may create in the database may create them (page extend-extensions
and pgtrgm of its manual). Where the role may not, the search works without the indexes, only slower on long ledgers.
"""

from typing import Any

from django.db import migrations
from django.db.utils import ProgrammingError
from django.db.transaction import atomic

EXTENSIONS = ("btree_gin", "pg_trgm")

INDEXES = {
    "dispatches_by_words": "notifications_dispatch USING gin (portal_id, search_text gin_trgm_ops)",
    # What Django's icontains compares.
    "people_by_name": "b24app_portaluser USING gin (portal_id, upper(name::text) gin_trgm_ops)",
}


def create(_apps: Any, schema_editor: Any) -> None:
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    try:
        # In a savepoint: what was refused leaves the migration's transaction usable.
        with atomic(using=connection.alias), connection.cursor() as cursor:
            for extension in EXTENSIONS:
                cursor.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
            for name, definition in INDEXES.items():
                cursor.execute(f"CREATE INDEX {name} ON {definition}")
    except ProgrammingError as error:
        print(f"\n  Searching goes without indexes on words, because PostgreSQL refused them: {error}".rstrip())


def drop(_apps: Any, schema_editor: Any) -> None:
    """The extensions stay: they may have been there before, and be used by others."""
    if schema_editor.connection.vendor == "postgresql":
        with schema_editor.connection.cursor() as cursor:
            for name in INDEXES:
                cursor.execute(f"DROP INDEX IF EXISTS {name}")


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_initial"), ("b24app", "0001_initial")]
    operations = [migrations.RunPython(create, drop)]
