"""Figures of the ledger for /metrics, from partial indexes of what is under way: a ledger of millions costs no more than a small one."""

from collections.abc import Iterator

from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client.metrics_core import Metric

from b24app.metrics import gauge, gauges
from notifications.models import Answer, Dispatch, Lane, Notification

_FINISHED = (Dispatch.State.DONE, Dispatch.State.CANCELLED)
_UNDER_WAY = (Notification.State.QUEUED, Notification.State.SENDING, Notification.State.UNKNOWN)


def ledger() -> Iterator[Metric]:
    """What is being sent, what waits, and whether somebody has left it lying."""
    now = timezone.now()
    opened = dict(Dispatch.objects.filter(finished_at=None).order_by().values_list("state").annotate(Count("pk")))
    states = [state for state in Dispatch.State.values if state not in _FINISHED]
    yield gauges(
        "notifications_dispatches", "Dispatches that are not over, by state", ("state",), [((s,), opened.get(s, 0)) for s in states]
    )
    counted = _under_way()
    yield gauges("notifications_under_way", "Notifications being sent or of unknown fate, by state", ("state",),
                 [((state,), counted[state]) for state in _UNDER_WAY])  # fmt: skip
    oldest = Notification.objects.filter(lease_until__isnull=False).aggregate(Min("lease_until"))["lease_until__min"]
    overdue = max(0.0, (now - oldest).total_seconds()) if oldest else 0.0
    yield gauge("notifications_oldest_due_seconds", "Since when the oldest repeat is due; grows while no worker looks", overdue)
    yield gauge("notifications_lanes", "Portals that a worker sends for now", Lane.objects.filter(lease_until__gt=now).count())
    untidied = Answer.objects.filter(tidied_at=None, tidy_after__lt=now).count()
    yield gauge("notifications_answers_to_tidy", "Answers whose notification has still to be taken out of the feed", untidied)


def _under_way() -> dict[Notification.State, int]:
    """Queued rows by way of their open dispatches, the others by their lease: an index leads to each."""
    rows = Notification.objects.order_by()
    unfinished = Dispatch.objects.filter(finished_at=None).values_list("pk", flat=True)
    queued = rows.filter(dispatch__in=list(unfinished), state=Notification.State.QUEUED).count()
    leased = rows.filter(lease_until__isnull=False).exclude(state=Notification.State.QUEUED)
    counted = dict(leased.values_list("state").annotate(Count("pk")))
    return {state: counted.get(state, 0) for state in _UNDER_WAY} | {Notification.State.QUEUED: queued}
