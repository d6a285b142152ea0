"""Dates as the notification panel shows them (look.md, "Date and time")."""

from datetime import UTC, datetime


def _hour(moment: datetime) -> str:
    return f"{moment.hour % 12 or 12}:{moment:%M} {'am' if moment.hour < 12 else 'pm'}"


def clock_text(now: float) -> str:
    """The portal's time for its header; `now` in epoch seconds, shown in UTC."""
    moment = datetime.fromtimestamp(now, UTC)
    return f"{moment:%B} {moment.day}, {_hour(moment)}"


def date_text(at: float, now: float) -> str:
    """When something happened, seen from `now` (both epoch seconds, shown in UTC)."""
    moment, today = datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(now, UTC)
    days = (today.date() - moment.date()).days
    if days == 0:
        return f"today, {_hour(moment)}"
    if days == 1:
        return f"yesterday, {_hour(moment)}"
    year = "" if moment.year == today.year else f", {moment.year}"
    return f"{moment:%B} {moment.day}{year}, {_hour(moment)}"
