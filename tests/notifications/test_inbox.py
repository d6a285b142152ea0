"""The person's own feed: pages without loss or doubles, where items come from, and what can be done with them."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from b24app.models import PortalUser, Sender
from b24app.rest.client import as_person, as_webhook
from b24app.rest.errors import RestError
from devportal import world
from devportal.feed import FROM_USER
from devportal.server import Stand
from notifications import api, inbox
from notifications.api import Notice
from notifications.attach import Message
from notifications.errors import InvalidInput
from notifications.inbox import Origin, Search
from notifications.models import Notification
from tests.notifications.conftest import Send, states

State = Notification.State


def arrive(portal: world.Portal, *, confirmation: bool = False, **fields: Any) -> int:
    """Something of the portal's own arrives in the admin's feed; its id."""
    if confirmation:
        return portal.place_confirmation(portal.admin, tag=uuid4().hex).id
    values = {"author_id": 2, "notify_type": FROM_USER, "module": "tasks", "event": "comment", "text": "A comment"} | fields
    return portal.store.add(portal.admin.id, **values).id


def clear(portal: world.Portal) -> None:
    for item in portal.feed(portal.admin):
        portal.store.delete(portal.admin.id, item.id)


def test_an_empty_feed(stand: Stand, portal: world.Portal, admin: PortalUser) -> None:
    for as_list in (False, True):
        portal.empty_feed_is_list = as_list
        assert inbox.page(admin) == inbox.InboxPage((), "", 0, 0)
    assert len(stand.log.entries) == 2


def test_one_page_is_one_call_with_counts_and_authors(stand: Stand, portal: world.Portal, admin: PortalUser) -> None:
    first, asked, last = arrive(portal), arrive(portal, confirmation=True), arrive(portal)
    page = inbox.page(admin)
    assert [entry.method for entry in stand.log.entries] == ["im.notify.get"]
    assert [item.item.id for item in page.items] == [asked, last, first]
    assert (page.total, page.unread, page.next_cursor) == (3, 3, "")
    assert [item.author.name for item in page.items if item.author] == [portal.second_admin.full_name] * 3


@given(
    confirmations=st.integers(0, 110) | st.sampled_from([49, 50, 51, 100]),
    others=st.integers(0, 110) | st.sampled_from([49, 50, 51, 100]),
    meanwhile=st.lists(st.lists(st.booleans(), max_size=4), max_size=5),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_is_lost_or_doubled_while_new_ones_arrive(
    portal: world.Portal, admin: PortalUser, confirmations: int, others: int, meanwhile: list[list[bool]], order: Random
) -> None:
    """bitrix24.md 6.9: LAST_ID is the last id, LAST_TYPE 1 while that was a confirmation, else 3."""
    clear(portal)
    portal.limits = "self-hosted"
    before = [True] * confirmations + [False] * others
    order.shuffle(before)
    there = {arrive(portal, confirmation=confirmation) for confirmation in before}
    arrivals = iter(meanwhile)
    seen: list[int] = []
    cursor = ""
    while True:
        page = inbox.page(admin, cursor)
        seen += [item.item.id for item in page.items]
        for confirmation in next(arrivals, []):
            arrive(portal, confirmation=confirmation)
        if not page.next_cursor:
            break
        cursor = page.next_cursor
    assert len(seen) == len(set(seen))
    assert there <= set(seen)


@pytest.mark.parametrize("cursor", ["x", "5", "5-2", "0-1", "-5-1", "5-1 ", "5-1-1", "99999999999999999999-1"])
def test_a_cursor_that_is_none_is_refused(stand: Stand, admin: PortalUser, cursor: str) -> None:
    with pytest.raises(InvalidInput):
        inbox.page(admin, cursor)
    assert not stand.log.entries


def test_where_items_come_from(portal: world.Portal, admin: PortalUser, webhook_sender: Sender, post: Send) -> None:
    """bitrix24.md 6.2: the prefix is how the app recognises its own, also those sent by other code of the same application."""
    me = admin.user_id
    arrive(portal, tag="TASK|42", sub_tag="TASK")
    as_person(admin).run(api.notify(Notice(me, "by hand", tag="robot|5", sub_tag="robots")))
    as_person(admin).run(api.notify(Notice(me, "by hand, no tag", sub_tag="robots")))
    as_webhook(webhook_sender).run(api.notify(Notice(me, "by webhook", tag="hook", client_id="robot")))
    post([me], message="tagged", tag="order", sub_tag="shop")
    post([me], message="untagged")
    post([me], message="webhook of the ledger", tag="order", sender=webhook_sender)

    shown = {item.item.text: (item.origin, item.tag, item.sub_tag, item.row and item.row.message) for item in inbox.page(admin).items}
    assert shown == {
        "A comment": (Origin.PORTAL, "TASK|42", "TASK", None),
        "by hand": (Origin.ELSEWHERE, "robot|5", "robots", None),
        "by hand, no tag": (Origin.ELSEWHERE, "", "robots", None),
        "by webhook": (Origin.ELSEWHERE, "hook", "", None),
        "tagged": (Origin.LEDGER, "order", "shop", "tagged"),
        "untagged": (Origin.LEDGER, "", "", "untagged"),
        "webhook of the ledger": (Origin.LEDGER, "order", "", "webhook of the ledger"),
    }


def test_authors_have_a_picture_only_where_there_is_one(portal: world.Portal, admin: PortalUser) -> None:
    """A path of the portal is no path of ours, and an empty picture is none: otherwise the page would show a broken one."""
    author = portal.people[2]
    arrive(portal, author_id=author.id)
    for told, old_answers, shown in (
        ("/upload/author.png", False, f"{portal.url}/upload/author.png"),
        ("https://cdn.example/author.png", False, "https://cdn.example/author.png"),
        ("", True, ""),
    ):
        author.photo, portal.old_answers = told, old_answers
        [item] = inbox.page(admin).items
        assert item.author
        assert item.author.avatar == shown


def test_a_row_of_another_portal_is_no_origin(portal: world.Portal, admin: PortalUser, stranger: PortalUser, post: Send) -> None:
    post([1], author=stranger, tag="order")
    as_person(admin).run(api.notify(Notice(1, "same wire tag", tag="order|1")))
    assert [(item.origin, item.row) for item in inbox.page(admin).items] == [(Origin.ELSEWHERE, None)]


def test_attachments_are_read(portal: world.Portal, admin: PortalUser) -> None:
    arrive(portal, attach=[{"MESSAGE": "more"}])
    assert inbox.page(admin).items[0].blocks == (Message("more"),)


def test_deleting_from_the_own_feed(stand: Stand, portal: world.Portal, admin: PortalUser, colleague: PortalUser, post: Send) -> None:
    """bitrix24.md 6.1: deleting somebody else's by id answers false."""
    dispatch = post([admin.user_id, colleague.user_id], tag="order")
    ids = {row.recipient.user_id: row.portal_notification_id or 0 for row in dispatch.notifications.select_related("recipient")}
    other = arrive(portal)
    results = inbox.delete(admin, [ids[admin.user_id], ids[colleague.user_id], other])
    assert [entry.method for entry in stand.log.entries] == ["batch"]
    assert [result.deleted for result in results] == [True, False, True]
    assert states(dispatch) == {admin.user_id: State.DELETED, colleague.user_id: State.SENT}
    assert portal.feed(portal.admin) == []
    assert len(portal.feed(portal.person)) == 1


@pytest.mark.parametrize("ids", [[], [0], [1, -1], [2**63], list(range(1, 52))])
def test_deleting_what_cannot_be_is_refused(stand: Stand, admin: PortalUser, ids: list[int]) -> None:
    with pytest.raises(InvalidInput):
        inbox.delete(admin, ids)
    assert not stand.log.entries


def test_marking(stand: Stand, portal: world.Portal, admin: PortalUser) -> None:
    """bitrix24.md 6.8: one, several, one and all newer; a confirmation never."""
    first, second, third = (arrive(portal) for _number in range(3))
    asked = arrive(portal, confirmation=True)

    def unread() -> set[int]:
        return {item.id for item in portal.feed(portal.admin) if not item.read}

    inbox.mark(admin, [first, asked], is_read=True)
    assert unread() == {second, third, asked}
    inbox.mark(admin, [first], is_read=False)
    inbox.mark_newer(admin, second)
    assert unread() == {first, asked}
    assert inbox.mark_all(admin) == 1
    assert unread() == {asked}
    portal.old_answers = True
    assert inbox.mark_all(admin) is None
    assert len(stand.log.entries) == 5


def test_answering(portal: world.Portal, admin: PortalUser) -> None:
    asked = arrive(portal, answerable=True)
    other = arrive(portal)
    assert [item.item.answerable for item in inbox.page(admin).items] == [False, True]
    assert inbox.answer(admin, asked, " Yes ").texts == ("Your reply has been sent.",)
    assert inbox.answer(admin, other, "Yes").accepted is False


def test_searching_by_word_type_author_and_date_page_by_page(stand: Stand, portal: world.Portal, admin: PortalUser) -> None:
    """Page im.notify.history.search: total on the first page only, then on with LAST_ID."""
    long_ago = datetime.now(UTC) - timedelta(days=10)
    invoices = [arrive(portal, text=f"Invoice {number}") for number in range(60)]
    mention = arrive(portal, module="im", event="mention", text="Anna mentioned you", author_id=4)
    old = arrive(portal, text="Old invoice", created_at=long_ago.timestamp())

    first = inbox.search(admin, Search("invoice"))
    assert (first.total, len(first.items)) == (61, 50)
    second = inbox.search(admin, Search("invoice"), first.next_cursor)
    assert (second.total, second.next_cursor) == (None, "")
    found = [item.item.id for item in (*first.items, *second.items)]
    assert sorted(found) == sorted([*invoices, old])
    assert len(stand.log.entries) == 2

    def ids(wanted: Search) -> list[int]:
        return [item.item.id for item in inbox.search(admin, wanted).items]

    assert ids(Search(types=("im|mention",))) == [mention]
    assert ids(Search("mentioned", authors=(4,))) == [mention]
    assert ids(Search(date=long_ago)) == [old]
    assert ids(Search("old", date_from=long_ago - timedelta(days=1), date_to=long_ago + timedelta(days=1))) == [old]


def test_a_search_too_short_is_refused(stand: Stand, admin: PortalUser) -> None:
    with pytest.raises(InvalidInput):
        inbox.search(admin, Search("ab"))
    assert not stand.log.entries


def test_the_schema_is_asked_once_per_portal(stand: Stand, admin: PortalUser, stranger: PortalUser) -> None:
    names = {module.id: module.name for module in inbox.schema(admin.portal)}
    assert names["tasks"] == "Tasks"
    assert inbox.schema(admin.portal) == inbox.schema(admin.portal)
    assert stand.log.count("im.notify.schema.get") == 1
    inbox.schema(stranger.portal)
    assert stand.log.count("im.notify.schema.get") == 2


def test_a_schema_that_could_not_be_had_is_not_kept(stand: Stand, admin: PortalUser) -> None:
    stand.faults.order(method="im.notify.schema.get", code="INSUFFICIENT_SCOPE")
    with pytest.raises(RestError):
        inbox.schema(admin.portal)
    assert inbox.schema(admin.portal)


def test_another_persons_feed_is_not_seen(portal: world.Portal, admin: PortalUser, colleague: PortalUser) -> None:
    arrive(portal)
    assert inbox.page(colleague).items == ()
