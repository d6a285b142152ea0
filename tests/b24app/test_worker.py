"""`manage.py run_huey`: what its signals do, and that its threads outlive a lost database."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.db import connection

from b24app.models import Portal
from b24app.tasks import bind_portal
from devportal import world
from devportal.server import Stand
from tests.b24app.floor import meet
from tests.processes import Worker, end, queue_at, start_worker, until

pytestmark = pytest.mark.django_db(transaction=True)

SIGNALS = [signal.SIGTERM, signal.SIGINT]
Start = Callable[..., Worker]


@pytest.fixture
def queue_url(tmp_path: Path) -> Iterator[str]:
    url = f"sqlite:///{tmp_path / 'queue.sqlite3'}"
    with queue_at(url):
        yield url


@pytest.fixture
def start(stand: Stand, queue_url: str, tmp_path: Path) -> Iterator[Start]:
    """start(*options): a worker without periodic jobs on this test's queue."""
    workers: list[Worker] = []

    def start(*options: str) -> Worker:
        workers.append(start_worker(stand, queue_url, tmp_path / f"worker {len(workers)}", "--no-periodic", *options))
        return workers[-1]

    yield start
    end(*workers)


def bound(portal: Portal) -> bool:
    return Portal.objects.get(pk=portal.pk).bound_version is not None


@pytest.mark.parametrize("signum", SIGNALS)
def test_a_signal_lets_the_worker_finish_what_is_in_flight_and_take_nothing_new(
    stand: Stand, portal: world.Portal, other_portal: world.Portal, app: world.App, start: Start, signum: signal.Signals
) -> None:
    in_flight, waiting = (meet(each, app, each.admin).portal for each in (portal, other_portal))
    stand.faults.order(method="batch", kind="slow")
    bind_portal(in_flight.pk)
    worker = start("--workers", "2")
    until(lambda: stand.log.count("batch") == 1)
    worker.process.send_signal(signum)
    until(lambda: worker.said("Shutting down gracefully"))
    bind_portal(waiting.pk)
    assert not bound(in_flight)
    stand.faults.release()
    assert worker.process.wait(timeout=20) == 0
    assert bound(in_flight)
    assert (stand.log.count("batch"), settings.HUEY.pending_count()) == (1, 1)
    start()
    until(lambda: bound(waiting))


@pytest.mark.parametrize("second", SIGNALS)
def test_a_second_signal_ends_it_at_once(stand: Stand, portal: world.Portal, app: world.App, start: Start, second: signal.Signals) -> None:
    row = meet(portal, app, portal.admin).portal
    stand.faults.order(method="batch", kind="slow")
    bind_portal(row.pk)
    worker = start()
    until(lambda: stand.log.count("batch") == 1)
    worker.process.send_signal(signal.SIGTERM)
    until(lambda: worker.said("Shutting down gracefully"))
    assert not worker.ended()
    worker.process.send_signal(second)
    # The portal still holds its answer back.
    worker.process.wait(timeout=5)
    assert not bound(row)


def test_what_is_in_flight_has_a_limited_time(stand: Stand, portal: world.Portal, app: world.App, start: Start) -> None:
    row = meet(portal, app, portal.admin).portal
    stand.faults.order(method="batch", kind="slow")
    bind_portal(row.pk)
    worker = start("--shutdown-timeout", "0.2")
    until(lambda: stand.log.count("batch") == 1)
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(timeout=5) == 0
    assert worker.said("Shutdown timeout of 0.2s elapsed")


def test_the_command_is_ours_and_its_defaults_can_be_changed() -> None:
    command: Any = load_command_class(get_commands()["run_huey"], "run_huey")
    options = vars(command.create_parser("manage.py", "run_huey").parse_args([]))
    assert (options["workers"], options["max_delay"], options["shutdown_timeout"]) == (8, 1.0, 60.0)
    changed = vars(command.create_parser("manage.py", "run_huey").parse_args(["--workers", "3"]))
    assert changed["workers"] == 3


def test_threads_outlive_a_lost_database(
    stand: Stand, portal: world.Portal, other_portal: world.Portal, app: world.App, start: Start
) -> None:
    """Their connections live for ten minutes; a database that was restarted has closed them."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no server that could close connections.")
    before, after = (meet(each, app, each.admin).portal for each in (portal, other_portal))
    start("--workers", "1")
    bind_portal(before.pk)
    until(lambda: bound(before))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert cursor.rowcount > 0
    bind_portal(after.pk)
    until(lambda: bound(after))
