"""Sending: one act of sending is one Dispatch, one row per recipient, and one portal call.

The rows are committed before the call. A send whose fate is unknown is repeated with the same TAG, which replaces instead of
doubling (bitrix24.md 6.3).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Case, DateTimeField, F, QuerySet, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from b24app import activity
from b24app.models import Bucket, Portal, PortalUser, Sender
from b24app.rest.calls import Call, Outcome
from b24app.rest.client import LARGEST_BATCH, PortalClient
from b24app.rest.deadline import Deadline
from b24app.rest.errors import Policy, RestError
from notifications import api, counts, ledger, people, recording, tags, wire
from notifications.ask import Ask
from notifications.ask import write as write_buttons
from notifications.errors import InvalidInput
from notifications.leases import ran_out
from notifications.models import ConfirmationRequest, Dispatch, Notification
from notifications.senders import app_sender, client_of

LEASE = timedelta(seconds=settings.CALL_LEASE_SECONDS)
"""How long a row stays with the process that sends it: longer than any call may run."""

MOST_AT_ONCE = 500
"""Rows that one run of `settle` takes on; the next run goes on."""

RECORDING_SECONDS = 60.0
"""How long an answer waits for a database that is away: less than LEASE, after which the row is sent again anyway."""

_AWAY_SECONDS = 1.0
# Nothing was done for want of room, and nothing will be until there is some: no recipient's fault.
_ROOM = frozenset({"OPERATION_TIME_LIMIT", "QUERY_LIMIT_EXCEEDED", "BUDGET_EXHAUSTED"})


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be sent: `type` is a Notification.Type, `tag` and `sub_tag` as typed, `attach` the ATTACH as JSON values.

    With `ask` it is a confirmation request.
    """

    type: str
    message: str
    tag: str = ""
    sub_tag: str = ""
    message_out: str = ""
    attach: api.Attach | None = None
    ask: Ask | None = None


def send(author: PortalUser, recipients: Sequence[int], draft: Draft, key: UUID, sender: Sender | None = None) -> Dispatch:
    """Send `draft` to up to 50 people (user ids of the author's portal) in one call, and return the Dispatch with its rows recorded.

    The same `key` again returns the first Dispatch and sends nothing. Without `sender` the app itself sends, as `author`.
    Raises InvalidInput before anything is written; RestError when the whole call failed and certainly nothing was sent: then
    nothing stays in the ledger, and the same key can be used again. Rows of unknown fate are left to `settle`.
    """
    chosen = list(dict.fromkeys(recipients))
    sender = sender or app_sender(author.portal)
    rows = _rows(author, chosen, draft, key, sender)
    with transaction.atomic():
        dispatch, created = write_dispatch(
            author, draft, key, sender, state=Dispatch.State.RUNNING, total=len(rows), started_at=timezone.now()
        )
        if not created:
            return dispatch
        known = people.rows(author.portal, chosen)
        for row, user_id in zip(rows, chosen, strict=True):
            row.dispatch, row.recipient = dispatch, known[user_id]
        Notification.objects.bulk_create(rows)
    nameless = [person.user_id for person in known.values() if not person.name]
    client = client_of(sender, author)
    try:
        _call(client, rows, nameless)
    except RestError as error:
        if not error.unknown_outcome:
            _forget(dispatch)
            raise
        recording.record(client, rows, recording.all_failed(rows, error))
    activity.note(author, activity.Kind.SENT, number=len(rows), tag=dispatch.tag, sub_tag=dispatch.sub_tag)
    dispatch.refresh_from_db()
    return dispatch


def portals_to_settle() -> list[int]:
    """The ids of portals where rows of unknown fate, or left behind by a process that died, are due."""
    now = timezone.now()
    return list((_due(now) | _left_behind(now)).order_by("portal_id").values_list("portal_id", flat=True).distinct())


def settle(portal_id: int) -> int:
    """Send the due rows of one portal again, a batch per dispatch at a time. Returns how many were sent.

    What a process that died left behind may have arrived, so it is of unknown fate too. Rows are claimed with a conditional UPDATE, so
    that any number of workers share the work. On a portal that is silent the rest waits for the next run.
    """
    _hand_on(portal_id)
    settled = 0
    due = _due(timezone.now()).filter(portal=portal_id)
    for dispatch_id in due.order_by("dispatch_id").values_list("dispatch_id", flat=True).distinct():
        while settled < MOST_AT_ONCE and (numbers := _claim(_due(timezone.now()).filter(dispatch=dispatch_id), LEASE)):
            settled += len(numbers)
            setback = deliver(numbers)
            if setback is not None and setback.concerns_portal:
                return settled
            if setback is not None:
                break
    return settled


def claim(dispatch_id: int, lease: timedelta) -> list[int]:
    """Take up to a batch of a dispatch's queued rows for sending; their numbers, none when nothing is left or it is not under way."""
    under_way = Dispatch.objects.filter(pk=dispatch_id, state__in=Dispatch.UNDER_WAY)
    begun = under_way.values_list("started_at", flat=True)
    if not begun:
        return []
    if begun[0] is None:
        # By itself, before any row is touched: whoever changes rows locks them before their dispatch.
        under_way.filter(started_at=None).update(state=Dispatch.State.RUNNING, started_at=timezone.now())
    return _claim(Notification.objects.filter(dispatch=dispatch_id, state=Notification.State.QUEUED), lease)


def keep(numbers: Collection[int], lease: timedelta) -> None:
    """Lengthen the lease of rows that are still being sent."""
    sending = Notification.objects.filter(pk__in=numbers, state=Notification.State.SENDING)
    sending.update(lease_until=timezone.now() + lease)


def deliver(numbers: Collection[int], slot: Bucket | None = None, answered: Callable[[], object] = bool) -> RestError | None:
    """Send claimed rows of one dispatch in one batch, with a slot of the portal's budget that was taken for it, and record what came.

    `answered` is called when the portal has answered well, before its answers are recorded. Returns what stands in the way of sending more,
    None when nothing does. What certainly was not sent because of that is queued again; unless it passes by itself, the dispatch pauses
    with it.
    """
    rows = _loaded(numbers)
    if not rows:
        return None
    client = wire.background_client(rows[0])
    if slot is not None:
        client.hold(slot)
    commands, outcomes = _commands(rows)
    try:
        outcomes |= _sent(client, commands)
    except RestError as error:
        failed = recording.all_failed([row for row in rows if row.pk in commands], error)
        # Before the rows are queued again: else the lane may take them once more.
        _hold(rows[0].dispatch, error)
        _record(client, rows, outcomes | failed, failed)
        return error
    setback = _setback([outcome.error for outcome in outcomes.values()])
    waiting = [pk for pk, outcome in outcomes.items() if outcome.error and (outcome.error is setback or _is_ours(outcome.error, setback))]
    if setback is None:
        answered()
    else:
        _hold(rows[0].dispatch, setback)
    _record(client, rows, outcomes, waiting)
    return setback


def _rows(author: PortalUser, recipients: Sequence[int], draft: Draft, key: UUID, sender: Sender) -> list[Notification]:
    """The rows to be sent, checked but neither saved nor tied to a dispatch and a recipient's row."""
    if not 0 < len(recipients) <= LARGEST_BATCH:
        raise InvalidInput("recipients", _("Choose between 1 and %(limit)d people.") % {"limit": LARGEST_BATCH})
    if draft.type not in Notification.Type.values:
        raise InvalidInput("type", _("Choose a type of notification."))
    tag, sub_tag = tags.clean("tag", draft.tag), tags.clean("sub_tag", draft.sub_tag)
    lease_until = timezone.now() + LEASE
    rows = [
        Notification(
            portal=author.portal,
            sender=sender,
            author=author,
            type=draft.type,
            tag=tag,
            sub_tag=sub_tag,
            wire_tag=tags.wire_tag(tag, user_id, key),
            wire_sub_tag=tags.wire_sub_tag(tag, sub_tag),
            state=Notification.State.SENDING,
            lease_until=lease_until,
            attempts=1,
        )
        for user_id in recipients
    ]
    for row, user_id in zip(rows, recipients, strict=True):
        wire.command(row, user_id, draft)
    return rows


def write_dispatch(author: PortalUser, draft: Draft, key: UUID, sender: Sender, **columns: Any) -> tuple[Dispatch, bool]:
    """The Dispatch of this key on the author's portal, and whether it was written just now, with its confirmation request if it asks.

    `columns` are further columns of a new one. Raises InvalidInput for a TAG or SUB_TAG that cannot be sent. Call it in a transaction.
    """
    columns |= {
        "author": author,
        "sender": sender,
        "type": draft.type,
        "message": draft.message.strip(),
        "message_out": draft.message_out,
        "attach": draft.attach,
        "tag": tags.clean("tag", draft.tag),
        "sub_tag": tags.clean("sub_tag", draft.sub_tag),
    }
    dispatch, created = Dispatch.objects.get_or_create(portal=author.portal, key=key, defaults=columns)
    if created and draft.ask:
        ConfirmationRequest.objects.create(
            dispatch=dispatch,
            buttons=write_buttons(draft.ask.buttons),
            deadline=draft.ask.deadline,
            remind_at=draft.ask.remind_at,
            tells_author=draft.ask.tells_author,
        )
    return dispatch, created


def _call(client: PortalClient, rows: Sequence[Notification], nameless: Sequence[int]) -> None:
    """One batch: every row, and the names of unknown recipients where a command is left for them. Records what came."""
    commands: dict[str, Call[Any]] = {str(row.id): wire.command(row, row.recipient.user_id, row.dispatch) for row in rows}
    if nameless and len(commands) < LARGEST_BATCH:
        commands["names"] = people.names(nameless)
    outcomes = client.run_batch(commands)
    found = outcomes.pop("names", None)
    if found and found.value:
        people.store_names(rows[0].portal, found.value)
    recording.record(client, rows, {row.id: outcomes[str(row.id)] for row in rows})


def _forget(dispatch: Dispatch) -> None:
    """Remove a dispatch of which certainly nothing was sent."""
    with transaction.atomic():
        dispatch.notifications.all().delete()
        counts.forget([dispatch])
        dispatch.delete()


def _loaded(numbers: Collection[int]) -> list[Notification]:
    """Claimed rows with all that sending needs; their dispatch, its author and sender are read once."""
    rows = list(Notification.objects.filter(pk__in=numbers, state=Notification.State.SENDING).order_by("pk"))
    if rows:
        dispatch = Dispatch.objects.select_related("portal", "sender", "author", "confirmation_request").get(pk=rows[0].dispatch_id)
        dispatch.sender.portal = dispatch.author.portal = dispatch.portal
        user_ids = dict(PortalUser.objects.filter(pk__in=[row.recipient_id for row in rows]).values_list("pk", "user_id"))
        for row in rows:
            row.dispatch, row.portal, row.sender, row.author = dispatch, dispatch.portal, dispatch.sender, dispatch.author
            # The rest of them is not needed, and their tokens cost deciphering.
            row.recipient = PortalUser(pk=row.recipient_id, portal=dispatch.portal, user_id=user_ids[row.recipient_id])
    return rows


def _commands(rows: Sequence[Notification]) -> tuple[dict[int, Call[int | None]], dict[int, Outcome[int | None]]]:
    """The calls that send these rows; and what became already of those that cannot be sent as they are.

    That is nobody's input any more, but a fault of ours, and must not hold up the others.
    """
    calls: dict[int, Call[int | None]] = {}
    refused: dict[int, Outcome[int | None]] = {}
    for row in rows:
        try:
            calls[row.pk] = wire.command(row, row.recipient.user_id, row.dispatch)
        except InvalidInput:
            refused[row.pk] = Outcome(error=RestError("INVALID_ARG_VALUE"))
    return calls, refused


def _sent(client: PortalClient, calls: Mapping[int, Call[int | None]]) -> dict[int, Outcome[int | None]]:
    if not calls:
        return {}
    outcomes = client.run_batch({str(number): call for number, call in calls.items()})
    return {int(name): outcome for name, outcome in outcomes.items()}


def _setback(errors: Sequence[RestError | None]) -> RestError | None:
    """The error among a batch's that says something of all that is still to be sent, not of one recipient."""
    for error in errors:
        if error is not None and _concerns_all(error):
            return error
    first = errors[0]
    if first is None or first.unknown_outcome or first.policy not in (Policy.STOP_JOB, Policy.REFRESH):
        return None
    return first if all(error is not None and error.code == first.code for error in errors) else None


def _concerns_all(error: RestError) -> bool:
    return not error.unknown_outcome and (error.policy is Policy.PORTAL_UNUSABLE or error.code in _ROOM)


def _is_ours(error: RestError, setback: RestError | None) -> bool:
    """Whether the row with this error only shared in the setback."""
    return setback is not None and (_concerns_all(error) or error.code == setback.code)


def _hold(dispatch: Dispatch, error: RestError) -> None:
    """Pause the dispatch, unless what happened passes by itself."""
    if not error.unknown_outcome and error.policy not in (Policy.RETRY_LATER, Policy.PORTAL_UNUSABLE):
        under_way = Dispatch.objects.filter(pk=dispatch.pk, state__in=Dispatch.UNDER_WAY)
        under_way.update(state=Dispatch.State.PAUSED, error_code=error.row[:64])


def _record(
    client: PortalClient, rows: Sequence[Notification], outcomes: Mapping[int, Outcome[int | None]], waiting: Collection[int]
) -> None:
    """Record what came, also when the database is away for a while: an answer in hand is worth waiting for."""
    deadline = Deadline(RECORDING_SECONDS)
    while True:
        try:
            recording.record(client, rows, outcomes, waiting)
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block or not deadline.pause(_AWAY_SECONDS):
                raise
            connection.close()
        else:
            return


def _due(now: datetime) -> QuerySet[Notification]:
    """Rows of unknown fate that are to be sent again now, on portals that work."""
    rows = Notification.objects.filter(ran_out("lease_until", now, recording.LONGEST_WAIT), state=Notification.State.UNKNOWN)
    held = (Dispatch.State.PAUSED, Dispatch.State.CANCELLED)
    return rows.filter(portal__state=Portal.State.ACTIVE).exclude(dispatch__state__in=held)


def _left_behind(now: datetime) -> QuerySet[Notification]:
    """Rows whose sender has died."""
    return Notification.objects.filter(ran_out("lease_until", now, LEASE), state=Notification.State.SENDING)


def _hand_on(portal_id: int) -> None:
    """Make rows that were left behind rows of unknown fate: due now, unless they were tried often enough."""
    now = timezone.now()
    with transaction.atomic():
        rows = _left_behind(now).filter(portal=portal_id).select_for_update(skip_locked=True).order_by("pk")
        held = list(rows.values_list("pk", "dispatch_id")[:MOST_AT_ONCE])
        left = Notification.objects.filter(pk__in=[pk for pk, _dispatch in held], state=Notification.State.SENDING)
        left.update(
            state=Notification.State.UNKNOWN,
            lease_until=Case(When(attempts__lt=recording.MOST_ATTEMPTS, then=Value(now)), default=None, output_field=DateTimeField()),
        )
        dispatches = {dispatch_id for _pk, dispatch_id in held}
        ledger.changed(dispatches)
    for dispatch_id in dispatches:
        recording.close_cancelled(dispatch_id)
        recording.finish(dispatch_id)


def _claim(rows: QuerySet[Notification], lease: timedelta) -> list[int]:
    """Take up to a batch of these rows; what another worker takes at this moment is passed over."""
    with transaction.atomic():
        # Locked one by one where rows can be locked; where not (SQLite), no other transaction writes at the same time.
        free = rows.select_for_update(skip_locked=True, of=("self",)).order_by("pk")
        numbers = {row.pk: row.dispatch_id for row in free.only("pk", "dispatch_id")[:LARGEST_BATCH]}
        claimed = Notification.objects.filter(pk__in=numbers, state__in=(Notification.State.QUEUED, Notification.State.UNKNOWN))
        claimed.update(state=Notification.State.SENDING, lease_until=timezone.now() + lease, attempts=F("attempts") + 1)
        ledger.changed(numbers.values())
    return list(numbers)
