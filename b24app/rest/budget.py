"""The portal's request budget (doc: limits), shared by all our processes through the Bucket and MethodPause rows.

The portal counts requests per calling address in a leaky bucket. We keep a copy of that count and take a slot before each call, so
that 503 stays the exception; a claim is a conditional UPDATE on the row's version, which holds on SQLite and PostgreSQL alike.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import F

from b24app.models import Bucket, MethodPause, Portal
from b24app.rest.deadline import Deadline
from b24app.rest.errors import RestError

RESERVED_FOR_CLICKS = 10
# Requests reach the portal a little after we counted them, and not all equally late: clicks leave a second's worth of draining free. What
# background work leaves to clicks is more than that.
_MARGIN = 2
# A count this much later than now was taken before the clock was set back, not by a machine whose clock is a little ahead.
_SKEW = 5.0
# doc: error-codes ("lifted automatically after 10 minutes"), for an answer that names no operating_reset_at.
_USUAL_PAUSE = 600.0
# Half of a method's usual 480 s of operating time.
_WORTH_NOTING = 240.0


@dataclass(frozen=True, slots=True)
class Limits:
    """A bucket that is full at `capacity` requests and drains `drain` of them per second."""

    capacity: float
    drain: float


_USUAL = Limits(50, 2)
_ENTERPRISE = Limits(250, 5)


def now() -> float:
    """The time all of this counts in: epoch seconds, which processes and machines share."""
    return time.time()


def limits(portal: Portal) -> Limits:
    """The limits set for the portal, else its plan's."""
    plan = plan_limits(portal)
    return Limits(portal.bucket_capacity or plan.capacity, portal.bucket_drain or plan.drain)


def plan_limits(portal: Portal) -> Limits:
    """The limits of the portal's plan; app.info names Enterprise plans LICENSE_FAMILY "ent" (doc: limits, app.info)."""
    return _ENTERPRISE if portal.license_family.lower().startswith("ent") else _USUAL


def take_slot(portal: Portal, *, background: bool, deadline: Deadline) -> Bucket:
    """Count one request, waiting for room until `deadline`; background work leaves RESERVED_FOR_CLICKS slots free.

    Returns the portal's bucket. Raises RestError("BUDGET_EXHAUSTED") with retry_at when there will be no room in time.
    """
    bucket, _created = Bucket.objects.get_or_create(portal=portal)
    plan = limits(portal)
    room = _room(plan, background=background)
    while bucket.counted is not False:
        at = now()
        level = _level(bucket, plan, at) + 1
        if level <= room:
            if _write(bucket, level, at):
                break
        elif bucket.measured_at > at + _SKEW:
            _write(bucket, bucket.level, at)
        elif not deadline.pause((level - room) / plan.drain):
            raise RestError("BUDGET_EXHAUSTED", retry_at=at + (level - room) / plan.drain)
        bucket.refresh_from_db()
    return bucket


def give_back(bucket: Bucket) -> None:
    """Uncount a request that was not made after all."""
    Bucket.objects.filter(pk=bucket.pk).update(level=F("level") - 1, version=F("version") + 1)


def has_room(portal: Portal) -> bool:
    """Whether a request of background work could leave now: for what is done at once where that costs nobody any waiting."""
    return not outlook(portal, 1).seconds


@dataclass(frozen=True, slots=True)
class Outlook:
    """How soon background requests get through: in `seconds` at the earliest; `is_full` while each has to wait for room."""

    seconds: float
    is_full: bool


def outlook(portal: Portal, requests: int) -> Outlook:
    """When this many background requests can have been made, by our copy of the bucket; asks the portal nothing and takes no slot."""
    bucket = Bucket.objects.filter(portal=portal).first()
    if bucket is not None and bucket.counted is False:
        return Outlook(0.0, False)
    plan = limits(portal)
    level = _level(bucket, plan, now()) if bucket else 0.0
    room = _room(plan, background=True)
    # What a second drains may just have been taken again by the next request.
    return Outlook(max(0.0, (level + requests - room) / plan.drain), level + max(1.0, plan.drain) > room)


def level(bucket: Bucket) -> float:
    """How many requests are in the bucket by now."""
    return _level(bucket, limits(bucket.portal), now())


def learn(bucket: Bucket, time_block: object) -> None:
    """Note from the `time` of a first single call's answer whether this portal counts.

    The cloud's answers carry `operating`, a self-hosted portal's do not, as its limits are off (doc: limits). That the one follows
    from the other is a guess; should the portal count after all, its first 503 corrects it (fill).
    """
    if bucket.counted is None:
        counted = isinstance(time_block, Mapping) and "operating" in time_block
        Bucket.objects.filter(pk=bucket.pk, counted=None).update(counted=counted)


def fill(portal: Portal) -> None:
    """Make our copy full: the portal answered 503, so others on our address have used it up, or it counts after all."""
    Bucket.objects.filter(portal=portal).update(level=limits(portal).capacity, measured_at=now(), counted=True, version=F("version") + 1)


def pause_method(portal: Portal, method: str, until: float | None) -> float:
    """Pause one method of the portal after a 429 and return the end, epoch seconds.

    That is `until` (the answer's own operating_reset_at), or the one of the last answer before it, or in ten minutes (doc: limits).
    """
    known = (
        MethodPause.objects.filter(portal=portal, method=method, resets_at__gt=_moment(now())).values_list("resets_at", flat=True).first()
    )
    end = until or (known.timestamp() if known else 0.0)
    if end <= now():
        end = now() + _USUAL_PAUSE
    MethodPause.objects.update_or_create(portal=portal, method=method, defaults={"until": _moment(end)})
    return end


def note_operating(portal: Portal, method: str, time_block: object) -> None:
    """Remember when a method that has used much of its time gets some back: a 429 itself does not say so (doc: limits)."""
    reset = reset_time(time_block)
    if reset is None or not isinstance(time_block, Mapping) or _seconds(time_block.get("operating")) < _WORTH_NOTING:
        return
    MethodPause.objects.update_or_create(
        portal=portal,
        method=method,
        defaults={"resets_at": _moment(reset)},
        create_defaults={"resets_at": _moment(reset), "until": _moment(now())},
    )


def paused(portal: Portal, methods: Iterable[str]) -> dict[str, RestError]:
    """Those of `methods` that are paused now, each with the error that a call of it would end with."""
    rows = MethodPause.objects.filter(portal=portal, method__in=set(methods), until__gt=_moment(now()))
    return {row.method: RestError("OPERATION_TIME_LIMIT", retry_at=row.until.timestamp()) for row in rows}


def raise_if_paused(portal: Portal, method: str) -> None:
    """Raise RestError("OPERATION_TIME_LIMIT") with retry_at while `method` is paused."""
    for error in paused(portal, [method]).values():
        raise error


def reset_time(time_block: object) -> float | None:
    """`operating_reset_at` (epoch seconds) of an answer's `time`, None where it is missing."""
    value = time_block.get("operating_reset_at") if isinstance(time_block, Mapping) else None
    return _seconds(value) or None


def _seconds(value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return 0.0
    # Beyond the year 5138 lies nonsense, and infinity.
    return seconds if 0 < seconds < 1e11 else 0.0


def _moment(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


def _room(plan: Limits, *, background: bool) -> float:
    """How full the bucket may become by one more request; at least that one fits, however small the bucket is."""
    return max(1.0, plan.capacity - (RESERVED_FOR_CLICKS if background else _MARGIN))


def _level(bucket: Bucket, plan: Limits, at: float) -> float:
    """What is left in the bucket at that time."""
    return max(0.0, bucket.level - max(0.0, at - bucket.measured_at) * plan.drain)


def _write(bucket: Bucket, level: float, at: float) -> bool:
    """Save the new level unless another process was faster."""
    changed = Bucket.objects.filter(pk=bucket.pk, version=bucket.version).update(level=level, measured_at=at, version=bucket.version + 1)
    return changed == 1
