"""What a person does with a dispatch to many: start, pause, resume, cancel, send again to those who failed, take back, discard.

Everything here changes rows and returns at once; a worker does the sending (notifications.lane), so the caller enqueues `run_lane` for the
portal afterwards. Each function may be called twice: what is done already is left as it is.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import get_args

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from b24app import activity
from b24app.activity import Kind
from b24app.models import PortalUser
from b24app.roles import may_see_all, may_send, may_send_to_many, may_take_back
from notifications import ledger, recording, reporting, tags, takeback
from notifications.audience import NOT_TO_MANY
from notifications.errors import InvalidInput
from notifications.models import Dispatch, Lane, Notification
from notifications.takeback import Which

CHUNK = 1000
"""Rows held in memory at a time while a dispatch's notifications are written."""

_State = Dispatch.State
_Row = Notification.State


def may_act(person: PortalUser, dispatch: Dispatch) -> bool:
    """Whether this dispatch is this person's to stop and take back: their own, or anybody's for those who may see everything."""
    return dispatch.author_id == person.pk or may_see_all(person)


def may_send_it(person: PortalUser, dispatch: Dispatch) -> bool:
    """Whether this person may send to those whom this dispatch is for, or remind them: few chosen one by one, or many."""
    return may_send_to_many(person) if dispatch.audience else may_send(person)


def start(person: PortalUser, dispatch_id: int) -> Dispatch:
    """Write a READY dispatch's notifications, one per recipient, and queue it. All rows are written, or none."""
    dispatch = _to_send(person, dispatch_id)
    with transaction.atomic():
        # The conditional UPDATE comes first: of two clicks one waits for the other here, and then finds nothing to start.
        ready = Dispatch.objects.filter(pk=dispatch.pk, state=_State.READY)
        if ready.update(state=_State.QUEUED):
            dispatch.refresh_from_db(fields=["recipients"])
            dispatch.total = _write_rows(dispatch)
            Dispatch.objects.filter(pk=dispatch.pk).update(total=dispatch.total, recipients=None)
            _note(person, Kind.SENT, dispatch)
            ledger.changed([dispatch.pk])
            _hurry(dispatch)
    dispatch.refresh_from_db()
    _refuse(dispatch, (_State.PREPARING, _State.READY), _("This dispatch is not ready yet. Wait until its recipients are counted."))
    return dispatch


def pause(person: PortalUser, dispatch_id: int) -> Dispatch:
    """Hold a dispatch; what is on its way to the portal at this moment still arrives."""
    dispatch = _own(person, dispatch_id)
    with transaction.atomic():
        if Dispatch.objects.filter(pk=dispatch.pk, state__in=Dispatch.UNDER_WAY).update(state=_State.PAUSED, error_code=""):
            _note(person, Kind.PAUSED, dispatch)
    dispatch.refresh_from_db()
    _refuse(dispatch, (_State.PREPARING, _State.READY), _("This dispatch has not been started, so there is nothing to pause."))
    _refuse(dispatch, (_State.DONE, _State.CANCELLED), _("This dispatch is finished already, so there is nothing to pause."))
    return dispatch


def resume(person: PortalUser, dispatch_id: int) -> Dispatch:
    """Let a paused dispatch go on with those who have not got it yet."""
    dispatch = _to_send(person, dispatch_id)
    with transaction.atomic():
        paused = Dispatch.objects.filter(pk=dispatch.pk, state=_State.PAUSED)
        if paused.update(state=_State.RUNNING if dispatch.started_at else _State.QUEUED, error_code="", warned_at=None):
            _note(person, Kind.RESUMED, dispatch)
            _hurry(dispatch)
    recording.finish(dispatch.pk)
    dispatch.refresh_from_db()
    _refuse(dispatch, (_State.PREPARING, _State.READY), _("This dispatch has not been started. Send it first."))
    _refuse(dispatch, (_State.CANCELLED,), _("This dispatch was cancelled and cannot go on. Send a new one to those who are left."))
    return dispatch


def cancel(person: PortalUser, dispatch_id: int) -> Dispatch:
    """End a dispatch: who has not got it yet never gets it. What is on its way at this moment still arrives."""
    dispatch = _own(person, dispatch_id)
    if stop(dispatch):
        _note(person, Kind.CANCELLED, dispatch)
    dispatch.refresh_from_db()
    _refuse(dispatch, (_State.PREPARING, _State.READY), _("This dispatch has not been started, so there is nothing to cancel."))
    _refuse(dispatch, (_State.DONE,), _("This dispatch is finished already. Take it back if it was a mistake."))
    return dispatch


def resend_failed(person: PortalUser, dispatch_id: int) -> Dispatch:
    """Queue again whoever certainly or possibly did not get it; those of unknown fate keep their TAG, so nobody gets a second copy.

    Left out is who got something newer with the same TAG meanwhile: the older text would take its place.
    """
    dispatch = _to_send(person, dispatch_id)
    _refuse(dispatch, (_State.PREPARING, _State.READY), _("This dispatch has not been started. Send it first."))
    _refuse_while_taking_back(dispatch)
    with transaction.atomic():
        if number := _requeue(failed(dispatch)):
            Dispatch.objects.filter(pk=dispatch.pk, state__in=(_State.DONE, _State.CANCELLED)).update(
                state=_State.RUNNING, error_code="", finished_at=None, warned_at=None
            )
            activity.note(person, Kind.RESENT, number=number, tag=dispatch.tag, sub_tag=dispatch.sub_tag)
            _hurry(dispatch)
            ledger.changed([dispatch.pk])
    dispatch.refresh_from_db()
    return dispatch


def failed(dispatch: Dispatch) -> QuerySet[Notification]:
    """Those whom `resend_failed` would send to: failed, or of unknown fate and given up."""
    newer = Notification.objects.filter(
        sender=OuterRef("sender"), wire_tag=OuterRef("wire_tag"), state__in=Notification.LIVE, id__gt=OuterRef("id")
    )
    given_up = Q(state=_Row.UNKNOWN, lease_until=None)
    return dispatch.notifications.filter(Q(state=_Row.FAILED) | given_up).exclude(Exists(newer))


def take_back(person: PortalUser, dispatch_id: int, which: Which) -> Dispatch:
    """Stop a dispatch where it still runs, and delete from the portal what it sent: "all", or those not answered or not read yet.

    All of it goes in one call, made here, where a SUB_TAG covers exactly that; else a worker does it (`Dispatch.taking_back` until then,
    `taken_back` tells what came of it). Raises RestError when that one call failed.
    """
    dispatch = _own(person, dispatch_id)
    if not may_take_back(person):
        raise InvalidInput("dispatch", _("You may not take back notifications on this portal. Ask a portal administrator for the right."))
    _refuse(dispatch, (_State.PREPARING, _State.READY), _("This dispatch has not been started, so there is nothing to take back."))
    if which not in get_args(Which):
        raise InvalidInput("which", _("Choose what to take back."))
    stop(dispatch)
    takeback.begin(person, dispatch, which)
    _note(person, Kind.TAKEN_BACK, dispatch)
    with transaction.atomic():
        _hurry(dispatch)
    dispatch.refresh_from_db()
    return dispatch


def stop(dispatch: Dispatch) -> bool:
    """Cancel what has not been sent; whether it was open until now. Rows of unknown fate stay so, and are not sent again."""
    open_states = (*Dispatch.UNDER_WAY, _State.PAUSED)
    stopped = {"state": _State.CANCELLED, "error_code": "", "finished_at": timezone.now()}
    # A statement of its own: whoever changes rows locks them before their dispatch, so nobody may hold the dispatch and wait for rows.
    was_open = Dispatch.objects.filter(pk=dispatch.pk, state__in=open_states).update(**stopped)
    recording.close_cancelled(dispatch.pk)
    return bool(was_open)


def discard(person: PortalUser, dispatch_id: int) -> None:
    """Throw away a dispatch that was never started. One that is gone already is no error."""
    if not Dispatch.objects.filter(portal=person.portal, pk=dispatch_id).exists():
        return
    dispatch = _own(person, dispatch_id)
    Dispatch.objects.filter(pk=dispatch.pk, state__in=(_State.PREPARING, _State.READY)).delete()
    if Dispatch.objects.filter(pk=dispatch.pk).exists():
        raise InvalidInput("dispatch", _("This dispatch was started already. Cancel it or take it back instead."))


def _own(person: PortalUser, dispatch_id: int) -> Dispatch:
    """The dispatch, if it is this person's to act on (may_act)."""
    found = Dispatch.objects.select_related("sender__portal", "confirmation_request")
    dispatch = found.filter(portal=person.portal, pk=dispatch_id).first()
    if dispatch is None or not may_act(person, dispatch):
        raise InvalidInput("dispatch", _("There is no such dispatch, or it is not yours. Open the list of dispatches again."))
    return dispatch


def _to_send(person: PortalUser, dispatch_id: int) -> Dispatch:
    """As `_own`, for acts that send."""
    if not may_send(person):
        raise InvalidInput("dispatch", _("You may not send notifications on this portal. Ask a portal administrator for the right."))
    dispatch = _own(person, dispatch_id)
    if not may_send_it(person, dispatch):
        raise InvalidInput("dispatch", NOT_TO_MANY)
    request = getattr(dispatch, "confirmation_request", None)
    if request is not None and not reporting.is_open(request):
        raise InvalidInput(
            "dispatch", _("This request takes no answers any more, so it is not sent. If you still need answers, write a new one.")
        )
    return dispatch


def _refuse(dispatch: Dispatch, states: Iterable[str], sentence: str | Promise) -> None:
    if dispatch.state in states:
        raise InvalidInput("dispatch", sentence)


def _refuse_while_taking_back(dispatch: Dispatch) -> None:
    if dispatch.taking_back:
        raise InvalidInput("dispatch", _("This dispatch is being taken back. Wait until that is finished."))


def _write_rows(dispatch: Dispatch) -> int:
    """One QUEUED row per recipient, in the order of the list. Returns how many."""
    recipients: list[int] = dispatch.recipients or []
    sub_tag = tags.wire_sub_tag(dispatch.tag, dispatch.sub_tag) or tags.generated_sub_tag(dispatch.key)
    written = 0
    for chunk in _chunks(recipients):
        user_ids = dict(PortalUser.objects.filter(portal=dispatch.portal_id, pk__in=chunk).values_list("pk", "user_id"))
        rows = [_row(dispatch, number, user_ids[number], sub_tag) for number in chunk if number in user_ids]
        Notification.objects.bulk_create(rows)
        written += len(rows)
    return written


def _row(dispatch: Dispatch, recipient_id: int, user_id: int, wire_sub_tag: str) -> Notification:
    return Notification(
        portal_id=dispatch.portal_id,
        sender_id=dispatch.sender_id,
        dispatch_id=dispatch.pk,
        author_id=dispatch.author_id,
        recipient_id=recipient_id,
        type=dispatch.type,
        tag=dispatch.tag,
        sub_tag=dispatch.sub_tag,
        wire_tag=tags.wire_tag(dispatch.tag, user_id, dispatch.key),
        wire_sub_tag=wire_sub_tag,
    )


def _chunks(numbers: Iterable[int]) -> Iterator[list[int]]:
    left = iter(dict.fromkeys(numbers))
    while chunk := list(islice(left, CHUNK)):
        yield chunk


def _note(person: PortalUser, kind: Kind, dispatch: Dispatch) -> None:
    activity.note(person, kind, number=dispatch.total, tag=dispatch.tag, sub_tag=dispatch.sub_tag)


def _requeue(rows: QuerySet[Notification]) -> int:
    """Queue these rows again. One of unknown fate keeps an attempt: whatever the next one comes to, the first may have arrived."""
    numbers = list(rows.values_list("pk", flat=True))
    again = {"state": _Row.QUEUED, "error_code": "", "lease_until": None, "closed_at": None}
    chosen = [Notification.objects.filter(pk__in=numbers[start : start + CHUNK]) for start in range(0, len(numbers), CHUNK)]
    unknown = sum(part.filter(state=_Row.UNKNOWN, lease_until=None).update(**again, attempts=1) for part in chosen)
    return unknown + sum(part.filter(state=_Row.FAILED).update(**again, attempts=0) for part in chosen)


def _hurry(dispatch: Dispatch) -> None:
    """What a person asks for does not wait until a portal that could not be reached is tried again by itself."""
    Lane.objects.filter(portal=dispatch.portal_id).update(resume_at=None, probe_at=None, failures=0)
