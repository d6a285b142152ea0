"""Taking back: exactly what the ledger says, in the cheapest exact calls, recorded only where the portal said true."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from b24app.models import Portal, PortalUser, Sender
from b24app.rest.client import as_person, as_webhook
from b24app.rest.errors import RestError
from devportal import world
from devportal.server import Stand
from notifications import api, ledger, revoking
from notifications.api import Notice
from notifications.errors import InvalidInput
from notifications.models import Dispatch, Notification
from tests.notifications.conftest import Join, Send, states

State = Notification.State


def left(portal: world.Portal) -> list[tuple[int, str]]:
    return sorted((item.recipient_id, item.text) for item in portal.store)


def test_a_tag_sent_to_many_goes_in_one_call(stand: Stand, portal: world.Portal, admin: PortalUser, post: Send) -> None:
    """The common wire SUB_TAG covers exactly that set."""
    dispatch = post([3, 4, 5], tag="order")
    post([3], tag="other", message="stays")

    preview = revoking.preview(admin, "tag", " order ")
    assert (preview.count, [person.user_id for person in preview.people]) == (3, [3, 4, 5])
    assert not stand.log.entries, "a preview asks only the ledger"

    done = revoking.delete(admin, "tag", " order ").results
    assert [(item.row.recipient.user_id, item.deleted, item.error) for item in done] == [(3, True, None), (4, True, None), (5, True, None)]
    assert [entry.method for entry in stand.log.entries] == ["im.notify.delete"]
    assert left(portal) == [(3, "stays")]
    assert set(states(dispatch).values()) == {State.DELETED}
    assert all(row.closed_at for row in dispatch.notifications.all())
    assert revoking.preview(admin, "tag", "order").count == 0
    assert revoking.delete(admin, "tag", "order").results == []


def test_across_dispatches_and_only_what_is_live(stand: Stand, portal: world.Portal, admin: PortalUser, post: Send) -> None:
    first = post([3, 4], tag="order")
    post([4, 5], tag="order")
    assert states(first) == {3: State.SENT, 4: State.REPLACED}
    assert revoking.preview(admin, "tag", "order").count == 3
    assert len(revoking.delete(admin, "tag", "order").results) == 3
    assert left(portal) == []
    assert states(first) == {3: State.DELETED, 4: State.REPLACED}


def test_a_tag_whose_sub_tag_reaches_further_goes_by_tags_in_one_batch(
    stand: Stand, portal: world.Portal, admin: PortalUser, post: Send
) -> None:
    post([3, 4], tag="order", sub_tag="shop")
    stays = post([3], tag="parcel", sub_tag="shop", message="stays")
    revoking.delete(admin, "tag", "order")
    assert [entry.method for entry in stand.log.entries] == ["batch"]
    assert left(portal) == [(3, "stays")]
    assert states(stays) == {3: State.SENT}


def test_a_sub_tag_that_is_also_somebodys_tag_touches_only_what_was_typed_as_sub_tag(
    portal: world.Portal, admin: PortalUser, post: Send
) -> None:
    """A TAG without SUB_TAG travels as common SUB_TAG as well: a SUB_TAG call would take it along."""
    post([3], tag="shop", message="by tag")
    post([4], tag="x", sub_tag="shop", message="by sub_tag")
    assert revoking.preview(admin, "sub_tag", "shop").count == 1
    revoking.delete(admin, "sub_tag", "shop")
    assert left(portal) == [(3, "by tag")]


def test_a_sub_tag_over_many_tags_goes_in_one_call(stand: Stand, portal: world.Portal, admin: PortalUser, post: Send) -> None:
    for number in range(3):
        post([3, 4], tag=f"order {number}", sub_tag="shop")
    assert len(revoking.delete(admin, "sub_tag", "shop").results) == 6
    assert [entry.method for entry in stand.log.entries] == ["im.notify.delete"]
    assert left(portal) == []


def test_rows_without_any_tag_can_be_taken_back_too(stand: Stand, portal: world.Portal, admin: PortalUser, post: Send) -> None:
    dispatch = post([3, 4])
    rows = {row.recipient.user_id: row.pk for row in dispatch.notifications.select_related("recipient")}
    done = revoking.delete_rows(admin, [rows[3]]).results
    assert [item.deleted for item in done] == [True]
    assert left(portal) == [(4, "Hello")]
    assert states(dispatch) == {3: State.DELETED, 4: State.SENT}


def test_more_than_fifty_go_in_batches_of_fifty(stand: Stand, join: Join, post: Send) -> None:
    large = stand.portals[2]
    author = join(large, large.admin)
    post(list(range(3, 53)), author=author, tag="order", sub_tag="shop")
    post(list(range(53, 73)), author=author, tag="order", sub_tag="shop")
    post([3], author=author, tag="parcel", sub_tag="shop")
    assert revoking.preview(author, "tag", "order").count == 70
    assert sum(item.deleted for item in revoking.delete(author, "tag", "order").results) == 70
    assert [len(entry.commands) for entry in stand.log.entries] == [50, 20]
    assert len(left(large)) == 1


def test_a_later_batch_that_fails_is_told_per_row_and_can_be_repeated(stand: Stand, join: Join, post: Send) -> None:
    large = stand.portals[2]
    author = join(large, large.admin)
    for recipients in (range(3, 53), range(53, 73)):
        post(list(recipients), author=author, tag="order", sub_tag="shop")
    post([3], author=author, tag="parcel", sub_tag="shop")
    stand.faults.order(method="im.notify.delete", code="INTERNAL_SERVER_ERROR", inside_batch=True, times=2)
    done = revoking.delete(author, "tag", "order").results
    assert sum(item.deleted for item in done) == 68
    failed = [item for item in done if not item.deleted]
    assert [item.error.code for item in failed if item.error] == ["INTERNAL_SERVER_ERROR"] * 2
    assert {Notification.objects.get(pk=item.row.pk).state for item in failed} == {State.SENT}
    assert revoking.preview(author, "tag", "order").count == 2
    assert [item.deleted for item in revoking.delete(author, "tag", "order").results] == [True, True]


@pytest.mark.parametrize("kind", ["cut_before", "cut_after", "html"])
def test_a_failed_call_closes_nothing_and_can_be_repeated(
    stand: Stand, portal: world.Portal, admin: PortalUser, post: Send, kind: str
) -> None:
    dispatch = post([3, 4], tag="order")
    stand.faults.order(method="im.notify.delete", kind=kind, times=None)
    with pytest.raises(RestError):
        revoking.delete(admin, "tag", "order")
    stand.faults.clear()
    assert states(dispatch) == {3: State.SENT, 4: State.SENT}
    revoking.delete(admin, "tag", "order")
    assert left(portal) == []
    assert states(dispatch) == {3: State.DELETED, 4: State.DELETED}


def test_a_row_that_changed_meanwhile_is_not_overwritten(admin: PortalUser, post: Send) -> None:
    dispatch = post([3, 4], tag="order")
    dispatch.notifications.filter(recipient__user_id=3).update(state=State.CONFIRMED)
    assert ledger.close(ledger.for_portal(admin.portal), State.DELETED) == 1
    assert states(dispatch) == {3: State.CONFIRMED, 4: State.DELETED}


def test_another_portals_rows_and_tags_are_out_of_reach(
    stand: Stand, portal: world.Portal, other_portal: world.Portal, admin: PortalUser, stranger: PortalUser, post: Send
) -> None:
    foreign = post([3], author=stranger, tag="order")
    ids = list(foreign.notifications.values_list("pk", flat=True))
    assert revoking.preview(admin, "tag", "order").count == 0
    assert revoking.delete(admin, "tag", "order").results == []
    assert revoking.delete_rows(admin, [*ids, -1, 10**30]).results == []
    assert not stand.log.entries
    assert len(left(other_portal)) == 1
    assert states(foreign) == {3: State.SENT}


def test_who_does_not_see_all_takes_back_only_their_own(
    stand: Stand, portal: world.Portal, admin: PortalUser, colleague: PortalUser, post: Send
) -> None:
    Portal.objects.update(who_may_send=Portal.Who.EVERYONE)
    theirs = post([5], tag="order", message="the admin's")
    post([6], author=colleague, tag="order", message="the colleague's")
    preview = revoking.preview(colleague, "tag", "order")
    assert (preview.count, [person.user_id for person in preview.people]) == (1, [6])
    revoking.delete(colleague, "tag", "order")
    assert left(portal) == [(5, "the admin's")]
    assert revoking.delete_rows(colleague, theirs.notifications.values_list("pk", flat=True)).results == []


def test_a_tag_is_deleted_through_the_sender_that_sent_it(
    stand: Stand, portal: world.Portal, admin: PortalUser, webhook_sender: Sender, post: Send
) -> None:
    """bitrix24.md 6.2: by webhook the CLIENT_ID must go along."""
    post([3], tag="order", message="from the app")
    by_webhook = post([3], tag="order", message="from the webhook", sender=webhook_sender)
    assert revoking.preview(admin, "tag", "order", webhook_sender).count == 1
    assert [item.deleted for item in revoking.delete(admin, "tag", "order", webhook_sender).results] == [True]
    assert left(portal) == [(3, "from the app")]
    assert states(by_webhook) == {3: State.DELETED}
    rows = Notification.objects.values_list("pk", flat=True)
    assert [item.deleted for item in revoking.delete_rows(admin, rows).results] == [True]
    assert left(portal) == []


def test_what_other_code_of_the_application_sent(stand: Stand, portal: world.Portal, admin: PortalUser, webhook_sender: Sender) -> None:
    for recipient in (3, 4):
        as_person(admin).run(api.notify(Notice(recipient, "by hand", tag=f"robot-{recipient}", sub_tag="robots")))
    as_webhook(webhook_sender).run(api.notify(Notice(5, "webhook's", tag="robot-3", client_id="robot")))
    assert revoking.delete_elsewhere(admin, "tag", "robot-3") is True
    assert left(portal) == [(4, "by hand"), (5, "webhook's")]
    assert revoking.delete_elsewhere(admin, "sub_tag", "robots") is True
    assert left(portal) == [(5, "webhook's")]
    assert revoking.delete_elsewhere(admin, "tag", "robot-3", webhook_sender) is True
    assert left(portal) == []


@pytest.mark.parametrize(("by", "value"), [("tag", "order|3"), ("sub_tag", "order")])
def test_what_the_ledger_knows_is_not_deleted_as_elsewhere(
    stand: Stand, portal: world.Portal, admin: PortalUser, post: Send, by: revoking.By, value: str
) -> None:
    post([3], tag="order")
    with pytest.raises(InvalidInput):
        revoking.delete_elsewhere(admin, by, value)
    assert not stand.log.entries
    assert len(left(portal)) == 1


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_value_is_refused(stand: Stand, admin: PortalUser, value: str) -> None:
    for act in (revoking.preview, revoking.delete, revoking.delete_elsewhere):
        with pytest.raises(InvalidInput):
            act(admin, "tag", value)
    assert not stand.log.entries


@pytest.mark.parametrize("rule", ["recipient", "application", "confirmations"])
def test_right_under_all_readings_of_uniqueness(portal: world.Portal, admin: PortalUser, post: Send, rule: str) -> None:
    """bitrix24.md 6.3: everyone keeps their copy, and a deletion by TAG leaves none."""
    portal.tag_rule = rule  # type: ignore[assignment]
    post([3, 4, 5], tag="order", message="one")
    assert [recipient for recipient, _text in left(portal)] == [3, 4, 5]
    post([3], tag="order", message="two")
    revoking.delete(admin, "tag", "order")
    assert left(portal) == []


def test_the_same_key_after_a_deletion_still_sends_nothing(portal: world.Portal, admin: PortalUser, post: Send) -> None:
    key = uuid4()
    post([3], tag="order", key=key)
    revoking.delete(admin, "tag", "order")
    post([3], tag="order", key=key)
    assert left(portal) == []


@pytest.fixture
def many(stand: Stand, join: Join, post: Send) -> PortalUser:
    """The admin of a large portal, who sent 120 people a notification of their own with the TAG order and the SUB_TAG shop."""
    author = join(stand.portals[2], stand.portals[2].admin)
    for first in (3, 53, 103):
        post(list(range(first, min(first + 50, 123))), author=author, tag="order", sub_tag="shop")
    return author


def test_many_are_asked_for_without_being_read(many: PortalUser, stand: Stand, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(4):
        preview = revoking.preview(many, "tag", "order")
    assert (preview.count, [person.user_id for person in preview.people], preview.more) == (120, list(range(3, 13)), 110)


def test_many_go_in_one_call_and_are_told_as_a_number(many: PortalUser, stand: Stand) -> None:
    with CaptureQueriesContext(connection) as queries:
        deletion = revoking.delete(many, "tag", "order")
    assert (deletion.results, deletion.deleted, deletion.total, deletion.left) == ([], 120, 120, 0)
    assert stand.log.count() == 1
    assert len([query for query in queries if query["sql"].startswith("UPDATE") and "closed_at" in query["sql"]]) == 1
    assert set(Notification.objects.values_list("state", flat=True)) == {State.DELETED}


def test_what_one_click_has_no_time_for_is_left_for_the_next(
    many: PortalUser, post: Send, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revoking, "MOST_IN_CLICK", 110)
    post([123], author=many, tag="parcel", sub_tag="shop")
    stand.faults.order(method="im.notify.delete", code="INTERNAL_SERVER_ERROR", inside_batch=True, times=1)
    deletion = revoking.delete(many, "tag", "order")
    assert (len(deletion.results), deletion.deleted, deletion.total, deletion.left) == (1, 109, 110, 10)
    deletion = revoking.delete(many, "tag", "order")
    assert (len(deletion.results), deletion.deleted, deletion.left) == (11, 11, 0)
    assert revoking.delete(many, "tag", "order").total == 0
    assert states(Dispatch.objects.get(tag="parcel")) == {123: State.SENT}
