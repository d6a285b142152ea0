"""How the people and days of a confirmation request's report look."""

from collections.abc import Mapping
from datetime import date

from django import template
from django.utils import dateformat
from django.utils.translation import pgettext

from notifications import reporting, sheet
from notifications.models import Notification

register = template.Library()


@register.filter
def answer_group(row: Notification) -> str:
    """The group of a person: "confirmed", "declined", "waiting" or "gone"."""
    return reporting.GROUP_OF[Notification.State(row.state)].value


@register.filter
def named(names: Mapping[reporting.Group, str], row: Notification) -> str:
    """The name of a person's group among the request's names of groups."""
    return names[reporting.GROUP_OF[Notification.State(row.state)]]


@register.filter
def remark(row: Notification) -> str:
    """Why a person has not answered, as far as that is known."""
    return sheet.remark(row)


@register.filter
def day(value: date) -> str:
    """A day below the chart: "Nov 22"."""
    return dateformat.format(value, pgettext("day in a chart, in Django's date format", "M j"))


@register.filter
def at(asking: Mapping[int, reporting.Asking], dispatch_id: int) -> reporting.Asking | None:
    """How the request of a dispatch in a list stands; None for one that asks nothing."""
    return asking.get(dispatch_id)
