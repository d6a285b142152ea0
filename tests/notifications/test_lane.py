"""Lanes: who sends to many, how fast, in what order, and what happens when something is in the way."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from b24app import lifecycle
from b24app.models import Bucket, MethodPause, Portal, PortalUser, Sender
from b24app.queue import leaving
from b24app.rest import budget
from b24app.rest.client import as_person
from b24app.rest.deadline import Deadline
from devportal import world
from devportal.server import Stand
from notifications import api, dispatching, lane, recording, sending, takeback, tasks
from notifications.models import Answer, ConfirmationRequest, Dispatch, Lane, Notification
from tests.notifications.conftest import Join, states
from tests.notifications.many import started

pytestmark = pytest.mark.django_db(transaction=True)

State, Row = Dispatch.State, Notification.State
LARGE = 2000


@pytest.fixture
def large(stand: Stand) -> world.Portal:
    """The stand-in portal with 2,000 people, which counts nothing unless a test wants it to."""
    portal = stand.portals[2]
    portal.limits = "self-hosted"
    return portal


@pytest.fixture
def author(join: Join, large: world.Portal) -> PortalUser:
    return join(large, large.admin)


@pytest.fixture
def tasks_wait() -> Iterator[None]:
    """Tasks stay in the queue instead of running where they are enqueued."""
    django_settings.HUEY.immediate = False
    yield
    django_settings.HUEY.flush()
    django_settings.HUEY.immediate = True


def run(portal: Portal, *, others_wait: Callable[[], bool] = lambda: False) -> float | None:
    return lane.run(portal.pk, others_wait=others_wait)


def count(portal: Portal, capacity: float, drain: float, level: float = 0.0) -> None:
    """Let the portal count requests, in our book as well; `level` are there already."""
    Portal.objects.filter(pk=portal.pk).update(bucket_capacity=capacity, bucket_drain=drain)
    Bucket.objects.update_or_create(portal=portal, defaults={"counted": True, "level": level, "measured_at": time.time()})


def copies(portal: world.Portal) -> Counter[int]:
    """How many notifications each person has in their feed."""
    return Counter({person.id: len(found) for person in portal.people.values() if (found := portal.feed(person))})


def in_thread(work: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)


# All of it, once


def test_two_thousand_people_get_exactly_one_copy_each(stand: Stand, large: world.Portal, author: PortalUser) -> None:
    dispatch = started(author, range(1, LARGE + 1))
    assert run(author.portal) is None
    dispatch.refresh_from_db()
    assert (dispatch.state, dispatch.finished_at is None) == (State.DONE, False)
    assert set(dispatch.notifications.values_list("state", flat=True)) == {Row.SENT}
    assert copies(large) == dict.fromkeys(range(1, LARGE + 1), 1)
    assert [entry.method for entry in stand.log.entries] == ["batch"] * 40, "a request for each fifty, and no other"
    stored = {item.id: item.recipient_id for item in large.store}
    recorded = dispatch.notifications.values_list("portal_notification_id", "recipient__user_id")
    assert dict(recorded) == stored


def test_few_statements_per_batch(large: world.Portal, author: PortalUser, django_assert_max_num_queries: Callable[..., object]) -> None:
    dispatch = started(author, range(1, 51))
    numbers = sending.claim(dispatch.pk, lane.LEASE)
    with django_assert_max_num_queries(30):  # type: ignore[attr-defined]
        assert sending.deliver(numbers) is None
    assert dispatch.notifications.filter(state=Row.SENT).count() == 50


def test_at_most_eight_batches_are_on_their_way(stand: Stand, large: world.Portal, author: PortalUser) -> None:
    started(author, range(1, 801))
    stand.faults.order(method="batch", kind="slow", times=None)
    thread = in_thread(lambda: run(author.portal))
    until(lambda: stand.log.count("batch") == lane.IN_FLIGHT)
    time.sleep(0.3)
    assert stand.log.count("batch") == lane.IN_FLIGHT
    stand.faults.clear()
    thread.join()
    assert stand.log.count("batch") == 16
    assert set(copies(large).values()) == {1}


def test_a_mixed_batch_is_recorded_row_by_row(stand: Stand, large: world.Portal, author: PortalUser) -> None:
    large.dismiss(large.people[5])
    stand.faults.order(method="im.notify.personal.add", code="ATTACH_ERROR", inside_batch=True, times=1)
    dispatch = started(author, [3, 4, 5, 6])
    run(author.portal)
    assert states(dispatch) == {3: Row.FAILED, 4: Row.SENT, 5: Row.FAILED, 6: Row.SENT}
    failed = dict(dispatch.notifications.filter(state=Row.FAILED).values_list("recipient__user_id", "error_code"))
    assert failed == {3: "ATTACH_ERROR", 5: recording.RECIPIENT_UNAVAILABLE}
    dispatch.refresh_from_db()
    assert dispatch.state == State.DONE


def test_who_failed_gets_it_when_it_is_sent_again(stand: Stand, large: world.Portal, author: PortalUser) -> None:
    stand.faults.order(method="im.notify.personal.add", code="ATTACH_ERROR", inside_batch=True, times=1)
    dispatch = started(author, [3, 4])
    run(author.portal)
    for _click in range(2):
        dispatching.resend_failed(author, dispatch.pk)
    run(author.portal)
    assert states(dispatch) == {3: Row.SENT, 4: Row.SENT}
    assert copies(large) == {3: 1, 4: 1}


# Pause, resume, cancel


def test_pause_and_resume(stand: Stand, large: world.Portal, author: PortalUser) -> None:
    dispatch = started(author, range(1, 1001))
    stand.faults.order(method="batch", kind="slow", times=lane.IN_FLIGHT)
    thread = in_thread(lambda: run(author.portal))
    until(lambda: stand.log.count("batch") == lane.IN_FLIGHT)
    dispatching.pause(author, dispatch.pk)
    stand.faults.release()
    thread.join()
    assert len(copies(large)) == lane.IN_FLIGHT * 50, "what was on its way arrives, and nothing after it"
    assert run(author.portal) is None
    dispatching.resume(author, dispatch.pk)
    run(author.portal)
    assert copies(large) == dict.fromkeys(range(1, 1001), 1)


def test_cancel_in_the_middle(stand: Stand, large: world.Portal, author: PortalUser) -> None:
    dispatch = started(author, range(1, 1001))
    stand.faults.order(method="batch", kind="slow", times=lane.IN_FLIGHT)
    thread = in_thread(lambda: run(author.portal))
    until(lambda: stand.log.count("batch") == lane.IN_FLIGHT)
    dispatching.cancel(author, dispatch.pk)
    stand.faults.release()
    thread.join()
    numbers = Counter(dispatch.notifications.values_list("state", flat=True))
    assert numbers == {Row.SENT: lane.IN_FLIGHT * 50, Row.CANCELLED: 1000 - lane.IN_FLIGHT * 50}
    dispatch.refresh_from_db()
    assert dispatch.state == State.CANCELLED


def test_what_comes_back_unsent_to_a_cancelled_dispatch_is_cancelled(stand: Stand, large: world.Portal, author: PortalUser) -> None:
    dispatch = started(author, [3, 4])
    numbers = sending.claim(dispatch.pk, lane.LEASE)
    dispatching.cancel(author, dispatch.pk)
    stand.faults.order(method="batch", code="INTERNAL_SERVER_ERROR", times=None)
    sending.deliver(numbers)
    assert set(states(dispatch).values()) == {Row.CANCELLED}


# Whose turn it is


def test_two_lanes_at_once_are_one(stand: Stand, large: world.Portal, author: PortalUser) -> None:
    started(author, range(1, 801))
    stand.faults.order(method="batch", kind="slow", times=lane.IN_FLIGHT)
    first = in_thread(lambda: run(author.portal))
    until(lambda: stand.log.count("batch") == lane.IN_FLIGHT)
    assert run(author.portal) is None
    assert stand.log.count("batch") == lane.IN_FLIGHT
    stand.faults.release()
    first.join()
    assert copies(large) == dict.fromkeys(range(1, 801), 1)


def test_two_lanes_that_meet_all_the_same_double_nothing(
    stand: Stand, large: world.Portal, author: PortalUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatch = started(author, range(1, 501))
    stand.faults.order(method="batch", kind="slow", times=lane.IN_FLIGHT)
    first = in_thread(lambda: run(author.portal))
    until(lambda: stand.log.count("batch") == lane.IN_FLIGHT)
    # The first one's process sleeps, or the clock jumps: lane and rows are another's now.
    Lane.objects.update(lease_until=timezone.now())
    dispatch.notifications.filter(state=Row.SENDING).update(lease_until=timezone.now())
    run(author.portal)
    sending.settle(author.portal.pk)
    stand.faults.release()
    first.join()
    sending.settle(author.portal.pk)
    assert copies(large) == dict.fromkeys(range(1, 501), 1)
    assert set(dispatch.notifications.values_list("state", flat=True)) == {Row.SENT}
    stored = {item.id for item in large.store}
    assert set(dispatch.notifications.values_list("portal_notification_id", flat=True)) == stored, "the copy that stayed is the one known"


def test_a_lane_whose_lease_was_lost_stops(stand: Stand, large: world.Portal, author: PortalUser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "_TICK", 0.0)
    started(author, range(1, 1001))
    stand.faults.order(method="batch", kind="slow", times=lane.IN_FLIGHT)
    thread = in_thread(lambda: run(author.portal))
    until(lambda: stand.log.count("batch") == lane.IN_FLIGHT)
    Lane.objects.update(owner="another", lease_until=timezone.now() + lane.LEASE)
    stand.faults.release()
    thread.join()
    assert stand.log.count("batch") == lane.IN_FLIGHT
    assert Lane.objects.get().owner == "another", "and lets the other one be"


def test_a_lane_keeps_its_lease_and_its_rows(
    stand: Stand, large: world.Portal, author: PortalUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "_TICK", 0.05)
    dispatch = started(author, [3])
    stand.faults.order(method="batch", kind="slow")
    thread = in_thread(lambda: run(author.portal))
    until(lambda: stand.log.count("batch"))
    soon = timezone.now() + timedelta(seconds=1)
    Lane.objects.update(lease_until=soon)
    dispatch.notifications.update(lease_until=soon)
    until(lambda: Lane.objects.get().lease_until > soon + timedelta(seconds=10))
    until(lambda: dispatch.notifications.get().lease_until > soon + timedelta(seconds=10))
    stand.faults.release()
    thread.join()
    assert Lane.objects.get().lease_until is None


@pytest.mark.parametrize("ends", [timedelta(seconds=-1), timedelta(hours=1)])
def test_a_dead_lane_is_found_also_after_the_clock_was_set_back(author: PortalUser, ends: timedelta) -> None:
    started(author, [3])
    Lane.objects.create(portal=author.portal, owner="dead", lease_until=timezone.now() + ends)
    assert lane.portals_with_work() == [author.portal.pk]
    assert run(author.portal) is None
    assert Notification.objects.get().state == Row.SENT


def test_a_living_lane_is_left_alone(author: PortalUser) -> None:
    started(author, [3])
    Lane.objects.create(portal=author.portal, owner="alive", lease_until=timezone.now() + lane.LEASE / 2)
    assert lane.portals_with_work() == []
    assert run(author.portal) is None
    assert Notification.objects.get().state == Row.QUEUED


def test_rows_of_a_killed_worker_are_sent_once(stand: Stand, large: world.Portal, author: PortalUser) -> None:
    dispatch = started(author, range(1, 101))
    sent, _lost = (sending.claim(dispatch.pk, lane.LEASE) for _ in range(2))
    sending.deliver(sent)
    Notification.objects.filter(pk__in=sent).update(state=Row.SENDING, lease_until=timezone.now() + lane.LEASE)
    with time_machine.travel(timezone.now() + lane.LEASE, tick=True):
        assert sending.settle(author.portal.pk) == 100
    assert copies(large) == dict.fromkeys(range(1, 101), 1)
    dispatch.refresh_from_db()
    assert dispatch.state == State.DONE


def test_a_small_dispatch_goes_out_while_a_large_one_runs(stand: Stand, large: world.Portal, author: PortalUser) -> None:
    started(author, range(1, LARGE + 1), tag="large")
    small = started(author, range(1, 21), tag="small")
    run(author.portal)
    batches = [entry.commands[0].params["MESSAGE"] for entry in stand.log.calls("batch")]
    assert len(batches) == 41
    sub_tags = [entry.commands[0].params["SUB_TAG"] for entry in stand.log.calls("batch")]
    assert sub_tags.index("small") <= lane.IN_FLIGHT, "no later than what was under way with it"
    assert set(states(small).values()) == {Row.SENT}


def test_turns_go_on_where_the_last_lane_ended(stand: Stand, author: PortalUser) -> None:
    dispatches = [started(author, range(1, 101), tag=tag) for tag in ("a", "b", "c")]
    Lane.objects.create(portal=author.portal, served=dispatches[0].pk, failures=1)
    run(author.portal)
    assert [entry.commands[0].params["SUB_TAG"] for entry in stand.log.calls("batch")][:1] == ["b"]


def test_a_lane_makes_way_when_others_wait(stand: Stand, author: PortalUser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "SLICE", 0.0)
    started(author, range(1, 501))
    assert run(author.portal, others_wait=lambda: stand.log.count("batch") > 2) == 0
    assert 3 <= stand.log.count("batch") < 10
    assert Lane.objects.get().lease_until is None


def test_portals_share_a_worker(
    stand: Stand, large: world.Portal, author: PortalUser, stranger: PortalUser, tasks_wait: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread of one worker: the portal with many to send does not hold back the one with few."""
    monkeypatch.setattr(lane, "SLICE", 0.0)
    started(author, range(1, LARGE + 1))
    few = started(stranger, [3, 4, 5])
    huey = django_settings.HUEY
    for each in (author, stranger):
        tasks.run_lane(each.portal.pk)
    until(lambda: (task := huey.dequeue()) is None or huey.execute(task) or few.notifications.filter(state=Row.SENT).exists())
    assert stand.log.count("batch", large) <= lane.IN_FLIGHT
    while (task := huey.dequeue()) is not None:
        huey.execute(task)
    assert copies(large) == dict.fromkeys(range(1, LARGE + 1), 1)


def test_a_worker_that_ends_finishes_what_is_in_flight_and_leaves_the_rest(
    stand: Stand, large: world.Portal, author: PortalUser, tasks_wait: None
) -> None:
    dispatch = started(author, range(1, 1001))
    stand.faults.order(method="batch", kind="slow", times=lane.IN_FLIGHT)
    thread = in_thread(lambda: tasks.run_lane.call_local(author.portal.pk))
    until(lambda: stand.log.count("batch") == lane.IN_FLIGHT)
    leaving.set()
    try:
        stand.faults.release()
        thread.join()
    finally:
        leaving.clear()
    assert Counter(dispatch.notifications.values_list("state", flat=True)) == {Row.SENT: 400, Row.QUEUED: 600}
    assert django_settings.HUEY.pending_count() == 1, "for the next worker"


# Limits


def test_ten_slots_are_kept_free_for_clicks(stand: Stand, large: world.Portal, author: PortalUser) -> None:
    """A bucket that hardly drains: what fits into it once is all that can leave."""
    large.limits = "cloud"
    large.bucket.capacity, large.bucket.leak = 20, 0.001
    count(author.portal, 20, 0.001)
    dispatch = started(author, range(1, 1001))
    thread = in_thread(lambda: run(author.portal))
    until(lambda: dispatch.notifications.filter(state=Row.SENT).count() == 500)
    time.sleep(0.3)
    assert stand.log.count("batch") == 10
    author.portal.refresh_from_db()
    for _click in range(8):
        as_person(author).run(api.schema_get())
    dispatching.pause(author, dispatch.pk)
    thread.join()
    assert {entry.status for entry in stand.log.entries} == {200}


def test_a_portal_that_is_counted_never_has_to_refuse(stand: Stand, large: world.Portal, author: PortalUser) -> None:
    large.limits = "cloud"
    large.bucket.capacity, large.bucket.leak = 15, 10
    count(author.portal, 15, 10)
    started(author, range(1, 1001))
    run(author.portal)
    assert {entry.status for entry in stand.log.calls("batch")} == {200}
    assert copies(large) == dict.fromkeys(range(1, 1001), 1)


def test_no_room_holds_the_batch_and_not_the_rows(stand: Stand, author: PortalUser) -> None:
    """A batch is claimed when there is room for it: until then its dispatch can be paused."""
    count(author.portal, 50, 2, level=60)
    dispatch = started(author, [3])
    thread = in_thread(lambda: run(author.portal))
    until(lambda: Lane.objects.filter(lease_until__isnull=False).exists())
    time.sleep(0.2)
    assert states(dispatch) == {3: Row.QUEUED}
    dispatching.pause(author, dispatch.pk)
    thread.join()
    assert not stand.log.entries


def test_a_paused_method_holds_back_what_needs_it(stand: Stand, large: world.Portal, author: PortalUser) -> None:
    """doc: limits. OPERATION_TIME_LIMIT is one method's."""
    large.limits = "cloud"
    large.budget.charge(next(iter(large.installations)), "im.notify.personal.add", 1000)
    personal = started(author, range(3, 103))
    system = started(author, [3, 4], type=Notification.Type.SYSTEM, tag="system")
    seconds = run(author.portal)
    assert set(states(system).values()) == {Row.SENT}
    assert set(states(personal).values()) == {Row.QUEUED}, "certainly not sent"
    personal.refresh_from_db()
    assert personal.state == State.RUNNING
    pause = MethodPause.objects.get(method="im.notify.personal.add")
    assert seconds == pytest.approx((pause.until - timezone.now()).total_seconds(), abs=5)
    stand.log.clear()
    run(author.portal)
    assert not stand.log.entries, "not asked before its time"

    large.budget.clear()
    MethodPause.objects.update(until=timezone.now())
    run(author.portal)
    assert set(states(personal).values()) == {Row.SENT}
    assert len(large.feed(large.people[50])) == 1


# What is in the way


@pytest.mark.parametrize(
    "code", ["INSUFFICIENT_SCOPE", "INVALID_CREDENTIALS", "user_access_error", "METHOD_CONFIRM_WAITING", "ERROR_BATCH_METHOD_NOT_ALLOWED"]
)
def test_what_does_not_pass_by_itself_pauses_and_resume_goes_on(stand: Stand, large: world.Portal, author: PortalUser, code: str) -> None:
    dispatch = started(author, range(1, 101))
    stand.faults.order(method="batch", code=code, times=None)
    run(author.portal)
    dispatch.refresh_from_db()
    assert (dispatch.state, dispatch.error_code) == (State.PAUSED, code.upper())
    assert Counter(dispatch.notifications.values_list("state", "attempts")) == {(Row.QUEUED, 0): 100}
    stand.faults.clear()
    dispatching.resume(author, dispatch.pk)
    run(author.portal)
    assert copies(large) == dict.fromkeys(range(1, 101), 1)


def test_an_error_that_every_row_has_is_no_recipients_fault(stand: Stand, large: world.Portal, author: PortalUser) -> None:
    dispatch = started(author, range(1, 101))
    stand.faults.order(method="im.notify.personal.add", code="insufficient_scope", inside_batch=True, times=None)
    run(author.portal)
    dispatch.refresh_from_db()
    assert (dispatch.state, dispatch.error_code) == (State.PAUSED, "INSUFFICIENT_SCOPE")
    assert set(dispatch.notifications.values_list("state", flat=True)) == {Row.QUEUED}


def test_a_dead_author_pauses_personal_ones_and_any_admin_sends_system_ones(
    stand: Stand, large: world.Portal, author: PortalUser, join: Join
) -> None:
    join(large, large.second_admin)
    personal = started(author, [3])
    system = started(author, [3], type=Notification.Type.SYSTEM, tag="system")
    large.revoke_tokens(large.admin)
    run(author.portal)
    personal.refresh_from_db()
    assert (personal.state, bool(personal.error_code), states(personal)) == (State.PAUSED, True, {3: Row.QUEUED})
    assert states(system) == {3: Row.SENT}


def test_a_dead_webhook_pauses(stand: Stand, large: world.Portal, author: PortalUser) -> None:
    webhook = Sender.objects.create(
        portal=author.portal, kind=Sender.Kind.WEBHOOK, name="R", client_id="r", webhook_url=large.webhook(large.admin) + "x/"
    )
    dispatch = started(author, [3], sender=webhook)
    run(author.portal)
    dispatch.refresh_from_db()
    assert (dispatch.state, dispatch.error_code, states(dispatch)) == (State.PAUSED, "INVALID_CREDENTIALS", {3: Row.QUEUED})


def test_a_portal_that_cannot_be_used_is_tried_again_later(stand: Stand, large: world.Portal, author: PortalUser) -> None:
    large.deleted = True
    dispatch = started(author, range(1, 501))
    assert run(author.portal) is None
    dispatch.refresh_from_db()
    assert dispatch.state == State.RUNNING
    assert set(states(dispatch).values()) == {Row.QUEUED}
    asked = stand.log.count("batch")
    assert asked <= lane.IN_FLIGHT
    assert lane.portals_with_work() == []
    assert run(author.portal) is None
    assert stand.log.count("batch") == asked, "not before its time"

    Lane.objects.update(probe_at=timezone.now())
    assert lane.portals_with_work() == [author.portal.pk]
    run(author.portal)
    assert stand.log.count("batch") == asked + 1, "one batch finds out"
    large.deleted = False
    Lane.objects.update(probe_at=timezone.now())
    run(author.portal)
    assert copies(large) == dict.fromkeys(range(1, 501), 1)
    assert Portal.objects.get(pk=author.portal.pk).state == Portal.State.ACTIVE


def test_a_portal_that_somebody_found_to_work_is_not_left_waiting(author: PortalUser) -> None:
    started(author, [3])
    Lane.objects.create(portal=author.portal, probe_at=timezone.now() + timedelta(minutes=59))
    assert lane.portals_with_work() == [author.portal.pk]
    run(author.portal)
    assert Notification.objects.get().state == Row.SENT


def test_waits_grow_while_the_portal_is_not_to_be_reached(stand: Stand, large: world.Portal, author: PortalUser) -> None:
    dispatch = started(author, range(1, 101))
    stand.faults.order(method="batch", code="INTERNAL_SERVER_ERROR", times=None)
    waits = []
    for _time in range(4):
        Lane.objects.update(resume_at=None)
        waits.append(round(run(author.portal) or 0))
        assert run(author.portal) == pytest.approx(waits[-1], abs=2), "no call in between"
    assert waits == [5, 10, 20, 40]
    assert set(dispatch.notifications.values_list("state", "attempts")) == {(Row.QUEUED, 0)}
    stand.faults.clear()
    Lane.objects.update(resume_at=None)
    run(author.portal)
    assert Lane.objects.values_list("failures", "resume_at").get() == (0, None)
    assert copies(large) == dict.fromkeys(range(1, 101), 1)


@pytest.mark.parametrize("kind", ["cut_after", "cut_before", "html", "half_json"])
def test_unknown_fates_are_settled_without_doubling(stand: Stand, large: world.Portal, author: PortalUser, kind: str) -> None:
    dispatch = started(author, range(1, 101))
    stand.faults.order(method="batch", kind=kind)
    run(author.portal)
    assert Lane.objects.get().resume_at, "the portal is left alone for a moment"
    dispatch.refresh_from_db()
    assert Counter(dispatch.notifications.values_list("state", flat=True)) == {Row.UNKNOWN: 50, Row.SENT: 50}
    assert dispatch.state == State.RUNNING, "it is not over while something is to be sent again"
    dispatch.notifications.filter(state=Row.UNKNOWN).update(lease_until=timezone.now())
    assert sending.settle(author.portal.pk) == 50
    assert copies(large) == dict.fromkeys(range(1, 101), 1)
    dispatch.refresh_from_db()
    assert dispatch.state == State.DONE


def test_what_a_removed_app_had_not_sent_is_closed_and_named(stand: Stand, author: PortalUser) -> None:
    dispatch, paused = started(author, [3, 4]), started(author, [5], tag="paused")
    dispatching.pause(author, paused.pk)
    lifecycle.remove(author.portal, clean=False)
    assert lane.portals_with_work() == [author.portal.pk]
    assert run(author.portal) is None
    assert [states(each) for each in (dispatch, paused)] == [{3: Row.FAILED, 4: Row.FAILED}, {5: Row.FAILED}]
    row = dispatch.notifications.first()
    assert row is not None
    assert "not installed" in recording.failure_text(row)
    assert set(Dispatch.objects.values_list("state", "error_code")) == {(State.DONE, lane.GONE)}
    assert lane.portals_with_work() == []
    assert not stand.log.entries


def test_a_fault_of_ours_costs_a_wait_and_no_row(
    large: world.Portal, author: PortalUser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    dispatch = started(author, [3])
    with monkeypatch.context() as patched:
        patched.setattr(sending, "deliver", lambda *_: 1 / 0)
        assert run(author.portal) is None
    assert "ZeroDivisionError" in caplog.text
    Notification.objects.update(lease_until=timezone.now())
    assert sending.settle(author.portal.pk) == 1
    assert states(dispatch) == {3: Row.SENT}


# Taking back in the background


def taken_back(author: PortalUser, which: takeback.Which, dispatch: Dispatch) -> dict[str, object]:
    dispatching.take_back(author, dispatch.pk, which)
    run(author.portal)
    dispatch.refresh_from_db()
    assert dispatch.taking_back == ""
    return dict(dispatch.taken_back or {})


def test_taking_back_by_tag_in_batches(stand: Stand, large: world.Portal, author: PortalUser) -> None:
    dispatch, _other = started(author, range(1, 121), sub_tag="s"), started(author, [3], sub_tag="s", tag="other")
    run(author.portal)
    stand.log.clear()
    assert taken_back(author, "all", dispatch) == {"which": "all", "deleted": 120, "failed": 0}
    assert [entry.method for entry in stand.log.entries] == ["batch"] * 3
    assert copies(large) == {3: 1}
    assert set(dispatch.notifications.values_list("state", flat=True)) == {Row.DELETED}


def test_taking_back_goes_on_after_an_interruption(stand: Stand, large: world.Portal, author: PortalUser) -> None:
    dispatch, _other = started(author, range(1, 121), sub_tag="s"), started(author, [3], sub_tag="s", tag="other")
    run(author.portal)
    dispatching.take_back(author, dispatch.pk, "all")
    stand.faults.order(method="batch", code="INTERNAL_SERVER_ERROR", times=5)
    assert run(author.portal)
    Lane.objects.update(resume_at=None)
    run(author.portal)
    dispatch.refresh_from_db()
    assert (dispatch.taking_back, dispatch.taken_back) == ("", {"which": "all", "deleted": 120, "failed": 0})
    assert copies(large) == {3: 1}


def test_taking_back_that_is_refused_ends_and_says_why(stand: Stand, author: PortalUser) -> None:
    dispatch, _other = started(author, [3, 4], sub_tag="s"), started(author, [3], sub_tag="s", tag="other")
    run(author.portal)
    stand.faults.order(method="batch", code="insufficient_scope", times=None)
    assert taken_back(author, "all", dispatch)["error"] == "INSUFFICIENT_SCOPE"
    assert set(states(dispatch).values()) == {Row.SENT}


def test_taking_back_from_those_who_have_not_answered(large: world.Portal, author: PortalUser) -> None:
    dispatch = started(author, [3, 4, 5])
    request = ConfirmationRequest.objects.create(dispatch=dispatch, buttons=[])
    run(author.portal)
    row = dispatch.notifications.get(recipient__user_id=4)
    Answer.objects.create(request=request, notification=row, value="Y", label="Yes", answered_at=timezone.now())
    assert taken_back(author, "unanswered", dispatch)["deleted"] == 2
    assert states(dispatch) == {3: Row.DELETED, 4: Row.SENT, 5: Row.DELETED}


def test_taking_back_what_is_not_read_asks_only_feeds_we_may_see(stand: Stand, large: world.Portal, author: PortalUser, join: Join) -> None:
    """bitrix24.md 6.1: nobody but the owner of a feed is told what of it is read."""
    for number in (3, 4, 5):
        join(large, large.people[number])
    dispatch = started(author, [3, 4, 5, 6])
    run(author.portal)
    large.store.mark_from(4, 0, read=True)
    large.revoke_tokens(large.people[5])
    stand.log.clear()
    assert taken_back(author, "unread", dispatch) == {"which": "unread", "deleted": 1, "failed": 0, "read": 1, "unknown": 2}
    assert states(dispatch) == {3: Row.DELETED, 4: Row.SENT, 5: Row.SENT, 6: Row.SENT}
    assert {entry.who for entry in stand.log.calls("im.notify.get")} <= {3, 4, None}


def test_a_step_of_what_is_not_being_taken_back_any_more_does_nothing(stand: Stand, author: PortalUser) -> None:
    dispatch = started(author, [3])
    run(author.portal)
    stand.log.clear()
    slot = budget.take_slot(author.portal, background=True, deadline=Deadline(1))
    takeback.step(Dispatch.objects.select_related("sender__portal").get(pk=dispatch.pk), slot)
    assert not stand.log.entries
    assert states(dispatch) == {3: Row.SENT}


# The queue


def test_a_start_is_worked_off_by_the_task(large: world.Portal, author: PortalUser) -> None:
    dispatch = started(author, range(1, 101))
    tasks.run_lane(author.portal.pk)
    assert set(dispatch.notifications.values_list("state", flat=True)) == {Row.SENT}
    assert copies(large) == dict.fromkeys(range(1, 101), 1)


def test_every_minute_what_was_left_is_found(large: world.Portal, author: PortalUser) -> None:
    dispatch = started(author, [3])
    tasks.run_lanes.call_local()
    assert states(dispatch) == {3: Row.SENT}


def test_a_lane_comes_back_when_the_portal_is_ready(stand: Stand, author: PortalUser, tasks_wait: None) -> None:
    started(author, [3])
    stand.faults.order(method="batch", code="INTERNAL_SERVER_ERROR", times=None)
    tasks.run_lane.call_local(author.portal.pk)
    [task] = django_settings.HUEY.pending()
    assert (task.args, task.eta is None) == ((author.portal.pk,), False)


def test_slots_of_requests_that_were_not_made_are_free_again(author: PortalUser) -> None:
    count(author.portal, 50, 2)
    run(author.portal)
    assert budget.outlook(author.portal, 40).seconds == 0
