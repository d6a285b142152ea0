"""Sending: one act of sending is one Dispatch, one row per recipient, and one portal call.

The rows are committed before the call. A send whose fate is unknown is repeated with the same TAG, which replaces instead of
doubling (bitrix24.md 6.3).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from b24app.models import Portal, PortalUser, Sender
from b24app.rest.calls import Call, Outcome
from b24app.rest.client import PortalClient, as_portal
from b24app.rest.errors import RestError, sentence
from notifications import api, ledger, people, tags
from notifications.errors import InvalidInput
from notifications.models import Dispatch, Notification
from notifications.senders import app_sender, client_id, client_of

BATCH = 50
"""Commands in one batch (page settings/how-to-call-rest-api/batch)."""

RECIPIENT_UNAVAILABLE = "RECIPIENT_UNAVAILABLE"
"""Our code for the portal's `false`: the recipient is dismissed or external (bitrix24.md 6.12)."""

LEASE = timedelta(minutes=2)
"""How long a row stays with the process that sends it: longer than any call may run."""

MOST_ATTEMPTS = 8
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=1)

MOST_AT_ONCE = 500
"""Rows that one run of `settle` takes on; the next run goes on."""

MUTED_WITHIN = timedelta(hours=1)
"""How near to the time of sending an "id" must be to pass for a time: generous, because the two clocks differ."""

_METHODS: dict[str, Callable[[api.Notice], Call[int | None]]] = {
    Notification.Type.PERSONAL: api.personal_add,
    Notification.Type.SYSTEM: api.system_add,
}
# A webhook sends by im.notify, the method whose page shows CLIENT_ID; its permission im covers all three.
_WEBHOOK_KINDS: dict[str, Literal["USER", "SYSTEM"]] = {Notification.Type.PERSONAL: "USER", Notification.Type.SYSTEM: "SYSTEM"}


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be sent: `type` is a Notification.Type, `tag` and `sub_tag` as typed, `attach` the ATTACH as JSON values."""

    type: str
    message: str
    tag: str = ""
    sub_tag: str = ""
    message_out: str = ""
    attach: api.Attach | None = None


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
        dispatch, created = Dispatch.objects.get_or_create(
            portal=author.portal,
            key=key,
            defaults={
                "author": author,
                "sender": sender,
                "state": Dispatch.State.RUNNING,
                "total": len(rows),
                "started_at": timezone.now(),
                **fields_of(draft),
            },
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
        _record(client, rows, _all_failed(rows, error))
    dispatch.refresh_from_db()
    return dispatch


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


def portals_to_settle() -> list[int]:
    """The ids of portals where rows of unknown fate, or left behind by a process that died, are due."""
    return list(_due(timezone.now()).order_by("portal_id").values_list("portal_id", flat=True).distinct())


def settle(portal_id: int) -> int:
    """Send the due rows of one portal again, one batch per sender and author. Returns how many were sent.

    Rows are claimed one by one with a conditional UPDATE, so that any number of workers share the work.
    """
    due = _due(timezone.now()).filter(portal=portal_id).order_by("id")
    rows = due.select_related("portal", "sender__portal", "author__portal", "dispatch", "recipient")[:MOST_AT_ONCE]
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
    if draft.type not in _METHODS:
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
        _command(row, user_id, draft)
    return rows


def fields_of(draft: Draft) -> dict[str, Any]:
    """The columns of a Dispatch that a draft fills."""
    return {
        "type": draft.type,
        "message": draft.message.strip(),
        "message_out": draft.message_out,
        "attach": draft.attach,
        "tag": tags.clean("tag", draft.tag),
        "sub_tag": tags.clean("sub_tag", draft.sub_tag),
    }


def _command(row: Notification, user_id: int, text: Draft | Dispatch) -> Call[int | None]:
    notice = api.Notice(
        user_id=user_id,
        message=text.message.strip(),
        tag=row.wire_tag,
        sub_tag=row.wire_sub_tag,
        message_out=text.message_out,
        attach=text.attach,
        client_id=client_id(row.sender),
    )
    if row.sender.kind == Sender.Kind.WEBHOOK:
        return api.notify(notice, _WEBHOOK_KINDS[row.type])
    return _METHODS[row.type](notice)


def _background_client(row: Notification) -> PortalClient:
    # A personal notification comes from whoever calls, so only its author can repeat it; the app's system ones have no author.
    if row.type == Notification.Type.SYSTEM and row.sender.kind == Sender.Kind.APP:
        return as_portal(row.portal, background=True)
    return client_of(row.sender, row.author, background=True)


def _call(client: PortalClient, rows: Sequence[Notification], nameless: Sequence[int]) -> None:
    """One batch: every row, and the names of unknown recipients where a command is left for them. Records what came."""
    commands: dict[str, Call[Any]] = {str(row.id): _command(row, row.recipient.user_id, row.dispatch) for row in rows}
    if nameless and len(commands) < BATCH:
        commands["names"] = people.names(nameless)
    outcomes = client.run_batch(commands)
    found = outcomes.pop("names", None)
    if found and found.value:
        people.store_names(rows[0].portal, found.value)
    _record(client, rows, {row.id: outcomes[str(row.id)] for row in rows})


def _all_failed(rows: Sequence[Notification], error: RestError) -> dict[int, Outcome[int | None]]:
    return {row.id: Outcome(error=error) for row in rows}


def _record(client: PortalClient, rows: Sequence[Notification], outcomes: Mapping[int, Outcome[int | None]]) -> None:
    """Write each row's answer, unless the row changed meanwhile; then mark what was replaced and take back what was deleted meanwhile."""
    now = timezone.now()
    late: dict[int, dict[str, Any]] = {}
    with transaction.atomic():
        for row in rows:
            changes = _changes(row, outcomes[row.id], now)
            sending = Notification.objects.filter(pk=row.pk, state=Notification.State.SENDING)
            if sending.update(**changes):
                for name, value in changes.items():
                    setattr(row, name, value)
            elif changes["state"] != Notification.State.FAILED:
                late[row.pk] = changes
        arrived = {row.wire_tag for row in rows if row.state == Notification.State.SENT and not probably_muted(row)}
        ledger.close_replaced(rows[0].sender, arrived)
    # After the commit: of two workers with rows of one dispatch, the later then sees both.
    for dispatch_id in {row.dispatch_id for row in rows}:
        _finish(dispatch_id)
    _take_back(client, late)


def _changes(row: Notification, outcome: Outcome[int | None], now: datetime) -> dict[str, Any]:
    """The columns to write for one answer."""
    states = Notification.State
    if outcome.error is None and outcome.value is not None:
        return {"state": states.SENT, "portal_notification_id": outcome.value, "sent_at": now, "lease_until": None, "error_code": ""}
    if outcome.error is None:
        return {"state": states.FAILED, "error_code": RECIPIENT_UNAVAILABLE, "lease_until": None, "closed_at": now}
    code = outcome.error.row[:64]
    # Whatever a repetition comes to, the first attempt may have arrived.
    if outcome.error.unknown_outcome or row.attempts > 1:
        return {"state": states.UNKNOWN, "error_code": code, "lease_until": now + _wait(row.attempts)}
    return {"state": states.FAILED, "error_code": code, "lease_until": None, "closed_at": now}


def _wait(attempts: int) -> timedelta:
    return min(FIRST_WAIT * int(2**attempts), LONGEST_WAIT)


def _finish(dispatch_id: int) -> None:
    """Close the dispatch once none of its rows is waiting or under way."""
    under_way = Notification.objects.filter(dispatch=OuterRef("pk"), state__in=(Notification.State.QUEUED, Notification.State.SENDING))
    Dispatch.objects.filter(~Exists(under_way), pk=dispatch_id, state=Dispatch.State.RUNNING).update(
        state=Dispatch.State.DONE, finished_at=timezone.now()
    )


def _take_back(client: PortalClient, late: Mapping[int, Mapping[str, Any]]) -> None:
    """Delete from the portal what somebody deleted while it was being sent: the deletion may have come before the notification.

    `late` holds what would have been recorded; a row that cannot be taken back gets it after all, so that the ledger shows it.
    """
    rows = list(Notification.objects.filter(pk__in=late, state=Notification.State.DELETED).select_related("sender"))
    if not rows:
        return
    try:
        outcomes = client.run_batch({str(row.id): api.delete(tag=row.wire_tag, client_id=client_id(row.sender)) for row in rows})
    except RestError as error:
        outcomes = {str(row.id): Outcome(error=error) for row in rows}
    for row in rows:
        if not outcomes[str(row.id)].value:
            Notification.objects.filter(pk=row.pk, state=Notification.State.DELETED).update(**{"closed_at": None} | dict(late[row.pk]))


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
    client = _background_client(rows[0])
    try:
        _call(client, rows, [])
    except RestError as error:
        _record(client, rows, _all_failed(rows, error))
