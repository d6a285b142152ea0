"""The log of REST calls on the Activity tab, for admins."""

import json
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from b24app import call_log, exchanges
from b24app.exchanges import Filters
from b24app.frame.session import FrameRequest, frame_view
from b24app.models import CallLog
from b24app.roles import is_admin

LARGEST_ID = 2**63 - 1


class CallsForm(forms.Form):
    """What the log is narrowed to."""

    method = forms.CharField(required=False, max_length=64, label=gettext_lazy("Method"))
    person = forms.CharField(required=False, max_length=200, label=gettext_lazy("Person"))
    failed = forms.BooleanField(required=False, label=gettext_lazy("Only what failed"))
    before = forms.IntegerField(required=False, min_value=1, max_value=LARGEST_ID, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data, auto_id="calls-%s")
        for name in ("method", "person"):
            self.fields[name].widget.attrs |= {"class": "control", "autocomplete": "off", "spellcheck": "false"}
        self.is_valid()

    def filters(self) -> Filters:
        """What was chosen."""
        found = self.cleaned_data
        return Filters(found.get("method", "").strip(), found.get("person", "").strip(), bool(found.get("failed")))

    def query(self) -> str:
        """The same as it stands in an address."""
        chosen = self.filters()
        named = {"method": chosen.method, "person": chosen.person, "failed": "on" if chosen.failed else ""}
        return urlencode({name: value for name, value in named.items() if value})


@require_GET
@frame_view(allow=is_admin)
def calls(request: FrameRequest) -> HttpResponse:
    """The log; for its form the list alone, and with `before` the next rows alone."""
    form = CallsForm(request.GET)
    before = form.cleaned_data.get("before")
    page = exchanges.page(request.portal, form.filters(), before)
    context = {
        "form": form,
        "calls": page.calls,
        "next_before": page.next_before,
        "continued": before is not None,
        "query": form.query(),
        "kept_days": call_log.KEPT.days,
    }
    if before is not None:
        return render(request, "frame/calls.html#rows", context)
    is_list = request.headers.get("HX-Target") == "calls-list"
    return render(request, "frame/calls.html#list" if is_list else "frame/calls.html", context)


@require_GET
@frame_view(allow=is_admin)
def call(request: FrameRequest, number: int) -> HttpResponse:
    """One exchange: what was asked and answered, without secrets; of a batch command by command."""
    row = _find(request, number)
    parts = [(part, _readable(part.asked), _readable(part.answered)) for part in exchanges.parts(row)]
    return render(request, "frame/call.html", {"row": row, "person": exchanges.person_of(row), "parts": parts})


@require_GET
@frame_view(allow=is_admin)
def call_file(request: FrameRequest, number: int) -> HttpResponse:
    """The same as a JSON file for the vendor's support."""
    text = json.dumps(exchanges.export(_find(request, number)), ensure_ascii=False, indent=2)
    response = HttpResponse(text, content_type="application/json; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="exchange-{number}.json"'
    return response


def _find(request: FrameRequest, number: int) -> CallLog:
    return get_object_or_404(CallLog.objects.select_related("portal"), portal=request.portal, pk=number)


def _readable(value: Any) -> str:
    """JSON for people; of what was too long for the log its beginning as it came."""
    if isinstance(value, dict) and value.keys() == {"shortened", "length"}:
        return f"{value['shortened']}…"
    return "" if value is None else json.dumps(value, ensure_ascii=False, indent=2)
