"""Telling a portal's admins what needs one of them: a dispatch that stopped by itself or reached nobody, an admin whose access has ended.

Each is told once, by a system notification with a TAG of its own: should it be sent twice, the second takes the place of the first. What
is told is marked by `warned_at`, which is emptied when the dispatch goes on or the access works again.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from b24app.languages import interface_language
from b24app.models import Portal, PortalUser
from b24app.rest.client import LARGEST_BATCH, as_portal
from b24app.rest.errors import Policy, RestError, sentence
from notifications import api, ask, bbcode, recording, tags
from notifications.models import Dispatch, Notification

LONGEST_QUOTE = 100

NEWS_FOR = timedelta(days=1)
"""A dispatch that ended longer ago is no news."""


def waiting() -> list[int]:
    """The ids of portals whose admins are to be told something."""
    wanting = Portal.objects.filter(state=Portal.State.ACTIVE, warns_admins=True)
    needed = (rows.filter(portal__in=wanting).values_list("portal_id", flat=True) for rows in (_stopped(), _fruitless(), _ended()))
    return sorted({portal_id for found in needed for portal_id in found})


def warn(portal_id: int) -> int:
    """Tell the admins of one portal what they have not been told, once, however many workers try; returns how many things it was."""
    portal = Portal.objects.get(pk=portal_id)
    failed = [dispatch for rows in (_stopped(), _fruitless()) for dispatch in rows.filter(portal=portal).select_related("author")]
    told = [_warn_of_dispatch(portal, dispatch) for dispatch in failed]
    return sum(told) + sum(_warn_of_access(portal, person) for person in _ended().filter(portal=portal))


def _stopped() -> QuerySet[Dispatch]:
    """Dispatches that stopped by themselves, or whose audience could not be read, and of which nobody was told."""
    states = (Dispatch.State.PAUSED, Dispatch.State.PREPARING)
    return Dispatch.objects.filter(finished_at=None, state__in=states, warned_at=None).exclude(error_code="")


def _fruitless() -> QuerySet[Dispatch]:
    """Dispatches to many that ended a short while ago without reaching anybody, and of which nobody was told.

    What is sent to few is sent in the click: whoever clicked has seen that it failed.
    """
    other = Notification.objects.filter(dispatch=OuterRef("pk")).exclude(state=Notification.State.FAILED)
    over = Dispatch.objects.filter(state=Dispatch.State.DONE, finished_at__gt=timezone.now() - NEWS_FOR, warned_at=None, error_code="")
    return over.filter(~Exists(other), total__gt=0).exclude(audience={})


def _ended() -> QuerySet[PortalUser]:
    """Admins who have used the app and whose token is dead, of which nobody was told."""
    return PortalUser.objects.filter(is_admin=True, token_state=PortalUser.TokenState.DEAD, warned_at=None)


def _warn_of_dispatch(portal: Portal, dispatch: Dispatch) -> bool:
    with translation.override(interface_language(portal)):
        quote = bbcode.plain(dispatch.message)
        quote = quote if len(quote) <= LONGEST_QUOTE else f"{quote[: LONGEST_QUOTE - 1]}…"
        happened, reason = _failure(dispatch)
        happened %= {"author": dispatch.author, "message": quote}
        words = _("Open the dispatch")
        link = f"[url={ask.report_link(dispatch.pk)}]{words}[/url]"
        text = "\n".join((happened, reason, link))
    return _tell(portal, Dispatch.objects.filter(pk=dispatch.pk), text, tags.warning_tag("dispatch", dispatch.pk))


def _failure(dispatch: Dispatch) -> tuple[str, str]:
    """What happened to a dispatch, and why."""
    if dispatch.state == Dispatch.State.DONE:
        first = dispatch.notifications.order_by("pk")[0]
        return _("A dispatch of %(author)s has reached nobody: “%(message)s”."), recording.failure_text(first)
    return _("A dispatch of %(author)s has stopped: “%(message)s”."), sentence(dispatch.error_code)


def _warn_of_access(portal: Portal, person: PortalUser) -> bool:
    with translation.override(interface_language(portal)):
        text = _(
            "The access of %(name)s has ended, so the app cannot act in their name any more. %(name)s only needs to open the app once."
        ) % {"name": person}
    return _tell(portal, PortalUser.objects.filter(pk=person.pk), text, tags.warning_tag("access", person.pk))


def _tell(portal: Portal, row: "QuerySet[Dispatch] | QuerySet[PortalUser]", text: str, tag: str) -> bool:
    """Claim the telling, and do it; False when somebody else does, or it failed."""
    now = timezone.now()
    # Only the row's own columns: PostgreSQL checks those again after waiting for another worker.
    if not row.filter(Q(warned_at=None)).update(warned_at=now):
        return False
    admins = portal.people.filter(is_admin=True, last_opened_at__isnull=False).order_by("-last_opened_at")[:LARGEST_BATCH]
    errors = _send(portal, [admin.user_id for admin in admins], text, tag)
    if any(_may_pass(error) for error in errors):
        _give_back(row, now)
    return not errors


def _send(portal: Portal, user_ids: Sequence[int], text: str, tag: str) -> list[RestError]:
    """One request for all of them; the errors of those who did not get it."""
    notices = (api.Notice(number, text, tag=tag) for number in user_ids)
    # Their TAG makes them such as may be sent twice.
    calls = {str(notice.user_id): replace(api.system_add(notice), repeatable=True) for notice in notices}
    try:
        outcomes = as_portal(portal, background=True).run_batch(calls) if calls else {}
    except RestError as error:
        return [error]
    return [outcome.error for outcome in outcomes.values() if outcome.error is not None]


def _may_pass(error: RestError) -> bool:
    """Whether telling later may succeed, and certainly nothing was sent: the portal is busy, or no admin's token works now."""
    passing = error.policy in (Policy.RETRY_LATER, Policy.PORTAL_UNUSABLE) or error.code == "NO_USABLE_TOKEN"
    return passing and not error.unknown_outcome


def _give_back(row: "QuerySet[Dispatch] | QuerySet[PortalUser]", claimed_at: datetime) -> None:
    row.filter(warned_at=claimed_at).update(warned_at=None)
