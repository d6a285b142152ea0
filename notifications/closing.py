"""How a confirmation request ends: closed early, or by itself, when its sender is told what came of it.

What the sender is told is a notification of the system with a TAG of its own, in no row of the ledger: nobody asked to send it, and
nobody has to take it back. A second one about the same request takes the place of the first (bitrix24.md 6.3).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from b24app import activity
from b24app.languages import interface_language
from b24app.models import Portal, PortalUser
from b24app.rest.client import as_portal
from b24app.rest.errors import Policy, RestError
from notifications import api, ask, bbcode, dispatching, reporting, tags
from notifications.models import Answer, ConfirmationRequest, Dispatch, Notification

LONGEST_QUOTE = 100
"""Characters of the request's text that name it to its sender."""

Why = Literal["all", "deadline"]

_TOLD: Mapping[Why, str] = {"all": "told_all_at", "deadline": "told_deadline_at"}


def close(person: PortalUser, request: ConfirmationRequest) -> bool:
    """Take no more answers, from now on, and send it to nobody else. False when it was closed already: who closed it first stays."""
    still_open = ConfirmationRequest.objects.filter(pk=request.pk, closed_at=None)
    with transaction.atomic():
        closed = still_open.update(closed_at=timezone.now(), closed_by=person, reminding_since=None)
        if closed:
            dispatch = request.dispatch
            activity.note(person, activity.Kind.CLOSED, tag=dispatch.tag, sub_tag=dispatch.sub_tag)
    if closed:
        dispatching.stop(request.dispatch)
    request.refresh_from_db()
    return bool(closed)


def portals_to_tell() -> list[int]:
    """The ids of portals where somebody is to be told what came of a request."""
    requests = (_all_answered(), _past_deadline())
    return sorted({portal_id for each in requests for portal_id in each.values_list("dispatch__portal_id", flat=True)})


def to_tell(portal_id: int) -> list[int]:
    """The ids of the portal's requests whose sender wishes to be told and has not been, of which there is something to tell now."""
    requests = (each.filter(dispatch__portal=portal_id) for each in (_all_answered(), _past_deadline()))
    return sorted({request_id for each in requests for request_id in each.values_list("pk", flat=True)})


def tell(request_id: int) -> bool:
    """Tell the sender that everybody has answered, or that the time is over: once, however many workers try. Whether it was done."""
    if request := _all_answered().filter(pk=request_id).first():
        return _tell(request, "all")
    if request := _past_deadline().filter(pk=request_id).first():
        return _tell(request, "deadline")
    return False


def _to_tell() -> QuerySet[ConfirmationRequest]:
    """Requests of working portals whose sender wishes to be told and has not been. Whoever closed a request knows what came of it."""
    requests = ConfirmationRequest.objects.filter(tells_author=True, told_all_at=None, told_deadline_at=None, closed_at=None)
    return requests.filter(dispatch__portal__state=Portal.State.ACTIVE).select_related("dispatch__portal", "dispatch__author")


def _all_answered() -> QuerySet[ConfirmationRequest]:
    """Those for whom nobody is left to answer, somebody has, and nobody's time ran out."""
    rows = Notification.objects.filter(dispatch=OuterRef("dispatch"))
    may_answer = rows.filter(state__in=(*Notification.LIVE, Notification.State.EXPIRED))
    sent = _to_tell().filter(dispatch__state__in=(Dispatch.State.DONE, Dispatch.State.CANCELLED))
    return sent.filter(~Exists(may_answer), Exists(Answer.objects.filter(request=OuterRef("pk"))))


def _past_deadline() -> QuerySet[ConfirmationRequest]:
    return _to_tell().filter(deadline__lte=timezone.now())


def _tell(request: ConfirmationRequest, why: Why) -> bool:
    """Claim the telling, and do it; False when somebody else does, or it failed."""
    column, now = _TOLD[why], timezone.now()
    # Only the row's own columns: PostgreSQL checks those again after waiting for another worker, but not a joined table's.
    if not ConfirmationRequest.objects.filter(Q(**{column: None}), pk=request.pk, closed_at=None).update(**{column: now}):
        return False
    dispatch = request.dispatch
    call = api.system_add(api.Notice(dispatch.author.user_id, _words(request, why), tag=tags.report_tag(request.key)))
    try:
        # Its TAG makes it one that may be sent twice.
        as_portal(dispatch.portal, background=True).run(replace(call, repeatable=True))
    except RestError as error:
        if not error.unknown_outcome and _may_pass(error):
            _give_back(request, column, now)
        return False
    return True


def _may_pass(error: RestError) -> bool:
    """Whether telling later may succeed: the portal is busy, or kept out for now."""
    return error.policy in (Policy.RETRY_LATER, Policy.PORTAL_UNUSABLE) or error.code == "NO_USABLE_TOKEN"


def _give_back(request: ConfirmationRequest, column: str, claimed_at: datetime) -> None:
    """Certainly nothing was sent: the next run tries again."""
    ConfirmationRequest.objects.filter(**{"pk": request.pk, column: claimed_at}).update(**{column: None})


def _words(request: ConfirmationRequest, why: Why) -> str:
    """What the sender is told: in the portal's language, as nobody knows theirs while they are away."""
    portal, figures = request.dispatch.portal, reporting.figures(request)
    with translation.override(interface_language(portal)):
        quote = bbcode.plain(request.dispatch.message)
        quote = quote if len(quote) <= LONGEST_QUOTE else f"{quote[: LONGEST_QUOTE - 1]}…"
        happened = _("Everybody has answered your request.") if why == "all" else _("The time for answering your request is over.")
        numbers = [
            ngettext("%(count)d confirmed", "%(count)d confirmed", figures.confirmed) % {"count": figures.confirmed},
            ngettext("%(count)d declined", "%(count)d declined", figures.declined) % {"count": figures.declined},
        ]
        if figures.waiting:
            numbers.append(ngettext("%(count)d gave no answer", "%(count)d gave no answer", figures.waiting) % {"count": figures.waiting})
        words = _("Open the answers")
        link = f"[url={ask.report_link(request.dispatch_id)}]{words}[/url]"
        quoted = _("“%(text)s”") % {"text": quote}
        return f"{happened}\n{quoted}\n{' · '.join(numbers)}\n{link}"
