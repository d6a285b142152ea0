"""POST /app/: the portal opens the app in its frame, from its menu or through a link into the app."""

import logging
import re
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods, require_POST

from b24app import lifecycle, tasks
from b24app.bindings import introduce
from b24app.frame import session
from b24app.frame.headers import frame_ancestors
from b24app.frame.launch import LaunchFields, LaunchRefused, LaunchUnproven, read_fields, remembered, verify
from b24app.languages import interface_language
from b24app.models import Portal, PortalUser
from b24app.pages import launched
from b24app.rest.errors import RestError
from b24app.roles import is_admin, may_send

logger = logging.getLogger(__name__)

TABS = ("sent", "inbox", "new")

_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


@require_http_methods(["GET", "HEAD", "POST"])
@launched
def app(request: HttpRequest) -> HttpResponseBase:
    """The app's page for a proven launch: two outbound calls for a new token, none when the portal hands out the same token again."""
    fields = read_fields(request)
    person, known = _let_in(fields)
    if not known or person.profile_at is None:
        meet(person, fields.application_token)
    return _page(request, person, fields)


@require_POST
def renew(request: HttpRequest) -> HttpResponse:
    """A new frame token for a page whose old one ran out.

    The form holds what the portal gave the page (AUTH_ID, REFRESH_ID, DOMAIN, member_id) and the page's LANG. Answers JSON {token}; 403
    when the form proves nothing, 503 when that could not be checked.
    """
    fields = read_fields(request)
    portal = Portal.objects.filter(member_id=fields.member_id).first()
    if portal and not fields.server_endpoint:
        fields = replace(fields, server_endpoint=portal.oauth_server)
    try:
        person, _ = _let_in(fields)
    except LaunchRefused as refused:
        logger.info("Session refused: %s", refused.reason)
        return HttpResponse(status=403)
    except LaunchUnproven as unproven:
        logger.warning("Session could not be checked: %s", unproven.code)
        return HttpResponse(status=503)
    return JsonResponse({"token": session.issue(person, fields.language)})


def _let_in(fields: LaunchFields) -> tuple[PortalUser, bool]:
    """The person behind a proven launch, and whether this very token had been proven before. Raises LaunchRefused, LaunchUnproven."""
    if proof := remembered(fields):
        return lifecycle.enter_again(proof.person, fields, proof.expires_at), True
    return lifecycle.enter(verify(fields)), False


def meet(person: PortalUser, application_token: str) -> None:
    """Learn name and rights of the person, and bind what the app's version has not bound yet; an error here does not close the door."""
    portal = person.portal
    unbound = portal.bound_version != portal.version
    bind = unbound and person.is_admin
    try:
        introduce(person, bind=bind)
    except RestError as error:
        logger.warning("Person %s of portal %s could not be asked about: %s", person.pk, portal.pk, error.code)
        return
    if person.is_admin:
        # The launch's own field comes from a browser: only an admin, who could remove the app anyway, is believed.
        lifecycle.accept_application_token(portal, application_token)
        if unbound and not bind:
            tasks.bind_portal(portal.pk)


def _page(request: HttpRequest, person: PortalUser, fields: LaunchFields) -> HttpResponseBase:
    language = interface_language(person.portal, fields.language)
    request_key = _request_key(fields.placement_options)
    context = {
        "person": person,
        "portal": person.portal,
        "frame_token": session.issue(person, fields.language),
        "language": language,
        "start_url": reverse("ask", args=[request_key]) if request_key else _start_url(person, fields.placement_options),
        # A request is opened over the page that somebody is at: what else the app has would lead them away from it.
        "is_alone": request_key is not None,
        "may_send": may_send(person),
        "is_admin": is_admin(person),
    }
    with translation.override(language), timezone.override(session.zone_of(person)):
        response = render(request, "app.html", context)
    add_never_cache_headers(response)
    return frame_ancestors(response, person.portal)


def _request_key(options: dict[str, Any]) -> UUID | None:
    """The key of the confirmation request that a link asked for. Anybody's text: it opens nothing by itself."""
    try:
        return UUID(options["key"]) if options.get("tab") == "ask" else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _start_url(person: PortalUser, options: dict[str, Any]) -> str:
    """The tab a link asked for, or the dispatch whose answers it asked for: the page itself refuses those who may not see them.

    The parameters are anybody's text: only known names count, and only for those who have the tab.
    """
    tab = options.get("tab")
    if tab == "request" and _NUMBER.fullmatch(str(options.get("number"))):
        return reverse("dispatch", args=[int(options["number"])])
    if tab not in TABS or (tab == "new" and not may_send(person)):
        tab = TABS[0]
    return reverse(str(tab))
