"""What became of a confirmation request: a part of its dispatch's page that keeps itself up to date, what can be done, and the sheet."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from b24app.frame.notices import Kind, toast
from b24app.frame.session import FrameRequest, frame_view
from b24app.languages import DEFAULT
from b24app.roles import may_send, may_take_back
from notifications import chart, closing, dispatching, reminding, reporting, tasks
from notifications.audience import NOT_TO_MANY
from notifications.errors import InvalidInput
from notifications.models import ConfirmationRequest
from notifications.report_form import PeopleForm
from notifications.sheet import Sheet

FEWEST_COLUMNS = 10
"""Days that the chart has room for at least, so that one day's column is no wall."""

MOST_COLUMNS = 60
"""Days in the chart; the table has all of them."""

MOST_LABELS = 10

CHART_HEIGHT = 96


@dataclass(frozen=True, slots=True)
class Column:
    """One day in the chart: `bars` are the answers with the top and the height of each, in pixels, `top` that of the highest one."""

    day: reporting.Day
    place: chart.Place
    bars: list[tuple[str, int, int]]
    top: int
    is_named: bool


@dataclass(frozen=True, slots=True)
class Share:
    """One group: its name and number, and its part of the bar."""

    group: str
    name: str
    number: int
    x: str
    width: str


@require_GET
@frame_view()
def request_report(request: FrameRequest, number: int) -> HttpResponse:
    """The report of the dispatch with this number, from the ledger alone."""
    found = _find(request, number)
    return render(request, "frame/request.html", _context(request, found) | _people(request, found))


@require_GET
@frame_view()
def request_live(request: FrameRequest, number: int) -> HttpResponse:
    """The parts of the report that change, where it is another one than the page has `seen`; asked for again and again."""
    found = _find(request, number)
    if request.GET.get("seen") == reporting.version(found):
        return HttpResponse(status=204)
    return render(request, "frame/request_live.html", _context(request, found) | _people(request, found))


@require_GET
@frame_view()
def request_people(request: FrameRequest, number: int) -> HttpResponse:
    """The people alone, narrowed to an answer and to a name, page by page."""
    return render(request, "frame/request_people.html", _people(request, _find(request, number)))


@require_POST
@frame_view(allow=may_send)
def request_remind(request: FrameRequest, number: int) -> HttpResponse:
    """Remind those who wait, and say how many were and how many had a reminder just now."""
    found = _find(request, number)
    if not dispatching.may_send_it(request.person, found.dispatch):
        return _changed(_said(str(NOT_TO_MANY), "bad"))
    try:
        came = reminding.remind(request.person, found)
    except InvalidInput as error:
        return _changed(_said(str(error.message), "bad"))
    if came.in_background:
        tasks.remind_request(found.pk)
    kind: Kind = "bad" if came.failed and not came.sent else "ok" if came.sent else "info"
    return _changed(_said(_came(came), kind))


@require_http_methods(["GET", "POST"])
@frame_view(allow=may_take_back)
def request_close(request: FrameRequest, number: int) -> HttpResponse:
    """The question whether to close it; posted, no more answers are taken, and with `take_back` those who wait lose the notification."""
    found = _find(request, number)
    if request.method == "GET":
        return render(request, "frame/request_close.html", {"found": found, "figures": reporting.figures(found)})
    closed = closing.close(request.person, found)
    if "take_back" in request.POST:
        try:
            dispatching.take_back(request.person, number, "unanswered")
        except InvalidInput as error:
            return _changed(_said(str(error.message), "bad"), "close-dialog")
        tasks.run_lane(request.portal.pk)
    said = _("The request is closed: it takes no more answers.") if closed else _("The request was closed already.")
    return _changed(_said(said, "ok" if closed else "info"), "close-dialog")


@require_GET
@frame_view()
def request_sheet(request: FrameRequest, number: int) -> HttpResponse:
    """The acknowledgement sheet as a page to be printed."""
    found = _find(request, number)
    sheet = _sheet(found)
    lines = list(sheet.lines())
    totals = sheet.totals(Counter(line.group for line in lines))
    context = {"found": found, "facts": sheet.facts(), "columns": sheet.columns(), "lines": lines, "totals": totals}
    return render(request, "sheet.html", context)


@require_GET
@frame_view()
def request_file(request: FrameRequest, number: int) -> HttpResponseBase:
    """The acknowledgement sheet as a file of comma-separated values, row by row."""
    sheet = _sheet(_find(request, number))
    response = StreamingHttpResponse(sheet.csv(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="answers-{number}.csv"'
    return response


def _find(request: FrameRequest, number: int) -> ConfirmationRequest:
    # By the dispatch's own number: comparing the reference itself, Django lets numbers through that no database holds.
    return get_object_or_404(reporting.visible_to(request.person), dispatch__pk=number)


def _zone() -> ZoneInfo:
    return timezone.get_current_timezone()


def _sheet(found: ConfirmationRequest) -> Sheet:
    return Sheet(found, get_language() or DEFAULT, _zone())


def _context(request: FrameRequest, found: ConfirmationRequest) -> dict[str, Any]:
    report = reporting.report(found, _zone())
    return {
        "found": found,
        "report": report,
        "shares": _shares(found, report.figures),
        "columns": _columns(report.days),
        "highest": max((day.total for day in report.days), default=0),
        "chart_height": CHART_HEIGHT,
        # Nothing changes any more once nobody may answer.
        "is_live": report.is_open and report.figures.waiting > 0,
        "may_remind": dispatching.may_send_it(request.person, found.dispatch) and report.is_open,
        "may_close": may_take_back(request.person) and report.is_open,
    }


def _people(request: FrameRequest, found: ConfirmationRequest) -> dict[str, Any]:
    form = PeopleForm(request.GET, found)
    return {
        "found": found,
        "form": form,
        "people": form.people(found),
        "names": reporting.group_names(found),
        "is_narrowed": bool(form.cleaned_data.get("name") or form.cleaned_data.get("answer")),
    }


def _numbers(figures: reporting.Figures) -> tuple[int, ...]:
    return figures.confirmed, figures.declined, figures.waiting, figures.gone


def _shares(found: ConfirmationRequest, figures: reporting.Figures) -> list[Share]:
    names, numbers = reporting.group_names(found), _numbers(figures)
    stretches = chart.stretches(numbers)
    return [
        Share(group.value, names[group], number, *stretch)
        for group, number, stretch in zip(reporting.Group, numbers, stretches, strict=True)
    ]


def _columns(days: tuple[reporting.Day, ...]) -> list[Column]:
    """The chart's columns: declined stands on confirmed."""
    days = days[-MOST_COLUMNS:]
    highest = max((day.total for day in days), default=0)
    slots = max(len(days), FEWEST_COLUMNS)
    named_every = max(1, -(-len(days) // MOST_LABELS))
    columns = []
    for slot, day in enumerate(days):
        pile = chart.pile((day.confirmed, day.declined), highest, CHART_HEIGHT)
        columns.append(
            Column(
                day=day,
                place=chart.place(slot, slots),
                bars=[(group.value, *part) for group, part in zip(reporting.ANSWERED, pile, strict=True) if part[1]],
                top=pile[-1][0],
                is_named=(len(days) - 1 - slot) % named_every == 0,
            )
        )
    return columns


def _came(came: reminding.Reminded) -> str:
    """What came of a reminder, in a sentence for each number that says something."""
    said = []
    if came.in_background:
        said.append(_count(came.sent, ngettext("%(number)s person is being reminded.", "%(number)s people are being reminded.", came.sent)))
    elif came.sent:
        said.append(_count(came.sent, ngettext("%(number)s person was reminded.", "%(number)s people were reminded.", came.sent)))
    if came.recent:
        words = ngettext(
            "%(number)s person was not, because they had a reminder within the last hour.",
            "%(number)s people were not, because they had a reminder within the last hour.",
            came.recent,
        )
        said.append(_count(came.recent, words))
    if came.failed:
        words = ngettext("%(number)s person could not be reminded.", "%(number)s people could not be reminded.", came.failed)
        said.append(_count(came.failed, words))
    if came.uncertain:
        words = ngettext(
            "The portal did not say whether %(number)s person was reminded: the app finds out by itself, and nobody gets it twice.",
            "The portal did not say whether %(number)s people were reminded: the app finds out by itself, and nobody gets it twice.",
            came.uncertain,
        )
        said.append(_count(came.uncertain, words))
    return " ".join(said) or _("Nobody is left to be reminded.")


def _count(number: int, words: str) -> str:
    return words % {"number": number_format(number, force_grouping=True)}


def _said(text: str, kind: Kind) -> HttpResponse:
    return toast(HttpResponse(status=204), text, kind)


def _changed(response: HttpResponse, *events: str) -> HttpResponse:
    """Tell the page that the request changed: what it shows of it is asked for anew."""
    triggers = json.loads(response.headers.get("HX-Trigger", "{}"))
    response.headers["HX-Trigger"] = json.dumps(triggers | {name: {} for name in ("request-changed", *events)})
    return response
