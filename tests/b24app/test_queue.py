"""HUEY_URL: each of the three stores runs tasks end to end, is shared by several workers, and does each periodic job once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import redis
import time_machine
from django.conf import settings

from b24app.models import Portal
from b24app.queue import Scheduler, make_queue
from b24app.tasks import bind_portal
from devportal import world
from devportal.server import Stand
from tests.b24app.floor import meet
from tests.processes import end, queue_at, start_worker, until

POSTGRES = "postgres://postgres@127.0.0.1:5432"
REDIS = "redis://127.0.0.1:6379"
DATABASES_OF_REDIS = range(1, 16)


@pytest.fixture(params=["sqlite", "postgres", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty queue in each store."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield f"sqlite:///{tmp_path / 'queue.sqlite3'}"
        else:
            make = postgres if request.param == "postgres" else own_redis
            yield stack.enter_context(make())


@pytest.fixture
def empty_postgres() -> Iterator[str]:
    with postgres() as url:
        yield url


class postgres:
    """A PostgreSQL database of its own for one test, where a server answers."""

    def __enter__(self) -> str:
        try:
            self._server = psycopg.connect(f"{POSTGRES}/postgres", autocommit=True, connect_timeout=2)
        except psycopg.OperationalError:
            pytest.skip("No PostgreSQL answers on 127.0.0.1:5432 (scripts/postgres.sh starts one).")
        self._name = f"queue_of_{os.getpid()}"
        self._server.execute(f"create database {self._name}")
        return f"{POSTGRES}/{self._name}"

    def __exit__(self, *_: object) -> None:
        self._server.execute(f"drop database {self._name} with (force)")
        self._server.close()


class own_redis:
    """One of the server's numbered databases that no other run holds, where a server answers."""

    _HELD = "tests.held"

    def __enter__(self) -> str:
        for number in DATABASES_OF_REDIS:
            self._database = redis.Redis.from_url(f"{REDIS}/{number}", socket_connect_timeout=2)
            try:
                if self._database.set(self._HELD, "1", nx=True, ex=300):
                    return f"{REDIS}/{number}"
            except redis.ConnectionError:
                pytest.skip("No Redis answers on 127.0.0.1:6379.")
        pytest.skip("All databases of the Redis on 127.0.0.1:6379 are held by other runs.")

    def __exit__(self, *_: object) -> None:
        self._database.flushdb()
        self._database.close()


@pytest.mark.django_db(transaction=True)
def test_two_workers_share_a_queue(
    stand: Stand, portal: world.Portal, other_portal: world.Portal, app: world.App, store: str, tmp_path: Path
) -> None:
    """Each of the two has one thread, and both tasks are under way at once."""
    portals = [meet(each, app, each.admin).portal for each in (portal, other_portal)]
    stand.faults.order(method="batch", kind="slow", times=2)
    workers = [start_worker(stand, store, tmp_path / f"worker {number}", "--workers", "1", "--no-periodic") for number in (1, 2)]
    try:
        with queue_at(store):
            for row in portals:
                bind_portal(row.pk)
            until(lambda: stand.log.count("batch") == 2)
            stand.faults.release()
            until(lambda: not Portal.objects.filter(bound_version=None).exists())
            assert settings.HUEY.pending_count() == 0
        for worker in workers:
            worker.process.send_signal(signal.SIGTERM)
            assert worker.process.wait(timeout=20) == 0
    finally:
        end(*workers)
    assert [stand.log.count("batch", each) for each in (portal, other_portal)] == [1, 1]


def test_a_periodic_job_is_enqueued_once_for_all_workers(store: str) -> None:
    """Each worker has a scheduler of its own, and each looks at the clock once a minute, at a second of its own."""
    with queue_at(store), time_machine.travel(datetime(2026, 5, 4, 3, 2, 5, tzinfo=UTC), tick=False) as clock:
        workers = [Scheduler(settings.HUEY, threading.Event(), 1, True) for _ in range(3)]
        for _minute in range(50):
            for worker in workers:
                worker.enqueue_periodic_tasks(None)
                clock.shift(20)
        names = [task.name for task in settings.HUEY.pending()]
        assert (names.count("check_silent_portals"), names.count("keep_tokens_alive")) == (1, 1)
        assert settings.HUEY.result_count() < 20, "claims of past minutes are removed"


def test_a_store_that_is_away_costs_one_look(tmp_path: Path) -> None:
    away = make_queue("postgres://127.0.0.1:1/nobody", immediate=False).storage
    with queue_at(f"sqlite:///{tmp_path / 'queue.sqlite3'}"), time_machine.travel(datetime(2026, 5, 4, 3, 17, tzinfo=UTC)):
        scheduler = Scheduler(settings.HUEY, threading.Event(), 1, True)
        settings.HUEY.storage, there = away, settings.HUEY.storage
        scheduler.enqueue_periodic_tasks(None)
        settings.HUEY.storage = there
        scheduler.enqueue_periodic_tasks(None)
        assert settings.HUEY.pending_count() > 0


@pytest.mark.parametrize("url", ["postgres://127.0.0.1:1/nobody", "redis://127.0.0.1:1/0"])
def test_nobody_is_asked_while_settings_are_read(url: str) -> None:
    """collectstatic in a build and /readyz during an outage work without the queue's server."""
    assert make_queue(url, immediate=False)


def test_processes_that_start_together_make_the_tables_once(empty_postgres: str) -> None:
    together = threading.Barrier(8)
    sizes: list[int] = []

    def first_look() -> None:
        queue = make_queue(empty_postgres, immediate=False)
        together.wait()
        sizes.append(queue.pending_count())
        queue.storage.close()

    threads = [threading.Thread(target=first_look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [0] * 8
