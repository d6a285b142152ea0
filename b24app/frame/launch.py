"""Is this launch genuine? A launch is a form that anybody on the internet can post; the authorization server says whose it is."""

import json
import logging
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from b24app import oauth
from b24app.frame.body import form_of
from b24app.models import LaunchProof, Portal, PortalUser
from b24app.rest import hosts
from b24app.rest.errors import Policy, RestError

logger = logging.getLogger(__name__)

_TOKEN = re.compile(r"[!-~]{1,1024}")
_HOST = re.compile(r"[\w.-]{1,247}(:\d{1,5})?")
_MEMBER_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
_LANGUAGE = re.compile(r"[A-Za-z_-]{2,8}", re.ASCII)


class BadLaunch(BadRequest):
    """The post is no launch at all: answered with 400."""


class LaunchRefused(Exception):
    """The post looks like a launch, and the authorization server does not stand behind it.

    `reason` is for our log, not for the sender. Where the server said why a launch is in vain that may well be genuine, `sentence` tells
    it to people, and `portal` is the one we know under these names.
    """

    def __init__(self, reason: str, sentence: str = "", portal: Portal | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sentence = sentence
        self.portal = portal


class LaunchUnproven(Exception):
    """The authorization server could not be asked just now: neither genuine nor forged. `portal` is the one we know under these names."""

    def __init__(self, code: str, portal: Portal | None) -> None:
        super().__init__(code)
        self.code = code
        self.portal = portal


@dataclass(frozen=True, slots=True)
class LaunchFields:
    """What the sender claims (frame-protocol.md 1.1). Nothing of it is believed before `verify`, most of it never."""

    auth_id: str = field(repr=False)
    domain: str
    member_id: str
    refresh_id: str = field(default="", repr=False)
    server_endpoint: str = ""
    application_token: str = field(default="", repr=False)
    language: str = ""
    placement_options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Launch:
    """A launch that the authorization server proved: `info` is its answer, `server` its address."""

    fields: LaunchFields
    info: oauth.AppInfo
    server: str


def read_fields(request: HttpRequest) -> LaunchFields:
    """The launch fields of a post; only AUTH_ID, DOMAIN and member_id are required, older portals send little more. Raises BadLaunch."""
    form = form_of(request)
    return make_fields(
        auth_id=form.get("AUTH_ID", ""),
        # On a launch DOMAIN and LANG stand in the address; our own page posts them in the form.
        domain=request.GET.get("DOMAIN") or form.get("DOMAIN", ""),
        member_id=form.get("member_id", ""),
        refresh_id=form.get("REFRESH_ID", ""),
        server_endpoint=form.get("SERVER_ENDPOINT", ""),
        application_token=form.get("APPLICATION_TOKEN", ""),
        language=request.GET.get("LANG") or form.get("LANG", ""),
        placement_options=_read_options(form.get("PLACEMENT_OPTIONS", "")),
    )


def make_fields(
    *,
    auth_id: str,
    domain: str,
    member_id: str,
    refresh_id: str = "",
    server_endpoint: str = "",
    application_token: str = "",
    language: str = "",
    placement_options: dict[str, Any] | None = None,
) -> LaunchFields:
    """LaunchFields whose required values have the right form; raises BadLaunch naming the field that has not."""
    for name, value, pattern in (("AUTH_ID", auth_id, _TOKEN), ("DOMAIN", domain, _HOST), ("member_id", member_id, _MEMBER_ID)):
        if not pattern.fullmatch(value):
            raise BadLaunch(f"{name} is missing or malformed.")
    for name, value in (("REFRESH_ID", refresh_id), ("APPLICATION_TOKEN", application_token)):
        if value and not _TOKEN.fullmatch(value):
            raise BadLaunch(f"{name} is malformed.")
    return LaunchFields(
        auth_id=auth_id,
        domain=domain.lower(),
        member_id=member_id,
        refresh_id=refresh_id,
        server_endpoint=server_endpoint,
        application_token=application_token,
        language=language.lower() if _LANGUAGE.fullmatch(language) else "",
        placement_options=placement_options or {},
    )


def _read_options(text: str) -> dict[str, Any]:
    """PLACEMENT_OPTIONS as an object: it can be missing, empty, `[]`, or any text that somebody put in a link."""
    try:
        options = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return options if isinstance(options, dict) else {}


def verify(fields: LaunchFields) -> Launch:
    """Ask the authorization server whose token this is (one call, doc: settings/oauth/simple-way) and compare it with what is claimed.

    Raises LaunchRefused for a launch that is not genuine or in vain, LaunchUnproven when no answer could be had. Writes nothing.
    """
    try:
        server = oauth.allowed_server(fields.server_endpoint or None)
        info = oauth.app_info(server, fields.auth_id)
    except RestError as error:
        if error.policy is Policy.RETRY_LATER or error.code == "BAD_ANSWER":
            raise LaunchUnproven(error.code, _known_portal(fields)) from None
        if _is_in_vain(error):
            raise LaunchRefused(error.code, error.message, _known_portal(fields)) from None
        raise LaunchRefused(error.code) from None
    if not constant_time_compare(info.client_id, settings.B24_CLIENT_ID):
        raise LaunchRefused("the token is another application's")
    if info.member_id != fields.member_id:
        raise LaunchRefused("the token is another portal's")
    if not _speaks_of(fields.domain, info):
        raise LaunchRefused("DOMAIN is not the proven portal's")
    try:
        hosts.check(info.client_endpoint)
    except RestError as error:
        raise LaunchRefused(error.code) from None
    return Launch(fields, info, server)


def _is_in_vain(error: RestError) -> bool:
    """Whether the server's answer is about a portal or a person that is kept out of the app, not about the launch."""
    return error.policy is Policy.PORTAL_UNUSABLE or error.code == "USER_ACCESS_ERROR"


def _known_portal(fields: LaunchFields) -> Portal | None:
    portal = Portal.objects.filter(member_id=fields.member_id).first()
    return portal if portal and _names(fields.domain, portal.client_endpoint, portal.domain) else None


def _speaks_of(domain: str, info: oauth.AppInfo) -> bool:
    """Whether the claimed address is the proven portal's: its present one, or the one we knew it by before it was renamed."""
    known = Portal.objects.filter(member_id=info.member_id).values_list("domain", flat=True)
    return _names(domain, info.client_endpoint, info.domain, *known)


def _names(domain: str, client_endpoint: str, *names: str) -> bool:
    """Whether `domain` is one of `names` or the endpoint's host. A port counts only where both name one."""
    if domain in (name.lower() for name in names):
        return True
    claimed_host, _, claimed_port = domain.partition(":")
    host, _, port = urlsplit(client_endpoint).netloc.lower().partition(":")
    return claimed_host == host and (claimed_port == port or not claimed_port or not port)


def remembered(fields: LaunchFields) -> LaunchProof | None:
    """What the authorization server said of this very token earlier, while the portal is installed; None when it must be asked.

    The portal hands out the same AUTH_ID on every opening within its hour (bitrix24.md 2). While the installation is unfinished or the
    app removed, the server is asked each time: what it said earlier no longer says whether the app is installed.
    """
    proof = (
        LaunchProof.objects.select_related("person__portal")
        .filter(
            token_hash=_hash(fields.auth_id),
            expires_at__gt=timezone.now(),
            person__portal__member_id=fields.member_id,
            person__portal__state__in=(Portal.State.ACTIVE, Portal.State.SUSPENDED),
        )
        .first()
    )
    if proof is None or not _names(fields.domain, proof.person.portal.client_endpoint, proof.person.portal.domain):
        return None
    try:
        oauth.allowed_server(fields.server_endpoint or None)
    except RestError:
        return None
    return proof


def remember(person: PortalUser, auth_id: str, expires_at: datetime) -> None:
    """Keep what the authorization server said of this token for as long as the token lives."""
    LaunchProof.objects.update_or_create(token_hash=_hash(auth_id), defaults={"person": person, "expires_at": expires_at})


def _hash(auth_id: str) -> str:
    return salted_hmac("b24app.launch", auth_id, algorithm="sha256").hexdigest()
