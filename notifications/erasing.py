"""Erasing what may be a million rows: all of a portal's ledger while the portal waits for the answer, or night by night what is old.

In statements that name no row: Django's own delete would fetch every notification to look for answers to it.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from b24app.models import Portal
from notifications import counts, ledger
from notifications.models import Answer, Dispatch, DispatchCount, Notification, TagGroup

AT_ONCE = 100
"""Dispatches erased in one transaction: whoever writes meanwhile waits for no more of them."""


def erase(portal: Portal) -> None:
    """Delete the rows of the tables that grow; what else there is goes with the portal itself (b24app.lifecycle.remove)."""
    DispatchCount.objects.filter(dispatch__portal=portal).delete()
    TagGroup.objects.filter(portal=portal).delete()
    _erase(Notification.objects.filter(portal=portal))


def erase_old(portal: Portal) -> int:
    """Delete what is older than the portal keeps its ledger; returns how many notifications."""
    before = timezone.now() - timedelta(days=portal.retention_days)
    # No row is older than its dispatch.
    old = list(Dispatch.objects.filter(portal=portal, created_at__lt=before).order_by("pk").values_list("pk", flat=True))
    return sum(_erase_of(old[start : start + AT_ONCE], before) for start in range(0, len(old), AT_ONCE))


@transaction.atomic
def _erase_of(dispatch_ids: Collection[int], before: datetime) -> int:
    rows = Notification.objects.filter(dispatch__in=dispatch_ids, created_at__lt=before)
    shortened = set(rows.order_by().values_list("dispatch_id", flat=True).distinct())
    erased = _erase(rows)
    empty = Dispatch.objects.filter(pk__in=dispatch_ids, notifications=None)
    counts.forget(empty)
    empty.delete()
    ledger.changed(shortened)
    return erased


def _erase(rows: QuerySet[Notification]) -> int:
    Answer.objects.filter(notification__in=rows).delete()
    return rows._raw_delete(rows.db)


def forget_names(portal: Portal) -> None:
    """From a ledger that stays: the names of who was left out, and what was never started with the addresses that were pasted for it."""
    Dispatch.objects.filter(portal=portal, state__in=(Dispatch.State.PREPARING, Dispatch.State.READY)).delete()
    Dispatch.objects.filter(portal=portal).exclude(left_out={}).update(left_out={})
