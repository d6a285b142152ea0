"""Sent: the ledger as a list or by TAG and SUB_TAG, the history of dispatches, and what can be done with rows and groups."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from b24app.frame.notices import toast
from b24app.frame.session import FrameRequest, frame_view
from b24app.models import Sender
from b24app.roles import may_see_all, may_send, may_take_back
from notifications import attach, confirming, groups, history, ledger, reporting, revoking
from notifications.errors import InvalidInput
from notifications.forms import ANY_DISPATCH_STATE, FilterForm, TagForm, TargetForm
from notifications.models import Notification
from notifications.shapes import integer

PARTS = {"list": "sent_list", "tag": "groups", "sub_tag": "groups", "dispatches": "dispatches"}
"""The template of each view's rows."""

CHOICE, TEXT = "choice-", "text-"
"""Names of the fields of one found confirmation, before its number: the value of the chosen button, and its text for the result."""

OWN, REASON = "own-", "reason-"
"""Names of the fields of one of the app's own requests, before its key: the value of the chosen button, and the reason."""


@dataclass(frozen=True, slots=True)
class Chip:
    """An active filter, shown inside the search field with a cross to remove it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Result:
    """What the portal answered to one pressed button; `text` is the confirmation's own."""

    text: str
    pressed: confirming.Pressed


@require_GET
@frame_view()
def sent(request: FrameRequest) -> HttpResponse:
    """The tab; for the filter form what it asks for alone, and with `before` the next rows alone."""
    form = FilterForm(request.GET)
    before = form.cleaned_data.get("before")
    context = {
        "form": form,
        "filters": form.filters(),
        "by": form.by,
        "continued": before is not None,
        "may_send": may_send(request.person),
        "may_take_back": may_take_back(request.person),
        **_content(request, form, before),
        **_names(),
    }
    if before is not None:
        return render(request, f"frame/{PARTS[form.shown]}.html#rows", context)
    whole_page = not _is_for(request, "sent-list")
    sender = _known_sender(request, form)
    opened = _opened(form, sender)
    context |= {"whole_page": whole_page, "sender": sender, "opened": opened, "chips": _chips(form, sender, opened)}
    context |= {"under_way": history.under_way(request.person)}
    has_rows = any(context.get(name) for name in ("rows", "groups", "entries"))
    context |= {"sees_figures": has_rows and may_see_all(request.person), "folds_figures": request.person.folds_figures}
    return render(request, "frame/sent.html" if whole_page else "frame/sent.html#list", context)


@require_GET
@frame_view()
def sent_row(request: FrameRequest, number: int) -> HttpResponse:
    """All that is known of one notification: its text and attachment, who sent it when, and what became of it."""
    rows = ledger.visible_to(request.person).select_related("recipient", "author", "sender", "dispatch")
    row = get_object_or_404(rows, pk=number)
    origin = request.portal.origin
    context = {"row": row, "blocks": attach.read(row.dispatch.attach, origin), "origin": origin}
    return render(request, "frame/sent_row.html", context)


@require_http_methods(["GET", "POST"])
@frame_view(allow=may_take_back)
def sent_delete(request: FrameRequest) -> HttpResponse:
    """The question what would go and from whom; posted, it is done and each portal answer shown."""
    target = TargetForm(request.POST if request.method == "POST" else request.GET)
    if not target.is_valid():
        return HttpResponse(status=400)
    sender = _sender(request, target.cleaned_data["sender"])
    try:
        if request.method == "POST":
            return _deleted(request, target, sender)
        context = {"by": target.by, "value": target.value, "rows": target.rows, **_affected(request, target, sender)}
    except InvalidInput as error:
        return _refused(error)
    return render(request, "frame/sent_delete.html", context)


def _content(request: FrameRequest, form: FilterForm, before: int | None) -> dict[str, Any]:
    """A page of groups or of dispatches where the form asks for them, else of the list."""
    if form.shown == "dispatches":
        history_page = history.page(request.person, form.dispatch_filters(), before)
        return {"entries": history_page.entries, "next_before": history_page.next_before}
    if form.by:
        groups_page = groups.page(request.person, form.by, form.filters(), before)
        asking = reporting.asking(request.person, {group.latest.pk for group in groups_page.groups})
        return {"groups": groups_page.groups, "next_before": groups_page.next_before, "asking": asking}
    page = ledger.page(request.person, form.filters(), before)
    asking = reporting.asking(request.person, {row.dispatch_id for row in page.rows})
    revocable = {row.pk for row in page.rows if ledger.is_revocable(request.person, row)}
    return {"rows": page.rows, "next_before": page.next_before, "asking": asking, "revocable": revocable}


def _opened(form: FilterForm, sender: Sender | None) -> dict[str, str] | None:
    """The group that the list shows the notifications of, with the name of the way back; None where no group was opened."""
    by = form.cleaned_data.get("opened", "")
    value = form.cleaned_data.get(by, "")
    if not value or sender is None or form.shown != "list":
        return None
    return {"by": by, "value": value, "back": _("All TAGs") if by == "tag" else _("All SUB_TAGs")}


def _affected(request: FrameRequest, target: TargetForm, sender: Sender | None) -> dict[str, Any]:
    if target.by == "row":
        choice = revoking.choice(request.person, target.rows)
        people = {row.recipient_id: row.recipient for row in choice.open}
        return {"count": len(choice.open), "people": list(people.values()), "passed_over": choice.passed_over, "action": _("Delete")}
    preview = revoking.preview(request.person, target.by, target.value, sender)
    action = _names()[f"delete_by_{target.by}"]
    return {"count": preview.count, "people": preview.people, "more": preview.more, "action": action, "sender_id": sender and sender.pk}


def _deleted(request: FrameRequest, target: TargetForm, sender: Sender | None) -> HttpResponse:
    passed_over: tuple[Notification, ...] = ()
    if target.by == "row":
        passed_over = revoking.choice(request.person, target.rows).passed_over
        deletion = revoking.delete_rows(request.person, target.rows)
    else:
        deletion = revoking.delete(request.person, target.by, target.value, sender)
    context = {
        "deletion": deletion,
        # What failed stands first: it is what the person has to know.
        "results": sorted(deletion.results, key=lambda result: result.deleted),
        "all": deletion.total + len(passed_over) + deletion.left,
        "passed_over": passed_over,
        "by": target.by,
        "value": target.value,
        "sender_id": sender and sender.pk,
        "action": _names().get(f"delete_by_{target.by}", ""),
    }
    return _with_new_list(render(request, "frame/sent_deleted.html", context))


@require_http_methods(["GET", "POST"])
@frame_view()
def sent_confirm(request: FrameRequest) -> HttpResponse:
    """Asks for a TAG or SUB_TAG, shows what waits under it in the person's own feed; posted, the chosen buttons are pressed."""
    if request.method == "POST":
        return _confirmed(request)
    form = TagForm(request.GET if request.GET else None)
    if not form.is_valid():
        # 200 also for a form with errors: what was asked for is the form.
        return render(request, "frame/sent_confirm_ask.html", {"form": form})
    found = confirming.find(request.person, form.by, form.value)
    context = {"found": found, "by": form.by, "value": form.value, "action": _names()[f"confirm_by_{form.by}"]}
    return render(request, "frame/sent_confirm.html", context)


def _confirmed(request: FrameRequest) -> HttpResponse:
    choices = {integer(name.removeprefix(CHOICE)): str(value) for name, value in request.POST.items() if name.startswith(CHOICE)}
    try:
        pressed, recorded = confirming.press_all(request.person, choices, _given(request.POST))
    except InvalidInput as error:
        return _refused(error)
    results = [Result(request.POST.get(f"{TEXT}{each.id}", ""), each) for each in pressed]
    return _with_new_list(render(request, "frame/sent_confirmed.html", {"results": results, "recorded": recorded}))


def _given(form: QueryDict) -> list[confirming.Given]:
    """The answers to own requests in the posted form; a key that is none belongs to no request."""
    given = []
    for name, value in form.items():
        if name.startswith(OWN) and (key := _key(name.removeprefix(OWN))):
            given.append(confirming.Given(key, str(value), form.get(f"{REASON}{key}", "")))
    return given


def _key(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _with_new_list(response: HttpResponse) -> HttpResponse:
    """Tell the page that the ledger changed: the list behind the dialog is fetched anew, with its filters."""
    response.headers["HX-Trigger"] = json.dumps({"ledger-changed": {}})
    return response


def _sender(request: FrameRequest, number: int | None) -> Sender | None:
    return get_object_or_404(Sender, portal=request.portal, pk=number) if number else None


def _known_sender(request: FrameRequest, form: FilterForm) -> Sender | None:
    number = form.cleaned_data.get("sender")
    return Sender.objects.filter(portal=request.portal, pk=number).first() if number else None


def _refused(error: InvalidInput) -> HttpResponse:
    return toast(HttpResponse(status=204), str(error.message), "bad")


def _is_for(request: HttpRequest, target: str) -> bool:
    return request.headers.get("HX-Target") == target


def _chips(form: FilterForm, sender: Sender | None, opened: Mapping[str, str] | None) -> list[Chip]:
    if form.shown == "dispatches":
        chosen = {name: form.cleaned_data.get(name) for name in ("tag", "sub_tag", "dispatch_state")}
        state = chosen["dispatch_state"]
        chosen["dispatch_state"] = state and dict(ANY_DISPATCH_STATE)[state]
    else:
        chosen = {name: form.cleaned_data.get(name) for name in ("tag", "sub_tag", "person", "state")}
        chosen |= {"state": chosen["state"] and Notification.State(chosen["state"]).label, "sender": sender}
    if opened:
        # These two are the group, which has a heading of its own.
        chosen |= {opened["by"]: None, "sender": None}
    labels = {"tag": _("TAG"), "sub_tag": _("SUB_TAG"), "person": _("Recipient"), "sender": _("Sender")}
    labels |= dict.fromkeys(("state", "dispatch_state"), _("State"))
    return [Chip(name, f"{labels[name]}: {value}") for name, value in chosen.items() if value]


def _names() -> dict[str, str]:
    """The names of the buttons in a row."""
    return {
        "delete_by_tag": _("Delete by TAG"),
        "delete_by_sub_tag": _("Delete by SUB_TAG"),
        "confirm_by_tag": _("Confirm by TAG"),
        "confirm_by_sub_tag": _("Confirm by SUB_TAG"),
    }
