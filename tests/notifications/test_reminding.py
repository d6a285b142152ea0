"""Reminding: whoever waits gets the same notification once more in the place of the old one, nobody too often, nobody who answered."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from b24app.models import PortalUser
from b24app.rest.errors import RestError
from devportal import world
from devportal.server import Stand
from notifications import answering, closing, dispatching, ledger, recording, reminding, sending, tasks, tidying
from notifications.ask import Ask
from notifications.errors import InvalidInput
from notifications.models import Answer, ConfirmationRequest, Dispatch, Notification
from notifications.reminding import Reminded
from tests.notifications.conftest import Join, Send, states
from tests.notifications.requests import TWO, again, answer, ask, first_lines

State = Notification.State
REMINDER = "[B]Reminder[/B]"


@pytest.fixture
def second(join: Join, portal: world.Portal, admin: PortalUser) -> PortalUser:
    """Another ordinary person of the portal."""
    return join(portal, portal.people[5])


@pytest.fixture
def many(join: Join, stand: Stand) -> ConfirmationRequest:
    """A request to 120 people of a large portal."""
    portal = stand.portals[2]
    author = join(portal, portal.admin)
    people = [person.id for person in portal.people.values() if person.active][:120]
    request = ask(author, people[:50])
    for start in (50, 100):
        more = ask(author, people[start : start + 50])
        Notification.objects.filter(dispatch=more.dispatch_id).update(dispatch=request.dispatch_id)
        Dispatch.objects.filter(pk=more.dispatch_id).delete()
    stand.log.clear()
    return again(request)


def an_hour_passes() -> None:
    Notification.objects.update(reminded_at=timezone.now() - reminding.PAUSE - timedelta(seconds=1))


def workers_die() -> None:
    Notification.objects.filter(lease_until__isnull=False).update(lease_until=timezone.now())


def reminded(portal: world.Portal) -> int:
    return sum(first_lines(portal, user_id) == [REMINDER] for user_id in portal.people)


# In the click


def test_who_waits_is_reminded_in_one_batch_and_nothing_doubles(
    stand: Stand, portal: world.Portal, admin: PortalUser, colleague: PortalUser, second: PortalUser
) -> None:
    request = ask(admin, [colleague.user_id, second.user_id], tag="rules")
    before = request.dispatch.notifications.get(recipient=second)
    link = portal.feed(portal.people[second.user_id])[0].text.partition("\n")[2]
    answer(request, colleague)
    stand.log.clear()

    assert reminding.remind(admin, again(request)) == Reminded(sent=1, recent=0)

    assert [(entry.method, entry.who) for entry in stand.log.entries] == [("batch", admin.user_id)]
    assert (first_lines(portal, colleague.user_id), first_lines(portal, second.user_id)) == ([], [REMINDER])
    # The text and its link are below the line, as they were.
    assert portal.feed(portal.people[second.user_id])[0].text == f"{REMINDER}\nRead the rules\n{link}"
    row = request.dispatch.notifications.get(recipient=second)
    assert row.state == State.SENT
    assert (row.wire_tag, row.lease_until) == (before.wire_tag, None)
    assert row.portal_notification_id == portal.feed(portal.people[second.user_id])[0].id != before.portal_notification_id
    assert before.sent_at is not None
    assert row.sent_at is not None
    assert row.sent_at > before.sent_at
    assert row.reminded_at is not None
    assert again(request).reminding_since is None
    assert again(request).dispatch.change > request.dispatch.change


def test_nobody_is_reminded_twice_within_an_hour(stand: Stand, admin: PortalUser, colleague: PortalUser, second: PortalUser) -> None:
    request = ask(admin, [colleague.user_id, second.user_id])
    Notification.objects.filter(recipient=second).update(reminded_at=timezone.now() - timedelta(minutes=59))
    assert reminding.remind(admin, again(request)) == Reminded(sent=1, recent=1)
    stand.log.clear()
    assert reminding.remind(admin, again(request)) == Reminded(sent=0, recent=2)
    assert not stand.log.entries
    an_hour_passes()
    assert reminding.remind(admin, again(request)) == Reminded(sent=2, recent=0)


def test_another_admin_reminds_in_the_name_of_the_author(stand: Stand, join: Join, portal: world.Portal, admin: PortalUser) -> None:
    """A personal notification comes from whoever calls; one of the system from the app."""
    other = join(portal, portal.second_admin)
    for kind, caller in ((Notification.Type.PERSONAL, admin), (Notification.Type.SYSTEM, other)):
        request = ask(admin, [3], kind=kind)
        stand.log.clear()
        reminding.remind(other, again(request))
        assert [entry.who for entry in stand.log.entries] == [caller.user_id]


def test_a_closed_or_late_request_reminds_nobody(stand: Stand, admin: PortalUser) -> None:
    late, closed = ask(admin, [3]), ask(admin, [3])
    ConfirmationRequest.objects.filter(pk=late.pk).update(deadline=timezone.now())
    closing.close(admin, closed)
    stand.log.clear()
    for request in (late, closed):
        with pytest.raises(InvalidInput):
            reminding.remind(admin, again(request))
    assert not stand.log.entries


def test_one_reminder_at_a_time(admin: PortalUser) -> None:
    request = ask(admin, [3])
    ConfirmationRequest.objects.update(reminding_since=timezone.now())
    with pytest.raises(InvalidInput):
        reminding.remind(admin, again(request))


def test_a_reminder_that_certainly_failed_changes_nothing(stand: Stand, admin: PortalUser) -> None:
    request = ask(admin, [3])
    stand.faults.order(method="batch", code="OVERLOAD_LIMIT")
    with pytest.raises(RestError):
        reminding.remind(admin, again(request))
    row = request.dispatch.notifications.get()
    assert (row.state, row.reminded_at, row.lease_until) == (State.SENT, None, None)
    assert reminding.remind(admin, again(request)) == Reminded(sent=1, recent=0)


def test_a_reminder_of_unknown_fate_is_settled(stand: Stand, portal: world.Portal, admin: PortalUser) -> None:
    request = ask(admin, [3])
    stand.faults.order(method="batch", kind="cut_after")
    assert reminding.remind(admin, again(request)) == Reminded(sent=0, recent=0, uncertain=1)
    assert states(request.dispatch) == {3: State.UNKNOWN}
    workers_die()
    tasks.settle.call_local()
    assert states(request.dispatch) == {3: State.SENT}
    assert request.dispatch.notifications.get().portal_notification_id == portal.feed(portal.people[3])[0].id
    assert len(portal.feed(portal.people[3])) == 1


@pytest.mark.django_db(transaction=True)
def test_a_reminder_of_unknown_fate_in_a_cancelled_dispatch_can_be_sent_again(
    stand: Stand, portal: world.Portal, admin: PortalUser
) -> None:
    """By its author: what was cancelled is not settled by itself."""
    request = ask(admin, [3])
    Dispatch.objects.update(state=Dispatch.State.CANCELLED)
    stand.faults.order(method="batch", kind="cut_after")
    reminding.remind(admin, again(request))
    tasks.settle.call_local()
    assert states(request.dispatch) == {3: State.UNKNOWN}
    dispatching.resend_failed(admin, request.dispatch_id)
    tasks.run_lane.call_local(admin.portal_id)
    assert states(request.dispatch) == {3: State.SENT}
    assert len(portal.feed(portal.people[3])) == 1


def test_one_that_fails_leaves_the_others(stand: Stand, portal: world.Portal, admin: PortalUser) -> None:
    request = ask(admin, [3, 4])
    stand.faults.order(method="im.notify.personal.add", code="INTERNAL_SERVER_ERROR", inside_batch=True)
    assert reminding.remind(admin, again(request)) == Reminded(sent=1, recent=0, failed=1)
    assert reminded(portal) == 1
    assert states(request.dispatch) == {3: State.SENT, 4: State.SENT}
    assert not Notification.objects.filter(lease_until__isnull=False).exists()


def test_who_was_dismissed_since_is_gone(portal: world.Portal, admin: PortalUser) -> None:
    """bitrix24.md 6.12: the portal answers false."""
    request = ask(admin, [3])
    portal.dismiss(portal.people[3])
    assert reminding.remind(admin, again(request)) == Reminded(sent=0, recent=0, failed=1)
    row = request.dispatch.notifications.get()
    assert (row.state, row.error_code) == (State.FAILED, recording.RECIPIENT_UNAVAILABLE)


def test_a_text_of_the_greatest_length_is_reminded_of_without_another_line(portal: world.Portal, admin: PortalUser) -> None:
    request = ask(admin, [3])
    sent = len(portal.feed(portal.people[3])[0].text) - len("Read the rules")
    Dispatch.objects.update(message="x" * (20_000 - sent))
    reminding.remind(admin, again(request))
    assert [len(line) for line in first_lines(portal, 3)] == [20_000 - sent]


# While it is on its way


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", ["answered", "taken back", "replaced"])
def test_what_changes_while_the_reminder_is_on_its_way(stand: Stand, portal: world.Portal, join: Join, change: str) -> None:
    """The record stands, and the feed comes to what the record says."""
    author, colleague = join(portal, portal.admin), join(portal, portal.person)
    request = ask(author, [colleague.user_id], tag="rules")
    stand.faults.order(method="batch", kind="slow")

    def click() -> None:
        reminding.remind(author, again(request))
        connection.close()

    clicks = threading.Thread(target=click)
    clicks.start()
    deadline = time.monotonic() + 5
    while first_lines(portal, colleague.user_id) != [REMINDER] and time.monotonic() < deadline:
        time.sleep(0.01)
    rows = Notification.objects.filter(dispatch=request.dispatch_id)
    if change == "answered":
        answer(request, colleague)
    elif change == "taken back":
        ledger.close(rows, State.DELETED)
    else:
        sending.send(author, [colleague.user_id], sending.Draft("personal", "Newer", "rules"), request.key)
        assert first_lines(portal, colleague.user_id) == ["Newer"]
        # The reminder came after it, as it well may.
        portal.feed(portal.people[colleague.user_id])[0].text = "Overtaken"
    stand.faults.release()
    clicks.join()
    if change == "answered":
        Answer.objects.filter(tidied_at=None).update(tidy_after=timezone.now())
        tidying.tidy(author.portal_id)
        assert states(request.dispatch) == {colleague.user_id: State.CONFIRMED}
    elif change == "replaced":
        workers_die()
        tasks.settle.call_local()
    assert first_lines(portal, colleague.user_id) == (["Newer"] if change == "replaced" else [])


def test_an_answer_to_what_was_replaced_just_now_tidies_the_reminder(
    portal: world.Portal, admin: PortalUser, colleague: PortalUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recipient's row was read before the reminder, and the answer is recorded after it."""
    request = ask(admin, [colleague.user_id])
    read = answering.read

    def remind_first(*args: Any) -> Any:
        reminding.remind(admin, again(request))
        return read(*args)

    monkeypatch.setattr(answering, "read", remind_first)
    answer(request, colleague)
    assert Answer.objects.get().tidied_at is not None
    assert first_lines(portal, colleague.user_id) == []


# In the background


def test_more_than_fifty_are_reminded_in_the_background(stand: Stand, many: ConfirmationRequest) -> None:
    portal = stand.portals[2]
    number = Notification.objects.count()
    assert reminding.remind(many.dispatch.author, many) == Reminded(sent=number, recent=0, in_background=True)
    assert not stand.log.entries
    tasks.remind_request(many.pk)
    assert stand.log.count("batch") == 3
    assert reminded(portal) == number > 100
    assert again(many).reminding_since is None
    assert Notification.objects.filter(reminded_at__isnull=False, lease_until=None).count() == number


def test_a_worker_that_dies_loses_nobody(stand: Stand, many: ConfirmationRequest) -> None:
    """It had claimed a batch and sent nothing."""
    reminding.remind(many.dispatch.author, many)
    now = timezone.now()
    claimed = list(Notification.objects.order_by("id").values_list("pk", flat=True)[:50])
    Notification.objects.filter(pk__in=claimed).update(reminded_at=now, lease_until=now + reminding.LEASE)
    assert reminding.left() == []
    tasks.remind_request(many.pk)
    assert reminded(stand.portals[2]) == Notification.objects.count() - 50
    assert again(many).reminding_since is not None
    # As if the clock had been set back: no lease is that long.
    Notification.objects.filter(pk__in=claimed).update(lease_until=now + timedelta(hours=1))
    assert reminding.left() == [many.pk]
    workers_die()
    assert reminding.left() == [many.pk]
    tasks.remind.call_local()
    assert reminded(stand.portals[2]) == Notification.objects.count()
    assert again(many).reminding_since is None


@pytest.mark.django_db(transaction=True)
def test_workers_share_the_people(stand: Stand, many: ConfirmationRequest) -> None:
    """Nobody gets two reminders, and nobody is left out."""
    reminding.remind(many.dispatch.author, many)

    def work() -> None:
        while reminding.step(many.pk):
            pass
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    number = Notification.objects.count()
    assert len(stand.log.commands("im.notify.personal.add")) == number
    assert reminded(stand.portals[2]) == number
    assert again(many).reminding_since is None


def test_a_busy_portal_is_reminded_later_and_a_refusing_one_never(stand: Stand, many: ConfirmationRequest) -> None:
    reminding.remind(many.dispatch.author, many)
    stand.faults.order(method="batch", code="OPERATION_TIME_LIMIT")
    assert not reminding.step(many.pk)
    assert again(many).reminding_since is not None
    assert not Notification.objects.filter(reminded_at__isnull=False).exists()
    stand.faults.clear()


def test_a_silent_portal_is_asked_once_in_a_run(stand: Stand, many: ConfirmationRequest) -> None:
    """Any call there may take a minute, and whoever waits for this worker waits for each of them."""
    reminding.remind(many.dispatch.author, many)
    stand.faults.order(method="batch", kind="cut_before", times=None)
    tasks.remind.call_local()
    assert stand.log.count("batch") == 1
    stand.faults.clear()
    tasks.remind.call_local()
    workers_die()
    tasks.settle.call_local()
    assert set(states(many.dispatch).values()) == {State.SENT}
    assert reminded(stand.portals[2]) == Notification.objects.count() - 50, "who was in the first got the text itself again"
    assert again(many).reminding_since is None


def test_a_reminder_ends_with_the_request(stand: Stand, many: ConfirmationRequest) -> None:
    reminding.remind(many.dispatch.author, many)
    ConfirmationRequest.objects.update(deadline=timezone.now())
    tasks.remind.call_local()
    assert reminded(stand.portals[2]) == 0
    assert again(many).reminding_since is None


def test_a_reminder_ends_when_the_portal_refuses(stand: Stand, many: ConfirmationRequest) -> None:
    reminding.remind(many.dispatch.author, many)
    stand.faults.order(method="batch", code="insufficient_scope")
    tasks.remind.call_local()
    assert again(many).reminding_since is None


# By itself


def test_by_itself_at_its_time_once(portal: world.Portal, admin: PortalUser) -> None:
    early, due = (
        ask(admin, [person], wanted=Ask(TWO, remind_at=timezone.now() + timedelta(minutes=minutes)))
        for person, minutes in ((3, 1), (4, -1))
    )
    tasks.remind.call_local()
    assert (first_lines(portal, 3), first_lines(portal, 4)) == (["Read the rules"], [REMINDER])
    assert (again(early).reminded_at, again(due).reminding_since) == (None, None)
    assert again(due).reminded_at is not None
    an_hour_passes()
    before = portal.feed(portal.people[4])[0].id
    tasks.remind.call_local()
    assert portal.feed(portal.people[4])[0].id == before


def test_two_workers_begin_it_once(admin: PortalUser) -> None:
    request = ask(admin, [3], wanted=Ask(TWO, remind_at=timezone.now()))
    reminding.begin_due()
    first = again(request).reminding_since
    reminding.begin_due()
    assert again(request).reminding_since == first is not None


def test_a_closed_request_is_not_reminded_of_by_itself(stand: Stand, admin: PortalUser, post: Send) -> None:
    request = ask(admin, [3], wanted=Ask(TWO, remind_at=timezone.now()))
    closing.close(admin, request)
    stand.log.clear()
    tasks.remind.call_local()
    assert not stand.log.entries
    assert again(request).reminded_at is not None
