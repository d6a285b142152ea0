"""Full OAuth for a browser outside the portal: it brings an admin new tokens when the stored ones have died (doc: settings/oauth/index).

The only cookie of the app lives here, on our own site outside any frame: it ties the answer to the browser that asked.
"""

import logging
import secrets
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from b24app import lifecycle, oauth
from b24app.frame.launch import BadLaunch, LaunchRefused, LaunchUnproven, make_fields, verify
from b24app.opening import meet
from b24app.pages import message
from b24app.rest import hosts
from b24app.rest.errors import RestError

logger = logging.getLogger(__name__)

COOKIE = "oauth_state"
# Long enough to sign in at the portal with a second factor.
STATE_SECONDS = 600

_SALT = "b24app.oauth"
_NOT_INSTALLED = {"INVALID_CLIENT", "NOT_INSTALLED", "APPLICATION_NOT_FOUND"}


class StateRefused(Exception):
    """The answer does not belong to a question this browser asked."""


@require_GET
@never_cache
def start(request: HttpRequest) -> HttpResponse:
    """Send the browser to the portal `?domain=` names, with a state that only this browser can use."""
    domain = request.GET.get("domain", "").strip().lower()
    nonce = secrets.token_urlsafe(32)
    state = signing.dumps({"nonce": nonce, "domain": domain}, salt=_SALT)
    try:
        address = oauth.authorize_url(domain, state)
        hosts.check(address)
    except RestError:
        return message(
            request,
            _("This portal address cannot be used"),
            _("Give the address of your Bitrix24 portal, for example /oauth/start/?domain=company.bitrix24.com."),
            status=400,
        )
    response = HttpResponseRedirect(address)
    response.set_cookie(
        COOKIE,
        nonce,
        max_age=STATE_SECONDS,
        path="/oauth/",
        secure=settings.APP_URL.startswith("https:"),
        httponly=True,
        # The portal sends the browser back here by a link: Lax lets the cookie come along, Strict would not.
        samesite="Lax",
    )
    return response


@require_GET
@never_cache
def callback(request: HttpRequest) -> HttpResponse:
    """The portal's answer: a code for tokens, good for 30 seconds. Ends in a page that says what happened."""
    try:
        response = _answer(request)
    except StateRefused:
        response = message(
            request,
            _("This link is not valid any more"),
            _("It has run out, was used already, or was opened in another browser. Start again."),
            status=400,
        )
    except (LaunchRefused, BadLaunch):
        response = message(
            request, _("The portal could not be confirmed"), _("Bitrix24 did not confirm this sign-in, so nothing was changed."), status=403
        )
    except LaunchUnproven:
        response = message(
            request, _("Bitrix24 does not answer"), _("The sign-in could not be finished. Wait a minute and start again."), status=503
        )
    response.delete_cookie(COOKIE, path="/oauth/", samesite="Lax")
    return response


def _answer(request: HttpRequest) -> HttpResponse:
    domain = _asked_domain(request)
    code = request.GET.get("code", "")
    if request.GET.get("error") or not code:
        return message(
            request,
            _("Access was not given"),
            _("The portal did not give the app access, so nothing was changed. If that was a mistake, start again."),
            status=403,
        )
    server = _server(request.GET.get("server_domain", ""))
    try:
        given = oauth.exchange_code(server, code)
    except RestError as error:
        logger.info("Code exchange failed: %s", error.code)
        return _exchange_failed(request, error)
    launch = verify(
        make_fields(
            auth_id=given.access_token,
            domain=domain,
            member_id=given.member_id,
            refresh_id=given.refresh_token,
            server_endpoint=f"{server}/rest/",
        )
    )
    if not launch.info.installed:
        return _not_installed(request)
    person = lifecycle.enter(launch)
    meet(person, "")
    return message(
        request,
        _("The connection works again"),
        _("Tagged Notifications may act for you on %(domain)s. You can close this page.") % {"domain": person.portal.domain},
        link=person.portal.origin,
        link_text=_("Open the portal"),
    )


def _asked_domain(request: HttpRequest) -> str:
    try:
        state = signing.loads(request.GET.get("state", ""), salt=_SALT, max_age=STATE_SECONDS)
    except signing.BadSignature:
        raise StateRefused from None
    if not constant_time_compare(state["nonce"], request.COOKIES.get(COOKIE, "")):
        raise StateRefused
    return str(state["domain"])


def _server(server_domain: str) -> str:
    """The allow-listed authorization server of that host; the first when the portal names none. RestError-free: a stranger is refused."""
    if not server_domain:
        return oauth.allowed_server(None)
    for server in settings.B24_OAUTH_SERVERS:
        if urlsplit(server).netloc.lower() == server_domain.lower():
            return str(server)
    raise LaunchRefused("server_domain is no authorization server we know")


def _exchange_failed(request: HttpRequest, error: RestError) -> HttpResponse:
    if error.code == "INVALID_GRANT":
        return message(
            request, _("The portal's answer came too late"), _("Its code is good for 30 seconds and one use only. Start again."), status=400
        )
    if error.code in _NOT_INSTALLED:
        return _not_installed(request)
    return message(request, _("The sign-in could not be finished"), error.message, status=502)


def _not_installed(request: HttpRequest) -> HttpResponse:
    return message(
        request,
        _("The app is not installed on this portal"),
        _("An administrator can install Tagged Notifications from the portal's Market; then open it there."),
        status=403,
    )
