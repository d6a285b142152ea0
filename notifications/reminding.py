"""Reminding those who have not answered: the same notification with the same TAG, so that the old one is replaced (bitrix24.md 6.3).

A reminder is repeated on the row of the ledger it belongs to, and nobody gets two within PAUSE. `reminding_since` of the request says
that everybody who waits is to be reminded; the rows say who has been. A worker that dies leaves rows whose lease runs out: they are
reminded again, which replaces once more.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from b24app import activity
from b24app.languages import interface_language
from b24app.models import Portal, PortalUser
from b24app.rest.calls import Call, Outcome
from b24app.rest.client import LARGEST_BATCH, PortalClient
from b24app.rest.errors import Policy, RestError
from notifications import api, ledger, recording, reporting, wire
from notifications.errors import InvalidInput
from notifications.leases import ran_out
from notifications.models import ConfirmationRequest, Notification
from notifications.senders import client_of

PAUSE = timedelta(hours=1)
"""Nobody is reminded twice within this time."""

LEASE = timedelta(minutes=2)
"""How long a row stays with the process that reminds: longer than any call may run."""

GIVE_UP = timedelta(days=1)
"""A reminder that could not be ended within this time is given up."""

State = Notification.State


@dataclass(frozen=True, slots=True)
class Reminded:
    """What came of asking for a reminder.

    `sent` were reminded now, or will be in the background; `recent` had a reminder within PAUSE; `failed` could not be reminded; of those
    who are `uncertain` the portal did not say: they are sent the same again by themselves (sending.settle).
    """

    sent: int
    recent: int
    failed: int = 0
    uncertain: int = 0
    in_background: bool = False


@dataclass(frozen=True, slots=True)
class _Text:
    """The text of a reminder: as it was sent, below a line that says what it is."""

    message: str
    message_out: str
    attach: api.Attach | None
    confirmation_request: ConfirmationRequest


def remind(person: PortalUser, request: ConfirmationRequest) -> Reminded:
    """Remind everybody who has the notification and has not answered: up to 50 people in one batch, more in the background.

    With `in_background` the caller enqueues the work (`step`). Raises InvalidInput when the request takes no answers any more or a
    reminder is under way; RestError when the whole call failed and certainly nobody was reminded.
    """
    if not reporting.is_open(request):
        raise InvalidInput("request", _("This request takes no answers any more: nobody was reminded."))
    since = timezone.now()
    waiting = Notification.objects.filter(dispatch=request.dispatch_id, state=State.SENT).count()
    due = _due(request, since).count()
    if due and not _begin(request, since):
        raise InvalidInput("request", _("A reminder is under way already. Wait until it is through."))
    if due > LARGEST_BATCH:
        _note(person, request, due)
        return Reminded(due, waiting - due, in_background=True)
    try:
        came = _remind(_click_client(person), request) if due else []
    except RestError:
        _end(request)
        raise
    _end_if_through(request)
    reached, uncertain = sum(map(_has_arrived, came)), sum(map(_is_uncertain, came))
    if reached:
        _note(person, request, reached)
    return Reminded(reached, max(0, waiting - due), len(came) - reached - uncertain, uncertain)


def step(request_id: int) -> bool:
    """Remind up to 50 people in the background, while the request is open. Returns whether to go on right away.

    Not where nobody was reached: the portal may be silent, and others wait for this worker.
    """
    request = _under_way().filter(pk=request_id).first()
    if request is None:
        return False
    if not reporting.is_open(request) or _since(request) < timezone.now() - GIVE_UP:
        _end(request)
        return False
    try:
        came = _remind(wire.background_client, request)
    except RestError as error:
        if error.policy is not Policy.RETRY_LATER:
            _end(request)
        return False
    if not came:
        _end_if_through(request)
    return any(map(_has_arrived, came))


def begin_due() -> None:
    """Begin the reminders whose time has come, each once, however many workers look."""
    now = timezone.now()
    for request in ConfirmationRequest.objects.filter(remind_at__lte=now, reminded_at=None).select_related("dispatch__portal"):
        wanted = {"reminding_since": now} if reporting.is_open(request) and request.reminding_since is None else {}
        # Only the row's own columns: PostgreSQL checks those again after waiting for another worker, but not a joined table's.
        begun = ConfirmationRequest.objects.filter(pk=request.pk, reminded_at=None).update(reminded_at=now, **wanted)
        if begun and wanted:
            dispatch = request.dispatch
            activity.note(dispatch.portal, activity.Kind.REMINDER_DUE, tag=dispatch.tag, sub_tag=dispatch.sub_tag)


def left() -> list[int]:
    """The ids of requests with a reminder under way on which no process works: new ones, and those of a process that died."""
    leased = Notification.objects.filter(dispatch=OuterRef("dispatch"), state=State.SENT, lease_until__isnull=False)
    held = leased.exclude(ran_out("lease_until", timezone.now(), LEASE))
    return list(_under_way().filter(~Exists(held)).order_by("pk").values_list("pk", flat=True))


def _note(person: PortalUser, request: ConfirmationRequest, number: int) -> None:
    activity.note(person, activity.Kind.REMINDED, number=number, tag=request.dispatch.tag, sub_tag=request.dispatch.sub_tag)


def _under_way() -> QuerySet[ConfirmationRequest]:
    """The requests of working portals with a reminder under way."""
    requests = ConfirmationRequest.objects.filter(reminding_since__isnull=False, dispatch__portal__state=Portal.State.ACTIVE)
    return requests.select_related("dispatch__portal", "dispatch__author__portal", "dispatch__sender__portal")


def _since(request: ConfirmationRequest) -> datetime:
    return request.reminding_since or timezone.now()


def _begin(request: ConfirmationRequest, since: datetime) -> bool:
    """Note that a reminder is under way; False when another one is."""
    mine = ConfirmationRequest.objects.filter(pk=request.pk, reminding_since=None, closed_at=None).update(reminding_since=since)
    request.reminding_since = since
    return bool(mine)


def _end(request: ConfirmationRequest) -> None:
    ConfirmationRequest.objects.filter(pk=request.pk, reminding_since=request.reminding_since).update(reminding_since=None)


def _end_if_through(request: ConfirmationRequest) -> None:
    """End the reminder once nobody is due and nobody's row is with a process, alive or dead."""
    with_somebody = Notification.objects.filter(dispatch=request.dispatch_id, state=State.SENT, lease_until__isnull=False)
    if not with_somebody.exists() and not _due(request, _since(request)).exists():
        _end(request)


def _due(request: ConfirmationRequest, since: datetime) -> QuerySet[Notification]:
    """Whom a reminder that began at `since` has still to reach: who has the notification, has not answered, and may be reminded."""
    not_yet = Q(lease_until=None) & (Q(reminded_at=None) | Q(reminded_at__lte=since - PAUSE))
    left_behind = ran_out("lease_until", timezone.now(), LEASE)
    return Notification.objects.filter(not_yet | left_behind, dispatch=request.dispatch_id, state=State.SENT)


def _claim(request: ConfirmationRequest) -> tuple[list[Notification], dict[int, datetime | None]]:
    """Up to a batch of due rows that are ours now, and when each of them had its reminder before."""
    now = timezone.now()
    claimed, before = [], {}
    due = (
        _due(request, _since(request))
        .select_related("recipient", "author__portal", "sender__portal", "portal")
        .order_by("id")[:LARGEST_BATCH]
    )
    with transaction.atomic():
        for row in due:
            unchanged = Notification.objects.filter(pk=row.pk, state=State.SENT, reminded_at=row.reminded_at, lease_until=row.lease_until)
            if unchanged.update(reminded_at=now, lease_until=now + LEASE):
                before[row.pk] = row.reminded_at
                row.reminded_at = now
                claimed.append(row)
    return claimed, before


def _remind(client_for: Callable[[Notification], PortalClient], request: ConfirmationRequest) -> list[Outcome[int | None]]:
    """Remind a batch of those who are due; what came of each. Raises RestError when certainly nobody was reached: then nothing changed."""
    rows, before = _claim(request)
    if not rows:
        return []
    client, text = client_for(rows[0]), _text(request)
    try:
        outcomes = client.run_batch({str(row.pk): _command(row, text, request) for row in rows})
    except RestError as error:
        if not error.unknown_outcome:
            _give_back(rows, before)
            raise
        outcomes = {str(row.pk): Outcome(error=error) for row in rows}
    _record(client, request, rows, outcomes)
    return list(outcomes.values())


def _has_arrived(outcome: Outcome[int | None]) -> bool:
    return outcome.value is not None


def _is_uncertain(outcome: Outcome[int | None]) -> bool:
    return outcome.error is not None and outcome.error.unknown_outcome


def _click_client(person: PortalUser) -> Callable[[Notification], PortalClient]:
    """Who reminds in a click: a personal notification comes from whoever calls, so always from its author; the app's from `person`."""

    def client(row: Notification) -> PortalClient:
        return client_of(row.sender, row.author if row.type == Notification.Type.PERSONAL else person)

    return client


def _text(request: ConfirmationRequest) -> _Text:
    dispatch = request.dispatch
    # In the portal's language, as the line with the link is (notifications.wire).
    with translation.override(interface_language(dispatch.portal)):
        first_line = _("Reminder")
    return _Text(f"[B]{first_line}[/B]\n{dispatch.message}", dispatch.message_out, dispatch.attach, request)


def _command(row: Notification, text: _Text, request: ConfirmationRequest) -> Call[int | None]:
    try:
        return wire.command(row, row.recipient.user_id, text)
    except InvalidInput:
        # A text of the greatest length has no room for another line.
        return wire.command(row, row.recipient.user_id, request.dispatch)


def _give_back(rows: Sequence[Notification], before: Mapping[int, datetime | None]) -> None:
    """Nobody was reminded: the rows are as they were."""
    for row in rows:
        ours = Notification.objects.filter(pk=row.pk, state=State.SENT, reminded_at=row.reminded_at)
        ours.update(reminded_at=before[row.pk], lease_until=None)


def _record(
    client: PortalClient, request: ConfirmationRequest, rows: Sequence[Notification], outcomes: Mapping[str, Outcome[int | None]]
) -> None:
    """Write what came; what was answered or taken back while it was on its way is tidied."""
    now = timezone.now()
    crossed: dict[int, dict[str, Any]] = {}
    with transaction.atomic():
        for row in rows:
            outcome = outcomes[str(row.pk)]
            changes = _changes(outcome, now)
            # Whoever has the row by now, because our lease ran out, sends the same once more and records that.
            ours = Notification.objects.filter(pk=row.pk, state=State.SENT, reminded_at=row.reminded_at)
            if not ours.update(**changes) and _has_arrived(outcome):
                crossed[row.pk] = changes
        ledger.changed([request.dispatch_id])
    recording.close_cancelled(request.dispatch_id)
    # Closed while their reminder was on its way: that must not stay in the feed.
    for row in Notification.objects.filter(pk__in=crossed, state=State.REPLACED):
        _send_newer_again(row)
    recording.take_back(client, crossed)


def _changes(outcome: Outcome[int | None], now: datetime) -> dict[str, Any]:
    """The columns to write for one answer of the portal."""
    if _has_arrived(outcome):
        return {"state": State.SENT, "portal_notification_id": outcome.value, "sent_at": now, "lease_until": None}
    if outcome.error is None:
        # The portal reaches this person no more (bitrix24.md 6.12).
        return {"state": State.FAILED, "error_code": recording.RECIPIENT_UNAVAILABLE, "lease_until": None, "closed_at": now}
    if _is_uncertain(outcome):
        # What the person has is not certain, nor its number: it is sent once more as any row of unknown fate (sending.settle).
        return {"state": State.UNKNOWN, "error_code": outcome.error.row[:64], "lease_until": now + recording.FIRST_WAIT}
    return {"lease_until": None}


def _send_newer_again(row: Notification) -> None:
    """A newer notification with the same TAG had replaced this one before the reminder replaced the newer one: that is sent again."""
    newer = Notification.objects.filter(sender=row.sender_id, wire_tag=row.wire_tag, state=State.SENT, pk__gt=row.pk)
    with transaction.atomic():
        dispatches = list(newer.values_list("dispatch_id", flat=True))
        newer.update(state=State.UNKNOWN, lease_until=timezone.now())
        ledger.changed(dispatches)
