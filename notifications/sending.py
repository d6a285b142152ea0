"""Sending: one act of sending is one Dispatch, one row per recipient, and one portal call.

The rows are committed before the call. A send whose fate is unknown is repeated with the same TAG, which replaces instead of
doubling (bitrix24.md 6.3).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from b24app.models import Portal, PortalUser, Sender
from b24app.rest.calls import Call
from b24app.rest.client import PortalClient
from b24app.rest.errors import RestError
from notifications import api, people, recording, tags, wire
from notifications.ask import Ask
from notifications.ask import write as write_buttons
from notifications.errors import InvalidInput
from notifications.models import ConfirmationRequest, Dispatch, Notification
from notifications.senders import app_sender, client_of

BATCH = 50
"""Commands in one batch (page settings/how-to-call-rest-api/batch)."""


LEASE = timedelta(minutes=2)
"""How long a row stays with the process that sends it: longer than any call may run."""

MOST_ATTEMPTS = 8

MOST_AT_ONCE = 500
"""Rows that one run of `settle` takes on; the next run goes on."""


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
    dispatch.refresh_from_db()
    return dispatch


def portals_to_settle() -> list[int]:
    """The ids of portals where rows of unknown fate, or left behind by a process that died, are due."""
    return list(_due(timezone.now()).order_by("portal_id").values_list("portal_id", flat=True).distinct())


def settle(portal_id: int) -> int:
    """Send the due rows of one portal again, one batch per sender and author. Returns how many were sent.

    Rows are claimed one by one with a conditional UPDATE, so that any number of workers share the work.
    """
    due = _due(timezone.now()).filter(portal=portal_id).order_by("id")
    rows = due.select_related("portal", "sender__portal", "author__portal", "dispatch__confirmation_request", "recipient")[:MOST_AT_ONCE]
    settled = 0
    for group in _groups(rows):
        claimed = [row for row in group if _claim(row)]
        if claimed:
            _send_again(claimed)
            settled += len(claimed)
    return settled


def _rows(author: PortalUser, recipients: Sequence[int], draft: Draft, key: UUID, sender: Sender) -> list[Notification]:
    """The rows to be sent, checked but neither saved nor tied to a dispatch and a recipient's row."""
    if not 0 < len(recipients) <= BATCH:
        raise InvalidInput("recipients", _("Choose between 1 and %(limit)d people.") % {"limit": BATCH})
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
    if nameless and len(commands) < BATCH:
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
        dispatch.delete()


def _due(now: datetime) -> QuerySet[Notification]:
    """Rows whose fate is to be settled now, on portals that work."""
    unknown = Q(state=Notification.State.UNKNOWN, attempts__lt=MOST_ATTEMPTS)
    left_behind = Q(state=Notification.State.SENDING)
    return Notification.objects.filter(unknown | left_behind, lease_until__lte=now, portal__state=Portal.State.ACTIVE)


def _groups(rows: Iterable[Notification]) -> list[list[Notification]]:
    """The rows by sender, author and type (so by the token that sends them), in pieces that fit a batch."""
    groups: dict[tuple[int, int, str], list[Notification]] = {}
    for row in rows:
        groups.setdefault((row.sender_id, row.author_id, row.type), []).append(row)
    return [group[start : start + BATCH] for group in groups.values() for start in range(0, len(group), BATCH)]


def _claim(row: Notification) -> bool:
    """Take the row for sending; False when another worker was faster or the row changed."""
    # Only the row's own columns: PostgreSQL checks those again after waiting for another worker, but not a joined table's.
    unchanged = Notification.objects.filter(pk=row.pk, state=row.state, attempts=row.attempts)
    row.attempts += 1
    return bool(unchanged.update(state=Notification.State.SENDING, lease_until=timezone.now() + LEASE, attempts=row.attempts))


def _send_again(rows: Sequence[Notification]) -> None:
    client = wire.background_client(rows[0])
    try:
        _call(client, rows, [])
    except RestError as error:
        recording.record(client, rows, recording.all_failed(rows, error))
