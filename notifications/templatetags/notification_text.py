"""Template filters for texts of notifications."""

from django import template
from django.utils.safestring import SafeString

from notifications import bbcode as codes

register = template.Library()


@register.filter
def bbcode(text: str, origin: str = "") -> SafeString:
    """`{{ text|bbcode:portal.origin }}`: the messenger's BB codes as safe HTML."""
    return codes.render(text, origin)


@register.filter
def bbcode_plain(text: str) -> str:
    """`{{ text|bbcode_plain }}`: the text in one line without codes."""
    return codes.plain(text)
