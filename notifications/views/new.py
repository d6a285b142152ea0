"""New notification: writing and sending one, with a preview and what helps while writing."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from b24app.frame.notices import Kind, toast
from b24app.frame.session import FrameRequest, frame_view
from b24app.models import PortalUser, Sender
from b24app.roles import may_send, may_send_to_many
from b24app.senders import usable
from notifications import attach, attach_input, composing, preparing, recording, sending, tasks, wire
from notifications.audience import Audience
from notifications.errors import InvalidInput
from notifications.models import Notification
from notifications.new_form import NewForm


@dataclass(frozen=True, slots=True)
class Preview:
    """The notification as its recipients will see it. `author` is None for a system one; that of an app begins with the app's name."""

    author: PortalUser | None
    begins_with_app: bool
    text: str
    blocks: tuple[attach.Block, ...]
    colour_token: str
    colour: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """How the attachment stands: its size and the largest one in characters as it is sent, and what is wrong with it yet."""

    size: str
    limit: str
    is_too_large: bool
    problem: str


@require_http_methods(["GET", "POST"])
@frame_view(allow=may_send)
def new(request: FrameRequest) -> HttpResponse:
    """The empty form; posted, the notification is sent and the page told to show what was sent."""
    form = _form(request)
    if request.method == "GET":
        context = {**_seen(request, form), "form": form, "used": composing.used_tags(request.person)}
        return render(request, "frame/new.html", context)
    if not form.is_complete():
        return _again(request, form)
    audience = form.to.value()
    try:
        if not audience.is_handful:
            return _prepared(request, form, audience)
        dispatch = sending.send(request.person, audience.people, form.draft(), form.cleaned_data["key"], form.chosen_sender)
    except InvalidInput as error:
        form.refuse(error.field, error.message)
        return _again(request, form)
    rows = list(dispatch.notifications.select_related("recipient").order_by("id"))
    if all(row.state == Notification.State.FAILED for row in rows):
        form.refuse(None, _("Nobody could be reached: %(reason)s") % {"reason": recording.failure_text(rows[0])})
        form.renew_key()
        return _again(request, form)
    response = HttpResponse(status=204, headers={"HX-Trigger": json.dumps({"draft-sent": {}})})
    return toast(response, *_outcome(rows))


def _prepared(request: FrameRequest, form: NewForm, audience: Audience) -> HttpResponse:
    """Many are not sent to in the click: their names are read first, and the page goes where they will be shown."""
    dispatch = preparing.prepare(request.person, form.draft(), form.cleaned_data["key"], form.chosen_sender, audience)
    tasks.prepare_dispatch(dispatch.pk)
    show = reverse("dispatch", args=[dispatch.pk])
    return HttpResponse(status=204, headers={"HX-Trigger": json.dumps({"draft-sent": {"show": show}})})


@require_POST
@frame_view(allow=may_send)
def new_preview(request: FrameRequest) -> HttpResponse:
    """The card of the notification that is being written, and beside it what its sending would do."""
    return render(request, "frame/new_preview.html", _seen(request, _form(request)))


@require_GET
@frame_view(allow=may_send)
def new_people(request: FrameRequest) -> HttpResponse:
    """The colleagues whom the typed words name, as the options of a listbox."""
    words = request.GET.get("words", "")
    return render(request, "frame/new_people.html", {"found": composing.find_people(request.person, words)})


def _form(request: FrameRequest) -> NewForm:
    return NewForm(usable(request.portal), request.POST if request.method == "POST" else None)


def _again(request: FrameRequest, form: NewForm) -> HttpResponse:
    # With status 200: browsers write any other one into the console as an error.
    return render(request, "frame/new.html#form", {**_seen(request, form), "form": form})


def _seen(request: FrameRequest, form: NewForm) -> dict[str, Any]:
    """What the page shows of the form as it stands, valid or not."""
    sender, owner = form.chosen_sender, composing.owner(form.chosen_sender)
    replaced = composing.replaced(sender, form.typed_tag, [person.id for person in form.to.people])
    return {
        "preview": _preview(request, form, owner),
        "attachment": _attachment(form.typed("attach")),
        "may_send_to_many": may_send_to_many(request.person),
        "sender": sender,
        "owner": owner,
        "is_webhook": sender.kind == Sender.Kind.WEBHOOK,
        "has_choice": form.sender_choice is not None,
        "tag": form.typed_tag,
        "sub_tag": form.typed("sub_tag").strip(),
        "replaced": replaced,
        "origin": request.portal.origin,
        "now": timezone.now(),
    }


def _preview(request: FrameRequest, form: NewForm, owner: PortalUser | None) -> Preview:
    is_system = (form.typed("type") or request.portal.default_type) == Notification.Type.SYSTEM
    try:
        value = attach_input.parse(form.typed("attach"))
    except InvalidInput:
        value = None
    token, colour = attach_input.colours(value)
    sent = wire.content(form.typed("message"), "", _with_blocks(value), form.asks.asked(), request.person)
    return Preview(
        author=None if is_system else owner or request.person,
        begins_with_app=is_system and owner is None,
        text=sent.message,
        blocks=attach.read(sent.attach, request.portal.origin),
        colour_token=token,
        colour=colour,
    )


def _with_blocks(value: Any) -> Any:
    """The attachment while it has blocks that others can join; None for what is still being written."""
    blocks = value.get("BLOCKS") if isinstance(value, dict) else value
    return value if isinstance(blocks, list) else None


def _attachment(typed: str) -> Attachment:
    problem = ""
    try:
        attach_input.read(typed)
    except InvalidInput as error:
        problem = str(error.message)
    size = _size(typed)
    is_too_large = size > NewForm.largest_attach
    if is_too_large:
        problem = problem or _("The attachment is too large. Shorten it.")
    return Attachment(_grouped(size), _grouped(NewForm.largest_attach), is_too_large, problem)


def _size(typed: str) -> int:
    """Characters of the attachment as it is sent; of what was typed while that is no JSON."""
    try:
        value = attach_input.parse(typed)
    except InvalidInput:
        return len(typed)
    return 0 if value is None else attach_input.size(value)


def _grouped(number: int) -> str:
    return number_format(number, force_grouping=True)


def _outcome(rows: list[Notification]) -> tuple[str, Kind]:
    """What to tell about a sending: who got it, and how many did not."""
    states = Counter(row.state for row in rows)
    sent, failed = states[Notification.State.SENT], states[Notification.State.FAILED]
    if sent == len(rows) == 1:
        return _("Sent to %(name)s.") % {"name": rows[0].recipient}, "ok"
    if sent == len(rows):
        return ngettext("Sent to %(count)d person.", "Sent to %(count)d people.", sent) % {"count": sent}, "ok"
    if failed:
        return _("Sent to %(sent)d of %(all)d people. The list says why the others could not be reached.") % {
            "sent": sent,
            "all": len(rows),
        }, "bad"
    return _("Bitrix24 has not answered in time. The app finds out by itself whether the notification arrived."), "info"
