"""Dispatches, newest first: what was sent in one act, by whom, and how far each has come."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from b24app.models import PortalUser
from b24app.roles import may_see_all
from notifications import counts, ledger
from notifications.models import Dispatch, Notification

PAGE = 50

MOST_UNDER_WAY = 3
"""How many of a person's own dispatches that are on their way are told of at once."""

NOT_SENT_YET = (Dispatch.State.PREPARING, Dispatch.State.READY)
"""Their audience is being read, or they wait for their author's word: nothing of them has a row yet."""

States = tuple[tuple[Notification.State, int], ...]

# What is over stands before what is still to come, as a bar fills.
_LAST = (Notification.State.SENDING, Notification.State.QUEUED)
_FIRST = (Notification.State.CONFIRMED, Notification.State.DECLINED, Notification.State.SENT)
_ORDER = (*_FIRST, *(state for state in Notification.State if state not in (*_FIRST, *_LAST)), *_LAST)


@dataclass(frozen=True, slots=True)
class Filters:
    """What to show: exact TAG and SUB_TAG as typed, words of text, tags or author, a Dispatch.State or "unsent" (NOT_SENT_YET)."""

    tag: str = ""
    sub_tag: str = ""
    words: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A dispatch and the numbers of its notifications by state, only states that occur; None for one that the person only received."""

    dispatch: Dispatch
    states: States | None

    @property
    def over(self) -> int:
        """How many of its notifications are neither waiting nor on their way."""
        return sum(number for state, number in self.states or () if state not in _LAST)

    @property
    def percent(self) -> int:
        """The same in per cent, 100 only when all are."""
        return self.over * 100 // self.dispatch.total if self.dispatch.total else 0


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Entries, newest first, and the `before` of the next page (None on the last one)."""

    entries: list[Entry]
    next_before: int | None


@dataclass(frozen=True, slots=True)
class RecipientsPage:
    """Rows of one dispatch, and the `after` of the next page (None on the last one)."""

    rows: list[Notification]
    next_after: int | None


def visible_to(person: PortalUser) -> QuerySet[Dispatch]:
    """What this person may open: every dispatch of the portal, or what they sent or received."""
    dispatches = _light(person).select_related("author", "sender", "portal")
    if may_see_all(person):
        return dispatches
    received = ledger.for_portal(person.portal).filter(recipient=person, dispatch=OuterRef("pk"))
    return dispatches.filter(Q(author=person) | Exists(received))


def may_follow(person: PortalUser, dispatch: Dispatch) -> bool:
    """Whether this person sees what became of it with everybody: its author, and who may see all. A recipient sees their own copy."""
    return dispatch.author_id == person.pk or may_see_all(person)


def page(person: PortalUser, filters: Filters, before: int | None, size: int = PAGE) -> HistoryPage:
    """A page of what `person` may open. `before` is the previous page's `next_before`, None for the first page."""
    dispatches = _narrowed(visible_to(person), filters)
    if before is not None:
        dispatches = dispatches.filter(id__lt=before)
    found = list(dispatches.order_by("-id")[: size + 1])
    return HistoryPage(_entries(person, found[:size]), found[size - 1].id if len(found) > size else None)


def under_way(person: PortalUser) -> list[Entry]:
    """The newest of what this person has sent that is still on its way."""
    mine = list(_light(person).filter(finished_at=None, author=person, state__in=Dispatch.UNDER_WAY).order_by("-id")[:MOST_UNDER_WAY])
    return _entries(person, mine)


def recipients(person: PortalUser, dispatch: Dispatch, after: int | None, *, state: str = "", reason: str = "") -> RecipientsPage:
    """Who got a dispatch, as far as `person` may see it, in the order of writing (by name), in one query.

    `after` is the previous page's `next_after`. `state` narrows to a Notification.State, `reason` to what failed with that error code.
    """
    rows = ledger.visible_to(person).filter(dispatch=dispatch)
    if state:
        rows = rows.filter(state=state)
    if reason:
        rows = rows.filter(state=Notification.State.FAILED, error_code=reason)
    if after is not None:
        rows = rows.filter(id__gt=after)
    found = list(rows.select_related("recipient").order_by("id")[: PAGE + 1])
    return RecipientsPage(found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None)


def in_order(numbers: Iterable[tuple[Notification.State, int]]) -> States:
    """Numbers by state as a bar shows them: what is over, then what is still to come; without the states that do not occur."""
    by_state = dict(numbers)
    return tuple((state, by_state[state]) for state in _ORDER if by_state.get(state))


def _light(person: PortalUser) -> QuerySet[Dispatch]:
    """The portal's dispatches without what can be long and is not shown: as many numbers as recipients, and the text for searches."""
    return Dispatch.objects.filter(portal=person.portal).defer("recipients", "left_out", "search_text")


def _entries(person: PortalUser, dispatches: Sequence[Dispatch]) -> list[Entry]:
    followed = [dispatch for dispatch in dispatches if may_follow(person, dispatch)]
    numbers = counts.of(followed) if followed else {}
    return [Entry(each, in_order(numbers[each.pk].items()) if each.pk in numbers else None) for each in dispatches]


def _narrowed(dispatches: QuerySet[Dispatch], filters: Filters) -> QuerySet[Dispatch]:
    if filters.tag:
        dispatches = dispatches.filter(tag=filters.tag)
    if filters.sub_tag:
        dispatches = dispatches.filter(sub_tag=filters.sub_tag)
    if filters.state:
        dispatches = dispatches.filter(state__in=NOT_SENT_YET if filters.state == "unsent" else [filters.state])
    for word in filters.words.split():
        dispatches = dispatches.filter(_has(word))
    return dispatches


def _has(word: str) -> Q:
    # As in the ledger: a regular expression ignores case in every script, also on SQLite.
    return Q(search_text__contains=word.casefold()) | Q(author__name__iregex=re.escape(word))
