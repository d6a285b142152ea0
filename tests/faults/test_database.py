"""The database is gone for a while: what is on its way is recorded when it is back, or sent again with the same TAG."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
import pytest
from django.db import connection, connections

from notifications import lane, sending
from notifications.models import Dispatch
from tests.faults.conftest import RECIPIENTS, Drill
from tests.processes import database_url, until

ALL = len(RECIPIENTS)
NOTICED = "could not be logged"
Gone = Callable[[], AbstractContextManager[None]]


@contextmanager
def locked_sqlite() -> Iterator[None]:
    """Another process writes for longer than anybody waits."""
    holder = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


@contextmanager
def closed_postgresql() -> Iterator[None]:
    """All connections are closed and no new ones are let in, as while a server starts anew."""
    name = connection.settings_dict["NAME"]
    with psycopg.connect(database_url().rsplit("/", 1)[0] + "/postgres", autocommit=True) as server:
        connections.close_all()
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        try:
            yield
        finally:
            server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> Gone:
    """gone(): a context in which the database answers nobody. Waiting for it is shortened."""
    monkeypatch.setattr(sending, "_AWAY_SECONDS", 0.05)
    if connection.vendor == "postgresql":
        return closed_postgresql
    monkeypatch.setitem(connections.settings["default"]["OPTIONS"], "timeout", 0.1)
    return locked_sqlite


def test_an_answer_waits_for_the_database(drill: Drill, gone: Gone, caplog: pytest.LogCaptureFixture) -> None:
    with drill.in_the_middle(batches=3), gone():
        drill.stand.faults.release()
        until(lambda: caplog.text.count(NOTICED) == 3)
    drill.finish()
    assert drill.states() == {"sent": ALL}
    assert drill.dispatch.state == Dispatch.State.DONE
    assert drill.stand.log.count("batch") == 3, "nothing had to be sent again"


def test_an_answer_does_not_wait_for_ever(
    drill: Drill, gone: Gone, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "RECORDING_SECONDS", 0.1)
    with drill.in_the_middle(batches=3), gone():
        drill.stand.faults.release()
        until(lambda: caplog.text.count("A batch of dispatch") == 3)
    assert drill.states() == {"sending": ALL}
    drill.finish()
    assert drill.states() == {"sent": ALL}
    assert drill.stand.log.count("batch") == 6


def test_connections_that_the_server_closed(drill: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two batches; the threads of the lane hold theirs for as long as it runs."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no server that could close connections.")
    monkeypatch.setattr(lane, "IN_FLIGHT", 1)
    with drill.in_the_middle(), closed_postgresql():
        pass
    drill.finish()
    assert drill.states() == {"sent": ALL}
