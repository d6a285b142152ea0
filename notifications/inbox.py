"""The signed-in person's own feed: reading, marking, answering, deleting, searching (bitrix24.md 6.1)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from django.core.cache import cache
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from b24app.models import Portal, PortalUser, Sender
from b24app.pictures import picture
from b24app.rest.client import LARGEST_BATCH, as_person, as_portal
from b24app.rest.errors import RestError
from notifications import answering, api, attach, ledger, people, tags
from notifications.api import Module, Reaction
from notifications.errors import InvalidInput
from notifications.feed import CONFIRMATION, OTHERS, FeedItem, FeedPerson
from notifications.models import Notification

NEWS_SECONDS = 3.0
"""How long a look for news may take: the page asks by itself, and leaves what room there is to people's clicks."""

MOST_PAGES = 10
"""Pages that one look for news may take: an end, whatever the portal answers."""

KEPT = timedelta(days=60)
"""How long the portal keeps a notification (bitrix24.md 6.10)."""

SCHEMA_SECONDS = 6 * 3600
"""How long a portal's schema is kept: it changes only when modules are installed."""

_CURSOR = re.compile(r"(?P<id>[1-9]\d{0,18})-(?P<type>[13])")


class Origin(StrEnum):
    """Where a notification in the feed comes from."""

    LEDGER = "ledger"
    ELSEWHERE = "elsewhere"
    PORTAL = "portal"


@dataclass(frozen=True, slots=True)
class InboxItem:
    """One notification in the feed.

    The author's `avatar` is an address that a page can load, or empty.
    `origin` is LEDGER when the app sent it (`row` is its row then), ELSEWHERE when other code of the same application or one of the
    portal's webhooks did (`sender` has their CLIENT_ID), PORTAL for everything else. `tag` and `sub_tag` are for people: as typed,
    without namespace.
    """

    item: FeedItem
    author: FeedPerson | None
    origin: Origin
    row: Notification | None
    sender: Sender | None
    tag: str
    sub_tag: str
    blocks: tuple[attach.Block, ...]

    @property
    def asks(self) -> bool:
        """Whether this is the copy of a request that waits for the person's answer."""
        return self.row is not None and answering.status_of(self.row) is answering.Status.OPEN


@dataclass(frozen=True, slots=True)
class InboxPage:
    """Items in the portal's order, the cursor of the next page (empty on the last), the counts of the whole feed."""

    items: tuple[InboxItem, ...]
    next_cursor: str
    total: int
    unread: int


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest ids that somebody has seen: among confirmations and among the rest. None where that kind has not been reached yet."""

    confirmation: int | None
    other: int | None


@dataclass(frozen=True, slots=True)
class News:
    """What came since: items in the portal's order, and how many of the whole feed are unread."""

    items: tuple[InboxItem, ...]
    unread: int


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for in the history: words, types (`module` or `module|event`), one day or a period (aware times), authors' user ids."""

    words: str = ""
    types: tuple[str, ...] = ()
    date: datetime | None = None
    date_from: datetime | None = None
    date_to: datetime | None = None
    authors: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundPage:
    """Found items, the cursor of the next page (empty on the last), and how many there are in all (first page only)."""

    items: tuple[InboxItem, ...]
    next_cursor: str
    total: int | None


@dataclass(frozen=True, slots=True)
class Deleted:
    """What became of one notification: `deleted` is false when it was not in this person's feed any more."""

    id: int
    deleted: bool
    error: RestError | None = None


def page(person: PortalUser, cursor: str = "") -> InboxPage:
    """A page of the person's feed, in one call. `cursor` is the previous page's `next_cursor`, empty for the first page.

    The cursor is an id of the portal, so nothing is lost or doubled while new notifications arrive.
    Raises InvalidInput for a cursor that is none, RestError.
    """
    found = as_person(person).run(api.get(**_place(cursor)))
    return InboxPage(_items(person, found.items, found.people), _next_cursor(found.items), found.total, found.unread)


def news(person: PortalUser, seen: Newest) -> News:
    """What has come to the person's feed since `seen`. Raises RestError.

    One call, and one more per 50 confirmations that stand before the rest or per 50 new ones: the portal tells no shorter way.
    """
    client = as_person(person, background=True, seconds=NEWS_SECONDS)
    fresh: list[FeedItem] = []
    authors: dict[int, FeedPerson] = {}
    cursor = ""
    for _page in range(MOST_PAGES):
        found = client.run(api.get(**_place(cursor)))
        fresh += [item for item in found.items if _is_newer(item, seen)]
        authors |= found.people
        cursor = _next_cursor(found.items)
        if not cursor or not _may_precede_news(found.items[-1], seen):
            break
    return News(_items(person, fresh, authors), found.unread)


def search(person: PortalUser, wanted: Search, cursor: str = "") -> FoundPage:
    """A page of the person's history that fits `wanted`, in one call. Raises InvalidInput, RestError."""
    place = _place(cursor)
    wanted = _with_period(wanted)
    found = as_person(person).run(
        api.history_search(
            wanted.words,
            types=wanted.types,
            date=wanted.date,
            date_from=wanted.date_from,
            date_to=wanted.date_to,
            authors=wanted.authors,
            last_id=place.get("last_id"),
        )
    )
    return FoundPage(_items(person, found.items, found.people), _next_cursor(found.items), found.total)


def authors_named(person: PortalUser, name: str) -> tuple[int, ...]:
    """User ids of the portal's people whose names have every word of `name`, in one call. Raises RestError."""
    found = as_person(person).run(people.search(name))
    words = name.casefold().split()
    return tuple(user_id for user_id, (full_name, _photo) in found.items() if all(word in full_name.casefold() for word in words))


def delete(person: PortalUser, ids: Sequence[int]) -> list[Deleted]:
    """Delete up to 50 notifications from the person's own feed, in one batch. Raises InvalidInput before any call, RestError."""
    if not 0 < len(ids) <= LARGEST_BATCH:
        raise InvalidInput("ids", _("Choose between 1 and %(limit)d notifications.") % {"limit": LARGEST_BATCH})
    outcomes = as_person(person).run_batch({str(each): api.delete(each) for each in ids})
    results = [Deleted(each, bool(outcomes[str(each)].value), outcomes[str(each)].error) for each in dict.fromkeys(ids)]
    gone = [result.id for result in results if result.deleted]
    rows = ledger.for_portal(person.portal).filter(recipient=person, portal_notification_id__in=gone)
    # Whoever puts a request out of their own sight is still asked.
    asking = rows.filter(dispatch__confirmation_request__isnull=False).values_list("pk", flat=True)
    ledger.close(rows.exclude(pk__in=list(asking)), Notification.State.DELETED)
    return results


def mark(person: PortalUser, ids: Sequence[int], *, is_read: bool) -> None:
    """Mark these notifications of the person's feed; the portal never marks confirmations. Raises InvalidInput, RestError."""
    as_person(person).run(api.read_list(ids, is_read=is_read))


def mark_newer(person: PortalUser, notification_id: int, *, is_read: bool = True) -> None:
    """Mark this notification and all newer ones of the person's feed. Raises InvalidInput, RestError."""
    as_person(person).run(api.read(notification_id, is_read=is_read, only_current=False))


def mark_all(person: PortalUser) -> int | None:
    """Mark the whole feed as read. Returns how many stay unread, None where the portal does not say. Raises RestError."""
    return as_person(person).run(api.read_all())


def answer(person: PortalUser, notification_id: int, text: str) -> Reaction:
    """Send a quick answer to a notification of the person's feed. Raises InvalidInput, RestError."""
    return as_person(person).run(api.answer(notification_id, text))


def schema(portal: Portal) -> tuple[Module, ...]:
    """The portal's types of notifications, kept for SCHEMA_SECONDS per portal and language of the interface. Raises RestError."""
    key = f"notification-schema:{portal.pk}:{get_language()}"
    known: tuple[Module, ...] | None = cache.get(key)
    if known is None:
        known = as_portal(portal).run(api.schema_get())
        cache.set(key, known, SCHEMA_SECONDS)
    return known


def _place(cursor: str) -> dict[str, int]:
    """The paging parameters that a cursor stands for."""
    if not cursor:
        return {}
    read = _CURSOR.fullmatch(cursor)
    if read is None:
        raise InvalidInput("cursor", _("This page of the list does not exist. Open the list again."))
    return {"last_id": int(read["id"]), "last_type": int(read["type"])}


def _is_newer(item: FeedItem, seen: Newest) -> bool:
    last = seen.confirmation if item.is_confirmation else seen.other
    return last is not None and item.id > last


def _may_precede_news(last: FeedItem, seen: Newest) -> bool:
    """Whether news may follow a full page that ends with `last`: confirmations come first, then the rest, each newest first."""
    return _is_newer(last, seen) or (last.is_confirmation and seen.other is not None)


def _with_period(wanted: Search) -> Search:
    """The same search with a period around all that the portal keeps, where only authors narrow it.

    The documentation lifts the limit on short texts for types and dates only (page im.notify.history.search).
    """
    if not wanted.authors or wanted.types or wanted.date or wanted.date_from or len(wanted.words.strip()) >= api.SHORTEST_SEARCH:
        return wanted
    now = timezone.now()
    return replace(wanted, date_from=now - KEPT - timedelta(days=1), date_to=now + timedelta(days=1))


def _next_cursor(items: Sequence[FeedItem]) -> str:
    if len(items) < api.PAGE:
        return ""
    last = items[-1]
    return f"{last.id}-{CONFIRMATION if last.is_confirmation else OTHERS}"


def _items(person: PortalUser, items: Sequence[FeedItem], authors: Mapping[int, FeedPerson]) -> tuple[InboxItem, ...]:
    senders = list(person.portal.senders.all())
    rows = _rows_of(person, items, senders)
    return tuple(_item(person, item, authors.get(item.author_id), _sender_of(item, senders), rows) for item in items)


def _item(
    person: PortalUser, item: FeedItem, author: FeedPerson | None, sender: Sender | None, rows: Mapping[str, Notification]
) -> InboxItem:
    row = rows.get(item.tag)
    if row is not None:
        origin, tag, sub_tag = Origin.LEDGER, row.tag, row.sub_tag
    elif sender is not None:
        origin, tag, sub_tag = Origin.ELSEWHERE, tags.strip(item.tag, sender), tags.strip(item.sub_tag, sender)
    else:
        origin, tag, sub_tag = Origin.PORTAL, item.tag, item.sub_tag
    author = author and replace(author, avatar=picture(author.avatar, person.portal.origin))
    return InboxItem(item, author, origin, row, sender, tag, sub_tag, attach.read(item.attach, person.portal.origin))


def _sender_of(item: FeedItem, senders: Sequence[Sender]) -> Sender | None:
    """The sender in whose namespace the item is: by TAG, or by SUB_TAG where it has no TAG. None where the app itself tells something."""
    sender = next((sender for sender in senders if tags.in_namespace(item.tag or item.sub_tag, sender)), None)
    return None if sender and tags.is_report(item.tag, sender) else sender


def _rows_of(person: PortalUser, items: Sequence[FeedItem], senders: Sequence[Sender]) -> dict[str, Notification]:
    """The ledger's newest row of each item, by stored TAG: every notification of the ledger has one."""
    wanted = Q()
    for sender in senders:
        wire_tags = [tags.strip(item.tag, sender) for item in items if tags.in_namespace(item.tag, sender)]
        if wire_tags:
            wanted |= Q(sender=sender, wire_tag__in=wire_tags)
    if not wanted:
        return {}
    rows = ledger.for_portal(person.portal).filter(wanted, recipient=person)
    rows = rows.select_related("sender", "author", "dispatch__confirmation_request", "answer")
    return {tags.stored(row.wire_tag, row.sender): row for row in rows.order_by("id")}
