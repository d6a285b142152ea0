"""One dispatch: what was sent, how far it has come while it goes on, who got it, and what can be done with it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from b24app.frame.notices import toast
from b24app.frame.session import FrameRequest, frame_view
from b24app.models import PortalUser
from b24app.rest.errors import sentence
from b24app.roles import may_send, may_take_back
from notifications import attach, dispatching, history, progress, tasks
from notifications.errors import InvalidInput
from notifications.forms import RowsForm
from notifications.models import ConfirmationRequest, Dispatch, Notification

OVER = (Dispatch.State.DONE, Dispatch.State.CANCELLED)
Act = Callable[[PortalUser, int], Dispatch]


@require_GET
@frame_view()
def dispatch(request: FrameRequest, number: int) -> HttpResponse:
    """The page: what was sent beside what became of it; for somebody who only received it, their own copy."""
    return _page(request, _visible(request, number))


@require_GET
@frame_view()
def dispatch_figures(request: FrameRequest, number: int) -> HttpResponse:
    """The part of the page that changes while the sending goes on, asked for again and again: it reads our own database only."""
    return _figures(request, _followed(request, number))


@require_GET
@frame_view()
def dispatch_rows(request: FrameRequest, number: int) -> HttpResponse:
    """Who got it and who did not, in the order of their names: narrowed to a state or to a reason of failing, from a row on."""
    form = RowsForm(request.GET)
    found = _visible(request, number)
    context = {"dispatch": found, **_rows(request, found, form)}
    part = "names" if form.chosen_reason else "rows" if context["continued"] else "table"
    return render(request, f"frame/dispatch_rows.html#{part}", context)


@require_POST
@frame_view(allow=may_send)
def dispatch_start(request: FrameRequest, number: int) -> HttpResponse:
    """Send what is ready; however often it is asked for, it is sent once."""
    _followed(request, number)
    try:
        dispatching.start(request.person, number)
    except InvalidInput as error:
        return toast(_page(request, _followed(request, number)), str(error.message), "bad")
    tasks.run_lane(request.portal.pk)
    return _page(request, _followed(request, number))


@require_http_methods(["GET", "POST"])
@frame_view()
def dispatch_discard(request: FrameRequest, number: int) -> HttpResponse:
    """The question whether what was prepared may be thrown away; posted, it is, and the page goes to the list."""
    if request.method == "GET":
        return _question(request, "discard", _followed(request, number))
    try:
        dispatching.discard(request.person, number)
    except InvalidInput as error:
        return toast(HttpResponse(status=204), str(error.message), "bad")
    events = {"close-dialog": {}, "dispatch-discarded": {"show": f"{reverse('sent')}?view=dispatches"}}
    response = HttpResponse(status=204, headers={"HX-Trigger": json.dumps(events)})
    return toast(response, _("Discarded. Nothing was sent."), "info")


@require_POST
@frame_view()
def dispatch_pause(request: FrameRequest, number: int) -> HttpResponse:
    """Hold the sending."""
    return _acted(request, number, dispatching.pause, _("Paused. What is on its way at this moment still arrives."))


@require_POST
@frame_view()
def dispatch_resume(request: FrameRequest, number: int) -> HttpResponse:
    """Let the sending go on."""
    return _acted(request, number, dispatching.resume, _("The sending goes on."))


@require_http_methods(["GET", "POST"])
@frame_view()
def dispatch_cancel(request: FrameRequest, number: int) -> HttpResponse:
    """The question whether to end the sending; posted, it ends."""
    if request.method == "GET":
        return _question(request, "cancel", _followed(request, number))
    return _acted(request, number, dispatching.cancel, _("Cancelled. Who has not got it yet will not get it."))


@require_http_methods(["GET", "POST"])
@frame_view()
def dispatch_resend(request: FrameRequest, number: int) -> HttpResponse:
    """The question whether to send again to those who did not get it; posted, they are queued."""
    if request.method == "GET":
        found = _followed(request, number)
        return _question(request, "resend", found, count=dispatching.failed(found).count())
    return _acted(request, number, dispatching.resend_failed, _("It is sent again to those who did not get it."))


@require_http_methods(["GET", "POST"])
@frame_view()
def dispatch_take_back(request: FrameRequest, number: int) -> HttpResponse:
    """The question what to take back and from whom; posted, it is done at once or begun."""
    if request.method == "GET":
        found = _followed(request, number)
        numbers = progress.of(found).number
        sent = numbers.get(Notification.State.SENT, 0) + numbers.get(Notification.State.UNKNOWN, 0)
        return _question(request, "take_back", found, count=sent, asks=_asks(found))
    which = request.POST.get("which", "")

    def take_back(person: PortalUser, dispatch_id: int) -> Dispatch:
        return dispatching.take_back(person, dispatch_id, which)  # type: ignore[arg-type]  # refused there when it is none of the three

    return _acted(request, number, take_back, "")


def _visible(request: FrameRequest, number: int) -> Dispatch:
    return get_object_or_404(history.visible_to(request.person), pk=number)


def _followed(request: FrameRequest, number: int) -> Dispatch:
    """The dispatch for somebody who sees all of it; 404 for one who only received it."""
    found = _visible(request, number)
    if not history.may_follow(request.person, found):
        raise Http404
    return found


def _page(request: FrameRequest, found: Dispatch) -> HttpResponse:
    origin = request.portal.origin
    context = {
        "dispatch": found,
        "origin": origin,
        "blocks": attach.read(found.attach, origin),
        "follows": history.may_follow(request.person, found),
        "is_prepared": found.state in history.NOT_SENT_YET,
        "asks": _asks(found),
    }
    if not context["is_prepared"]:
        context |= _rows(request, found, RowsForm(request.GET))
        if context["follows"]:
            context |= _standing(request.person, found)
    return render(request, "frame/dispatch.html", context)


def _figures(request: FrameRequest, found: Dispatch) -> HttpResponse:
    return render(request, "frame/dispatch_figures.html", {"dispatch": found, **_standing(request.person, found)})


def _standing(person: PortalUser, found: Dispatch) -> dict[str, Any]:
    """The figures, and what may be done as things stand."""
    now = progress.of(found)
    return {
        "progress": now,
        "time_left": _time_left(now),
        "says": _says(found),
        "take_back_error": sentence((found.taken_back or {}).get("error", "")),
        **_acts(person, found, now.number),
    }


def _acts(person: PortalUser, found: Dispatch, numbers: Mapping[Notification.State, int]) -> dict[str, bool]:
    """Which acts this person is offered. The use cases judge anew."""
    state = found.state
    acts, sends = dispatching.may_act(person, found), dispatching.may_send_it(person, found)
    in_feeds = any(numbers.get(each) for each in (Notification.State.SENT, Notification.State.UNKNOWN, Notification.State.SENDING))
    missed = any(numbers.get(each) for each in (Notification.State.FAILED, Notification.State.UNKNOWN))
    return {
        "can_pause": acts and state in Dispatch.UNDER_WAY,
        "can_resume": acts and sends and state == Dispatch.State.PAUSED,
        "can_cancel": acts and state in (*Dispatch.UNDER_WAY, Dispatch.State.PAUSED),
        "can_resend": acts and sends and missed and state in OVER and not found.taking_back,
        "can_take_back": acts and may_take_back(person) and in_feeds and not found.taking_back,
    }


def _rows(request: FrameRequest, found: Dispatch, form: RowsForm) -> dict[str, Any]:
    page = history.recipients(request.person, found, form.chosen_after, state=form.chosen_state, reason=form.chosen_reason)
    return {"rows": page.rows, "next_after": page.next_after, "rows_form": form, "continued": form.chosen_after is not None}


def _acted(request: FrameRequest, number: int, act: Act, said: str) -> HttpResponse:
    """Do it, let the worker go on, and show how things stand; what was refused is told, and how things stand all the same."""
    _followed(request, number)
    try:
        act(request.person, number)
    except InvalidInput as error:
        return _closing(toast(_figures(request, _followed(request, number)), str(error.message), "bad"))
    tasks.run_lane(request.portal.pk)
    found = _followed(request, number)
    response = _closing(_figures(request, found))
    return toast(response, said) if said else response


def _closing(response: HttpResponse) -> HttpResponse:
    response.headers["HX-Trigger"] = json.dumps({**json.loads(response.headers.get("HX-Trigger", "{}")), "close-dialog": {}})
    return response


def _question(request: FrameRequest, act: str, found: Dispatch, **more: Any) -> HttpResponse:
    return render(request, f"frame/dispatch_{act}.html", {"dispatch": found, **more})


def _asks(found: Dispatch) -> bool:
    return ConfirmationRequest.objects.filter(dispatch=found).exists()


def _says(found: Dispatch) -> str:
    """The state in a sentence."""
    if found.state == Dispatch.State.DONE and found.error_code:
        return _("It ended before everybody got it.")
    sentences = {
        Dispatch.State.PREPARING: _("Its recipients are being read from the portal."),
        Dispatch.State.READY: _("Nothing is sent until somebody presses Send."),
        Dispatch.State.QUEUED: _("Waits for its turn; sending begins by itself."),
        Dispatch.State.RUNNING: _("Goes on by itself, also when this page is closed."),
        Dispatch.State.PAUSED: _("Nothing more is sent until somebody presses Resume."),
        Dispatch.State.DONE: _("Everything has been handed to Bitrix24."),
        Dispatch.State.CANCELLED: _("Who has not got it yet will not get it."),
    }
    return sentences[Dispatch.State(found.state)]


def _time_left(now: progress.Progress) -> str:
    """In words, rounded as people say it; empty when nobody can tell."""
    if now.seconds_left is None or not now.number.get(Notification.State.QUEUED):
        return ""
    minutes = round(now.seconds_left / 60)
    if minutes < 1:
        return _("less than a minute left")
    if minutes < 60:
        return ngettext("about %(count)s minute left", "about %(count)s minutes left", minutes) % {"count": minutes}
    hours, rest = divmod(minutes, 60)
    return _("about %(hours)s h %(minutes)s min left") % {"hours": number_format(hours), "minutes": rest}
