"""Answering a confirmation request: who may, what is recorded, once, whatever the portal does. The feed is tidied afterwards (tidying).

Who answers is whoever the launch proved; the key in a link says only which request is meant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from b24app import activity
from b24app.models import PortalUser
from notifications import ask, ledger, recording, tidying
from notifications.errors import InvalidInput
from notifications.ledger import By
from notifications.models import Answer, ConfirmationRequest, Notification

ANSWERABLE = (*Notification.LIVE, Notification.State.EXPIRED)
"""States in which a recipient may answer. The portal erases what is old, but the question stands until it is answered or closed."""

MOST_WAITING = 100
"""Requests that are listed for a person: more than anybody answers in one go, the newest first."""

_STATES = {ask.Means.CONFIRM: Notification.State.CONFIRMED, ask.Means.DECLINE: Notification.State.DECLINED}


class Status(StrEnum):
    """How a request stands for one person. The values are codes for templates."""

    OPEN = "open"
    ANSWERED = "answered"
    LATE = "late"
    CLOSED = "closed"
    TAKEN_BACK = "taken-back"
    REPLACED = "replaced"
    NOT_DELIVERED = "not-delivered"
    NOT_ASKED = "not-asked"
    UNKNOWN = "unknown"


_ENDED = {
    Notification.State.REPLACED: Status.REPLACED,
    Notification.State.FAILED: Status.NOT_DELIVERED,
}


@dataclass(frozen=True, slots=True)
class Page:
    """A request as one person meets it. Nothing but the status is there for somebody who was not asked.

    `given` is this person's answer where there is one; of two answers at once, the one that was recorded.
    """

    status: Status
    row: Notification | None = None
    request: ConfirmationRequest | None = None
    buttons: tuple[ask.Button, ...] = ()
    given: Answer | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that waits for a person's answer, with its dispatch and author in `row`."""

    row: Notification
    request: ConfirmationRequest
    buttons: tuple[ask.Button, ...]


def page_of(person: PortalUser, key: UUID) -> Page:
    """How the request with this key stands for `person`, in one query for a person who was asked."""
    return _page(person, key, _asked(person))


def _page(person: PortalUser, key: UUID, rows: QuerySet[Notification]) -> Page:
    row = rows.filter(dispatch__confirmation_request__key=key).order_by("-id").first()
    if row is None:
        known = ConfirmationRequest.objects.filter(key=key, dispatch__portal=person.portal_id).exists()
        return Page(Status.NOT_ASKED if known else Status.UNKNOWN)
    request = row.dispatch.confirmation_request
    return Page(_status(row, request), row, request, ask.read(request.buttons), getattr(row, "answer", None))


def answer(person: PortalUser, key: UUID, value: str, reason: str = "") -> Page:
    """Record that `person` pressed the button with this value, and tidy their feed; returns the page as it is afterwards.

    Of several presses the first one counts, whoever asks: all others get its answer. Raises InvalidInput (`value`, `reason`) for what
    the request does not offer; nothing is written then, nor where the request does not wait for this person.
    """
    # Thousands may press within a minute: what only a page shows is not fetched for it.
    page = _page(person, key, _asked(person).select_related(None).select_related("dispatch__confirmation_request", "answer"))
    if page.status is not Status.OPEN or page.row is None or page.request is None:
        return page
    button, reason = read(page.buttons, value, reason)
    given = _record(person, page.row, page.request, button, reason)
    if given is None:
        return page_of(person, key)
    tidying.at_once(person, given)
    return Page(Status.ANSWERED, page.row, page.request, page.buttons, given)


def read(buttons: Sequence[ask.Button], value: str, reason: str) -> tuple[ask.Button, str]:
    """The pressed button, and the reason as it is recorded. Raises InvalidInput (`value`, `reason`) for what the buttons do not offer."""
    button, reason = _chosen(buttons, value), _line_ends(reason).strip()
    _check_reason(button, reason)
    return button, reason


def waiting(person: PortalUser, by: By | None = None, value: str = "") -> list[Waiting]:
    """The requests that wait for this person's answer, newest first, in one query; with `by`, those with this TAG or SUB_TAG as typed."""
    now = timezone.now()
    still = Q(dispatch__confirmation_request__deadline=None) | Q(dispatch__confirmation_request__deadline__gt=now)
    rows = _asked(person).filter(still, state__in=ANSWERABLE, dispatch__confirmation_request__closed_at=None)
    rows = rows.filter(dispatch__confirmation_request__isnull=False)
    if by:
        rows = ledger.tagged(rows, by, value.strip())
    found = rows.order_by("-id")[:MOST_WAITING]
    return [Waiting(row, row.dispatch.confirmation_request, ask.read(row.dispatch.confirmation_request.buttons)) for row in found]


def status_of(row: Notification) -> Status:
    """How the request that this row belongs to stands for its recipient; UNKNOWN for a row that asks nothing."""
    request = getattr(row.dispatch, "confirmation_request", None)
    return _status(row, request) if request else Status.UNKNOWN


def _asked(person: PortalUser) -> QuerySet[Notification]:
    """What was sent to this person, with what a request's page shows."""
    rows = ledger.for_portal(person.portal).filter(recipient=person)
    return rows.select_related("dispatch__confirmation_request", "author", "sender", "answer")


def _status(row: Notification, request: ConfirmationRequest) -> Status:
    if hasattr(row, "answer"):
        return Status.ANSWERED
    if row.state not in ANSWERABLE:
        return _ENDED.get(Notification.State(row.state), Status.TAKEN_BACK)
    if request.closed_at is not None:
        return Status.CLOSED
    if request.deadline is not None and request.deadline <= timezone.now():
        return Status.LATE
    return Status.OPEN


def _chosen(buttons: Sequence[ask.Button], value: str) -> ask.Button:
    for button in buttons:
        if button.value == value:
            return button
    raise InvalidInput("value", _("This request has no such button. Press one of those it shows."))


def _line_ends(text: str) -> str:
    """A browser posts a line's end as two characters, and counts it as one."""
    return text.replace("\r\n", "\n").replace("\0", "")


def _check_reason(button: ask.Button, reason: str) -> None:
    if reason and button.reason is ask.Reason.NO:
        raise InvalidInput("reason", _("No reason is asked for with this button. Empty the field."))
    if not reason and button.reason is ask.Reason.MUST:
        raise InvalidInput("reason", _("Give a reason: the sender asks for one with this answer."))
    if len(reason) > ask.LONGEST_REASON:
        raise InvalidInput("reason", _("The reason is longer than %(limit)d characters. Shorten it.") % {"limit": ask.LONGEST_REASON})


def _record(person: PortalUser, row: Notification, request: ConfirmationRequest, button: ask.Button, reason: str) -> Answer | None:
    """Write the answer, unless the row has changed since it was read: None then, and nothing is written."""
    now = timezone.now()
    state, before = _STATES[button.means], row.state
    with transaction.atomic():
        # Only the row's own columns: PostgreSQL checks those again after waiting for another press, but not a joined table's.
        open_row = Notification.objects.filter(pk=row.pk, state__in=ANSWERABLE)
        if not open_row.update(state=state, closed_at=now, lease_until=None):
            return None
        given = Answer.objects.create(
            request=request,
            notification=row,
            value=button.value,
            label=button.label,
            reason=reason,
            answered_at=now,
            tidy_after=now + tidying.FIRST_WAIT,
        )
        activity.note(person, activity.Kind.ANSWERED, label=button.label, tag=row.tag, sub_tag=row.sub_tag)
        ledger.changed([row.dispatch_id])
    # A reminder may have replaced the notification since the row was read: its number in the feed is another one then.
    row.refresh_from_db(fields=["portal_notification_id", "sent_at"])
    row.state, row.closed_at, row.lease_until = state, now, None
    if before in (Notification.State.QUEUED, Notification.State.UNKNOWN):
        # It may have been the last one that was still to be sent.
        recording.finish(row.dispatch_id)
    return given
