"""Background work on the ledger. Tasks carry ids only: what is due stands in the rows."""

import logging
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from huey import crontab
from huey.contrib.djhuey import db_periodic_task, db_task

from b24app.models import Portal, PortalUser
from b24app.queue import leaving
from b24app.rest.client import as_portal
from b24app.rest.errors import RestError
from notifications import closing, counts, erasing, lane, ledger, people, preparing, reminding, sending, tidying, warning
from notifications.models import Dispatch, Notification

logger = logging.getLogger(__name__)

BATCHES_IN_TURN = 10
"""Batches of reminders in one task."""

SOON = 90.0
"""Seconds within which a lane comes back by itself; later than that, `run_lanes` finds its portal."""

LIFETIME = timedelta(days=60)
"""After this the portal erases a notification (bitrix24.md 6.10, observed in server source)."""


@db_periodic_task(crontab(minute="*"))
def settle() -> None:
    """Find the portals with rows of unknown fate; a portal that is slow keeps no other waiting."""
    for portal_id in sending.portals_to_settle():
        settle_portal(portal_id)


@db_task()
def settle_portal(portal_id: int) -> None:
    """Send one portal's rows of unknown fate again."""
    sending.settle(portal_id)


@db_task()
def run_lane(portal_id: int) -> None:
    """Send and take back what waits on one portal, and come back when there is more: at once, or when the portal is ready again."""
    seconds = lane.run(portal_id, others_wait=lambda: run_lane.huey.pending_count() > 0)
    if seconds == 0:
        run_lane(portal_id)
    elif seconds is not None and seconds < SOON:
        run_lane.schedule((portal_id,), delay=seconds)


@db_periodic_task(crontab(minute="*"))
def run_lanes() -> None:
    """Find the portals with something to send or to take back whose lane has died, or whose time has come."""
    for portal_id in lane.portals_with_work():
        run_lane(portal_id)


@db_periodic_task(crontab(minute="*"))
def tidy() -> None:
    """Find the portals where answered requests are to be taken out of feeds; a portal that is slow keeps no other waiting."""
    for portal_id in tidying.portals_to_tidy():
        tidy_portal(portal_id)


@db_task()
def tidy_portal(portal_id: int) -> None:
    """Take one portal's answered requests out of people's feeds."""
    tidying.tidy(portal_id)


@db_periodic_task(crontab(minute="*"))
def remind() -> None:
    """Begin the reminders whose time has come, and go on with those that nobody works on."""
    reminding.begin_due()
    for request_id in reminding.left():
        remind_request(request_id)


@db_task()
def remind_request(request_id: int) -> None:
    """Remind the people of one request, a few batches at a time: other tasks have their turn in between."""
    for _batch in range(BATCHES_IN_TURN):
        if leaving.is_set() or not reminding.step(request_id):
            return
    remind_request(request_id)


@db_periodic_task(crontab(minute="*"))
def tell_senders() -> None:
    """Find the portals where senders are to be told what came of their requests; one that is slow keeps no other waiting."""
    for portal_id in closing.portals_to_tell():
        tell_portal(portal_id)


@db_task()
def tell_portal(portal_id: int) -> None:
    """Tell the senders of one portal that everybody has answered, or that the time is over; after a failure the rest in a minute."""
    for request_id in closing.to_tell(portal_id):
        if not closing.tell(request_id):
            return


@db_periodic_task(crontab(minute="*"))
def warn_admins() -> None:
    """Find the portals whose admins are to be told that something stopped; a portal that is slow keeps no other waiting."""
    for portal_id in warning.waiting():
        warn_portal(portal_id)


@db_task()
def warn_portal(portal_id: int) -> None:
    """Tell the admins of one portal what has stopped."""
    warning.warn(portal_id)


@db_task()
def prepare_dispatch(dispatch_id: int) -> None:
    """Read whom a dispatch is for."""
    preparing.fill(dispatch_id)


@db_periodic_task(crontab(minute="*"))
def prepare_lost() -> None:
    """Find the dispatches whose audience nobody reads, because their worker died."""
    for dispatch_id in preparing.lost():
        prepare_dispatch(dispatch_id)


@db_periodic_task(crontab(hour="3", minute="30"))
def discard_old_preparations() -> int:
    """Throw away what was prepared a day ago and never started; returns how many."""
    return preparing.discard_old()


@db_periodic_task(crontab(minute="*/5"))
def name_people() -> None:
    """Find the portals with recent recipients whom a full batch left nameless; a portal that is slow keeps no other waiting."""
    for portal_id in _nameless().order_by("portal").values_list("portal", flat=True).distinct():
        name_people_of(portal_id)


@db_task()
def name_people_of(portal_id: int) -> None:
    """Fetch the names of some of a portal's nameless recipients; the next run goes on."""
    portal = Portal.objects.get(pk=portal_id)
    nameless = list(_nameless().filter(portal=portal).order_by("pk").values_list("user_id", flat=True)[: people.PAGE])
    try:
        people.store_names(portal, as_portal(portal, background=True).run(people.names(nameless)))
    except RestError as error:
        # Names are a comfort: the next run tries again, and the list shows the numbers until then.
        logger.info("Names of portal %s could not be had: %s", portal_id, error.code)


@db_periodic_task(crontab(minute="*"))
def count() -> None:
    """Count what changed, so that whoever opens the groups of the Sent tab finds it counted."""
    stale = Dispatch.objects.filter(portal=OuterRef("pk"), is_stale=True)
    for portal in Portal.objects.filter(Exists(stale)):
        counts.catch_up(portal)


@db_periodic_task(crontab(hour="3", minute="10"))
def expire() -> int:
    """Close rows that the portal has erased by now; returns how many. A row of unknown fate counts from when it was written."""
    end = timezone.now() - LIFETIME
    old = Notification.objects.filter(Q(sent_at__lt=end) | Q(sent_at=None, created_at__lt=end))
    return ledger.close(old, Notification.State.EXPIRED)


@db_periodic_task(crontab(hour="3", minute="20"))
def keep_retention() -> int:
    """Erase what is older than each portal's retention allows; returns how many notifications."""
    return sum(erasing.erase_old(portal) for portal in Portal.objects.all())


def _nameless() -> QuerySet[PortalUser]:
    """Recipients of the last hour whose names are not known."""
    recent = Notification.objects.filter(recipient=OuterRef("pk"), created_at__gte=timezone.now() - timedelta(hours=1))
    return PortalUser.objects.filter(Exists(recent), name="", portal__state=Portal.State.ACTIVE)
