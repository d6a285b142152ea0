"""The floor's background work. Tasks carry ids only: the rows are the truth."""

import logging

from django.utils import timezone
from huey import crontab
from huey.contrib.djhuey import db_periodic_task, db_task

from b24app import activity, call_log, lifecycle, tokens
from b24app.bindings import rebind
from b24app.models import LaunchProof, Portal
from b24app.rest.errors import RestError

logger = logging.getLogger(__name__)


@db_task()
def bind_portal(portal_id: int) -> None:
    """Bind the portal's events and links again; when that fails, the next admin's opening does it."""
    portal = Portal.objects.filter(pk=portal_id).exclude(state=Portal.State.REMOVED).first()
    if portal is None:
        return
    try:
        rebind(portal)
    except RestError as error:
        logger.warning("Portal %s could not be bound: %s", portal_id, error.code)


@db_periodic_task(crontab(hour="3", minute="17"))
def check_silent_portals() -> None:
    """Every night: find the removals that no event told us of."""
    lifecycle.check_silent_portals()


@db_periodic_task(crontab(hour="4", minute="17"))
def forget_old() -> None:
    """Every night: old rows of the call log and of the activity, and proofs of expired tokens."""
    call_log.forget_old()
    activity.forget_old()
    LaunchProof.objects.filter(expires_at__lte=timezone.now()).delete()


@db_periodic_task(crontab(minute="41"))
def keep_tokens_alive() -> None:
    """Every hour: refresh some of the tokens that would reach the end of their life unused."""
    tokens.keep_alive()
