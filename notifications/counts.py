"""How many of a dispatch's notifications, and of a TAG's, are in each state: counted once per change, not once per look.

Why a stored count can be stale but never passes for fresh: a writer raises `Dispatch.change` as the last step of the transaction that
changes the rows (ledger.changed), so whoever sees the new number sees the new rows too. Here the number is read before the rows are
counted, each in a statement of its own (READ COMMITTED on PostgreSQL; on SQLite a statement outside a transaction sees what is committed
then). A writer that commits in between is in the count but not in the number stored with it, so that count is taken once more.
Do not call `of` in a transaction that changes states: it would store what may yet be rolled back.

A group (TagGroup), and an hour (HourCount), holds the sum of what is stored of its dispatches: whoever stores a dispatch's counts holds
its row, and adds the difference to its groups and its hour in the same transaction.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db import transaction
from django.db.models import Count

from b24app.models import Portal
from b24app.rest.deadline import Deadline
from notifications.models import Dispatch, DispatchCount, HourCount, Notification, TagGroup

MOST_AT_ONCE = 500
"""Dispatches that one run of `catch_up` takes on."""

PATIENCE = 0.3
"""Seconds for which a reader lets others finish with the same dispatches. What takes longer is a writer at work, and not waited for."""

_LOOK_AGAIN = 0.02

State = Notification.State

Counts = dict[Notification.State, int]
"""Numbers by state: only states that occur, in the order of Notification.State."""

Key = tuple[int, str, str]
"""A group: number of the sender, TagGroup.By, and the value."""

Hour = tuple[int, datetime]
"""An hour of a portal: the portal's number, and when the hour begins."""

_COLUMNS = ("portal", "sender", "tag", "sub_tag", "change", "counted_change", "created_at")


@dataclass(slots=True)
class _Difference:
    """What is to be added to a group."""

    portal: int
    numbers: Counter[str] = field(default_factory=Counter)
    dispatches: int = 0
    newest: int = 0


def of(dispatches: Iterable[Dispatch]) -> dict[int, Mapping[Notification.State, int]]:
    """The numbers by state of each of the dispatches, by the dispatch's id, as the database has them now.

    One query when all are counted already, else a few more, however many dispatches there are.
    """
    counted, stale = _stored([dispatch.pk for dispatch in dispatches])
    if stale:
        anew = _counted(stale)
        _store(stale, anew)
        counted |= anew
    return dict(counted)


def catch_up(portal: Portal) -> int:
    """Count dispatches of the portal that changed since they were counted, the newest of them first; returns how many."""
    stale = list(Dispatch.objects.filter(portal=portal, is_stale=True).order_by("-pk").only("pk")[:MOST_AT_ONCE])
    of(stale)
    return len(stale)


def forget(dispatches: Iterable[Dispatch]) -> None:
    """Take dispatches that are deleted next, in the same transaction, out of their groups."""
    ids = [dispatch.pk for dispatch in dispatches]
    held = list(Dispatch.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk").only(*_COLUMNS))
    _keep(held, {dispatch.pk: dispatch.change for dispatch in held}, {dispatch.pk: {} for dispatch in held})


def _stored(dispatch_ids: list[int]) -> tuple[dict[int, Counts], dict[int, int]]:
    """Counts that still hold, and the present `change` of the dispatches whose rows have to be counted."""
    columns = ("pk", "change", "counted_change", "counts__state", "counts__number")
    numbers: dict[int, dict[str, int]] = {}
    stale: dict[int, int] = {}
    # One statement: the counts and the change they were taken at belong together.
    for pk, change, counted_change, state, number in Dispatch.objects.filter(pk__in=dispatch_ids).values_list(*columns):
        if change != counted_change:
            stale[pk] = change
        else:
            numbers.setdefault(pk, {})[state] = number
    return {pk: _ordered(of_dispatch) for pk, of_dispatch in numbers.items()}, stale


def _counted(stale: Iterable[int]) -> dict[int, Counts]:
    numbers: dict[int, dict[str, int]] = {pk: {} for pk in stale}
    rows = Notification.objects.filter(dispatch__in=list(stale)).order_by()
    for pk, state, number in rows.values_list("dispatch_id", "state").annotate(number=Count("pk")):
        numbers[pk][state] = number
    return {pk: _ordered(of_dispatch) for pk, of_dispatch in numbers.items()}


def _store(changes: Mapping[int, int], counted: Mapping[int, Counts]) -> None:
    """Keep the counts with the `change` they were taken at, unless somebody else has kept later ones."""
    deadline = Deadline(PATIENCE)
    left = set(changes)
    while left:
        left -= _store_free({pk: changes[pk] for pk in left}, counted)
        # Another reader keeps the same at this moment; whoever has asked reads the groups next, which have to be in step by then.
        if left and not deadline.pause(_LOOK_AGAIN):
            break


def _store_free(changes: Mapping[int, int], counted: Mapping[int, Counts]) -> set[int]:
    """Keep the counts of those dispatches that nobody holds; returns them."""
    with transaction.atomic():
        # Nobody waits for a lock here, so nobody waits in a circle.
        rows = Dispatch.objects.select_for_update(skip_locked=True, no_key=True).filter(pk__in=list(changes)).only(*_COLUMNS)
        held = list(rows)
        _keep([dispatch for dispatch in held if _is_older(dispatch.counted_change, changes[dispatch.pk])], changes, counted)
    return {dispatch.pk for dispatch in held}


def _keep(dispatches: Sequence[Dispatch], changes: Mapping[int, int], counted: Mapping[int, Counts]) -> None:
    """Keep the counts of these dispatches, whose rows the caller has locked, and bring their groups in step."""
    before: dict[int, dict[str, int]] = {dispatch.pk: {} for dispatch in dispatches}
    stored = DispatchCount.objects.filter(dispatch__in=dispatches)
    for pk, state, number in stored.values_list("dispatch_id", "state", "number"):
        before[pk][state] = number
    for dispatch in dispatches:
        dispatch.counted_change = changes[dispatch.pk]
        dispatch.is_stale = dispatch.change != dispatch.counted_change
    Dispatch.objects.bulk_update(dispatches, ["counted_change", "is_stale"])
    differing = [dispatch for dispatch in dispatches if counted[dispatch.pk] != before[dispatch.pk]]
    if differing:
        DispatchCount.objects.filter(dispatch__in=differing).delete()
        DispatchCount.objects.bulk_create(
            DispatchCount(dispatch=dispatch, state=state, number=number)
            for dispatch in differing
            for state, number in counted[dispatch.pk].items()
        )
        _add_to_groups(differing, before, counted)
        _add_to_hours(differing, before, counted)


def _add_to_groups(dispatches: Iterable[Dispatch], before: Mapping[int, Mapping[str, int]], counted: Mapping[int, Counts]) -> None:
    differences: dict[Key, _Difference] = {}
    for dispatch in dispatches:
        old, new = before[dispatch.pk], counted[dispatch.pk]
        for key in _keys(dispatch):
            difference = differences.setdefault(key, _Difference(dispatch.portal_id))
            difference.numbers.update({str(state): number for state, number in new.items()})
            difference.numbers.subtract(old)
            difference.dispatches += bool(new) - bool(old)
            difference.newest = max(difference.newest, dispatch.pk if new else 0)
    emptied = {dispatch.pk for dispatch in dispatches if not counted[dispatch.pk]}
    groups = _locked(differences)
    for key, group in groups.items():
        difference = differences[key]
        group.counts = {state: number for state in State.values if (number := group.counts.get(state, 0) + difference.numbers[state])}
        group.dispatches += difference.dispatches
        group.latest_id = max(group.latest_id, difference.newest)
    TagGroup.objects.filter(pk__in=[group.pk for group in groups.values() if not group.dispatches]).delete()
    left = [group for group in groups.values() if group.dispatches]
    for group in left:
        if group.latest_id in emptied:
            group.latest_id = _newest(group)
    TagGroup.objects.bulk_update(left, ["counts", "dispatches", "latest"])


def _add_to_hours(dispatches: Iterable[Dispatch], before: Mapping[int, Mapping[str, int]], counted: Mapping[int, Counts]) -> None:
    differences: dict[Hour, Counter[str]] = {}
    for dispatch in dispatches:
        difference = differences.setdefault(_hour(dispatch.portal_id, dispatch.created_at), Counter())
        difference.update({str(state): number for state, number in counted[dispatch.pk].items()})
        difference.subtract(before[dispatch.pk])
    hours = _locked_hours(differences.keys())
    for row in hours:
        difference = differences[_hour(row.portal_id, row.hour)]
        row.counts = {state: number for state in State.values if (number := row.counts.get(state, 0) + difference[state]) > 0}
    HourCount.objects.filter(pk__in=[row.pk for row in hours if not row.counts]).delete()
    HourCount.objects.bulk_update([row for row in hours if row.counts], ["counts"])


def _locked_hours(keys: Set[Hour]) -> list[HourCount]:
    """The rows of these hours, locked; those that were missing are there now. After the groups, and in one order: as with those."""
    possible = HourCount.objects.filter(portal__in={portal for portal, _hour in keys}, hour__in={hour for _portal, hour in keys})
    known = {(row.portal_id, row.hour) for row in possible}
    missing = (HourCount(portal_id=portal, hour=hour, counts={}) for portal, hour in sorted(keys - known))
    HourCount.objects.bulk_create(missing, ignore_conflicts=True)
    locked = [row for row in possible.select_for_update(no_key=True).order_by("pk") if (row.portal_id, row.hour) in keys]
    # One that somebody emptied and deleted meanwhile has to be written after all.
    return locked if len(locked) == len(keys) else _locked_hours(keys)


def _hour(portal: int, moment: datetime) -> Hour:
    return portal, moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _keys(dispatch: Dispatch) -> list[Key]:
    values = ((TagGroup.By.TAG, dispatch.tag), (TagGroup.By.SUB_TAG, dispatch.sub_tag))
    return [(dispatch.sender_id, by.value, value) for by, value in values if value]


def _locked(differences: Mapping[Key, _Difference]) -> dict[Key, TagGroup]:
    """The groups of these keys, locked; those that were missing are there now."""
    keys = differences.keys()
    possible = TagGroup.objects.filter(
        sender__in={sender for sender, _by, _value in keys}, value__in={value for _sender, _by, value in keys}
    )
    known = {_key(group) for group in possible}
    # Written before any is locked, and in one order: nobody waits for a group while somebody waits for theirs.
    TagGroup.objects.bulk_create((_empty(key, differences[key]) for key in sorted(keys - known)), ignore_conflicts=True)
    locked = {_key(group): group for group in possible.select_for_update(no_key=True).order_by("pk")}
    # One that somebody emptied and deleted meanwhile has to be written after all.
    return {key: locked[key] for key in keys} if keys <= locked.keys() else _locked(differences)


def _empty(key: Key, difference: _Difference) -> TagGroup:
    sender, by, value = key
    return TagGroup(portal_id=difference.portal, sender_id=sender, by=by, value=value, latest_id=difference.newest, dispatches=0, counts={})


def _key(group: TagGroup) -> Key:
    return group.sender_id, group.by, group.value


def _newest(group: TagGroup) -> int:
    """The newest dispatch of the group of which anything is left."""
    left = DispatchCount.objects.filter(**{f"dispatch__{group.by}": group.value}, dispatch__sender=group.sender_id)
    newest: int = left.order_by("-dispatch").values_list("dispatch_id", flat=True)[:1].get()
    return newest


def _is_older(counted_change: int | None, change: int) -> bool:
    return counted_change is None or counted_change < change


def _ordered(numbers: Mapping[str, int]) -> Counts:
    # A dispatch without notifications has no counts at all: its outer join gave one line of nothing.
    return {state: numbers[state] for state in State if numbers.get(state)}
