"""Sending: one call, rows first, every fate recorded, nothing doubled."""

import threading
import time
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from b24app.models import CallLog, Portal, PortalUser, Sender
from b24app.rest.errors import RestError
from devportal import world
from devportal.server import Stand
from notifications import ledger, recording, sending, tags
from notifications.errors import InvalidInput
from notifications.models import Dispatch, Notification
from notifications.sending import Draft, send
from tests.notifications.conftest import Join, Send, states

State = Notification.State
HELLO = Draft(Notification.Type.PERSONAL, "Hello [b]there[/b]", tag="order 5")


def texts(portal: world.Portal, user_id: int) -> list[str]:
    return [item.text for item in portal.feed(portal.people[user_id])]


def due_now() -> None:
    Notification.objects.filter(state__in=(State.UNKNOWN, State.SENDING), lease_until__isnull=False).update(lease_until=timezone.now())


def settle() -> int:
    return sum(sending.settle(portal_id) for portal_id in sending.portals_to_settle())


def test_one_click_is_one_call_and_everyone_gets_a_tag_of_their_own(
    stand: Stand, portal: world.Portal, admin: PortalUser, app_sender: Sender
) -> None:
    dispatch = send(admin, [3, 4, 5], HELLO, uuid4())

    assert [entry.method for entry in stand.log.entries] == ["batch"]
    assert states(dispatch) == {3: State.SENT, 4: State.SENT, 5: State.SENT}
    assert dispatch.state == Dispatch.State.DONE
    for row in dispatch.notifications.select_related("recipient"):
        item = portal.store.find(row.recipient.user_id, row.portal_notification_id or 0)
        assert item is not None
        assert (item.text, item.notify_type, item.author_id) == ("Hello [b]there[/b]", 2, admin.user_id)
        assert item.tag == tags.stored(f"order 5|{row.recipient.user_id}", app_sender)
        assert item.sub_tag == tags.stored("order 5", app_sender)


def test_names_of_unknown_recipients_come_with_the_same_call(stand: Stand, portal: world.Portal, admin: PortalUser) -> None:
    send(admin, [3, 4], HELLO, uuid4())
    assert len(stand.log.entries) == 1
    assert PortalUser.objects.get(portal=admin.portal, user_id=3).name == portal.people[3].full_name
    stand.log.clear()
    send(admin, [3, 4], HELLO, uuid4())
    assert [command[0] for command in stand.log.commands("user.get")] == []


def test_a_system_notification_and_all_its_texts(stand: Stand, portal: world.Portal, admin: PortalUser) -> None:
    """bitrix24.md 6.4, 6.11: the REST makes type 4, with the app's name as first line."""
    attach = [{"MESSAGE": "more"}, {"DELIMITER": {"SIZE": 200}}]
    send(admin, [3], Draft(Notification.Type.SYSTEM, "  Hello  ", sub_tag="news", message_out="by mail", attach=attach), uuid4())
    item = portal.feed(portal.people[3])[0]
    assert (item.notify_type, item.author_id, item.text, item.attach) == (4, 0, "Tagged Notifications\nHello", attach)


def test_fifty_people_at_once(stand: Stand, admin: PortalUser, join: Join) -> None:
    large = stand.portals[2]
    sender = join(large, large.admin)
    dispatch = send(sender, list(range(3, 53)), HELLO, uuid4())
    assert len(stand.log.entries) == 1
    assert set(states(dispatch)) == set(range(3, 53))
    with pytest.raises(InvalidInput) as refused:
        send(sender, list(range(3, 54)), HELLO, uuid4())
    assert refused.value.field == "recipients"


@pytest.mark.parametrize(
    ("recipients", "draft", "field"),
    [
        ([], HELLO, "recipients"),
        ([0], HELLO, "recipients"),
        ([3, -1], HELLO, "recipients"),
        ([2**63], HELLO, "recipients"),
        ([3], Draft("USER", "Hello"), "type"),
        ([3], Draft(Notification.Type.PERSONAL, "  \n "), "message"),
        ([3], Draft(Notification.Type.PERSONAL, "x" * 20_001), "message"),
        ([3], Draft(Notification.Type.PERSONAL, "x", message_out="x" * 20_001), "message_out"),
        ([3], Draft(Notification.Type.PERSONAL, "x", tag="x" * 180), "tag"),
        ([3], Draft(Notification.Type.PERSONAL, "x", sub_tag="x" * 180), "sub_tag"),
        ([3], Draft(Notification.Type.PERSONAL, "x", attach=[{"MESSAGE": "x" * 60_000}]), "attach"),
    ],
)
def test_bad_input_calls_nothing_and_writes_nothing(
    stand: Stand, admin: PortalUser, recipients: list[int], draft: Draft, field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        send(admin, recipients, draft, uuid4())
    assert refused.value.field == field
    assert str(refused.value.message)
    assert not stand.log.entries
    assert not Dispatch.objects.exists()
    assert PortalUser.objects.count() == 1


def test_the_same_key_sends_once(stand: Stand, portal: world.Portal, admin: PortalUser) -> None:
    key = uuid4()
    first = send(admin, [3], HELLO, key)
    again = send(admin, [4], HELLO, key)
    assert again == first
    assert len(stand.log.entries) == 1
    assert texts(portal, 4) == []


def test_the_same_key_is_another_dispatch_on_another_portal(admin: PortalUser, stranger: PortalUser) -> None:
    key = uuid4()
    assert send(admin, [3], HELLO, key) != send(stranger, [3], HELLO, key)


def test_somebody_named_twice_gets_it_once(portal: world.Portal, admin: PortalUser) -> None:
    send(admin, [3, 3], HELLO, uuid4())
    assert len(texts(portal, 3)) == 1


def test_a_dismissed_recipient_is_reported_and_the_others_get_it(portal: world.Portal, admin: PortalUser) -> None:
    """bitrix24.md 6.12: a dismissed or external recipient gives false, not an error."""
    portal.dismiss(portal.people[4])
    dispatch = send(admin, [3, 4], HELLO, uuid4())
    assert states(dispatch) == {3: State.SENT, 4: State.FAILED}
    failed = dispatch.notifications.get(state=State.FAILED)
    assert failed.error_code == recording.RECIPIENT_UNAVAILABLE
    assert "dismissed" in recording.failure_text(failed)


def test_an_error_of_one_command_is_that_rows(stand: Stand, admin: PortalUser) -> None:
    stand.faults.order(method="im.notify.personal.add", code="ATTACH_ERROR", inside_batch=True)
    dispatch = send(admin, [3, 4], HELLO, uuid4())
    assert sorted(states(dispatch).values()) == [State.FAILED, State.SENT]
    assert dispatch.notifications.get(state=State.FAILED).error_code == "ATTACH_ERROR"
    assert dispatch.state == Dispatch.State.DONE


def test_a_muted_recipient_is_told_apart(stand: Stand, portal: world.Portal, app: world.App, admin: PortalUser) -> None:
    """bitrix24.md 6.12: nothing is stored, and the "id" is the current Unix time."""
    portal.mute(portal.people[4], app)
    dispatch = send(admin, [3, 4], HELLO, uuid4())
    assert {row.recipient.user_id: recording.probably_muted(row) for row in dispatch.notifications.all()} == {3: False, 4: True}


def test_a_muted_copy_replaces_nothing(portal: world.Portal, app: world.App, admin: PortalUser) -> None:
    first = send(admin, [3], HELLO, uuid4())
    portal.mute(portal.people[3], app)
    send(admin, [3], HELLO, uuid4())
    assert states(first) == {3: State.SENT}
    assert len(texts(portal, 3)) == 1


@pytest.mark.parametrize("code", ["ACCESS_DENIED", "INSUFFICIENT_SCOPE", "OVERLOAD_LIMIT"])
def test_a_call_refused_as_a_whole_leaves_nothing_and_the_key_is_free(stand: Stand, admin: PortalUser, code: str) -> None:
    key = uuid4()
    stand.faults.order(method="batch", code=code, times=None)
    with pytest.raises(RestError) as refused:
        send(admin, [3], HELLO, key)
    assert refused.value.code == code
    assert not Dispatch.objects.exists()
    stand.faults.clear()
    Portal.objects.update(state=Portal.State.ACTIVE)
    stand.clock.advance(60)
    assert states(send(admin, [3], HELLO, key)) == {3: State.SENT}


@pytest.mark.parametrize("kind", ["cut_after", "cut_before", "html", "half_json"])
@pytest.mark.parametrize("notification_type", [Notification.Type.PERSONAL, Notification.Type.SYSTEM])
def test_a_send_of_unknown_fate_is_settled_without_doubling(
    stand: Stand, portal: world.Portal, admin: PortalUser, kind: str, notification_type: Notification.Type
) -> None:
    """bitrix24.md 6.3: the same TAG to the same person replaces instead of duplicating."""
    stand.faults.order(method="batch", kind=kind)
    draft = Draft(notification_type, "Hello", attach=[{"MESSAGE": "more"}])
    dispatch = send(admin, [3, 4], draft, uuid4())
    assert states(dispatch) == {3: State.UNKNOWN, 4: State.UNKNOWN}
    assert settle() == 0, "not before its time"

    due_now()
    assert settle() == 2
    assert states(dispatch) == {3: State.SENT, 4: State.SENT}
    for user_id in (3, 4):
        feed = portal.feed(portal.people[user_id])
        assert len(feed) == 1
        assert feed[0].attach == [{"MESSAGE": "more"}]
    assert settle() == 0


def test_a_silent_portal_is_asked_once_in_a_run(stand: Stand, admin: PortalUser) -> None:
    """Any call there may take a minute, and whoever waits for this worker waits for each of them."""
    stand.faults.order(method="batch", kind="cut_before", times=None)
    for person in (3, 4, 5):
        send(admin, [person], HELLO, uuid4())
    due_now()
    stand.log.clear()
    settle()
    assert len(stand.log.entries) == 1
    settle()
    assert len(stand.log.entries) == 2, "the next one's turn"
    stand.faults.clear()
    due_now()
    assert settle() == 3


def test_a_process_that_died_leaves_rows_that_are_handed_on(portal: world.Portal, admin: PortalUser, post: Send) -> None:
    dispatch = post([3])
    dispatch.notifications.update(state=State.SENDING, lease_until=timezone.now() - timedelta(seconds=1))
    Dispatch.objects.update(state=Dispatch.State.RUNNING)
    assert settle() == 1
    assert states(dispatch) == {3: State.SENT}
    dispatch.refresh_from_db()
    assert dispatch.state == Dispatch.State.DONE
    assert len(texts(portal, 3)) == 1


def test_what_stays_unknown_is_tried_more_and_more_rarely_and_not_for_ever(stand: Stand, admin: PortalUser) -> None:
    stand.faults.order(method="batch", kind="html", status=502, times=None)
    dispatch = send(admin, [3], HELLO, uuid4())
    waits = []
    for _attempt in range(recording.MOST_ATTEMPTS + 3):
        row = dispatch.notifications.get()
        waits.append(round((row.lease_until - timezone.now()).total_seconds()) if row.lease_until else 0)
        due_now()
        settle()
    row = dispatch.notifications.get()
    assert (row.state, row.attempts) == (State.UNKNOWN, recording.MOST_ATTEMPTS)
    assert waits[:4] == [30, 60, 120, 240]


def test_a_refusal_on_the_second_try_does_not_hide_that_the_first_may_have_arrived(stand: Stand, admin: PortalUser) -> None:
    stand.faults.order(method="batch", kind="cut_after")
    dispatch = send(admin, [3], HELLO, uuid4())
    stand.faults.order(method="im.notify.personal.add", code="INTERNAL_SERVER_ERROR", inside_batch=True, times=None)
    due_now()
    settle()
    assert states(dispatch) == {3: State.UNKNOWN}


def test_a_suspended_portal_is_left_alone(stand: Stand, admin: PortalUser) -> None:
    stand.faults.order(method="batch", kind="cut_after")
    send(admin, [3], HELLO, uuid4())
    Portal.objects.update(state=Portal.State.SUSPENDED)
    due_now()
    assert settle() == 0


def test_a_newer_notification_with_the_tag_is_never_replaced_by_an_older_one(stand: Stand, portal: world.Portal, admin: PortalUser) -> None:
    stand.faults.order(method="batch", kind="cut_before")
    older = send(admin, [3], Draft(Notification.Type.PERSONAL, "older", tag="t"), uuid4())
    newer = send(admin, [3], Draft(Notification.Type.PERSONAL, "newer", tag="t"), uuid4())
    due_now()
    settle()
    assert texts(portal, 3) == ["newer"]
    assert (states(older), states(newer)) == ({3: State.REPLACED}, {3: State.SENT})


def test_replaced_is_only_the_same_tag_of_the_same_recipient(portal: world.Portal, post: Send, admin: PortalUser) -> None:
    first = post([3, 4], tag="t", sub_tag="s")
    other = post([3], tag="u", sub_tag="s")
    post([3], tag="t", sub_tag="s")
    assert states(first) == {3: State.REPLACED, 4: State.SENT}
    assert states(other) == {3: State.SENT}


@pytest.mark.django_db(transaction=True)
def test_what_was_deleted_while_it_was_sent_is_taken_back(stand: Stand, portal: world.Portal, join: Join) -> None:
    """The portal's deletion came before the notification: the row stays deleted, and the notification goes too."""
    author, key = join(portal, portal.admin), uuid4()
    stand.faults.order(method="batch", kind="slow")

    def click() -> None:
        send(author, [3], HELLO, key)
        connection.close()

    sender = threading.Thread(target=click)
    sender.start()
    deadline = time.monotonic() + 5
    while not texts(portal, 3) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ledger.close(Notification.objects.all(), State.DELETED) == 1
    stand.faults.release()
    sender.join()
    assert states(Dispatch.objects.get(key=key)) == {3: State.DELETED}
    assert texts(portal, 3) == []


@pytest.mark.parametrize("kind", ["USER", "SYSTEM"])
def test_a_webhook_sends_in_its_own_namespace(
    kind: str, stand: Stand, portal: world.Portal, admin: PortalUser, webhook_sender: Sender
) -> None:
    """bitrix24.md 6.2: for a webhook the hashed id is `custom` + CLIENT_ID; im.notify takes the type as a parameter."""
    draft = replace(HELLO, type=Notification.Type.PERSONAL if kind == "USER" else Notification.Type.SYSTEM)
    dispatch = send(admin, [3], draft, uuid4(), webhook_sender)
    assert states(dispatch) == {3: State.SENT}
    [command] = stand.log.commands("im.notify")
    assert (command.params["TYPE"], command.params["CLIENT_ID"]) == (kind, "robot")
    assert portal.feed(portal.people[3])[0].tag == tags.stored("order 5|3", webhook_sender)


def test_a_webhook_without_client_id_sends_and_names_none(stand: Stand, admin: PortalUser, webhook_sender: Sender) -> None:
    """An admin has allowed it knowing that nothing of it can be taken back (bitrix24.md 6.2)."""
    webhook_sender.client_id = ""
    webhook_sender.save()
    assert states(send(admin, [3], HELLO, uuid4(), webhook_sender)) == {3: State.SENT}
    [command] = stand.log.commands("im.notify")
    assert "CLIENT_ID" not in command.params


def test_a_dead_author_leaves_personal_rows_unknown_and_the_admins_send_system_ones(
    stand: Stand, portal: world.Portal, join: Join, admin: PortalUser
) -> None:
    author = join(portal, portal.second_admin)
    dispatches = []
    for kind in Notification.Type.values:
        stand.faults.order(method="batch", kind="cut_after")
        dispatches.append(send(author, [3], Draft(kind, "Hello"), uuid4()))
    portal.revoke_tokens(portal.second_admin)
    due_now()
    settle()
    assert [states(dispatch) for dispatch in dispatches] == [{3: State.UNKNOWN}, {3: State.SENT}]


def test_secrets_and_other_portals_stay_out(stand: Stand, portal: world.Portal, other_portal: world.Portal, admin: PortalUser) -> None:
    send(admin, [3], HELLO, uuid4())
    assert not any(other_portal.feed(person) for person in other_portal.people.values())
    assert admin.access_token not in str(list(CallLog.objects.values()))


@pytest.mark.django_db(transaction=True)
def test_workers_share_the_rows(stand: Stand, portal: world.Portal, join: Join) -> None:
    author = join(portal, portal.admin)
    stand.faults.order(method="batch", kind="cut_after")
    dispatch = send(author, [3, 4, 5, 6], HELLO, uuid4())
    due_now()
    stand.log.clear()
    counts = []

    def work() -> None:
        try:
            counts.append(settle())
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(counts) == 4
    assert set(states(dispatch).values()) == {State.SENT}
    assert len(stand.log.commands("im.notify.personal.add")) == 4


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_send_once(stand: Stand, portal: world.Portal, join: Join) -> None:
    author, key = join(portal, portal.admin), uuid4()
    results = []

    def click() -> None:
        try:
            results.append(send(author, [3], HELLO, key).pk)
        finally:
            connection.close()

    clicks = [threading.Thread(target=click) for _ in range(3)]
    for each in clicks:
        each.start()
    for each in clicks:
        each.join()
    assert len(set(results)) == 1
    assert len(results) == 3
    assert len(texts(portal, 3)) == 1


def test_a_click_ends_in_time_when_the_portal_is_slow(stand: Stand, admin: PortalUser) -> None:
    stand.faults.order(method="batch", kind="slow", seconds=30.0)
    started = time.monotonic()
    dispatch = send(admin, [3], HELLO, uuid4())
    assert time.monotonic() - started < 10
    assert states(dispatch) == {3: State.UNKNOWN}
    stand.faults.release()
