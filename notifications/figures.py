"""The figures at the top of Sent: what was sent in the last 30 days and what has become of it, the tags used most, what is under way.

Nothing is counted here: the numbers of each hour are kept (notifications.counts), so this costs the same however long the ledger. A day
is one of the reader's time zone, to the hour: where a zone is half an hour off, its first half hour counts to the day before.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.utils import timezone

from b24app.models import Portal
from notifications import counts, history
from notifications.models import Dispatch, HourCount, Notification

DAYS = 30

MOST_DISPATCHES = 2000
"""The newest dispatches among which the most used tags are looked for."""

MOST_TAGS = 8


class Part(StrEnum):
    """What has become of a notification. Each that has left counts once; what waits, is on its way or was called off is in none."""

    SENT = "sent"
    CONFIRMED = "confirmed"
    DECLINED = "declined"
    DELETED = "deleted"
    FAILED = "failed"


_States = Notification.State
_STATES: Mapping[Part, tuple[Notification.State, ...]] = {
    Part.SENT: (_States.SENT, _States.REPLACED, _States.EXPIRED),
    Part.CONFIRMED: (_States.CONFIRMED,),
    Part.DECLINED: (_States.DECLINED,),
    Part.DELETED: (_States.DELETED,),
    Part.FAILED: (_States.FAILED,),
}


@dataclass(frozen=True, slots=True)
class Day:
    """What was sent on one day: numbers by what has become of it since."""

    day: date
    numbers: Mapping[Part, int]

    @property
    def total(self) -> int:
        """All of the day."""
        return sum(self.numbers.values())


@dataclass(frozen=True, slots=True)
class Figures:
    """The last days, the oldest first; `tags` with the number of people each went to, the largest first; dispatches `running` now."""

    days: tuple[Day, ...]
    tags: tuple[tuple[str, int], ...]
    running: int

    @property
    def numbers(self) -> dict[Part, int]:
        """The sums of all days."""
        return {part: sum(day.numbers[part] for day in self.days) for part in Part}

    @property
    def total(self) -> int:
        """All of all days."""
        return sum(day.total for day in self.days)


def of_portal(portal: Portal, zone: ZoneInfo) -> Figures:
    """The figures of the whole portal, with days of `zone`: four queries, and some more when something changed since it was counted."""
    counts.catch_up(portal)
    last = timezone.now().astimezone(zone).date()
    first = last - timedelta(days=DAYS - 1)
    begin = datetime.combine(first, time(), zone).astimezone(UTC)
    return Figures(_days(portal, zone, first, begin), _tags(portal, begin), _running(portal))


def _days(portal: Portal, zone: ZoneInfo, first: date, begin: datetime) -> tuple[Day, ...]:
    per_day: dict[date, Counter[str]] = {}
    for hour, numbers in HourCount.objects.filter(portal=portal, hour__gte=begin).values_list("hour", "counts"):
        per_day.setdefault(hour.astimezone(zone).date(), Counter()).update(numbers)
    every_day = (first + timedelta(days=number) for number in range(DAYS))
    return tuple(Day(day, _parts(per_day.get(day, Counter()))) for day in every_day)


def _parts(numbers: Counter[str]) -> dict[Part, int]:
    return {part: sum(numbers[state] for state in states) for part, states in _STATES.items()}


def _tags(portal: Portal, begin: datetime) -> tuple[tuple[str, int], ...]:
    found: Counter[str] = Counter()
    newest = Dispatch.objects.filter(portal=portal).exclude(state__in=history.NOT_SENT_YET).order_by("-id")
    for tag, total, created_at in newest.values_list("tag", "total", "created_at")[:MOST_DISPATCHES]:
        if tag and created_at >= begin:
            found[tag] += total
    return tuple(found.most_common(MOST_TAGS))


def _running(portal: Portal) -> int:
    # The same words as the index of what is open, which holds few at any time.
    return Dispatch.objects.filter(portal=portal, finished_at=None, state__in=Dispatch.UNDER_WAY).count()
