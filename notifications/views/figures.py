"""The figures at the top of Sent, asked for once the list is there."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_http_methods

from b24app.frame.session import FrameRequest, frame_view, zone_of
from b24app.models import PortalUser
from b24app.roles import may_see_all
from notifications import figures
from notifications.figures import Part

CHART_HEIGHT = 108

ROOM_ABOVE = 18
"""For the number above the highest column."""

DAYS_PER_LABEL = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a column: its CSS class says which one."""

    part: Part
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Column:
    """One day in the chart. Places along the days are text in per cent, heights whole pixels: both are attributes as they are."""

    day: figures.Day
    x: str
    width: str
    middle: str
    top: int
    bars: tuple[Bar, ...]
    is_named: bool
    is_highest: bool


@require_http_methods(["GET", "POST"])
@frame_view(allow=may_see_all)
def sent_figures(request: FrameRequest) -> HttpResponse:
    """The figures, or the way to unfold them; posted, they are folded or unfolded for this person, and stay so."""
    if request.method == "POST":
        request.person.folds_figures = "fold" in request.POST
        PortalUser.objects.filter(pk=request.person.pk).update(folds_figures=request.person.folds_figures)
    if request.person.folds_figures:
        return render(request, "frame/sent_figures.html", {"is_folded": True})
    found = figures.of_portal(request.portal, zone_of(request.person))
    names = _names()
    context = {
        "figures": found,
        "parts": [(part.value, names[part], number) for part, number in found.numbers.items()],
        "columns": _columns(found.days),
        "rows": [(day.day, day.numbers.values()) for day in reversed(found.days) if day.total],
        "chart_height": CHART_HEIGHT,
    }
    return render(request, "frame/sent_figures.html", context)


def _names() -> Mapping[Part, str]:
    return {
        Part.SENT: pgettext("state of a notification", "Sent"),
        Part.CONFIRMED: _("Confirmed"),
        Part.DECLINED: _("Declined"),
        Part.DELETED: _("Deleted"),
        Part.FAILED: pgettext("state of a notification", "Failed"),
    }


def _columns(days: tuple[figures.Day, ...]) -> list[Column]:
    highest = max(day.total for day in days)
    first_highest = next(place for place, day in enumerate(days) if day.total == highest)
    columns = []
    for place, day in enumerate(days):
        bars = _bars(day, highest)
        columns.append(
            Column(
                day=day,
                x=_percent(place * 100 + 18, len(days) * 100),
                width=_percent(64, len(days) * 100),
                middle=_percent(place * 100 + 50, len(days) * 100),
                top=bars[-1].y if bars else CHART_HEIGHT,
                bars=bars,
                is_named=(len(days) - 1 - place) % DAYS_PER_LABEL == 0,
                is_highest=place == first_highest and highest > 0,
            )
        )
    return columns


def _bars(day: figures.Day, highest: int) -> tuple[Bar, ...]:
    """The parts of a column, each on the one before, and each high enough to be seen."""
    bars, y = [], CHART_HEIGHT
    for part, number in day.numbers.items():
        if number:
            height = max(2, number * (CHART_HEIGHT - ROOM_ABOVE) // highest)
            y -= height
            bars.append(Bar(part, y, height))
    return tuple(bars)


def _percent(part: int, whole: int) -> str:
    # Written here: a template would put the active language's decimal comma into an attribute that wants a point.
    return f"{part * 100 / whole:.3f}%"
