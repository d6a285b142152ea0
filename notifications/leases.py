"""Leases and waits: times in rows until which something is somebody's own, or is left alone."""

from datetime import datetime, timedelta

from django.db.models import Q


def ran_out(column: str, now: datetime, longest: timedelta) -> Q:
    """Rows whose time in `column` is over, where `longest` is the longest that is ever given.

    One further away than any can be was written before the clock was set back (twice: the clocks of two machines may differ).
    """
    return Q(**{f"{column}__lte": now}) | Q(**{f"{column}__gt": now + 2 * longest})
