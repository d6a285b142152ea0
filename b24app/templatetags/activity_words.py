"""How rows of the activity read."""

from django import template

from b24app import activity
from b24app.models import Activity

register = template.Library()


@register.filter
def sentence(row: Activity) -> str:
    """What was done."""
    return activity.sentence(row)
