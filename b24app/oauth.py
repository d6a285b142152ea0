"""The authorization servers: who a token belongs to, code exchange and refresh. The client secret goes to the allow-listed ones only."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Never
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.utils import timezone
from oauthlib.oauth2 import OAuth2Error
from requests_oauthlib import OAuth2Session

from b24app.models import Portal
from b24app.rest import hosts, transport
from b24app.rest.deadline import Deadline, of_request
from b24app.rest.errors import RestError
from b24app.rest.repeating import Tries

SECONDS = 8.0
# doc: settings/oauth/auto-renewal. The answer names the lifetime; this stands in when it does not.
_USUAL_LIFETIME = timedelta(hours=1)
# The documentation shows GET, which puts the client secret into an address; the authors of b24jssdk saw a POST form accepted.
_METHODS = ("POST", "GET")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AppInfo:
    """What the authorization server says of an access token (doc: simple-way). `expires_at` is the token's end, `installed` is true
    after installFinish, `status` is the letter L, F, D, T, P or S, `client_endpoint` the portal's REST address ending in `/rest/`.
    """

    client_id: str
    scope: str
    expires_at: datetime
    user_id: int
    installed: bool
    version: int
    status: str
    domain: str
    client_endpoint: str
    member_id: str


@dataclass(frozen=True, slots=True)
class TokenSet:
    """An access token with what came beside it. `refresh_token` is empty when there is none."""

    access_token: str
    refresh_token: str
    expires_at: datetime
    member_id: str = ""
    user_id: int | None = None
    client_endpoint: str = ""
    scope: str = ""
    status: str = ""


def allowed_server(server_endpoint: str | None) -> str:
    """The allow-listed base address that a launch's SERVER_ENDPOINT (`<server>/rest/`) means; the first of them when it is absent.

    Raises RestError("OAUTH_SERVER_REFUSED") for any other: the field comes from a browser (bitrix24.md 1).
    """
    if not server_endpoint:
        return str(settings.B24_OAUTH_SERVERS[0])
    for server in settings.B24_OAUTH_SERVERS:
        if _origin(server) == _origin(server_endpoint):
            return str(server)
    raise RestError("OAUTH_SERVER_REFUSED")


def app_info(server: str, access_token: str) -> AppInfo:
    """Whose token this is, asked of the server (doc: simple-way), again while it has a fault that passes.

    Raises RestError: the server's code, or BAD_ANSWER and the like.
    """
    time = of_request(SECONDS)
    tries = Tries(time, repeatable=True)
    while True:
        try:
            return _app_info(server, access_token, seconds=time.left())
        except RestError as error:
            if not tries.again(error):
                raise


def _app_info(server: str, access_token: str, *, seconds: float) -> AppInfo:
    reply = transport.get(f"{allowed_server(server)}/rest/app.info", {"auth": access_token}, seconds=seconds)
    answer = reply.content
    if not isinstance(answer, Mapping) or "result" not in answer:
        _refuse_answer(answer, reply.status)
    try:
        result, install = answer["result"], answer["result"]["install"]
        return AppInfo(
            client_id=_text(result["client_id"]),
            scope=_text(result.get("scope") or install.get("scope") or ""),
            expires_at=datetime.fromtimestamp(int(result["expires"]), UTC),
            user_id=int(result["user_id"]),
            installed=install["installed"] in (True, 1, "1", "Y", "true"),
            version=int(install.get("version") or 0),
            status=_optional(install.get("status")),
            domain=_text(install["domain"]).lower(),
            client_endpoint=_text(install["client_endpoint"]),
            member_id=_text(install["member_id"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError):
        failure = RestError("BAD_ANSWER", http_status=reply.status)
    raise failure


def refresh(server: str, refresh_token: str, *, deadline: Deadline | None = None) -> TokenSet:
    """New tokens for a refresh token (doc: auto-renewal). Raises RestError, e.g. INVALID_GRANT, INVALID_CLIENT, PAYMENT_REQUIRED."""

    def ask(session: _Session, address: str) -> Mapping[str, Any]:
        return session.refresh_token(
            address, refresh_token=refresh_token, client_id=settings.B24_CLIENT_ID, client_secret=settings.B24_CLIENT_SECRET
        )

    return _ask_for_token(server, ask, deadline)


def exchange_code(server: str, code: str, *, deadline: Deadline | None = None) -> TokenSet:
    """The tokens for a code of the full OAuth protocol, valid once and for 30 s (doc: settings/oauth/index). Raises RestError."""

    def ask(session: _Session, address: str) -> Mapping[str, Any]:
        return session.fetch_token(
            address, code=code, method=session.method, include_client_id=True, client_secret=settings.B24_CLIENT_SECRET
        )

    return _ask_for_token(server, ask, deadline)


def authorize_url(domain: str, state: str) -> str:
    """Where a browser outside the portal begins the full OAuth protocol (doc: settings/oauth/index).

    `domain` is what a person typed: RestError("HOST_REFUSED") unless it is a bare host, with a port or without.
    """
    if not _HOST.fullmatch(domain):
        raise RestError("HOST_REFUSED")
    known = Portal.objects.filter(domain=domain.lower()).first()
    scheme = "http" if settings.B24_ALLOW_HTTP else "https"
    origin = known.origin if known else f"{scheme}://{domain.lower()}"
    _allow_plain_http()
    url, _state = OAuth2Session(settings.B24_CLIENT_ID).authorization_url(f"{origin}/oauth/authorize/", state=state)
    return str(url)


class _Session(OAuth2Session):
    """One token request: through the guard, in time, by `method`, never redirected (a redirect would carry the client secret along)."""

    def __init__(self, method: str, deadline: Deadline) -> None:
        super().__init__(client_id=settings.B24_CLIENT_ID)
        hosts.guard(self)
        self.method = method
        self._deadline = deadline
        for kind in ("access_token_response", "refresh_token_response"):
            self.register_compliance_hook(kind, _refuse_server_fault)

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs |= {"allow_redirects": False, "timeout": transport.timeouts(self._deadline.left())}
        return super().request(*args, **kwargs)

    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Only refresh_token() comes here; the library has no other way to let it ask by GET."""
        if self.method == "GET":
            kwargs["params"] = kwargs.pop("data")
        return self.request(self.method, *args, **kwargs)


def _ask_for_token(server: str, ask: Callable[[_Session, str], Mapping[str, Any]], deadline: Deadline | None) -> TokenSet:
    address = f"{allowed_server(server)}/oauth/token/"
    time = deadline or of_request(SECONDS)
    _allow_plain_http()
    failure = RestError("BAD_ANSWER")
    for method in _METHODS:
        try:
            return transport.within(time.left(), partial(_one_request, _Session(method, time), address, ask))
        except RestError as error:
            failure = error
        if failure.code != "INVALID_REQUEST":
            break
    raise failure


def _one_request(session: _Session, address: str, ask: Callable[[_Session, str], Mapping[str, Any]]) -> TokenSet:
    """One request, its errors translated. What the libraries raise holds addresses and tokens, so nothing of it is chained."""
    try:
        return _token_set(ask(session, address))
    except OAuth2Error as error:
        failure = _oauth_error(error)
    except requests.RequestException as error:
        failure = transport.broken(error)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        # JSON of another shape than a token's makes the library stumble in these ways.
        failure = RestError("BAD_ANSWER", unknown_outcome=True)
    raise failure


def _token_set(token: Mapping[str, Any]) -> TokenSet:
    """The token endpoint's answer, checked field by field. ValueError or TypeError when it is not one."""
    expires_at = token.get("expires_at")
    user_id = token.get("user_id")
    scope = token.get("scope") or ""
    access_token = _text(token["access_token"])
    if not access_token:
        raise ValueError("access_token is empty")
    return TokenSet(
        access_token=access_token,
        refresh_token=_optional(token.get("refresh_token")),
        expires_at=datetime.fromtimestamp(float(expires_at), UTC) if expires_at else timezone.now() + _USUAL_LIFETIME,
        member_id=_optional(token.get("member_id")),
        user_id=int(user_id) if user_id is not None else None,
        client_endpoint=_optional(token.get("client_endpoint")),
        # The library makes a list of one element of the comma-separated text.
        scope=_text(scope) if isinstance(scope, str) else ",".join(scope),
        status=_optional(token.get("status")),
    )


def _refuse_server_fault(response: requests.Response) -> requests.Response:
    """Without this an HTML page of a proxy, or a redirect, would pass for an answer without a token."""
    if response.status_code >= 500 or response.is_redirect:
        _refuse_answer(transport.parse(response.content), response.status_code)
    return response


def _refuse_answer(answer: Any, status: int) -> Never:
    """Raise what an answer without a result means: the server's own code if it names one."""
    code = answer.get("error") if isinstance(answer, Mapping) else None
    if isinstance(code, str) and code:
        raise RestError(code, str(answer.get("error_description", "")), http_status=status)
    raise RestError("AUTH_SERVER_FAULT" if status >= 500 else "BAD_ANSWER", http_status=status)


def _oauth_error(error: OAuth2Error) -> RestError:
    code = str(error.error or "").upper()
    ours = {"MISSING_TOKEN": "BAD_ANSWER", "INSECURE_TRANSPORT": "HOST_REFUSED"}
    return RestError(ours.get(code, code or "BAD_ANSWER"), str(error.description or ""))


def _allow_plain_http() -> None:
    """The library knows no other switch for plain HTTP than this; hosts.py still refuses it where B24_ALLOW_HTTP is off."""
    if settings.B24_ALLOW_HTTP:
        os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"


def _origin(address: str) -> tuple[str, str]:
    try:
        parts = urlsplit(address.strip().lower())
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc


def _optional(value: Any) -> str:
    return "" if value is None else _text(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text expected")
    return value
