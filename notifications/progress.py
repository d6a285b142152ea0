"""How far a dispatch has come: numbers by state, speed, the time left by the portal's real budget, what it waits for, and why some failed.

All of it is read from our own database: a page that asks every other second costs the portal nothing.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from django.db.models import Count
from django.utils import timezone

from b24app.models import Portal
from b24app.rest import budget
from b24app.rest.client import LARGEST_BATCH
from b24app.rest.errors import sentence
from notifications import counts, history, recording, wire
from notifications.history import Entry
from notifications.models import Dispatch, Lane, Notification

SPEED_OVER = timedelta(minutes=1)
"""The speed is that of the last minute."""

_SHORTEST = timedelta(seconds=5)
_ACCEPTED = (Notification.State.SENT, Notification.State.CONFIRMED, Notification.State.DECLINED)


class Wait(StrEnum):
    """What the sending waits for, if anything."""

    LIMIT = "limit"
    METHOD = "method"
    SILENCE = "silence"
    PORTAL = "portal"


@dataclass(frozen=True, slots=True)
class Failure:
    """Notifications that failed for one reason: its code as the rows keep it, the sentence for people, and how many."""

    code: str
    text: str
    number: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a dispatch stands.

    `per_minute` is None until there is something to measure, `seconds_left` when nobody can say. `wait_until` is the end of a method's
    pause or the next try at a portal that is silent, `wait_since` the moment from which the portal was unusable. `reason` is the sentence
    of the error behind that, or of the one for which the dispatch paused by itself.
    """

    entry: Entry
    is_moving: bool
    per_minute: int | None
    seconds_left: float | None
    wait: Wait | None
    wait_until: datetime | None
    wait_since: datetime | None
    reason: str
    failures: tuple[Failure, ...]

    @property
    def number(self) -> Mapping[Notification.State, int]:
        """How many notifications are in each state that occurs."""
        return dict(self.entry.states or ())


@dataclass(frozen=True, slots=True)
class _Waiting:
    kind: Wait | None = None
    until: datetime | None = None
    since: datetime | None = None
    reason: str = ""


def of(dispatch: Dispatch) -> Progress:
    """The progress of a dispatch, in a handful of queries however many recipients it has. `dispatch.portal` and `.sender` are needed."""
    is_under_way = dispatch.state in Dispatch.UNDER_WAY
    others = _others_under_way(dispatch) if is_under_way else []
    numbers = counts.of([dispatch, *others])
    own = numbers.get(dispatch.pk, {})
    waiting, left, speed = _Waiting(reason=sentence(dispatch.error_code)), None, None
    if is_under_way:
        requests = _requests_until_done(own, [numbers.get(each.pk, {}) for each in others])
        outlook = budget.outlook(dispatch.portal, requests)
        waiting = _waiting(dispatch, outlook, requests)
        speed = _per_minute(dispatch)
        left = _seconds_left(own, outlook, speed, waiting)
    return Progress(
        entry=Entry(dispatch, history.in_order(own.items())),
        is_moving=is_under_way or bool(dispatch.taking_back) or Notification.State.SENDING in own,
        per_minute=speed,
        seconds_left=left,
        wait=waiting.kind,
        wait_until=waiting.until,
        wait_since=waiting.since,
        reason=waiting.reason,
        failures=_failures(dispatch) if Notification.State.FAILED in own else (),
    )


def _others_under_way(dispatch: Dispatch) -> list[Dispatch]:
    """What else of this portal is being sent: it draws on the same budget."""
    open_ones = Dispatch.objects.filter(portal=dispatch.portal_id, finished_at=None, state__in=Dispatch.UNDER_WAY)
    return list(open_ones.exclude(pk=dispatch.pk).only("pk"))


def _requests_until_done(own: Mapping[Notification.State, int], others: Iterable[Mapping[Notification.State, int]]) -> int:
    """How many requests the portal takes until this dispatch is through: each one's turn comes after the others' (notifications.lane)."""
    needed = _requests(own)
    return needed + sum(min(needed, _requests(other)) for other in others)


def _requests(numbers: Mapping[Notification.State, int]) -> int:
    """How many requests the notifications still waiting will take."""
    return -(-numbers.get(Notification.State.QUEUED, 0) // LARGEST_BATCH)


def _waiting(dispatch: Dispatch, outlook: budget.Outlook, requests: int) -> _Waiting:
    portal = dispatch.portal
    if portal.state != Portal.State.ACTIVE:
        return _Waiting(Wait.PORTAL, since=portal.suspended_at, reason=sentence(portal.suspended_code))
    method = wire.method(dispatch)
    pause = budget.paused(portal, [method]).get(method)
    if pause and pause.retry_at:
        return _Waiting(Wait.METHOD, until=datetime.fromtimestamp(pause.retry_at, UTC))
    resume_at = Lane.objects.filter(portal=portal, resume_at__gt=timezone.now()).values_list("resume_at", flat=True).first()
    if resume_at:
        return _Waiting(Wait.SILENCE, until=resume_at)
    return _Waiting(Wait.LIMIT) if requests and outlook.is_full else _Waiting()


def _per_minute(dispatch: Dispatch) -> int | None:
    """Notifications accepted in the last minute; extrapolated while the dispatch is younger than that."""
    now = timezone.now()
    age = now - (dispatch.started_at or now)
    if age < _SHORTEST:
        return None
    span = min(age, SPEED_OVER)
    rows = dispatch.notifications.filter(state__in=_ACCEPTED, sent_at__gt=now - span)
    return round(rows.count() * SPEED_OVER / span)


def _seconds_left(
    numbers: Mapping[Notification.State, int], outlook: budget.Outlook, per_minute: int | None, waiting: _Waiting
) -> float | None:
    """By the budget, or by the speed measured where the portal is slower than its budget; None while the portal cannot be used."""
    if waiting.kind is Wait.PORTAL:
        return None
    pause = max(0.0, waiting.until.timestamp() - time.time()) if waiting.until else 0.0
    by_speed = 0.0
    if per_minute and not pause:
        by_speed = numbers.get(Notification.State.QUEUED, 0) * SPEED_OVER.total_seconds() / per_minute
    return max(outlook.seconds + pause, by_speed)


def _failures(dispatch: Dispatch) -> tuple[Failure, ...]:
    """Why notifications failed, the most frequent reason first."""
    failed: Iterable[tuple[str, int]] = (
        dispatch.notifications.filter(state=Notification.State.FAILED)
        .order_by()
        .values_list("error_code")
        .annotate(number=Count("pk"))
        .order_by("-number", "error_code")
    )
    return tuple(Failure(code, recording.failure_text(Notification(error_code=code)), number) for code, number in failed)
