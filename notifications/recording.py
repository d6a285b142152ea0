"""What came of sending: the portal's answers are written into the ledger, and what they say of other rows."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Exists, Expression, OuterRef, PositiveBigIntegerField, Q
from django.db.models.sql.compiler import SQLCompiler
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from b24app.rest.calls import Outcome
from b24app.rest.client import PortalClient
from b24app.rest.errors import RestError, sentence
from notifications import api, ledger
from notifications.models import Answer, Dispatch, Notification
from notifications.senders import client_id

RECIPIENT_UNAVAILABLE = "RECIPIENT_UNAVAILABLE"
"""Our code for the portal's `false`: the recipient is dismissed or external (bitrix24.md 6.12)."""

FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=1)

MOST_ATTEMPTS = 8
"""A row of unknown fate is sent so often. Then it is given up: it stays UNKNOWN, without a lease."""

_ID = "portal_notification_id"

MUTED_WITHIN = timedelta(hours=1)
"""How near to the time of sending an "id" must be to pass for a time: generous, because the two clocks differ."""


def probably_muted(row: Notification) -> bool:
    """Whether the recipient has switched the app's notifications off: the "id" is then the current Unix time (bitrix24.md 6.12)."""
    if row.portal_notification_id is None or row.sent_at is None:
        return False
    return abs(row.portal_notification_id - row.sent_at.timestamp()) < MUTED_WITHIN.total_seconds()


def failure_text(row: Notification) -> str:
    """The translated sentence for the error a row ended with; empty when there is none."""
    if row.error_code == RECIPIENT_UNAVAILABLE:
        return str(_("This person cannot receive notifications: they were dismissed or are not of this company."))
    return sentence(row.error_code)


def record(
    client: PortalClient, rows: Sequence[Notification], outcomes: Mapping[int, Outcome[int | None]], waiting: Collection[int] = ()
) -> None:
    """Write each row's answer, unless the row changed meanwhile; then mark what was replaced and take back what was deleted meanwhile.

    The rows are of one dispatch. Those whose numbers are in `waiting` were certainly not sent, for a reason that is not theirs: they are
    queued again.
    """
    now = timezone.now()
    changes = {row.pk: _changes(row, outcomes[row.pk], now, is_waiting=row.pk in waiting) for row in rows}
    contested = _write(rows, changes, skip_locked=True)
    # One at a time: who holds no row while waiting for one cannot be waited for.
    gone = [row for row in contested if _write([row], changes, skip_locked=False)]
    # After the commit: of two workers with rows of one dispatch, the later then sees both.
    open_states = (Notification.State.QUEUED, Notification.State.UNKNOWN)
    is_left_open = any(changes[row.pk]["state"] in open_states for row in rows)
    for dispatch_id in {row.dispatch_id for row in rows}:
        if is_left_open:
            close_cancelled(dispatch_id)
        finish(dispatch_id)
    take_back(client, _late(gone, changes))


def _write(rows: Sequence[Notification], changes: Mapping[int, dict[str, Any]], *, skip_locked: bool) -> list[Notification]:
    """Write the changes of those rows that are still being sent, a statement per kind of change. Returns the other rows."""
    with transaction.atomic():
        sending = Notification.objects.filter(pk__in=[row.pk for row in rows], state=Notification.State.SENDING)
        held = set(sending.select_for_update(skip_locked=skip_locked).order_by("pk").values_list("pk", flat=True))
        written = [row for row in rows if row.pk in held]
        kinds: dict[tuple[Any, ...], list[Notification]] = {}
        for row in written:
            kinds.setdefault(tuple((name, value) for name, value in changes[row.pk].items() if name != _ID), []).append(row)
        for kind, alike in kinds.items():
            _update(alike, dict(kind), {row.pk: changes[row.pk][_ID] for row in alike if _ID in changes[row.pk]})
        for row in written:
            for name, value in changes[row.pk].items():
                setattr(row, name, value)
        arrived = {row.wire_tag for row in written if row.state == Notification.State.SENT and not probably_muted(row)}
        # Mostly nobody had anything with this TAG, which is found out much faster than what is to be closed.
        others = ledger.for_portal(rows[0].portal).filter(sender=rows[0].sender, wire_tag__in=arrived, state__in=Notification.LIVE)
        if arrived and others.exclude(pk__in=held).exists():
            ledger.close_replaced(rows[0].sender, arrived)
        ledger.changed({row.dispatch_id for row in written})
    return [row for row in rows if row.pk not in held]


class _ByRow(Expression):
    """A number for each row. Django's own Case takes longer to build for fifty rows than the whole of their batch takes otherwise."""

    def __init__(self, numbers: Mapping[int, int]) -> None:
        super().__init__(output_field=PositiveBigIntegerField())
        self._numbers = numbers

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[int, ...]]:
        """`CASE id WHEN … THEN … END`."""
        column = connection.ops.quote_name("id")
        return f"CASE {column} {'WHEN %s THEN %s ' * len(self._numbers)}END", tuple(each for pair in self._numbers.items() for each in pair)


def _update(rows: Sequence[Notification], columns: dict[str, Any], numbers: Mapping[int, int]) -> None:
    """The same `columns` for all rows, and to each its own id at the portal; the rows are locked, or it is SQLite's turn."""
    if numbers:
        columns = columns | {_ID: _ByRow(numbers)}
    Notification.objects.filter(pk__in=[row.pk for row in rows], state=Notification.State.SENDING).update(**columns)


def _late(rows: Sequence[Notification], changes: Mapping[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """What would have been recorded for rows that changed meanwhile, where a copy may have arrived.

    Two of us may have sent the same row, when a lease ran out early: the portal keeps the later copy, which has the larger id.
    """
    arrived = (Notification.State.SENT, Notification.State.UNKNOWN)
    late = {row.pk: changes[row.pk] for row in rows if changes[row.pk]["state"] in arrived}
    for pk, each in late.items():
        if each["state"] == Notification.State.SENT:
            row = Notification.objects.filter(pk=pk)
            row.filter(state=Notification.State.SENT, portal_notification_id__lt=each[_ID]).update(portal_notification_id=each[_ID])
            with transaction.atomic():
                if row.filter(state=Notification.State.UNKNOWN).update(**each):
                    ledger.changed(row.values_list("dispatch_id", flat=True))
    return late


def _changes(row: Notification, outcome: Outcome[int | None], now: datetime, *, is_waiting: bool) -> dict[str, Any]:
    """The columns to write for one answer."""
    states = Notification.State
    if outcome.error is None and outcome.value is not None:
        return {"state": states.SENT, _ID: outcome.value, "sent_at": now, "lease_until": None, "error_code": ""}
    if outcome.error is None:
        return {"state": states.FAILED, "error_code": RECIPIENT_UNAVAILABLE, "lease_until": None, "closed_at": now}
    code = outcome.error.row[:64]
    # Whatever a repetition comes to, the first attempt may have arrived.
    if outcome.error.unknown_outcome or row.attempts > 1:
        is_last = row.attempts >= MOST_ATTEMPTS
        return {"state": states.UNKNOWN, "error_code": code, "lease_until": None if is_last else now + _wait(row.attempts)}
    if is_waiting:
        return {"state": states.QUEUED, "attempts": row.attempts - 1, "lease_until": None}
    return {"state": states.FAILED, "error_code": code, "lease_until": None, "closed_at": now}


def _wait(attempts: int) -> timedelta:
    return min(FIRST_WAIT * int(2**attempts), LONGEST_WAIT)


def finish(dispatch_id: int) -> None:
    """Close a running dispatch once nothing of it is waiting or under way, and nothing of unknown fate is to be sent again."""
    again = Q(state=Notification.State.UNKNOWN, lease_until__isnull=False)
    waiting = Q(state__in=(Notification.State.QUEUED, Notification.State.SENDING))
    open_rows = Notification.objects.filter(again | waiting, dispatch=OuterRef("pk"))
    Dispatch.objects.filter(~Exists(open_rows), pk=dispatch_id, state__in=Dispatch.UNDER_WAY).update(
        state=Dispatch.State.DONE, finished_at=timezone.now()
    )


def close_cancelled(dispatch_id: int) -> None:
    """In a cancelled dispatch, close what was not sent, and give up what is of unknown fate. Does nothing in any other."""
    if not Dispatch.objects.filter(pk=dispatch_id, state=Dispatch.State.CANCELLED).exists():
        return
    rows = Notification.objects.filter(dispatch=dispatch_id)
    with transaction.atomic():
        closed = rows.filter(state=Notification.State.QUEUED).update(state=Notification.State.CANCELLED, closed_at=timezone.now())
        rows.filter(state=Notification.State.UNKNOWN, lease_until__isnull=False).update(lease_until=None)
        if closed:
            ledger.changed([dispatch_id])


def take_back(client: PortalClient, late: Mapping[int, Mapping[str, Any]]) -> None:
    """Delete from the portal what somebody deleted while it was being sent: the deletion may have come before the notification.

    `late` holds what would have been recorded; a row that cannot be taken back gets it after all, so that the ledger shows it.
    What came for somebody who had answered it meanwhile is left to notifications.tidying.
    """
    for number, changes in late.items():
        _tidy_again(number, changes)
    rows = list(Notification.objects.filter(pk__in=late, state=Notification.State.DELETED).select_related("sender"))
    if not rows:
        return
    try:
        outcomes = client.run_batch({str(row.id): api.delete(tag=row.wire_tag, client_id=client_id(row.sender)) for row in rows})
    except RestError as error:
        outcomes = {str(row.id): Outcome(error=error) for row in rows}
    for row in rows:
        if not outcomes[str(row.id)].value:
            with transaction.atomic():
                Notification.objects.filter(pk=row.pk, state=Notification.State.DELETED).update(**{"closed_at": None} | dict(late[row.pk]))
                ledger.changed([row.dispatch_id])


def _tidy_again(row_id: int, changes: Mapping[str, Any]) -> None:
    """Let the feed of somebody who has answered this row be tidied once more; nothing for a row without an answer."""
    answers = Answer.objects.filter(notification=row_id)
    if answers.update(tidied_at=None, tidy_after=timezone.now(), tidy_attempts=0) and "portal_notification_id" in changes:
        arrived = {name: changes[name] for name in ("portal_notification_id", "sent_at")}
        Notification.objects.filter(pk=row_id).update(**arrived)


def all_failed(rows: Sequence[Notification], error: RestError) -> dict[int, Outcome[int | None]]:
    """The outcomes of these rows when their whole call ended with `error`."""
    return {row.id: Outcome(error=error) for row in rows}
