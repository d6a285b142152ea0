"""How many of a dispatch's notifications are in each state: counted once per change, not once per look.

Why a stored count can be stale but never passes for fresh: a writer raises `Dispatch.change` as the last step of the transaction that
changes the rows (ledger.changed), so whoever sees the new number sees the new rows too. Here the number is read before the rows are
counted, each in a statement of its own (READ COMMITTED on PostgreSQL; on SQLite a statement outside a transaction sees what is committed
then). A writer that commits in between is in the count but not in the number stored with it, so that count is taken once more.
Do not call `of` in a transaction that changes states: it would store what may yet be rolled back.
"""

from collections.abc import Iterable, Mapping

from django.db import transaction
from django.db.models import Count

from notifications.models import Dispatch, DispatchCount, Notification

State = Notification.State

Counts = dict[Notification.State, int]
"""Numbers by state: only states that occur, in the order of Notification.State."""


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
    """Keep the counts with the `change` they were taken at, unless somebody else keeps them now or has kept later ones."""
    with transaction.atomic():
        # A reader waits for nobody: what is locked is being changed, or counted by another reader.
        held = Dispatch.objects.select_for_update(skip_locked=True, no_key=True).filter(pk__in=list(changes))
        ours = [dispatch for dispatch in held.only("counted_change") if _is_older(dispatch.counted_change, changes[dispatch.pk])]
        for dispatch in ours:
            dispatch.counted_change = changes[dispatch.pk]
        Dispatch.objects.bulk_update(ours, ["counted_change"])
        DispatchCount.objects.filter(dispatch__in=ours).delete()
        DispatchCount.objects.bulk_create(
            DispatchCount(dispatch=dispatch, state=state, number=number)
            for dispatch in ours
            for state, number in counted[dispatch.pk].items()
        )


def _is_older(counted_change: int | None, change: int) -> bool:
    return counted_change is None or counted_change < change


def _ordered(numbers: Mapping[str, int]) -> Counts:
    # A dispatch without notifications has no counts at all: its outer join gave one line of nothing.
    return {state: numbers[state] for state in State if numbers.get(state)}
