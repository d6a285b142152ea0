"""Reading and closing rows of the ledger. Every query on it starts here, so that it is scoped by portal in one place.

A page costs the same in a ledger of a thousand rows and of a million (benchmarks/ledger.py). Newest first is by dispatch and then by row,
so that each filter reads along an index in this order and ends with the page: a text is looked for in the dispatches, which are few,
and a name among the people, before any row is touched.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from django.db import connection, transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleLessThan
from django.utils import timezone

from b24app.models import Portal, PortalUser, Sender
from b24app.roles import may_see_all
from notifications.models import Dispatch, Notification
from notifications.shapes import LARGEST_ID

PAGE = 50

MOST_NAMED = 500
"""People whose rows are asked for by their numbers: the rows of more are met soon enough when all are walked through."""

By = Literal["tag", "sub_tag"]
"""What a person names notifications by."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What to show: exact TAG and SUB_TAG as typed, a recipient by user id or name, a state, words of text, tags or recipient's name.

    `sender` is the number of a sender, which is looked for on the person's portal only.
    """

    tag: str = ""
    sub_tag: str = ""
    person: str = ""
    state: str = ""
    words: str = ""
    sender: int | None = None


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """Rows, newest first, and the `before` of the next page (None on the last one)."""

    rows: list[Notification]
    next_before: int | None


def for_portal(portal: Portal) -> QuerySet[Notification]:
    """The ledger of one portal."""
    return Notification.objects.filter(portal=portal)


def visible_to(person: PortalUser) -> QuerySet[Notification]:
    """What this person may see: everything of the portal, or only what they sent or received."""
    rows = for_portal(person.portal)
    return rows if may_see_all(person) else rows.filter(Q(author=person) | Q(recipient=person))


def revocable_by(person: PortalUser) -> QuerySet[Notification]:
    """Rows that are or may be in somebody's feed and that this person may take back: everybody's, or only their own."""
    rows = for_portal(person.portal).filter(state__in=Notification.LIVE)
    return rows if may_see_all(person) else rows.filter(author=person)


def is_revocable(person: PortalUser, row: Notification) -> bool:
    """Whether `revocable_by` has this row of the person's portal."""
    return row.state in Notification.LIVE and (row.author_id == person.pk or may_see_all(person))


def tagged(rows: QuerySet[Notification], by: By, value: str) -> QuerySet[Notification]:
    """Those of the rows with this TAG or SUB_TAG, as typed."""
    return rows.filter(tag=value) if by == "tag" else rows.filter(sub_tag=value)


@dataclass(frozen=True, slots=True)
class Search:
    """Filters as the tables of the portal can be asked for them: with the people whom they name, and the words case folded.

    `recipient` says who is named as the recipient, None when nobody is. `named` says for each of the words who bears it in their name, and
    `anybody` who bears one of them, None when nobody does.
    """

    portal: Portal
    filters: Filters
    recipient: Q | None = None
    named: dict[str, Q | None] = field(default_factory=dict)
    anybody: Q | None = None


def search(portal: Portal, filters: Filters) -> Search:
    """The filters with the people of the portal whom they name, in one query for the recipient and one for the words."""
    recipient = _one_of(_called(portal, filters.person)) or Q(pk__in=()) if filters.person.strip() else None
    words = filters.words.casefold().split()
    return Search(portal, filters, recipient, *(_named(portal, words) if words else ()))


def narrowed(rows: QuerySet[Notification], found: Search) -> QuerySet[Notification]:
    """Those of the rows that fit the filters, all but the words."""
    filters = found.filters
    exact = {"tag": filters.tag, "sub_tag": filters.sub_tag, "sender": filters.sender, "state": filters.state}
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    return rows if found.recipient is None else rows.filter(found.recipient)


def worded(rows: QuerySet[Notification], found: Search) -> QuerySet[Notification]:
    """Those of the rows that have each of the words in their text, their tags or their recipient's name."""
    for word, bearer in found.named.items():
        # Asked of each row instead of joined: PostgreSQL might walk through all dispatches, other portals' too, to join them in this order.
        said = Q(Lazily(Dispatch.objects.filter(pk=OuterRef("dispatch"), search_text__contains=word)))
        rows = rows.filter(said | bearer if bearer else said)
    return rows


def saying(dispatches: QuerySet[Dispatch], found: Search) -> QuerySet[Dispatch]:
    """Those of the dispatches that have each of the words in their text or their tags."""
    for word in found.named:
        dispatches = dispatches.filter(search_text__contains=word)
    return dispatches


def page(person: PortalUser, filters: Filters, before: int | None, size: int = PAGE) -> LedgerPage:
    """A page of what `person` may see, in at most eight queries. `before` is the previous page's `next_before`, None for the first page."""
    end = _position(person.portal, before) if before is not None else None
    keys: set[Position] = set()
    for part in _parts(person, search(person.portal, filters), end, size):
        keys.update(part.order_by("-dispatch", "-pk").values_list("dispatch_id", "pk")[: size + 1])
    newest = [pk for _dispatch, pk in sorted(keys, reverse=True)[: size + 1]]
    shown = for_portal(person.portal).select_related("recipient", "author", "sender", "dispatch").defer(*_SECRETS, *not_shown("dispatch"))
    rows = list(shown.filter(pk__in=newest).order_by("-dispatch", "-pk"))
    return LedgerPage(rows[:size], newest[size - 1] if len(newest) > size else None)


def not_shown(path: str = "") -> list[str]:
    """Names of the columns of a dispatch, reached by `path`, that no list shows: they can be long, and the secret of its sender."""
    columns = ("message_out", "attach", "search_text", "audience", "recipients", "left_out", "taken_back", "sender__webhook_url")
    return [f"{path}__{column}" if path else column for column in columns]


class Lazily(Exists):
    """EXISTS that PostgreSQL asks of row after row, in their order: with an OFFSET it is not made a join, which would find all."""

    template = "EXISTS(%(subquery)s OFFSET 0)"


def close(rows: QuerySet[Notification], state: Notification.State) -> int:
    """Close those of the rows that are still live; what changed meanwhile stays as it is. Returns how many were closed."""
    live = rows.filter(state__in=Notification.LIVE)
    with transaction.atomic():
        dispatches = set(live.order_by().values_list("dispatch_id", flat=True).distinct())
        closed = live.update(state=state, lease_until=None, closed_at=timezone.now())
        changed(dispatches)
    return closed


def changed(dispatch_ids: Iterable[int]) -> None:
    """Note, as the last step of a transaction that changed states of notifications, that their dispatches' counts are stale."""
    dispatches = Dispatch.objects.filter(pk__in=set(dispatch_ids))
    # In one order everywhere: of two transactions that change the same dispatches, neither can hold what the other waits for.
    list(dispatches.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    dispatches.update(change=F("change") + 1, is_stale=True)


def close_replaced(sender: Sender, wire_tags: Iterable[str]) -> None:
    """Mark live rows as replaced where a newer one with the same TAG, so for the same recipient, was sent (bitrix24.md 6.3)."""
    newer = Notification.objects.filter(sender=sender, wire_tag=OuterRef("wire_tag"), state=Notification.State.SENT, id__gt=OuterRef("id"))
    close(for_portal(sender.portal).filter(Exists(newer), sender=sender, wire_tag__in=list(wire_tags)), Notification.State.REPLACED)


Position = tuple[int, int]
"""A place in the ledger: the dispatch, and the number of the row."""

_SECRETS = ("recipient__access_token", "recipient__refresh_token", "author__access_token", "author__refresh_token")


def _position(portal: Portal, before: int) -> Position:
    """Where the page before this one ended. Its last row may have been erased meanwhile: then the next older one tells the dispatch."""
    older = for_portal(portal).filter(pk__lte=before).order_by("-pk").values_list("dispatch_id", flat=True)
    return older[:1].first() or 0, before


def _parts(person: PortalUser, found: Search, end: Position | None, size: int) -> list[QuerySet[Notification]]:
    """What the person may see and fits the filters, as sets each of which an index gives in order; a row can be in several."""
    rows = narrowed(for_portal(person.portal), found)
    if end:
        rows = rows.filter(TupleLessThan(Tuple("dispatch_id", "id"), end))
    dispatches = _up_to(Dispatch.objects.filter(portal=person.portal), end) if found.named else Dispatch.objects.none()
    if may_see_all(person):
        return _searched(rows, dispatches, found, size)
    sent = _searched(rows.filter(author=person), dispatches.filter(author=person), found, size)
    return [*sent, worded(rows.filter(recipient=person), found)]


def _up_to(dispatches: QuerySet[Dispatch], end: Position | None) -> QuerySet[Dispatch]:
    """The dispatches from the end of the page before, or from the portal's newest on.

    Without that bound PostgreSQL might walk there from the newest of all portals.
    """
    newest = end[0] if end else dispatches.aggregate(newest=Max("pk"))["newest"]
    return dispatches.filter(pk__lte=newest or 0)


def _searched(rows: QuerySet[Notification], dispatches: QuerySet[Dispatch], found: Search, size: int) -> list[QuerySet[Notification]]:
    """Those of the rows that have the words: where the dispatch has them all, and where the recipient bears at least one."""
    if not found.named:
        return [rows]
    with_rows = saying(dispatches, found).filter(Exists(rows.filter(dispatch=OuterRef("pk"))))
    # Each has one row at least that belongs here, so no more of them can be on the page.
    newest = list(with_rows.order_by("-pk").values_list("pk", flat=True)[: size + 1])
    return [rows.filter(dispatch__in=newest), *([worded(rows.filter(found.anybody), found)] if found.anybody else [])]


def _called(portal: Portal, named: str) -> QuerySet[PortalUser]:
    """People of this user id, or with each of these words in their name."""
    people = PortalUser.objects.filter(portal=portal)
    if named.isdecimal():
        return people.filter(user_id=min(int(named), LARGEST_ID))
    for word in named.split():
        people = people.filter(_bears(word))
    return people


def _named(portal: Portal, words: Iterable[str]) -> tuple[dict[str, Q | None], Q | None]:
    """Who bears each of the words in their name, and who bears one of them."""
    anybody = PortalUser.objects.filter(Q(*map(_bears, words), _connector=Q.OR), portal=portal)
    some = dict(anybody.values_list("pk", "name")[: MOST_NAMED + 1])
    if len(some) > MOST_NAMED:
        return {word: _lazily(anybody.filter(_bears(word))) for word in words}, _lazily(anybody)
    bearers = {word: [pk for pk, name in some.items() if word in name.casefold()] for word in words}
    return {word: _numbered(pks) for word, pks in bearers.items()}, _numbered(some)


def _one_of(people: QuerySet[PortalUser]) -> Q | None:
    """That the recipient is one of the people; None when there are none."""
    some = list(people.values_list("pk", flat=True)[: MOST_NAMED + 1])
    return _numbered(some) if len(some) <= MOST_NAMED else _lazily(people)


def _numbered(pks: Iterable[int]) -> Q | None:
    return Q(recipient__in=list(pks)) if pks else None


def _lazily(people: QuerySet[PortalUser]) -> Q:
    """The same of many people: asked of row after row until the page is full."""
    return Q(Lazily(people.filter(pk=OuterRef("recipient"))))


def _bears(word: str) -> Q:
    if connection.vendor == "postgresql":
        return Q(name__icontains=word)
    # icontains on SQLite ignores case for Latin letters only; a regular expression does so in every script.
    return Q(name__iregex=re.escape(word))
