"""The frame's bearer token, and the door that every address under /frame/ stands behind.

No cookie is involved: browsers block third-party cookies in the frame, and a header that our page adds cannot be forged by another site.
"""

import zoneinfo
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.response import SimpleTemplateResponse
from django.utils import timezone, translation
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _

from b24app import logs
from b24app.frame.body import form_of
from b24app.frame.headers import frame_ancestors
from b24app.frame.notices import toast
from b24app.languages import interface_language
from b24app.models import Portal, PortalUser
from b24app.rest.errors import Policy, RestError

FRAME_TOKEN_SECONDS = 3600
RENEW_AFTER_SECONDS = 600
# Someone who leaves the company keeps no page open for ever: without a new word of the portal in this time, tokens run out.
PROVEN_FOR = timedelta(days=1)

_SALT = "b24app.frame"
# Not the person's fault and not ours: rights and refusals of the portal.
_FORBIDDEN_CODES = {"ACCESS_DENIED", "INSUFFICIENT_SCOPE", "USER_ACCESS_ERROR", "INVALID_CREDENTIALS"}

P = ParamSpec("P")


class FrameRequest(HttpRequest):
    """A request of the frame's page: who makes it, and on which portal."""

    person: PortalUser
    portal: Portal


def issue(person: PortalUser, opened_in: str = "") -> str:
    """A frame token for this person, good for an hour; `opened_in` is the language code the portal opened the app with."""
    return signing.dumps({"person": person.pk, "installation": person.portal.installation, "language": opened_in}, salt=_SALT)


def _read(token: str) -> tuple[PortalUser, str] | None:
    """The person and the language of a token; None when it is forged, expired, or its person, portal or installation is gone."""
    try:
        claims = signing.loads(token, salt=_SALT, max_age=FRAME_TOKEN_SECONDS)
    except signing.BadSignature:
        return None
    person = (
        PortalUser.objects.select_related("portal")
        .filter(pk=claims["person"], portal__installation=claims["installation"])
        .exclude(portal__state=Portal.State.REMOVED)
        .first()
    )
    return (person, claims["language"]) if person else None


def _renewal(token: str, person: PortalUser, opened_in: str) -> str | None:
    """A younger token in place of one that has been used for a while; None when it is young, or the portal's word on the person is old."""
    try:
        signing.loads(token, salt=_SALT, max_age=RENEW_AFTER_SECONDS)
    except signing.SignatureExpired:
        proven = person.last_opened_at and person.last_opened_at > timezone.now() - PROVEN_FOR
        return issue(person, opened_in) if proven else None
    return None


def frame_view(
    allow: Callable[[PortalUser], bool] | None = None,
) -> Callable[[Callable[Concatenate[FrameRequest, P], HttpResponseBase]], Callable[Concatenate[HttpRequest, P], HttpResponseBase]]:
    """A view of the frame: 401 without a valid token, 403 when `allow` refuses the person, a portal's error as a sentence for people.

    The view runs in the person's language and time zone and gets a FrameRequest.
    """

    def decorate(view: Callable[Concatenate[FrameRequest, P], HttpResponseBase]) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @wraps(view)
        def door(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            known = _read(token)
            if known is None:
                return HttpResponse(status=401)
            person, opened_in = known
            logs.note(portal=person.portal_id, person=person.user_id)
            form_of(request)
            with translation.override(interface_language(person.portal, opened_in)), timezone.override(zone_of(person)):
                frame_request = cast(FrameRequest, request)
                frame_request.person, frame_request.portal = person, person.portal
                response = _answer(view, frame_request, allow, *args, **kwargs)
            if renewed := _renewal(token, person, opened_in):
                response.headers["X-Frame-Token"] = renewed
            add_never_cache_headers(response)
            return frame_ancestors(response, person.portal)

        return door

    return decorate


def _answer(
    view: Callable[Concatenate[FrameRequest, P], HttpResponseBase],
    request: FrameRequest,
    allow: Callable[[PortalUser], bool] | None,
    *args: P.args,
    **kwargs: P.kwargs,
) -> HttpResponseBase:
    if allow is not None and not allow(request.person):
        return problem(request, _("You do not have the right to do this. Ask an administrator of your portal."), status=403)
    try:
        response = view(request, *args, **kwargs)
        if isinstance(response, SimpleTemplateResponse):
            # Rendered here, while the person's language and time zone hold.
            response.render()
    except RestError as error:
        return problem(request, error.message, status=_status(error), code=error.code)
    return response


def _status(error: RestError) -> int:
    if error.code in _FORBIDDEN_CODES:
        return 403
    return 503 if error.policy is Policy.RETRY_LATER else 502


def problem(request: HttpRequest, message: str, *, status: int, code: str = "") -> HttpResponse:
    """What went wrong, as a fragment and as a toast; the page keeps what the person typed."""
    response = render(request, "frame/problem.html", {"message": message, "code": code}, status=status)
    response.headers["HX-Reswap"] = "none"
    return toast(response, message, "bad")


def zone_of(person: PortalUser) -> zoneinfo.ZoneInfo:
    """The person's time zone, UTC when the portal told none that is known here."""
    try:
        return zoneinfo.ZoneInfo(person.time_zone or "UTC")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo("UTC")
