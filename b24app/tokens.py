"""A person's tokens: stored encrypted, refreshed only when they have expired, and by one caller at a time in all processes.

The one exception is `keep_alive`: a refresh token that nobody uses would die after 180 days.

The claim on a refresh is a conditional UPDATE with a lease, not a row lock: SQLite ignores row locks, and a lock would keep a
transaction open across the network. Those who lose the claim wait and read the row again.
"""

import logging
import random
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from b24app import oauth
from b24app.models import Portal, PortalUser
from b24app.rest.deadline import Deadline
from b24app.rest.errors import RestError

logger = logging.getLogger(__name__)

KEEP_ALIVE_AFTER = timedelta(days=150)
"""A refresh token lives 180 days (doc: auto-renewal): one this old is refreshed, and a month is left for that to work."""

MOST_KEPT_ALIVE = 200
"""Refreshes of one `keep_alive`, so that people who came together are not refreshed together: a month of hours is enough for 140,000."""

# Longer than a refresh can take (oauth.SECONDS), so that only a dead holder's claim is ever taken over.
LEASE = timedelta(seconds=20)
_WAIT_SECONDS = 15.0
_SHORTEST_LOOK, _LONGEST_LOOK = 0.05, 0.4


def store(person: PortalUser, access_token: str, refresh_token: str, expires_at: datetime) -> None:
    """Keep these tokens, unless valid ones that live longer are held already.

    A portal hands out the same AUTH_ID again within its hour (bitrix24.md 2); its refresh token is spent if we have refreshed since.
    An empty `refresh_token` leaves the stored one in place. `person` is updated as well.
    """
    values = _values(access_token, refresh_token, expires_at)
    worse = Q(expires_at__isnull=True) | Q(expires_at__lte=expires_at) | ~Q(token_state=PortalUser.TokenState.VALID)
    PortalUser.objects.filter(worse, pk=person.pk).update(**values)
    person.refresh_from_db()


def access_token(person: PortalUser, *, deadline: Deadline | None = None) -> str:
    """A token to call with. Refreshes only when the stored one has run out.

    Raises RestError: NO_USABLE_TOKEN without one, INVALID_GRANT when the refresh token is dead, or what the refresh ran into.
    """
    row = _read(person)
    if row.expires_at and row.expires_at > timezone.now():
        return str(row.access_token)
    return refresh(person, row.access_token, deadline=deadline)


def refresh(person: PortalUser, stale: str, *, deadline: Deadline | None = None) -> str:
    """A newer access token than `stale`. However many callers ask at once, in however many processes, the server is asked once.

    Raises RestError as access_token does, and TIMEOUT when another caller's refresh does not end before `deadline`.
    """
    deadline = deadline or Deadline(_WAIT_SECONDS)
    look = _SHORTEST_LOOK
    while True:
        row = _read(person)
        if row.access_token != stale:
            return str(row.access_token)
        claimed_at = timezone.now()
        if _claim(row, claimed_at):
            try:
                return _refresh_claimed(person, stale, deadline)
            finally:
                PortalUser.objects.filter(pk=person.pk, refresh_claimed_at=claimed_at).update(refresh_claimed_at=None)
        if not deadline.pause(look * random.uniform(0.5, 1.0)):  # noqa: S311 - spreads the waiting callers, hides nothing
            raise RestError("TIMEOUT")
        look = min(look * 1.5, _LONGEST_LOOK)


def keep_alive() -> int:
    """Refresh some of the tokens that nobody has used for 150 days, on portals where the app works; returns how many are new.

    Chosen at random among those due: one that cannot be refreshed today holds up no other.
    """
    due = PortalUser.objects.filter(
        token_state=PortalUser.TokenState.VALID,
        refreshed_at__lte=timezone.now() - KEEP_ALIVE_AFTER,
        portal__state=Portal.State.ACTIVE,
    ).exclude(refresh_token="")
    return sum(_kept_alive(person) for person in due.order_by("?")[:MOST_KEPT_ALIVE])


def bury(person: PortalUser, dead: str) -> None:
    """Drop the tokens of `person` after a server refused the access token `dead` for good; newer ones stay."""
    row = PortalUser.objects.get(pk=person.pk)
    if row.access_token == dead:
        _drop(row, PortalUser.TokenState.DEAD)


def forget(person: PortalUser) -> None:
    """Drop the tokens of `person`, whatever they are; the person stays known by name. `person` is updated as well."""
    _drop(PortalUser.objects.get(pk=person.pk), PortalUser.TokenState.NONE)
    person.refresh_from_db()


def admins_with_tokens(portal: Portal) -> QuerySet[PortalUser]:
    """The admins in whose name the portal can be called, the one met most recently first."""
    return portal.people.filter(is_admin=True, token_state=PortalUser.TokenState.VALID).order_by("-refreshed_at", "pk")


def _kept_alive(person: PortalUser) -> bool:
    try:
        refresh(person, person.access_token)
    except RestError as error:
        logger.warning("The tokens of person %s could not be kept alive: %s", person.pk, error.code)
        return False
    return True


def _read(person: PortalUser) -> PortalUser:
    row = PortalUser.objects.select_related("portal").get(pk=person.pk)
    if row.token_state != PortalUser.TokenState.VALID or not row.access_token:
        raise RestError("NO_USABLE_TOKEN")
    return row


def _claim(row: PortalUser, now: datetime) -> bool:
    free = Q(refresh_claimed_at__isnull=True) | Q(refresh_claimed_at__lt=now - LEASE)
    return PortalUser.objects.filter(free, pk=row.pk).update(refresh_claimed_at=now) == 1


def _refresh_claimed(person: PortalUser, stale: str, deadline: Deadline) -> str:
    """The refresh itself, with the claim held. Another caller may have finished one between our look and our claim."""
    row = _read(person)
    if row.access_token != stale:
        return str(row.access_token)
    if not row.refresh_token:
        _drop(row, PortalUser.TokenState.DEAD)
        raise RestError("NO_USABLE_TOKEN")
    try:
        fresh = oauth.refresh(row.portal.oauth_server, row.refresh_token, deadline=Deadline(min(oauth.SECONDS, deadline.left())))
    except RestError as error:
        if error.code == "INVALID_GRANT":
            _drop(row, PortalUser.TokenState.DEAD)
        raise
    if fresh.member_id != row.portal.member_id or fresh.user_id not in (None, row.user_id):
        raise RestError("WRONG_PORTAL")
    PortalUser.objects.filter(pk=row.pk, token_state=PortalUser.TokenState.VALID).update(
        **_values(fresh.access_token, fresh.refresh_token, fresh.expires_at)
    )
    return fresh.access_token


def _values(access_token: str, refresh_token: str, expires_at: datetime) -> dict[str, object]:
    values: dict[str, object] = {
        "access_token": access_token,
        "expires_at": expires_at,
        "refreshed_at": timezone.now(),
        "token_state": PortalUser.TokenState.VALID,
        "warned_at": None,
    }
    return values | ({"refresh_token": refresh_token} if refresh_token else {})


def _drop(row: PortalUser, state: PortalUser.TokenState) -> None:
    """Empty the tokens as they were read in `row`: ones stored since then stay."""
    PortalUser.objects.filter(pk=row.pk, refreshed_at=row.refreshed_at).update(
        access_token="", refresh_token="", expires_at=None, token_state=state
    )
