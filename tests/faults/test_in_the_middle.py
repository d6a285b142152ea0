"""What happens while a dispatch is under way: to the portal, to tokens, to the installation, to the clock and to the worker."""

import signal
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections
from django.utils import timezone

from b24app import lifecycle
from b24app.models import Portal, PortalUser
from b24app.queue import leaving
from b24app.rest.errors import sentence
from notifications import lane, tasks
from notifications.models import Dispatch, Notification
from tests.faults.conftest import RECIPIENTS, Drill
from tests.processes import end, queue_at, start_worker, until

ALL = len(RECIPIENTS)


@pytest.fixture(autouse=True)
def one_batch_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "IN_FLIGHT", 1)


def stored(drill: Drill) -> Portal:
    return Portal.objects.get(pk=drill.author.portal_id)


# The portal


def test_the_portal_moves(drill: Drill) -> None:
    with drill.in_the_middle():
        domain = drill.portal.domain
        drill.portal.move()
    assert drill.states() == {"sent": ALL}
    assert stored(drill).domain == drill.portal.domain != domain


def test_the_portal_redirects_once(drill: Drill) -> None:
    """To itself: the call is made again there, or told apart from a move."""
    drill.stand.faults.order(method="batch", kind="moved")
    drill.finish()
    drill.repair()
    assert drill.states() == {"sent": ALL}


def test_the_portal_is_blocked_for_overload(drill: Drill) -> None:
    with drill.in_the_middle():
        drill.portal.blocked = "OVERLOAD_LIMIT"
    assert drill.states() == {"sent": 50, "queued": 70}
    assert stored(drill).state == Portal.State.SUSPENDED
    drill.portal.blocked = None
    drill.finish()
    assert drill.states() == {"sent": ALL}
    assert stored(drill).state == Portal.State.ACTIVE


# Tokens


def test_the_token_runs_out(drill: Drill) -> None:
    with drill.in_the_middle():
        drill.portal.expire_tokens()
    assert drill.states() == {"sent": ALL}
    assert drill.stand.log.count("oauth.token") == 1


def test_the_token_runs_out_and_the_authorization_server_is_away(drill: Drill) -> None:
    with drill.in_the_middle():
        drill.portal.expire_tokens()
        drill.stand.faults.order(method="oauth.token", kind="cut_before", times=None)
    assert drill.states() == {"sent": 50, "queued": 70}
    drill.stand.faults.clear()
    drill.finish()
    assert drill.states() == {"sent": ALL}


def test_the_answer_with_the_new_token_is_lost(drill: Drill) -> None:
    """The refresh token is spent then: only a new opening of the app brings another."""
    with drill.in_the_middle():
        drill.portal.expire_tokens()
        drill.stand.faults.order(method="oauth.token", kind="html")
    drill.finish()
    assert drill.states() == {"sent": 50, "queued": 70}
    assert sentence("INVALID_GRANT") in drill.page()
    drill.repair()
    assert drill.states() == {"sent": ALL}


def test_the_authors_tokens_are_revoked(drill: Drill) -> None:
    """A personal notification bears its author's name: nobody else's token takes their place."""
    with drill.in_the_middle():
        drill.portal.revoke_tokens()
    assert drill.states() == {"sent": 50, "queued": 70}
    assert Dispatch.objects.get().state == Dispatch.State.PAUSED
    assert sentence("INVALID_TOKEN") in drill.page()
    drill.repair()
    assert drill.states() == {"sent": ALL}


def test_the_author_is_dismissed(drill: Drill) -> None:
    with drill.in_the_middle():
        drill.portal.dismiss(drill.portal.admin)
    drill.finish()
    assert drill.states() == {"sent": 50, "queued": 70}
    assert drill.dispatch.state == Dispatch.State.PAUSED
    assert sentence("AUTHORIZATION_ERROR") in drill.page()


# The installation


def test_the_app_is_removed_and_its_data_stays(drill: Drill) -> None:
    with drill.in_the_middle():
        drill.portal.uninstall(drill.app)
        lifecycle.remove(stored(drill), clean=False)
    drill.finish()
    rows = drill.dispatch.notifications
    assert rows.filter(state=Notification.State.SENT).count() == len(drill.copies()) == 50
    assert rows.filter(state=Notification.State.FAILED, error_code=lane.GONE).count() == 70
    assert sentence(lane.GONE)
    drill.dispatch.refresh_from_db()
    assert (drill.dispatch.state, drill.dispatch.error_code) == (Dispatch.State.DONE, lane.GONE)


def test_the_app_is_removed_with_its_data(drill: Drill) -> None:
    with drill.in_the_middle():
        drill.portal.uninstall(drill.app, clean=True)
        lifecycle.remove(stored(drill), clean=True)
    drill.minute()
    assert len(drill.copies()) == 50
    for model in (Portal, PortalUser, Dispatch, Notification):
        assert not model.objects.exists()


def test_the_app_is_removed_and_nobody_tells_us(drill: Drill) -> None:
    """The portal says so; the nightly check finds out the rest. Installed again, the dispatch can be sent to those who are left."""
    with drill.in_the_middle():
        drill.portal.uninstall(drill.app)
    drill.finish(steps=3)
    assert drill.states() == {"sent": 50, "queued": 70}
    assert stored(drill).state == Portal.State.SUSPENDED
    Portal.objects.update(checked_at=timezone.now() - timedelta(days=4))
    lifecycle.check_silent_portals()
    assert stored(drill).state == Portal.State.REMOVED
    drill.finish(steps=3)
    assert drill.dispatch.notifications.filter(state=Notification.State.FAILED).count() == 70
    assert len(drill.copies()) == 50


# The clock


@pytest.mark.parametrize("hours", [-48, -1, 1, 48])
def test_the_clock_jumps(drill: Drill, hours: int) -> None:
    """On our machine; the stand-in's goes on as it was."""
    with drill.in_the_middle():
        drill.clock.shift(hours * 3600)
        drill.stand.clock.advance(-hours * 3600)
    drill.finish()
    assert drill.states() == {"sent": ALL}
    assert drill.dispatch.state == Dispatch.State.DONE


def test_the_portals_clock_jumps(drill: Drill) -> None:
    """To the portal our token has run out."""
    with drill.in_the_middle():
        drill.stand.clock.advance(2 * 3600)
    drill.finish()
    assert drill.states() == {"sent": ALL}


@pytest.mark.parametrize("hours", [-48, -1, 1, 48])
def test_the_clock_jumps_while_fates_are_unknown(drill: Drill, hours: int) -> None:
    drill.stand.faults.order(method="batch", kind="cut_after", times=2)
    drill.work()
    assert drill.states()["unknown"] >= 50
    drill.clock.shift(hours * 3600)
    drill.stand.clock.advance(-hours * 3600)
    drill.finish()
    assert drill.states() == {"sent": ALL}


# Workers


def test_two_workers_at_once(drill: Drill) -> None:
    """Only one of them sends."""
    with drill.in_the_middle():
        second = drill.work_beside()
        second.join(timeout=20)
        assert not second.is_alive()
        assert drill.stand.log.count("batch") == 1
    assert drill.states() == {"sent": ALL}
    assert drill.stand.log.count("batch") == 3


def test_two_workers_that_both_hold_themselves_for_the_only_one(drill: Drill) -> None:
    """The first slept past its lease, as a machine that was suspended does, and a second took over what it had in flight."""
    with drill.in_the_middle():
        drill.clock.shift(900)
        drill.finish()
        assert drill.states() == {"sent": ALL}
    drill.finish()
    assert drill.states() == {"sent": ALL}


def test_many_workers_settle_at_once(drill: Drill) -> None:
    drill.stand.faults.order(method="batch", kind="cut_after")
    drill.work()
    drill.clock.shift(900)
    threads = [threading.Thread(target=_minute, args=(drill,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    drill.finish()
    assert drill.states() == {"sent": ALL}


@pytest.fixture
def told_to_leave() -> Iterator[None]:
    yield
    leaving.clear()


@pytest.mark.usefixtures("told_to_leave")
def test_a_worker_that_is_to_leave_hands_the_rest_on(drill: Drill) -> None:
    with drill.in_the_middle():
        leaving.set()
    assert drill.states() == {"sent": 50, "queued": 70}
    leaving.clear()
    drill.minute()
    assert drill.states() == {"sent": ALL}


def test_a_worker_told_twice_to_leave_ends_at_once(drill: Drill, tmp_path: Path) -> None:
    """The portal holds three answers back; what comes of them is found out by whoever sends next."""
    queue_url = f"sqlite:///{tmp_path / 'queue.sqlite3'}"
    drill.stand.faults.order(method="batch", kind="slow", times=3)
    worker = start_worker(drill.stand, queue_url, tmp_path / "worker", "--no-periodic")
    try:
        with queue_at(queue_url):
            tasks.run_lane(drill.author.portal_id)
        until(lambda: drill.stand.log.count("batch") == 3)
        worker.process.send_signal(signal.SIGTERM)
        until(lambda: worker.said("Shutting down gracefully"))
        worker.process.send_signal(signal.SIGTERM)
        worker.process.wait(timeout=10)
    finally:
        end(worker)
    drill.stand.faults.release()
    assert drill.states() == {"sending": ALL}
    drill.finish()
    assert drill.states() == {"sent": ALL}


def _minute(drill: Drill) -> None:
    try:
        drill.minute()
    finally:
        connections.close_all()
