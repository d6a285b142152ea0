"""The ledger by TAG or SUB_TAG. A group is a value and its sender, because a tag belongs to the sender that used it (bitrix24.md 6.2).

The groups of a whole portal are kept with their counts (notifications.counts), so a page of them costs the same however long the ledger.
Whoever does not see all gets groups of their own notifications; those are few, and grouped when they are asked for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet

from b24app.models import PortalUser
from b24app.roles import may_see_all
from notifications import counts, ledger
from notifications.ledger import By, Filters, Lazily, Search
from notifications.models import Dispatch, Notification, TagGroup

PAGE = 50

MOST_TOLD = 1000
"""Dispatches whose groups are asked for by their values: of more, a page of groups is met soon enough when all are walked through."""

MOST_RECEIVED = 3000
"""The same for rows of the people who are named as recipients; rows know their tags, so no dispatch has to be read."""


@dataclass(frozen=True, slots=True)
class Group:
    """What the person may see of one TAG or SUB_TAG (`value`, as typed) of one sender.

    `latest` is its newest dispatch, with the sender; `states` the number of notifications by state, in the order of
    Notification.State and only those that occur; `dispatches` how often it was sent; `is_revocable` whether one of them is, or may be, in
    somebody's feed and this person's to take back.
    """

    value: str
    latest: Dispatch
    states: tuple[tuple[Notification.State, int], ...]
    dispatches: int
    is_revocable: bool

    @property
    def count(self) -> int:
        """All notifications of the group."""
        return sum(number for _state, number in self.states)


@dataclass(frozen=True, slots=True)
class GroupPage:
    """Groups, the one with the newest dispatch first, and the `before` of the next page (None on the last one)."""

    groups: list[Group]
    next_before: int | None


def page(person: PortalUser, by: By, filters: Filters, before: int | None, size: int = PAGE) -> GroupPage:
    """A page of the groups that `person` may see and that hold a notification that fits `filters`, each counted as a whole.

    `before` is the previous page's `next_before`, None for the first page. Notifications without the tag are in no group.
    At most eight queries, and some more when something has changed since it was counted.
    """
    found = ledger.search(person.portal, filters)
    groups = (_of_portal if may_see_all(person) else _own)(person, by, found, before, size + 1)
    return GroupPage(groups[:size], groups[size - 1].latest.pk if len(groups) > size else None)


def _of_portal(person: PortalUser, by: By, found: Search, before: int | None, most: int) -> list[Group]:
    counts.catch_up(person.portal)
    groups = TagGroup.objects.filter(portal=person.portal, by=by).order_by("-latest")
    if before is not None:
        groups = groups.filter(latest__lt=before)
    keys: set[tuple[int, int]] = set()
    for part in _holding(groups, by, found):
        keys.update(part.values_list("latest_id", "pk")[:most])
    newest = [pk for _latest, pk in sorted(keys, reverse=True)[:most]]
    shown = TagGroup.objects.filter(pk__in=newest).select_related("latest__sender").defer(*ledger.not_shown("latest")).order_by("-latest")
    return [
        Group(group.value, group.latest, _states(group.counts), group.dispatches, any(map(group.counts.get, Notification.LIVE)))
        for group in shown
    ]


def _holding(groups: QuerySet[TagGroup], by: By, found: Search) -> list[QuerySet[TagGroup]]:
    """Those of the groups that hold what is looked for, as sets each of which is found in a way of its own; a group can be in both."""
    filters = found.filters
    own, other = (filters.tag, filters.sub_tag) if by == "tag" else (filters.sub_tag, filters.tag)
    groups = groups.filter(**{name: value for name, value in (("value", own), ("sender", filters.sender)) if value})
    if filters == Filters(tag=filters.tag, sub_tag=filters.sub_tag, sender=filters.sender, state=filters.state) and not other:
        return [groups.filter(counts__has_key=filters.state) if filters.state else groups]
    dispatches = Dispatch.objects.filter(portal=found.portal)
    rows = ledger.narrowed(ledger.for_portal(found.portal), found)
    saying = ledger.saying(dispatches.filter(**{_other(by): other}) if other else dispatches, found)
    if filters.state or found.recipient:
        saying = saying.filter(pk__in=rows.values("dispatch"))
    if found.recipient and not found.named:
        received = list(rows.values_list("sender_id", by)[: MOST_RECEIVED + 1])
        return [_named(groups, received) if len(received) <= MOST_RECEIVED else _walked(groups, by, saying)]
    if found.anybody is None:
        return [_with(groups, by, saying)]
    by_name = ledger.worded(rows.filter(found.anybody), found)
    return [_with(groups, by, saying), _with(groups, by, dispatches.filter(pk__in=by_name.values("dispatch")))]


def _with(groups: QuerySet[TagGroup], by: By, dispatches: QuerySet[Dispatch]) -> QuerySet[TagGroup]:
    """Those of the groups that one of the dispatches belongs to: told by the dispatches when they are few, else asked of the groups."""
    some = list(dispatches.values_list("sender_id", by)[: MOST_TOLD + 1])
    return _named(groups, some) if len(some) <= MOST_TOLD else _walked(groups, by, dispatches)


def _named(groups: QuerySet[TagGroup], pairs: Iterable[tuple[int, str]]) -> QuerySet[TagGroup]:
    """Those of the groups that these senders and values name."""
    values: dict[int, set[str]] = {}
    for sender, value in pairs:
        values.setdefault(sender, set()).add(value)
    named = [Q(sender=sender, value__in=found) for sender, found in values.items()]
    return groups.filter(Q(*named, _connector=Q.OR)) if named else groups.none()


def _walked(groups: QuerySet[TagGroup], by: By, dispatches: QuerySet[Dispatch]) -> QuerySet[TagGroup]:
    """Those of the groups that are found, from the newest on, to hold one of the dispatches."""
    return groups.filter(Lazily(dispatches.filter(**{by: OuterRef("value")}, sender=OuterRef("sender"))))


def _other(by: By) -> By:
    return "sub_tag" if by == "tag" else "tag"


def _own(person: PortalUser, by: By, found: Search, before: int | None, most: int) -> list[Group]:
    """The same of the person's own notifications: all of them are grouped."""
    rows = ledger.visible_to(person).exclude(**{by: ""}).order_by()
    if found.filters != Filters():
        fitting = ledger.worded(ledger.narrowed(rows, found), found)
        rows = rows.filter(Exists(fitting.filter(**{by: OuterRef(by)}, sender=OuterRef("sender"))))
    by_state = {state.value: Count("id", filter=Q(state=state)) for state in Notification.State}
    revocable = Count("id", filter=Q(state__in=Notification.LIVE, author=person))
    # Any: the type checker cannot follow a grouping by a column that is named at run time.
    grouped: Any = rows.values(by, "sender").annotate(
        latest=Max("dispatch"), dispatches=Count("dispatch", distinct=True), revocable=revocable, **by_state
    )
    if before is not None:
        grouped = grouped.filter(latest__lt=before)
    groups = list(grouped.order_by("-latest")[:most])
    latest = Dispatch.objects.select_related("sender").defer(*ledger.not_shown()).in_bulk([group["latest"] for group in groups])
    return [Group(group[by], latest[group["latest"]], _states(group), group["dispatches"], bool(group["revocable"])) for group in groups]


def _states(numbers: Mapping[str, int]) -> tuple[tuple[Notification.State, int], ...]:
    return tuple((state, numbers[state.value]) for state in Notification.State if numbers.get(state.value))
