"""How values look on the page: times as the portal writes them, initials and colours of people, colours of tags and states."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zlib import crc32

from django import template
from django.utils import dateformat, timezone
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from notifications import bbcode as codes
from notifications import chart, recording
from notifications.audience import Audience
from notifications.models import Dispatch, Notification

register = template.Library()

TAG_COLOURS = 8

STATE_CLASSES = {
    Notification.State.QUEUED: "badge-wait",
    Notification.State.SENDING: "badge-wait",
    Notification.State.SENT: "badge-ok",
    Notification.State.UNKNOWN: "badge-warn",
    Notification.State.FAILED: "badge-bad",
    Notification.State.CONFIRMED: "badge-violet",
    Notification.State.DECLINED: "badge-warn",
}

DISPATCH_CLASSES = {
    Dispatch.State.PREPARING: "badge-wait",
    Dispatch.State.READY: "badge-warn",
    Dispatch.State.QUEUED: "badge-wait",
    Dispatch.State.RUNNING: "badge-wait",
    Dispatch.State.PAUSED: "badge-warn",
    Dispatch.State.DONE: "badge-ok",
}

_ENDINGS = {
    Notification.State.REPLACED: gettext_lazy("A newer notification with the same TAG for the same person took its place."),
    Notification.State.EXPIRED: gettext_lazy("Bitrix24 erases notifications after 60 days, so it is no longer in the notification centre."),
}


@register.filter
def when(moment: datetime | None) -> str:
    """A time in the active time zone: "today, 2:05 pm", "yesterday, …", "December 31, 2:05 pm", with the year when it is not this one."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    today = timezone.localdate()
    at = {"time": clock(moment)}
    if local.date() == today:
        return _("today, %(time)s") % at
    if local.date() == today - timedelta(days=1):
        return _("yesterday, %(time)s") % at
    if local.year == today.year:
        day = dateformat.format(local, pgettext("day of this year, in Django's date format", "F j"))
    else:
        day = full_day(local)
    return _("%(day)s, %(time)s") % {"day": day, **at}


@register.filter
def full_day(day: date) -> str:
    """A day with its year: "December 31, 2026"."""
    return dateformat.format(day, pgettext("day of another year, in Django's date format", "F j, Y"))


@register.filter
def clock(moment: datetime) -> str:
    """The time of day in the active time zone: "2:05 pm"."""
    # Django writes "PM"; the portal writes "pm" (look.md 2, Date and time).
    return dateformat.format(timezone.localtime(moment), pgettext("time, in Django's date format", "g:i A")).lower()


@register.filter
def grouped(number: int) -> str:
    """A number with its thousands apart, as the active language writes it: "1,240"."""
    return number_format(number, force_grouping=True)


@register.filter
def initials(name: str) -> str:
    """The first letters of the first two words, "AL" for Anna Lindqvist; "?" without a name."""
    words = [word for word in str(name).split() if word[0].isalnum()]
    return "".join(word[0] for word in words[:2]).upper() or "?"


@register.filter
def avatar_class(user_id: int | None) -> str:
    """The colour of a person's circle: the last digit of the user id, as the portal picks it (look.md 2, Avatars)."""
    return f"ava-{user_id % 10}" if user_id else "ava-none"


@register.filter
def tag_class(tag: str) -> str:
    """A colour of the tag palette, always the same for the same tag."""
    return f"tag-{crc32(tag.encode()) % TAG_COLOURS + 1}"


@register.filter
def state_class(state: str) -> str:
    """The badge's colour for a state of the ledger; closed states are grey."""
    return STATE_CLASSES.get(Notification.State(state), "")


@register.filter
def dispatch_class(state: str) -> str:
    """The badge's colour for a state of a dispatch; a cancelled one is grey."""
    return DISPATCH_CLASSES.get(Dispatch.State(state), "")


@register.filter
def chosen(dispatch: Dispatch) -> str:
    """Whom a dispatch was meant for, in words; empty where it was people named one by one: their number says it."""
    if set(dispatch.audience) <= {"people"}:
        return ""
    return ", ".join(Audience.from_json(dispatch.audience).said())


@register.filter
def segments(states: Sequence[tuple[Notification.State, int]]) -> list[tuple[str, str, str]]:
    """The parts of a bar for numbers by state: each state with where it begins and how long it is, in per cent of the whole."""
    stretches = chart.stretches([number for _state, number in states])
    return [(state.value, *stretch) for (state, _number), stretch in zip(states, stretches, strict=True)]


@register.filter
def bbcode(text: str, origin: str) -> SafeString:
    """A notification's text as HTML; `origin` is the portal's, so that its own paths become links."""
    return codes.render(text, origin)


@register.filter
def plain(text: str) -> str:
    """A notification's text in one line without codes."""
    return codes.plain(text)


@register.filter
def is_live(row: Notification) -> bool:
    """Whether a copy of this row is, or may be, in the recipient's feed."""
    return row.state in Notification.LIVE


@register.filter
def reason(row: Notification) -> str:
    """The sentence under a state that needs one; empty for the others."""
    if row.state == Notification.State.UNKNOWN:
        return _("No answer came in time. The app asks again by itself.")
    if row.state == Notification.State.SENT and recording.probably_muted(row):
        return _("The recipient has probably muted this app.")
    if row.state in _ENDINGS:
        return str(_ENDINGS[Notification.State(row.state)])
    return recording.failure_text(row) if row.state == Notification.State.FAILED else ""
