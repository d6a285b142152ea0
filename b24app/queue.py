"""The queue of background work, chosen by HUEY_URL: SQLite, PostgreSQL or Redis behind one API."""

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from huey import Huey, PostgresHuey, RedisHuey, SqliteHuey

NAME = "tagged-notifications"


def make_queue(url: str, *, immediate: bool) -> Huey:
    """A Huey instance for `sqlite:///path`, `postgres://…` or `redis://…`; ImproperlyConfigured for another scheme."""
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        return SqliteHuey(NAME, filename=url.removeprefix("sqlite:///"), immediate=immediate)
    if scheme in ("postgres", "postgresql"):
        return PostgresHuey(NAME, dsn=url, immediate=immediate)
    if scheme in ("redis", "rediss"):
        return RedisHuey(NAME, url=url, immediate=immediate)
    raise ImproperlyConfigured("HUEY_URL must begin with sqlite:///, postgres:// or redis://.")
