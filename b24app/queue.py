"""The queue of background work, chosen by HUEY_URL: SQLite, PostgreSQL or Redis behind one API; and the worker that empties it.

Any number of workers share a queue. What Huey leaves open is settled here: how a worker ends, and that a periodic job is not done once
per worker.
"""

import logging
import signal
import threading
import time
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from huey import Huey
from huey.consumer import Consumer as HueyConsumer
from huey.consumer import Scheduler as HueyScheduler
from huey.storage import PostgresStorage, RedisStorage, SqliteStorage

logger = logging.getLogger(__name__)

NAME = "tagged-notifications"

leaving = threading.Event()
"""Set when this process is to end: a long task stops after what is in flight and leaves the rest to the next worker."""

# Claims of earlier minutes are removed when they are this old; workers' clocks must not differ by more.
_CLAIM_MINUTES = 10
_ENDING = (signal.SIGTERM, signal.SIGINT)
# "tagnotif": any number does, as long as all processes use the same one.
_TABLES_LOCK = 0x7461676E6F746966


def make_queue(url: str, *, immediate: bool) -> Huey:
    """A Huey instance for `sqlite:///path`, `postgres://…` or `redis://…`; ImproperlyConfigured for another scheme.

    PostgreSQL and Redis are not asked before the first task is enqueued or fetched.
    """
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        storage = {"storage_class": SqliteStorage, "filename": url.removeprefix("sqlite:///")}
    elif scheme in ("postgres", "postgresql"):
        storage = {"storage_class": _PostgresStorage, "dsn": url, "create_tables": False}
    elif scheme in ("redis", "rediss"):
        storage = {"storage_class": RedisStorage, "url": url}
    else:
        raise ImproperlyConfigured("HUEY_URL must begin with sqlite:///, postgres:// or redis://.")
    # Nobody reads results: kept ones would fill the store.
    return Queue(NAME, immediate=immediate, results=False, **storage)


class Queue(Huey):  # type: ignore[misc]
    """Huey with our own consumer."""

    def create_consumer(self, **options: Any) -> "Consumer":
        """The worker of this queue; `options` as Huey's command line has them."""
        return Consumer(self, **options)


class Scheduler(HueyScheduler):  # type: ignore[misc]
    """Enqueues the periodic jobs of a minute, unless another worker of the same queue has done so."""

    def enqueue_periodic_tasks(self, now: Any) -> None:
        """Huey's scheduler calls this once a minute."""
        minute = int(time.time() // 60)
        try:
            if not self.huey.put_if_empty(_claim(minute), True):
                return
            self.huey.delete(_claim(minute - _CLAIM_MINUTES))
        except Exception:
            # As Huey does when its store is away: the jobs of the next minute make up for it.
            logger.exception("Periodic jobs could not be enqueued")
            return
        super().enqueue_periodic_tasks(now)


class Consumer(HueyConsumer):  # type: ignore[misc]
    """Huey's consumer, which finishes what is in flight on SIGTERM as well as on SIGINT. A second signal ends it at once.

    Huey's own answer to one of the two is to drop everything, and it listens only after its threads have begun to work.
    """

    scheduler_class = Scheduler

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._signal_actions |= dict.fromkeys(_ENDING, (False, True))

    def start(self) -> None:
        """Listen for signals and start the threads."""
        leaving.clear()
        self._set_signal_handlers()
        super().start()

    def stop(self, graceful: bool = False) -> None:
        """Take no new work; with `graceful`, wait for the rest."""
        leaving.set()
        super().stop(graceful)

    def _handle_signal(self, signum: int, frame: FrameType | None) -> None:
        super()._handle_signal(signum, frame)
        for each in _ENDING:
            signal.signal(each, signal.default_int_handler)


class _PostgresStorage(PostgresStorage):  # type: ignore[misc]
    """Makes its tables when it first connects: Huey would connect while settings are read, and in every process at once."""

    _has_tables = False

    def _create_connection(self) -> Any:
        connection = super()._create_connection()
        if not self._has_tables:
            with connection.transaction():
                # `create table if not exists` fails in one of two processes that run it at the same moment.
                connection.execute("select pg_advisory_xact_lock(%s)", (_TABLES_LOCK,))
                for statement in self.ddl:
                    connection.execute(statement)
            self._has_tables = True
        return connection


def _claim(minute: int) -> str:
    return f"periodic.{minute}"
