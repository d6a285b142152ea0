"""The card of the portal's data on the Settings tab, for admins: files to take along, and deleting all of it."""

import json

from django import forms
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from b24app import activity
from b24app.frame.notices import toast
from b24app.frame.session import FrameRequest, frame_view, zone_of
from b24app.languages import DEFAULT
from b24app.models import Portal
from b24app.roles import is_admin
from notifications import ledger, portal_data


class DeleteForm(forms.Form):
    """The word that nobody types by mistake: the portal's address."""

    address = forms.CharField(
        label=gettext_lazy("Address of your portal"),
        max_length=255,
        error_messages={"required": gettext_lazy("Type the address of your portal.")},
        widget=forms.TextInput(attrs={"class": "control", "autocomplete": "off", "spellcheck": "false", "data-focus": True}),
    )

    def __init__(self, portal: Portal, data: object = None) -> None:
        super().__init__(data, auto_id="delete-%s")  # type: ignore[arg-type]
        self._portal = portal

    def clean_address(self) -> str:
        """Refuses anything but the portal's address."""
        typed: str = self.cleaned_data["address"]
        if typed.casefold() != self._portal.domain.casefold():
            raise forms.ValidationError(_("This is not the address of your portal. Nothing was deleted."))
        return typed


@require_GET
@frame_view(allow=is_admin)
def data_card(request: FrameRequest) -> HttpResponse:
    """The card."""
    return render(request, "frame/data.html", {})


@require_GET
@frame_view(allow=is_admin)
def data_csv(request: FrameRequest) -> HttpResponseBase:
    """What was sent, as a file of comma-separated values, row by row."""
    rows = portal_data.as_csv(request.portal, get_language() or DEFAULT, zone_of(request.person))
    return _file(request, StreamingHttpResponse(rows, content_type="text/csv; charset=utf-8"), "csv")


@require_GET
@frame_view(allow=is_admin)
def data_json(request: FrameRequest) -> HttpResponseBase:
    """Everything, as a JSON file, row by row."""
    rows = portal_data.as_json(request.portal)
    return _file(request, StreamingHttpResponse(rows, content_type="application/json"), "json")


@require_http_methods(["GET", "POST"])
@frame_view(allow=is_admin)
def data_delete(request: FrameRequest) -> HttpResponse:
    """The question what deleting means, with the address to be typed; posted with the right one, everything goes."""
    form = DeleteForm(request.portal, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        # With status 200: browsers write any other one into the console as an error.
        context = {"form": form, "domain": request.portal.domain, "count": ledger.for_portal(request.portal).count()}
        return render(request, "frame/data_delete.html", context)
    number = portal_data.delete_all(request.person)
    response = HttpResponse(status=204, headers={"HX-Trigger": json.dumps({"close-dialog": {}, "data-deleted": {}})})
    text = ngettext(
        "All data is deleted: %(count)d notification and everything about it.",
        "All data is deleted: %(count)d notifications and everything about them.",
        number,
    )
    return toast(response, text % {"count": number})


def _file(request: FrameRequest, response: StreamingHttpResponse, kind: str) -> StreamingHttpResponse:
    activity.note(request.person, activity.Kind.EXPORTED, format=kind.upper())
    day = timezone.localdate().isoformat()
    response.headers["Content-Disposition"] = f'attachment; filename="tagged-notifications-{day}.{kind}"'
    return response
