"""The life of an installation, and what each launch and event may change in it.

States: installing -> active -> suspended (the REST client's doing) -> removed; any -> installing or active by a proven launch.

| case | what happens |
| --- | --- |
| first launch at /install/ | portal in state installing, person, tokens, the app's sender |
| ONAPPINSTALL | active; its application_token is believed, because an admin's access token proves the event |
| ONAPPINSTALL late, after the app was opened | the opening made the portal active already; the event only brings application_token |
| ONAPPINSTALL doubled | the second changes nothing |
| ONAPPINSTALL missing | the first opening finds `installed` in app.info; an admin's opening brings application_token |
| ONAPPINSTALL first, before any launch | portal, person and tokens come from the event's proven token |
| ONAPPINSTALL proven by a person without admin rights | refused: everybody there has such a token and could plant an application_token |
| launch at /app/ while app.info lags behind and says not installed | an active portal stays active |
| launch at /install/, not installed, of a portal we hold for active | reinstalled, and the removal was missed: a new installation begins |
| launch of a removed portal | back to life with its ledger; a new installation |
| ONAPPUPDATE with the new application_token | believed when an admin's access token proves it; bound again now and at the next opening |
| ONAPPUPDATE with the old application_token | bound again |
| ONAPPUPDATE missing | the next opening sees another version in app.info and binds again |
| ONAPPUNINSTALL, CLEAN=1 | every row of the portal is deleted |
| ONAPPUNINSTALL, CLEAN=0 | removed; tokens, names, photos, what was never started and the call log go, the ledger stays |
| ONAPPUNINSTALL doubled | the second has no proof any more: refused, nothing changes |
| ONAPPUNINSTALL of an earlier installation, replayed or late | its application_token died with that installation: refused |
| ONAPPUNINSTALL after a reinstall, with the new application_token | removes, as it should |
| ONAPPUNINSTALL missing | the nightly check asks the authorization server about silent portals |
| installation never finished | the nightly check removes it as well |
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from b24app import activity, logs, oauth, roles, tokens
from b24app.frame.launch import Launch, LaunchFields, remember
from b24app.models import Bucket, CallLog, LaunchProof, MethodPause, Portal, PortalUser, Sender
from b24app.rest.errors import RestError

logger = logging.getLogger(__name__)

APP_NAME = "Tagged Notifications"

# Asking about a silent portal costs a refresh, and refreshing daily is what the documentation calls abuse (doc: auto-renewal).
SILENT_FOR = timedelta(days=3)

# The authorization server's words for a token that is worth nothing. On every token we hold they mean that the app is gone: a guess, since
# no document says what a removed app's token answers, and a cheap one, because any proven launch brings the portal back.
_WORTHLESS = {
    "INVALID_GRANT", "INVALID_TOKEN", "EXPIRED_TOKEN", "NO_AUTH_FOUND", "NO_USABLE_TOKEN", "NOT_INSTALLED", "APPLICATION_NOT_FOUND",
    "PORTAL_DELETED",
}  # fmt: skip

_NO_ANSWER = {"TIMEOUT", "CONNECTION_BROKEN"}

_erasers: list[Callable[[Portal], None]] = []
_forgetters: list[Callable[[Portal], None]] = []


def enter(launch: Launch, *, installer: bool = False) -> PortalUser:
    """Write down what a proven launch says: portal, person, tokens and the app's sender. Everything but the tokens is the server's word."""
    info, fields = launch.info, launch.fields
    with transaction.atomic():
        portal, created = Portal.objects.select_for_update().get_or_create(member_id=info.member_id)
        if installer and not info.installed and portal.state in (Portal.State.ACTIVE, Portal.State.SUSPENDED):
            _begin_again(portal)
        portal.state = _state_after(portal.state, installed=info.installed)
        if portal.version and portal.version != info.version:
            activity.note(portal, activity.Kind.UPDATED, version=info.version)
        portal.domain, portal.client_endpoint, portal.oauth_server = info.domain, info.client_endpoint, launch.server
        portal.client_id, portal.scope, portal.status, portal.version = info.client_id, info.scope, info.status, info.version
        if fields.language and (created or installer):
            portal.language = fields.language
        portal.checked_at = timezone.now()
        if portal.state == Portal.State.ACTIVE and portal.installed_at is None:
            portal.installed_at = portal.checked_at
            activity.note(portal, activity.Kind.INSTALLED)
        portal.save()
        Sender.objects.update_or_create(
            portal=portal,
            kind=Sender.Kind.APP,
            defaults={"client_id": info.client_id},
            create_defaults={"client_id": info.client_id, "name": APP_NAME},
        )
        person, _ = PortalUser.objects.get_or_create(portal=portal, user_id=info.user_id)
        person.last_opened_at = portal.checked_at
        person.save(update_fields=["last_opened_at"])
        tokens.store(person, fields.auth_id, fields.refresh_id, info.expires_at)
        remember(person, fields.auth_id, info.expires_at)
    logs.note(portal=portal.pk, person=person.user_id)
    return person


def _state_after(state: str, *, installed: bool) -> str:
    if state == Portal.State.SUSPENDED:
        # Left by itself when a call works: the REST client sees that, a launch does not.
        return state
    if installed or state == Portal.State.ACTIVE:
        return Portal.State.ACTIVE
    return Portal.State.INSTALLING


def _begin_again(portal: Portal) -> None:
    """The portal was installed anew and nobody told us of the removal: what proved the earlier installation proves nothing now."""
    portal.state = Portal.State.INSTALLING
    portal.suspended_code = portal.application_token = ""
    portal.bound_version = portal.installed_at = portal.suspended_at = None
    portal.installation += 1


def enter_again(person: PortalUser, fields: LaunchFields, expires_at: datetime) -> PortalUser:
    """The same token again within its hour, remembered until `expires_at`: nothing new but the visit, and tokens in place of lost ones."""
    logs.note(portal=person.portal_id, person=person.user_id)
    person.last_opened_at = timezone.now()
    person.save(update_fields=["last_opened_at"])
    if person.token_state != PortalUser.TokenState.VALID:
        tokens.store(person, fields.auth_id, fields.refresh_id, expires_at)
    return person


def finish_installation(portal: Portal, language: str) -> None:
    """The portal reports that the installation is finished, in its own `language`."""
    if portal.state == Portal.State.INSTALLING:
        portal.state = Portal.State.ACTIVE
        portal.installed_at = timezone.now()
        activity.note(portal, activity.Kind.INSTALLED)
    if language:
        portal.language = language
    portal.save(update_fields=["state", "installed_at", "language"])


def lose_bindings(portal: Portal) -> None:
    """An update of the app dropped the events and links it had bound (doc: events/event-bind)."""
    portal.bound_version = None
    portal.save(update_fields=["bound_version"])


def accept_application_token(portal: Portal, application_token: str) -> None:
    """Believe this application_token from now on: an admin of the portal stands behind it."""
    if application_token and application_token != portal.application_token:
        portal.application_token = application_token
        portal.save(update_fields=["application_token"])


def portal_of_event(member_id: str, application_token: str) -> Portal | None:
    """The portal whose stored application_token this is: the only proof an event without a token can have. None for any other sender."""
    portal = Portal.objects.filter(member_id=member_id).first()
    stored = portal.application_token if portal else ""
    # Compared even when there is nothing to compare with: an unknown portal must not answer faster than a known one.
    same = constant_time_compare(stored, application_token)
    return portal if stored and same else None


def erase_first(erase: Callable[[Portal], None]) -> None:
    """Call `erase` before a portal's rows are deleted, in the same transaction: for tables that are too large to be left to Django."""
    _erasers.append(erase)


def forget_too(forget: Callable[[Portal], None]) -> None:
    """Call `forget` when a portal's ledger stays after a removal, in the same transaction: for names outside this floor's tables."""
    _forgetters.append(forget)


def remove(portal: Portal, *, clean: bool) -> None:
    """The app is gone from the portal. `clean`: the admin wants its data gone, so nothing stays; else the ledger stays, without names."""
    with transaction.atomic():
        if clean:
            for erase in _erasers:
                erase(portal)
            portal.delete()
            return
        for model in (CallLog, Bucket, MethodPause):
            model.objects.filter(portal=portal).delete()
        LaunchProof.objects.filter(person__portal=portal).delete()
        portal.people.update(
            name="", photo="", time_zone="", is_admin=False, departments=[], profile_at=None, last_opened_at=None,
            access_token="", refresh_token="", expires_at=None, refreshed_at=None, refresh_claimed_at=None,
            token_state=PortalUser.TokenState.NONE,
        )  # fmt: skip
        for forget in _forgetters:
            forget(portal)
        activity.note(portal, activity.Kind.REMOVED)
        portal.senders.filter(kind=Sender.Kind.WEBHOOK).update(webhook_url="")
        Portal.objects.filter(pk=portal.pk).update(
            state=Portal.State.REMOVED, application_token="", chosen=roles.nameless(portal.chosen), suspended_code="", suspended_at=None,
            bound_version=None, installed_at=None, removed_at=timezone.now(), installation=F("installation") + 1,
        )  # fmt: skip


def check_silent_portals() -> None:
    """Ask the authorization server about portals not heard of for a while, and remove those the app is gone from (a missed uninstall).

    A server that does not answer is not asked again tonight: each question would wait for it.
    """
    silent = Portal.objects.exclude(state=Portal.State.REMOVED).filter(
        Q(checked_at__isnull=True) | Q(checked_at__lt=timezone.now() - SILENT_FOR)
    )
    away: set[str] = set()
    for portal in list(silent):
        if portal.oauth_server in away:
            continue
        try:
            alive = _is_installed(portal)
        except RestError as error:
            # No answer is no proof of anything: asked again tomorrow.
            logger.warning("Portal %s could not be checked: %s", portal.pk, error.code)
            if error.code in _NO_ANSWER:
                away.add(portal.oauth_server)
            continue
        if alive:
            Portal.objects.filter(pk=portal.pk).update(checked_at=timezone.now())
        else:
            logger.info("Portal %s has no installation any more", portal.pk)
            remove(portal, clean=False)


def _is_installed(portal: Portal) -> bool:
    """Whether any token we hold still speaks for an installation of this portal. RestError when that could not be found out."""
    for person in portal.people.filter(token_state=PortalUser.TokenState.VALID).order_by("-is_admin", "-refreshed_at"):
        try:
            info = oauth.app_info(portal.oauth_server, tokens.access_token(person))
        except RestError as error:
            if error.code in _WORTHLESS or (error.code == "INVALID_CLIENT" and _credentials_work(portal.oauth_server)):
                continue
            raise
        return info.installed and info.member_id == portal.member_id
    return False


def _credentials_work(server: str) -> bool:
    """Whether the server knows our client_id and secret. INVALID_CLIENT for a portal means that the app is not installed there (doc:
    error-codes), or that our own credentials are wrong: an invented code tells the two apart, on the guess that they are checked first.
    """
    try:
        oauth.exchange_code(server, "a-code-that-never-was")
    except RestError as error:
        return error.code == "INVALID_GRANT"
    return False
