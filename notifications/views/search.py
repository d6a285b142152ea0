"""Search over the signed-in person's notifications: its form, and what was found, page by page."""

import json
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from django import forms
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from b24app.frame.session import FrameRequest, frame_view
from b24app.roles import may_see_all, may_take_back
from notifications import inbox as feed
from notifications.errors import InvalidInput
from notifications.shapes import LARGEST_ID

ANY_DATE, ONE_DAY, PERIOD = "", "day", "period"


class SearchForm(forms.Form):
    """What to look for. All fields may be empty; `wanted` says what they come to."""

    words = forms.CharField(required=False)
    type = forms.CharField(required=False)
    type_name = forms.CharField(required=False)
    author = forms.CharField(required=False)
    author_id = forms.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    when = forms.ChoiceField(required=False, choices=[(ANY_DATE, ""), (ONE_DAY, ""), (PERIOD, "")])
    day = forms.DateField(required=False, error_messages={"invalid": gettext_lazy("This is no date. Choose one from the calendar.")})
    first = forms.DateField(required=False, error_messages={"invalid": gettext_lazy("This is no date. Choose one from the calendar.")})
    last = forms.DateField(required=False, error_messages={"invalid": gettext_lazy("This is no date. Choose one from the calendar.")})

    def clean(self) -> None:
        """The fields of the date belong together."""
        data = self.cleaned_data
        if self.errors:
            return
        if data["when"] == ONE_DAY and not data["day"]:
            raise forms.ValidationError(_("Choose the day."))
        if data["when"] == PERIOD and not (data["first"] and data["last"]):
            raise forms.ValidationError(_("A period needs both its first and its last day."))
        if data["when"] == PERIOD and data["first"] > data["last"]:
            raise forms.ValidationError(_("The period ends before it begins. Swap the two days."))

    @property
    def error(self) -> str:
        """The first thing that is wrong, as a sentence; empty when all is well."""
        return next((str(each) for errors in self.errors.values() for each in errors), "")

    def days(self) -> tuple[date, date] | None:
        """The first and last day of the search, None for any."""
        data = self.cleaned_data
        if data["when"] == ONE_DAY:
            return data["day"], data["day"]
        return (data["first"], data["last"]) if data["when"] == PERIOD else None

    def wanted(self, authors: tuple[int, ...]) -> feed.Search:
        """The search as the use case takes it. Days are those of the person's own time zone, whole.

        One day is sent as a period as well: the documentation does not say in whose time zone the day of SEARCH_DATE is.
        """
        days = self.days()
        return feed.Search(
            words=self.cleaned_data["words"],
            types=(self.cleaned_data["type"],) if self.cleaned_data["type"] else (),
            date_from=days and _moment(days[0], time.min),
            date_to=days and _moment(days[1], time(23, 59, 59)),
            authors=authors,
        )


@dataclass(frozen=True, slots=True)
class Chip:
    """An active filter, shown inside the search field with a cross to remove it: `fields` are emptied then."""

    fields: str
    text: str


@require_GET
@frame_view()
def search(request: FrameRequest) -> HttpResponse:
    """What was found; with `cursor` the next items alone. An empty form asks for the whole feed again, which the page then loads."""
    form = SearchForm(request.GET)
    cursor = request.GET.get("cursor", "")
    person = request.person
    rights = {"may_take_back": may_take_back(person), "may_see_all": may_see_all(person), "me": person.pk}
    context: dict[str, Any] = {"continued": bool(cursor), **rights, "origin": request.portal.origin}
    part = "#items" if cursor else ""
    if not form.is_valid():
        return render(request, f"frame/search.html{part}", context | {"refusal": form.error})
    if not any(form.cleaned_data[name] for name in ("words", "type", "author", "author_id", "when")):
        return HttpResponse(status=204, headers={"HX-Trigger": json.dumps({"inbox-changed": {}})})
    try:
        context |= _found(request, form, cursor)
    except InvalidInput as error:
        context["refusal"] = error.message
    return render(request, f"frame/search.html{part}", context | {"chips": _chips(form)})


@require_GET
@frame_view()
def search_types(request: FrameRequest) -> HttpResponse:
    """The field for the type, with the types of this portal by name."""
    return render(request, "frame/search_types.html", {"modules": feed.schema(request.portal), "ready": True})


def _found(request: FrameRequest, form: SearchForm, cursor: str) -> dict[str, Any]:
    name = form.cleaned_data["author"]
    authors = _authors(request, form)
    if name and not authors:
        return {"rows": (), "nobody": name}
    page = feed.search(request.person, form.wanted(authors), cursor)
    return {"rows": page.items, "total": page.total, "next_url": page.next_cursor and _next_url(request.GET, authors, page.next_cursor)}


def _authors(request: FrameRequest, form: SearchForm) -> tuple[int, ...]:
    """Whom the author's field means: the person chosen in the portal's dialog, the people of the page before, or all of that name."""
    if form.cleaned_data["author_id"]:
        return (form.cleaned_data["author_id"],)
    known = tuple(int(value) for value in request.GET.getlist("authors") if value.isascii() and value.isdecimal())
    if known or not form.cleaned_data["author"]:
        return known
    return feed.authors_named(request.person, form.cleaned_data["author"])


def _next_url(asked: QueryDict, authors: tuple[int, ...], cursor: str) -> str:
    """Where the next page is: the same search, with the authors that their name was found to mean."""
    again = asked.copy()
    again["cursor"] = cursor
    again.setlist("authors", [str(author) for author in authors])
    return f"{reverse('inbox-search')}?{again.urlencode()}"


def _chips(form: SearchForm) -> list[Chip]:
    data, days = form.cleaned_data, form.days()
    chips = []
    if data["type"]:
        chips.append(Chip("type", data["type_name"] or data["type"]))
    if data["author"]:
        chips.append(Chip("author author_id", data["author"]))
    if days:
        first, last = (formats.date_format(day, "SHORT_DATE_FORMAT") for day in days)
        chips.append(Chip("when", first if first == last else f"{first} – {last}"))
    return chips


def _moment(day: date, clock: time) -> datetime:
    return timezone.make_aware(datetime.combine(day, clock))
