"""POST /events/: the portal's server reports installation, update and removal of the app.

Anybody can post here. Proof is the stored application_token, or an access token that the authorization server confirms as an admin's;
without proof every sender gets the same 403, whether we know the portal or not.
"""

import logging
from collections.abc import Callable
from datetime import timedelta

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.views.decorators.http import require_POST

from b24app import lifecycle, logs, tasks
from b24app.bindings import introduce
from b24app.frame.body import form_of
from b24app.frame.launch import BadLaunch, Launch, LaunchRefused, LaunchUnproven, make_fields, verify
from b24app.models import Portal, PortalUser
from b24app.rest.errors import RestError

logger = logging.getLogger(__name__)

# An admin of yesterday may be none today; the installer's page asked moments before the event comes.
RIGHTS_ARE_FRESH = timedelta(hours=1)


@require_POST
def events(request: HttpRequest) -> HttpResponse:
    """200 for a proven event, 403 for any other sender, 400 for what is no event, 503 when the proof could not be checked just now."""
    form = form_of(request)
    name = form.get("event", "").upper()
    if not name or not form.get("auth[member_id]"):
        raise BadRequest("This is no event.")
    try:
        _HANDLERS.get(name, _other)(form)
    except (LaunchRefused, BadLaunch):
        logger.info("Event refused")
        return HttpResponse(status=403)
    except LaunchUnproven as unproven:
        logger.warning("Event could not be checked: %s", unproven.code)
        return HttpResponse(status=503)
    return HttpResponse(status=200)


def _installed(form: QueryDict) -> None:
    launch = _launch_of(form)
    _require_admin(launch)
    portal = lifecycle.enter(launch).portal
    lifecycle.finish_installation(portal, launch.fields.language)
    lifecycle.accept_application_token(portal, launch.fields.application_token)


def _updated(form: QueryDict) -> None:
    portal = _proven_by_application_token(form)
    if portal is None:
        launch = _launch_of(form)
        portal = _require_admin(launch).portal
        lifecycle.accept_application_token(portal, launch.fields.application_token)
    lifecycle.lose_bindings(portal)
    tasks.bind_portal(portal.pk)


def _uninstalled(form: QueryDict) -> None:
    lifecycle.remove(_require_portal(form), clean=form.get("data[CLEAN]", "") in ("1", "Y", "true"))


def _other(form: QueryDict) -> None:
    """An event that nobody here asked for: it needs the same proof, and changes nothing."""
    _require_portal(form)


_HANDLERS: dict[str, Callable[[QueryDict], None]] = {
    "ONAPPINSTALL": _installed,
    "ONAPPUPDATE": _updated,
    "ONAPPUNINSTALL": _uninstalled,
}


def _proven_by_application_token(form: QueryDict) -> Portal | None:
    return lifecycle.portal_of_event(form.get("auth[member_id]", ""), form.get("auth[application_token]", ""))


def _require_portal(form: QueryDict) -> Portal:
    portal = _proven_by_application_token(form)
    if portal is None:
        raise LaunchRefused("no known application_token")
    logs.note(portal=portal.pk)
    return portal


def _launch_of(form: QueryDict) -> Launch:
    """The event's access token, proven like a launch's (doc: on-app-install). Raises LaunchRefused, BadLaunch or LaunchUnproven."""
    return verify(
        make_fields(
            auth_id=form.get("auth[access_token]", ""),
            domain=form.get("auth[domain]", ""),
            member_id=form.get("auth[member_id]", ""),
            refresh_id=form.get("auth[refresh_token]", ""),
            server_endpoint=form.get("auth[server_endpoint]", ""),
            application_token=form.get("auth[application_token]", ""),
            language=form.get("data[LANGUAGE_ID]", ""),
        )
    )


def _require_admin(launch: Launch) -> PortalUser:
    """The admin behind a proven token; LaunchRefused for anybody else, for every person of a portal can get such a token."""
    known = PortalUser.objects.select_related("portal").filter(
        portal__member_id=launch.info.member_id,
        user_id=launch.info.user_id,
        is_admin=True,
        profile_at__gt=timezone.now() - RIGHTS_ARE_FRESH,
    )
    person = known.first()
    if person is not None:
        logs.note(portal=person.portal_id, person=person.user_id)
        return person
    person = lifecycle.enter(launch)
    try:
        introduce(person, bind=False)
    except RestError as error:
        raise LaunchUnproven(error.code, person.portal) from None
    if not person.is_admin:
        raise LaunchRefused("the token is no admin's")
    return person
