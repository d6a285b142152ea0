"""The ledger by TAG or SUB_TAG. A group is a value and its sender, because a tag belongs to the sender that used it (bitrix24.md 6.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet

from b24app.models import PortalUser
from b24app.roles import may_see_all
from notifications import ledger
from notifications.ledger import By, Filters
from notifications.models import Notification

PAGE = 50


@dataclass(frozen=True, slots=True)
class Group:
    """What the ledger knows of one TAG or SUB_TAG (`value`, as typed) of one sender.

    `latest` is its newest notification, with the sender; `states` the number of notifications by state, in the order of
    Notification.State and only those that occur; `people` the number of different recipients.
    """

    value: str
    latest: Notification
    states: tuple[tuple[Notification.State, int], ...]
    people: int

    @property
    def count(self) -> int:
        """All notifications of the group."""
        return sum(number for _state, number in self.states)

    @property
    def is_live(self) -> bool:
        """Whether a copy of one of them is, or may be, in somebody's feed."""
        return any(state in Notification.LIVE for state, _number in self.states)


@dataclass(frozen=True, slots=True)
class GroupPage:
    """Groups, the one with the newest notification first, and the `before` of the next page (None on the last one)."""

    groups: list[Group]
    next_before: int | None


def page(person: PortalUser, by: By, filters: Filters, before: int | None, size: int = PAGE) -> GroupPage:
    """A page of the groups that `person` may see, made of the notifications that fit `filters`, in three queries.

    `before` is the previous page's `next_before`, None for the first page. Notifications without the tag are in no group.
    """
    rows = ledger.narrowed(ledger.visible_to(person), filters).exclude(**{by: ""})
    # A filter has to be looked for in the rows anyway, and a person's own are few. The whole ledger is too long to be grouped for a page.
    everything = may_see_all(person) and filters == Filters()
    newest = list((_walked if everything else _grouped)(rows, by, before)[: size + 1])
    return GroupPage(_groups(rows, by, newest[:size]), newest[size - 1] if len(newest) > size else None)


def _walked(rows: QuerySet[Notification], by: By, before: int | None) -> QuerySet[Notification, int]:
    """The newest id of each group, newest first: row after row from the newest on, each asked by the index for a newer one in its group."""
    newer = rows.filter(**{by: OuterRef(by)}, sender=OuterRef("sender"), id__gt=OuterRef("id"))
    heads = rows.filter(~Exists(newer)).order_by("-id")
    if before is not None:
        heads = heads.filter(id__lt=before)
    return heads.values_list("id", flat=True)


def _grouped(rows: QuerySet[Notification], by: By, before: int | None) -> QuerySet[Notification, int]:
    """The same for few rows: all are grouped."""
    # Any: the type checker cannot follow a grouping by a column that is named at run time.
    heads: Any = rows.order_by().values(by, "sender").annotate(newest=Max("id")).order_by("-newest")
    if before is not None:
        heads = heads.filter(newest__lt=before)
    newest: QuerySet[Notification, int] = heads.values_list("newest", flat=True)
    return newest


def _groups(rows: QuerySet[Notification], by: By, newest: Sequence[int]) -> list[Group]:
    """The groups of these notifications, in their order, counted over `rows`."""
    latest = rows.select_related("sender", "dispatch").in_bulk(newest)
    counted = rows.filter(**{f"{by}__in": {getattr(row, by) for row in latest.values()}}).order_by().values(by, "sender")
    by_state = {state.value: Count("id", filter=Q(state=state)) for state in Notification.State}
    counts = {(found[by], found["sender"]): found for found in counted.annotate(people=Count("recipient", distinct=True), **by_state)}
    return [_group(row, by, counts[getattr(row, by), row.sender_id]) for row in (latest[number] for number in newest)]


def _group(latest: Notification, by: By, counts: dict[str, Any]) -> Group:
    states = tuple((state, counts[state.value]) for state in Notification.State if counts[state.value])
    return Group(getattr(latest, by), latest, states, counts["people"])
