"""The Activity tab, for admins: who did what with the app, and when."""

from collections.abc import Iterator
from urllib.parse import urlencode

from django import forms
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from b24app import activity, spreadsheet
from b24app.activity import WORDS, Filters, Kind
from b24app.frame.session import FrameRequest, frame_view, zone_of
from b24app.languages import DEFAULT
from b24app.models import Activity
from b24app.roles import is_admin

LARGEST_ID = 2**63 - 1


class ActivityForm(forms.Form):
    """What the list of activity is narrowed to. What cannot be read narrows to nothing in particular."""

    words = forms.CharField(required=False, max_length=200, label=gettext_lazy("Search"))
    kind = forms.ChoiceField(required=False, label=gettext_lazy("What was done"))
    person = forms.CharField(required=False, max_length=200, label=gettext_lazy("Person"))
    first = forms.DateField(required=False, label=gettext_lazy("From"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    last = forms.DateField(required=False, label=gettext_lazy("To"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    before = forms.IntegerField(required=False, min_value=1, max_value=LARGEST_ID, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data, auto_id="activity-%s")
        kinds = sorted(((kind.value, str(WORDS[kind].name)) for kind in Kind), key=lambda each: each[1].casefold())
        self.fields["kind"] = forms.ChoiceField(
            required=False, label=self.fields["kind"].label, choices=[("", _("Everything")), *kinds], widget=forms.Select
        )
        for field in self.fields.values():
            field.widget.attrs |= {"class": "control", "autocomplete": "off"}
        self.is_valid()

    def filters(self) -> Filters:
        """What was chosen."""
        found = self.cleaned_data
        return Filters(
            found.get("kind", ""), found.get("person", "").strip(), found.get("first"), found.get("last"), found.get("words", "").strip()
        )

    def query(self) -> str:
        """The same as it stands in an address."""
        chosen = {name: self.cleaned_data.get(name) for name in ("words", "kind", "person", "first", "last")}
        return urlencode({name: str(value) for name, value in chosen.items() if value})


@require_GET
@frame_view(allow=is_admin)
def activity_page(request: FrameRequest) -> HttpResponse:
    """The tab; for its form the list alone, and with `before` the next rows alone."""
    form = ActivityForm(request.GET)
    before = form.cleaned_data.get("before")
    page = activity.page(request.portal, form.filters(), zone_of(request.person), before)
    context = {
        "form": form,
        "rows": page.rows,
        "next_before": page.next_before,
        "continued": before is not None,
        "query": form.query(),
        "retention_days": request.portal.retention_days,
    }
    if before is not None:
        return render(request, "frame/activity.html#rows", context)
    is_list = request.headers.get("HX-Target") == "activity-list"
    return render(request, "frame/activity.html#list" if is_list else "frame/activity.html", context)


@require_GET
@frame_view(allow=is_admin)
def activity_file(request: FrameRequest) -> HttpResponseBase:
    """What the list shows, all of it, as a file of comma-separated values."""
    rows = activity.every(request.portal, ActivityForm(request.GET).filters(), zone_of(request.person))
    language = get_language() or DEFAULT
    response = StreamingHttpResponse(spreadsheet.lines(_cells(rows, language, request), language), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="activity.csv"'
    return response


def _cells(rows: Iterator[Activity], language: str, request: FrameRequest) -> Iterator[tuple[str, ...]]:
    zone = zone_of(request.person)
    # The language holds for one row at a time: between two of them the thread may do something else.
    with translation.override(language):
        head = (_("Time (%(zone)s)") % {"zone": zone}, _("Person"), _("User ID"), _("What was done"), _("TAG"), _("SUB_TAG"))
    yield head
    for row in rows:
        with translation.override(language):
            told = activity.person_name(row), activity.sentence(row)
        at = row.at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
        user_id = str(row.person.user_id) if row.person else ""
        yield at, told[0], user_id, told[1], row.details.get("tag", ""), row.details.get("sub_tag", "")
