"""The card of webhook senders on the Settings tab, for admins."""

import json

from django import forms
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from b24app import activity, senders
from b24app.frame.notices import toast
from b24app.frame.session import FrameRequest, frame_view
from b24app.models import Portal, Sender
from b24app.roles import is_admin


class SecretInput(forms.PasswordInput):
    """A field that the person reads while typing, and that the server never fills in."""

    input_type = "text"


class SenderForm(forms.Form):
    """A webhook sender to add."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=100, help_text=gettext_lazy("What people choose when they send, for example Warehouse.")
    )
    client_id = forms.CharField(
        label=gettext_lazy("CLIENT_ID"),
        max_length=255,
        required=False,
        help_text=gettext_lazy("A word of your own. Notifications can be taken back only with the CLIENT_ID they were sent with."),
    )
    address = forms.CharField(
        label=gettext_lazy("Webhook address"),
        max_length=500,
        widget=SecretInput,
        help_text=gettext_lazy(
            "In Bitrix24: Developer resources, Other, Inbound webhook, with the permission “Chat and Notifications (im)”. "
            "The address is stored encrypted and never shown again."
        ),
    )
    without_client_id = forms.BooleanField(
        label=gettext_lazy("Send without CLIENT_ID"),
        required=False,
        help_text=gettext_lazy("Such notifications can be sent, but never taken back by TAG or SUB_TAG."),
    )

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, auto_id="sender-%s")
        for name in ("name", "client_id", "address"):
            self.fields[name].widget.attrs |= {"class": "control", "autocomplete": "off", "spellcheck": "false"}
        # The page keeps this very field, with what was typed into it, when the form comes back: its error stands beside it.
        self.fields["address"].widget.attrs["aria-describedby"] = "sender-address_error sender-address_helptext"
        if self.is_bound:
            self.fields["address"].widget.attrs["hx-preserve"] = "true"

    def entry(self) -> senders.Entry:
        """What was typed, once the form is valid."""
        return senders.Entry(**self.cleaned_data)


@require_GET
@frame_view(allow=is_admin)
def senders_card(request: FrameRequest) -> HttpResponse:
    """The card: who sends on this portal, and a form to add a webhook."""
    return render(request, "frame/senders.html", _context(request.portal, SenderForm()))


@require_POST
@frame_view(allow=is_admin)
def sender_add(request: FrameRequest) -> HttpResponse:
    """Add a webhook sender; answers the form, empty and with the new list, or with what is wrong and everything typed kept."""
    form = SenderForm(request.POST)
    try:
        added = senders.add(request.portal, form.entry()) if form.is_valid() else None
    except senders.Refused as refused:
        added = None
        for field, problem in refused.problems.items():
            form.add_error(field, str(problem))
    if added is None:
        return render(request, "frame/senders.html#form", {"form": form})
    activity.note(request.person, activity.Kind.SENDER_ADDED, name=added.name)
    response = render(request, "frame/senders.html#added", _context(request.portal, SenderForm()))
    return toast(response, _("%(name)s is added: the portal accepts its webhook.") % {"name": added})


@require_http_methods(["GET", "POST"])
@frame_view(allow=is_admin)
def sender_remove(request: FrameRequest, number: int) -> HttpResponse:
    """The question what removing means; posted, it is done and the list comes back."""
    sender = _webhook(request.portal, number)
    if request.method == "GET":
        return render(request, "frame/sender_remove.html", {"sender": sender, "address": senders.masked_address(sender)})
    gone = senders.remove(sender)
    activity.note(request.person, activity.Kind.SENDER_REMOVED, name=sender.name)
    text = _("%(name)s is removed.") if gone else _("%(name)s cannot send any more. It stays in this list because of what it sent.")
    response = _list(request)
    response.headers["HX-Trigger"] = json.dumps({"close-dialog": {}})
    return toast(response, text % {"name": sender})


@require_POST
@frame_view(allow=is_admin)
def sender_check(request: FrameRequest, number: int) -> HttpResponse:
    """Ask the portal whether it still accepts the webhook; answers the list."""
    sender = _webhook(request.portal, number)
    if senders.check(sender):
        return toast(_list(request), _("%(name)s works: the portal accepts its webhook.") % {"name": sender})
    return toast(_list(request), _("%(name)s does not work. The list says why.") % {"name": sender}, "bad")


def _webhook(portal: Portal, number: int) -> Sender:
    return get_object_or_404(portal.senders, pk=number, kind=Sender.Kind.WEBHOOK)


def _list(request: FrameRequest) -> HttpResponse:
    return render(request, "frame/senders.html#list", {"senders": _described(request.portal)})


def _context(portal: Portal, form: SenderForm) -> dict[str, object]:
    return {"form": form, "senders": _described(portal)}


def _described(portal: Portal) -> list[dict[str, object]]:
    """Every sender with what the page says of it."""
    return [
        {"row": sender, "address": senders.masked_address(sender), "trouble": senders.trouble(sender)}
        for sender in senders.of_portal(portal)
    ]
