"""Answering a request: recorded once and first, whoever may, whatever the portal does; the feed is tidied afterwards."""

import threading
import time
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.utils import timezone

from b24app import lifecycle
from b24app.models import Bucket, Portal, PortalUser, Sender
from b24app.rest import budget
from devportal import world
from devportal.server import Stand
from notifications import answering, recording, revoking, sending, tasks, tidying
from notifications.answering import Status
from notifications.ask import Ask, Button, Means, Reason
from notifications.errors import InvalidInput
from notifications.models import Answer, ConfirmationRequest, Dispatch, Notification
from notifications.sending import Draft
from tests.notifications.conftest import Join, states
from tests.processes import until

State = Notification.State
BUTTONS = (
    Button("Confirm", "Y", Means.CONFIRM),
    Button("Decline", "N", Means.DECLINE, Reason.MAY),
    Button("Not now", "later", Means.DECLINE, Reason.MUST),
)


def ask(
    author: PortalUser, *people: PortalUser, tag: str = "", sub_tag: str = "", sender: Sender | None = None, request: Ask | None = None
) -> Dispatch:
    draft = Draft(Notification.Type.PERSONAL, "Read the rules", tag, sub_tag, ask=request or Ask(BUTTONS))
    return sending.send(author, [person.user_id for person in people], draft, uuid4(), sender)


def key_of(dispatch: Dispatch) -> UUID:
    return dispatch.confirmation_request.key


def in_feed(portal: world.Portal, person: PortalUser) -> list[str]:
    return [item.text.partition("\n")[0] for item in portal.feed(portal.people[person.user_id])]


def due_now() -> None:
    Answer.objects.filter(tidied_at=None, tidy_after__isnull=False).update(tidy_after=timezone.now())


def tidy() -> int:
    due_now()
    return sum(tidying.tidy(portal_id) for portal_id in tidying.portals_to_tidy())


@pytest.fixture
def second(join: Join, portal: world.Portal, admin: PortalUser) -> PortalUser:
    """Another ordinary person of the portal."""
    return join(portal, portal.people[5])


# What is recorded


def test_an_answer_is_recorded_and_the_feed_tidied_with_the_persons_own_token(
    stand: Stand, portal: world.Portal, admin: PortalUser, colleague: PortalUser, second: PortalUser
) -> None:
    dispatch = ask(admin, colleague, second)
    stand.log.clear()

    page = answering.answer(colleague, key_of(dispatch), "N", "  too\r\nlate ")

    assert page.status is Status.ANSWERED
    given = Answer.objects.get()
    assert page.given == given
    assert (given.value, given.label, given.reason) == ("N", "Decline", "too\nlate")
    assert given.notification.recipient == colleague
    assert states(dispatch) == {colleague.user_id: State.DECLINED, second.user_id: State.SENT}
    assert (in_feed(portal, colleague), in_feed(portal, second)) == ([], ["Read the rules"])
    [call] = stand.log.entries
    assert (call.method, call.who) == ("im.notify.delete", colleague.user_id)
    assert given.tidied_at is not None
    assert given.tidy_after is None


def test_the_dispatch_counts_anew(admin: PortalUser, colleague: PortalUser) -> None:
    dispatch = ask(admin, colleague)
    before = Dispatch.objects.get().change
    answering.answer(colleague, key_of(dispatch), "Y")
    assert Dispatch.objects.get().change == before + 1
    assert states(dispatch) == {colleague.user_id: State.CONFIRMED}


def test_the_first_press_counts(stand: Stand, admin: PortalUser, colleague: PortalUser) -> None:
    dispatch = ask(admin, colleague)
    answering.answer(colleague, key_of(dispatch), "Y")
    stand.log.clear()
    page = answering.answer(colleague, key_of(dispatch), "N")
    assert page.status is Status.ANSWERED
    assert page.given is not None
    assert page.given.value == "Y"
    assert Answer.objects.count() == 1
    assert not stand.log.entries


@pytest.mark.parametrize(
    ("value", "reason", "field"),
    [
        ("X", "", "value"),
        ("", "", "value"),
        ("Y", "because", "reason"),
        ("later", "", "reason"),
        ("later", " \n ", "reason"),
        ("N", "x" * 2001, "reason"),
    ],
)
def test_what_the_request_does_not_offer_is_refused(admin: PortalUser, colleague: PortalUser, value: str, reason: str, field: str) -> None:
    dispatch = ask(admin, colleague)
    with pytest.raises(InvalidInput) as refused:
        answering.answer(colleague, key_of(dispatch), value, reason)
    assert refused.value.field == field
    assert states(dispatch) == {colleague.user_id: State.SENT}
    assert not Answer.objects.exists()


def test_the_longest_reason_is_counted_as_the_browser_counts_it(admin: PortalUser, colleague: PortalUser) -> None:
    dispatch = ask(admin, colleague)
    answering.answer(colleague, key_of(dispatch), "later", "\r\n".join(["x" * 999, "y" * 1000]))
    assert len(Answer.objects.get().reason) == 2000


# Whom it waits for


def test_only_who_was_asked_meets_the_request(admin: PortalUser, colleague: PortalUser, second: PortalUser, stranger: PortalUser) -> None:
    key = key_of(ask(admin, colleague))
    for person, status in ((second, Status.NOT_ASKED), (admin, Status.NOT_ASKED), (stranger, Status.UNKNOWN)):
        assert answering.page_of(person, key) == answering.Page(status)
        assert answering.answer(person, key, "Y") == answering.Page(status)
    assert answering.page_of(colleague, uuid4()) == answering.Page(Status.UNKNOWN)
    assert not Answer.objects.exists()


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (State.DELETED, Status.TAKEN_BACK),
        (State.CANCELLED, Status.TAKEN_BACK),
        (State.REPLACED, Status.REPLACED),
        (State.FAILED, Status.NOT_DELIVERED),
    ],
)
def test_what_has_ended_cannot_be_answered(admin: PortalUser, colleague: PortalUser, state: State, status: Status) -> None:
    dispatch = ask(admin, colleague)
    dispatch.notifications.update(state=state)
    assert answering.page_of(colleague, key_of(dispatch)).status is status
    assert answering.answer(colleague, key_of(dispatch), "Y").status is status
    assert answering.waiting(colleague) == []
    assert states(dispatch) == {colleague.user_id: state}


@pytest.mark.parametrize(("column", "status"), [("closed_at", Status.CLOSED), ("deadline", Status.LATE)])
def test_a_closed_or_late_request_cannot_be_answered(admin: PortalUser, colleague: PortalUser, column: str, status: Status) -> None:
    dispatch = ask(admin, colleague)
    ConfirmationRequest.objects.update(**{column: timezone.now() - timedelta(seconds=1)})
    assert answering.answer(colleague, key_of(dispatch), "Y").status is status
    assert answering.waiting(colleague) == []
    assert not Answer.objects.exists()


@pytest.mark.parametrize("state", [State.QUEUED, State.UNKNOWN, State.EXPIRED])
def test_a_request_is_answered_whatever_became_of_its_notification(admin: PortalUser, colleague: PortalUser, state: State) -> None:
    """The link may have come by a copy, and the portal erases what is old while the question stands (bitrix24.md 6.10)."""
    dispatch = ask(admin, colleague)
    dispatch.notifications.update(state=state)
    assert [each.row.pk for each in answering.waiting(colleague)] == [dispatch.notifications.get().pk]
    answering.answer(colleague, key_of(dispatch), "Y")
    assert states(dispatch) == {colleague.user_id: State.CONFIRMED}


@pytest.mark.parametrize("state", [State.QUEUED, State.UNKNOWN])
def test_a_dispatch_whose_last_notification_is_answered_unsent_is_done(admin: PortalUser, colleague: PortalUser, state: State) -> None:
    dispatch = ask(admin, colleague)
    dispatch.notifications.update(state=state, lease_until=timezone.now())
    Dispatch.objects.update(state=Dispatch.State.RUNNING, finished_at=None)
    answering.answer(colleague, key_of(dispatch), "Y")
    dispatch.refresh_from_db()
    assert dispatch.state == Dispatch.State.DONE


def test_what_waits_is_listed_by_tag_and_newest_first(admin: PortalUser, colleague: PortalUser, second: PortalUser) -> None:
    first = ask(admin, colleague, second, tag="rules", sub_tag="hr")
    latest = ask(admin, colleague, tag="safety", sub_tag="hr")
    sending.send(admin, [colleague.user_id], Draft(Notification.Type.PERSONAL, "No question", "rules 2", "hr"), uuid4())
    assert [each.row.dispatch for each in answering.waiting(colleague)] == [latest, first]
    assert [each.row.dispatch for each in answering.waiting(colleague, "tag", "rules")] == [first]
    assert [each.row.dispatch for each in answering.waiting(colleague, "sub_tag", " hr ")] == [latest, first]
    assert [each.buttons for each in answering.waiting(second)] == [BUTTONS]
    answering.answer(second, key_of(first), "Y")
    assert answering.waiting(second) == []
    assert len(answering.waiting(colleague)) == 2


# The feed


def test_nothing_recorded_is_lost_to_a_failing_portal(stand: Stand, portal: world.Portal, admin: PortalUser, colleague: PortalUser) -> None:
    dispatch = ask(admin, colleague)
    stand.faults.order(method="im.notify.delete", code="INTERNAL_SERVER_ERROR", times=None)
    assert answering.answer(colleague, key_of(dispatch), "Y").status is Status.ANSWERED
    assert in_feed(portal, colleague) == ["Read the rules"]
    assert tidy() == 0
    given = Answer.objects.get()
    assert (given.tidied_at, given.tidy_attempts) == (None, 1)
    assert given.tidy_after is not None
    assert given.tidy_after > timezone.now() + timedelta(seconds=90)
    stand.faults.clear()
    assert tidy() == 1
    assert in_feed(portal, colleague) == []
    assert tidying.portals_to_tidy() == []


def test_a_slow_portal_holds_nobody_up(
    stand: Stand, portal: world.Portal, admin: PortalUser, colleague: PortalUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tidying, "AT_ONCE_SECONDS", 0.2)
    dispatch = ask(admin, colleague)
    stand.faults.order(method="im.notify.delete", kind="slow")
    assert answering.answer(colleague, key_of(dispatch), "Y").status is Status.ANSWERED
    stand.faults.release()
    assert Answer.objects.get().tidied_at is None


def test_a_full_bucket_is_left_to_those_who_wait_for_it(stand: Stand, admin: PortalUser, colleague: PortalUser) -> None:
    dispatch = ask(admin, colleague)
    budget.fill(admin.portal)
    stand.log.clear()
    answering.answer(colleague, key_of(dispatch), "Y")
    assert not stand.log.entries
    Bucket.objects.update(level=0)
    assert tidy() == 1
    assert [entry.who for entry in stand.log.calls("im.notify.delete")] == [colleague.user_id]


def test_many_are_tidied_in_one_call_as_an_administrator(
    stand: Stand, portal: world.Portal, admin: PortalUser, colleague: PortalUser, second: PortalUser
) -> None:
    dispatch = ask(admin, colleague, second)
    budget.fill(admin.portal)
    for person in (colleague, second):
        answering.answer(person, key_of(dispatch), "Y")
    Bucket.objects.update(level=0)
    stand.log.clear()
    assert tidy() == 2
    [call] = stand.log.entries
    assert (call.method, call.who) == ("batch", admin.user_id)
    assert (in_feed(portal, colleague), in_feed(portal, second)) == ([], [])


@pytest.mark.parametrize("trouble", ["no token", "not allowed"])
def test_where_the_persons_token_may_not_delete_an_administrators_does(
    stand: Stand, portal: world.Portal, admin: PortalUser, colleague: PortalUser, trouble: str
) -> None:
    dispatch = ask(admin, colleague)
    if trouble == "no token":
        PortalUser.objects.filter(pk=colleague.pk).update(token_state=PortalUser.TokenState.DEAD, access_token="")
    else:
        stand.faults.order(method="im.notify.delete", code="insufficient_scope", times=2)
    answering.answer(colleague, key_of(dispatch), "Y")
    stand.log.clear()
    assert tidy() == 1
    assert stand.log.entries[-1].who == admin.user_id
    assert in_feed(portal, colleague) == []


def test_a_newer_notification_with_the_same_tag_stays(
    stand: Stand, portal: world.Portal, admin: PortalUser, colleague: PortalUser, second: PortalUser
) -> None:
    """Its TAG is the answered one's: only the id still means that."""
    dispatch = ask(admin, colleague, second, tag="rules")
    budget.fill(admin.portal)
    for person in (colleague, second):
        answering.answer(person, key_of(dispatch), "Y")
    Bucket.objects.update(level=0)
    sending.send(admin, [colleague.user_id, second.user_id], Draft(Notification.Type.PERSONAL, "Newer", "rules"), uuid4())
    assert tidy() == 2
    assert not stand.log.commands("im.notify.delete", portal)[0].params.get("TAG")
    assert (in_feed(portal, colleague), in_feed(portal, second)) == (["Newer"], ["Newer"])


@pytest.mark.django_db(transaction=True)
def test_what_arrives_after_its_answer_is_tidied_too(stand: Stand, portal: world.Portal, join: Join) -> None:
    """The link can come by a copy while the notification itself is still on its way."""
    author, colleague = join(portal, portal.admin), join(portal, portal.person)
    stand.faults.order(method="batch", kind="slow")

    def click() -> None:
        ask(author, colleague)
        connection.close()

    sender = threading.Thread(target=click)
    sender.start()
    deadline = time.monotonic() + 5
    while not in_feed(portal, colleague) and time.monotonic() < deadline:
        time.sleep(0.01)
    dispatch = Dispatch.objects.get()
    answering.answer(colleague, key_of(dispatch), "Y")
    stand.faults.release()
    sender.join()
    given = Answer.objects.select_related("notification").get()
    assert states(dispatch) == {colleague.user_id: State.CONFIRMED}
    assert given.tidied_at is None
    assert given.notification.portal_notification_id is not None
    assert tidy() == 1
    assert in_feed(portal, colleague) == []


@pytest.mark.django_db(transaction=True)
def test_who_answers_while_it_is_deleted_by_tag_has_answered(stand: Stand, portal: world.Portal, join: Join) -> None:
    """The portal has deleted all copies, and its answer is still on its way to the ledger."""
    author, first, late = (join(portal, person) for person in (portal.admin, portal.person, portal.people[5]))
    dispatch = ask(author, first, late, tag="rules")
    stand.faults.order(method="im.notify.delete", kind="slow")

    def click() -> None:
        revoking.delete(author, "tag", "rules")
        connection.close()

    deleting = threading.Thread(target=click)
    deleting.start()
    until(lambda: not in_feed(portal, first) and not in_feed(portal, late))
    assert answering.answer(first, key_of(dispatch), "Y").status is Status.ANSWERED
    stand.faults.release()
    deleting.join()
    assert answering.answer(late, key_of(dispatch), "Y").status is Status.TAKEN_BACK
    assert states(dispatch) == {first.user_id: State.CONFIRMED, late.user_id: State.DELETED}
    assert Answer.objects.get().tidied_at is not None


def test_a_muted_recipient_answers_from_the_inbox(portal: world.Portal, admin: PortalUser, colleague: PortalUser) -> None:
    """bitrix24.md 6.12: nothing was stored, and the id is a time."""
    portal.people[colleague.user_id].muted.add(admin.portal.client_id)
    dispatch = ask(admin, colleague)
    assert recording.probably_muted(dispatch.notifications.get())
    [open_request] = answering.waiting(colleague)
    answering.answer(colleague, open_request.request.key, "Y")
    assert Answer.objects.get().tidied_at is not None


def test_a_webhooks_notification_is_tidied_with_the_persons_token_or_by_the_webhook(
    stand: Stand, portal: world.Portal, admin: PortalUser, colleague: PortalUser, second: PortalUser, webhook_sender: Sender
) -> None:
    dispatch = ask(admin, colleague, second, sender=webhook_sender)
    answering.answer(colleague, key_of(dispatch), "Y")
    assert in_feed(portal, colleague) == []
    PortalUser.objects.filter(pk=second.pk).update(token_state=PortalUser.TokenState.DEAD, access_token="")
    answering.answer(second, key_of(dispatch), "Y")
    assert in_feed(portal, second) == ["Read the rules"]
    assert tidy() == 1
    assert in_feed(portal, second) == []


def test_a_webhook_without_client_id_cannot_tidy_for_somebody(
    stand: Stand, portal: world.Portal, admin: PortalUser, colleague: PortalUser, webhook_sender: Sender
) -> None:
    Sender.objects.update(client_id="")
    webhook_sender.refresh_from_db()
    dispatch = ask(admin, colleague, sender=webhook_sender)
    PortalUser.objects.filter(pk=colleague.pk).update(token_state=PortalUser.TokenState.DEAD, access_token="")
    answering.answer(colleague, key_of(dispatch), "Y")
    stand.log.clear()
    assert tidy() == 0
    assert not stand.log.entries


def test_a_feed_that_is_tidy_already_is_asked_once(portal: world.Portal, admin: PortalUser, colleague: PortalUser) -> None:
    dispatch = ask(admin, colleague)
    portal.store.delete(colleague.user_id, dispatch.notifications.get().portal_notification_id or 0)
    answering.answer(colleague, key_of(dispatch), "Y")
    assert Answer.objects.get().tidied_at is not None


def test_tidying_waits_longer_each_time_and_ends(stand: Stand, admin: PortalUser, colleague: PortalUser) -> None:
    dispatch = ask(admin, colleague)
    stand.faults.order(method="im.notify.delete", code="INTERNAL_SERVER_ERROR", times=None)
    answering.answer(colleague, key_of(dispatch), "Y")
    waits = []
    for attempts in (0, 5, 18):
        Answer.objects.update(tidy_attempts=attempts)
        tidy()
        after = Answer.objects.get().tidy_after
        assert after is not None
        waits.append(round((after - timezone.now()).total_seconds() / 60))
    assert waits == [2, 64, 24 * 60]
    tidy()
    assert Answer.objects.get().tidy_after is None
    assert tidying.portals_to_tidy() == []


@pytest.mark.parametrize("together", [1, 2])
def test_a_silent_portal_is_asked_once_in_a_run(
    stand: Stand,
    portal: world.Portal,
    join: Join,
    admin: PortalUser,
    colleague: PortalUser,
    second: PortalUser,
    monkeypatch: pytest.MonkeyPatch,
    together: int,
) -> None:
    """Any call there may take a minute, and whoever waits for this worker waits for each of them."""
    monkeypatch.setattr(tidying, "LARGEST_BATCH", together)
    people = (colleague, second, join(portal, portal.people[6]))
    dispatch = ask(admin, *people)
    budget.fill(admin.portal)
    for person in people:
        answering.answer(person, key_of(dispatch), "Y")
    Bucket.objects.update(level=0)
    stand.faults.order(kind="cut_before", times=None)
    stand.log.clear()
    assert tidy() == 0
    assert len({(entry.method, entry.who) for entry in stand.log.entries}) == 1
    assert Answer.objects.filter(tidy_attempts=1).count() == together
    stand.faults.clear()
    assert tidy() == 3


def test_a_portal_that_does_not_work_is_left_alone(stand: Stand, admin: PortalUser, colleague: PortalUser) -> None:
    """The app was removed and installed again: what was asked before can still be answered, and is tidied once it works."""
    dispatch = ask(admin, colleague)
    Portal.objects.filter(pk=admin.portal.pk).update(state=Portal.State.SUSPENDED)
    colleague.portal.refresh_from_db()
    stand.log.clear()
    assert answering.answer(colleague, key_of(dispatch), "Y").status is Status.ANSWERED
    assert tidy() == 0
    assert not stand.log.entries
    Portal.objects.filter(pk=admin.portal.pk).update(state=Portal.State.ACTIVE)
    assert tidy() == 1


def test_a_request_outlives_the_apps_removal(
    portal: world.Portal, app: world.App, join: Join, admin: PortalUser, colleague: PortalUser
) -> None:
    dispatch = ask(admin, colleague)
    lifecycle.remove(admin.portal, clean=False)
    portal.uninstall(app)
    Portal.objects.update(state=Portal.State.ACTIVE)
    back = join(portal, portal.person)
    assert len(answering.waiting(back)) == 1
    assert answering.answer(back, key_of(dispatch), "Y").status is Status.ANSWERED
    assert in_feed(portal, back) == []


def test_a_portal_that_has_moved_is_found(portal: world.Portal, admin: PortalUser, colleague: PortalUser) -> None:
    dispatch = ask(admin, colleague)
    portal.move()
    answering.answer(colleague, key_of(dispatch), "Y")
    assert in_feed(portal, colleague) == []


def test_the_periodic_task_tidies(portal: world.Portal, admin: PortalUser, colleague: PortalUser) -> None:
    dispatch = ask(admin, colleague)
    budget.fill(admin.portal)
    answering.answer(colleague, key_of(dispatch), "Y")
    Bucket.objects.update(level=0)
    due_now()
    tasks.tidy.call_local()
    assert in_feed(portal, colleague) == []
