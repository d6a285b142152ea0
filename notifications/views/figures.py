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
from notifications import chart, figures
from notifications.figures import Part

CHART_HEIGHT = 108

DAYS_PER_LABEL = 5


@dataclass(frozen=True, slots=True)
class Column:
    """One day in the chart: `bars` are its parts with the top and the height of each, in pixels, `top` that of the highest one."""

    day: figures.Day
    place: chart.Place
    bars: list[tuple[Part, int, int]]
    top: int
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
    first_highest = next(slot for slot, day in enumerate(days) if day.total == highest)
    columns = []
    for slot, day in enumerate(days):
        pile = chart.pile(day.numbers.values(), highest, CHART_HEIGHT)
        columns.append(
            Column(
                day=day,
                place=chart.place(slot, len(days)),
                bars=[(part, y, height) for part, (y, height) in zip(day.numbers, pile, strict=True) if height],
                top=pile[-1][0],
                is_named=(len(days) - 1 - slot) % DAYS_PER_LABEL == 0,
                is_highest=slot == first_highest and highest > 0,
            )
        )
    return columns
