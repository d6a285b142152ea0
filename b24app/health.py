"""What operators and load balancers ask: does the process live, and can it work."""

import logging
from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from b24app.version import VERSION

logger = logging.getLogger(__name__)


class NotMigrated(Exception):
    """The database lacks migrations of this version of the app."""


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the process answers, with the version of the app that it runs: what was moderated, or not (market/listing.yml)."""
    return HttpResponse(f"ok {VERSION}", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when the database and the queue answer and every migration is applied, else 503; JSON names what is amiss.

    Two small queries and one question to the queue: it may be asked every second.
    """
    parts = {"database": _works(_ask_database), "queue": _works(_ask_queue), "migrations": _works(_ask_migrations)}
    told = {part: "ok" if works else "unavailable" for part, works in parts.items()}
    if not parts["migrations"]:
        told["migrations"] = "pending" if parts["database"] else "unknown"
    return JsonResponse(told, status=200 if all(parts.values()) else 503)


def _works(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except Exception as error:
        # The type only: texts of drivers name hosts, users and files.
        logger.error("Not ready: %s", type(error).__name__)
        return False
    return True


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_queue() -> None:
    # The storage itself: in immediate mode the queue answers from memory.
    settings.HUEY.storage.queue_size()


def _ask_migrations() -> None:
    applied = set(MigrationRecorder(connection).migration_qs.values_list("app", "name"))
    if not _last_migrations() <= applied:
        raise NotMigrated


@cache
def _last_migrations() -> frozenset[tuple[str, str]]:
    """The last migration of each app, which stands for those before it; files do not change while a process runs."""
    return frozenset(MigrationLoader(None).graph.leaf_nodes())
