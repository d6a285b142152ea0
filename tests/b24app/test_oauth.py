"""The authorization servers: who is trusted, what is asked how, and how answers and failures read."""

import logging
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from b24app import oauth
from b24app.rest.deadline import Deadline
from b24app.rest.errors import Policy, RestError
from devportal import world
from devportal.faults import FaultKind
from devportal.server import Stand
from tests.b24app.floor import raw_server


@pytest.fixture
def fields(portal: world.Portal, app: world.App) -> dict[str, str]:
    """The body of a launch by the portal's first admin."""
    portal.install(app, portal.admin)
    return portal.launch(app, portal.admin).fields


def failing(call: Callable[[], Any]) -> RestError:
    with pytest.raises(RestError) as caught:
        call()
    return caught.value


# Whom to trust


@pytest.mark.parametrize(
    ("endpoint", "server"),
    [
        (None, "https://oauth.bitrix.info"),
        ("", "https://oauth.bitrix.info"),
        ("https://oauth.bitrix.info/rest/", "https://oauth.bitrix.info"),
        ("https://oauth.bitrix24.tech/rest/", "https://oauth.bitrix24.tech"),
        ("https://OAUTH.bitrix24.tech", "https://oauth.bitrix24.tech"),
    ],
)
def test_servers_on_the_list(endpoint: str | None, server: str) -> None:
    """bitrix24.md 1 names the two."""
    assert oauth.allowed_server(endpoint) == server


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://evil.example/rest/", "http://oauth.bitrix.info/rest/", "https://oauth.bitrix.info.evil.example/", "//oauth.bitrix.info/",
        "https://oauth.bitrix.info@evil.example/rest/", "https://oauth.bitrix.info:444/", "https://evil.example/https://oauth.bitrix.info/",
        "oauth.bitrix.info", "https://[", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_any_other_server_is_refused(endpoint: str) -> None:
    """bitrix24.md 1: the field comes from a browser."""
    assert failing(lambda: oauth.allowed_server(endpoint)).code == "OAUTH_SERVER_REFUSED"


def test_the_client_secret_goes_to_servers_on_the_list_only(settings: Settings) -> None:
    seen: list[bytes] = []
    settings.B24_ALLOW_HTTP = settings.B24_ALLOW_PRIVATE_HOSTS = True
    with raw_server(lambda connection, request: seen.append(request)) as address:
        for ask in (oauth.refresh, oauth.exchange_code, oauth.app_info):
            assert failing(lambda ask=ask: ask(address, "x")).code == "OAUTH_SERVER_REFUSED"  # type: ignore[misc]
    assert seen == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_carries_the_client_secret_nowhere(settings: Settings, status: int) -> None:
    seen: list[bytes] = []
    settings.B24_ALLOW_HTTP = settings.B24_ALLOW_PRIVATE_HOSTS = True
    with raw_server(lambda connection, request: seen.append(request)) as evil:

        def redirect(connection: socket.socket, request: bytes) -> None:
            head = f"HTTP/1.1 {status} Moved\r\nLocation: {evil}/oauth/token/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode())

        with raw_server(redirect) as server:
            settings.B24_OAUTH_SERVERS = [server]
            assert failing(lambda: oauth.refresh(server, "x")).code == "BAD_ANSWER"
            assert failing(lambda: oauth.exchange_code(server, "x")).code == "BAD_ANSWER"
            assert failing(lambda: oauth.app_info(server, "x")).code == "BAD_ANSWER"
    assert seen == []


# app.info


def test_app_info(stand: Stand, portal: world.Portal, app: world.App, fields: dict[str, str]) -> None:
    """doc: settings/oauth/simple-way; b24pysdk's B24AppInfoResult."""
    info = oauth.app_info(stand.auth_url, fields["AUTH_ID"])
    assert (info.client_id, info.user_id, info.member_id) == (app.client_id, portal.admin.id, portal.member_id)
    assert (info.domain, info.client_endpoint, info.status, info.version) == (portal.domain, portal.client_endpoint, "F", 1)
    assert info.installed is False
    assert info.expires_at - timezone.now() == pytest.approx(timedelta(hours=1), abs=timedelta(seconds=5))
    assert set(info.scope.split(",")) == {"im", "user_basic", "department", "placement"}
    portal.finish_install(app)
    assert oauth.app_info(stand.auth_url, fields["AUTH_ID"]).installed is True


@pytest.mark.usefixtures("app")
def test_app_info_of_a_worthless_token(stand: Stand) -> None:
    assert failing(lambda: oauth.app_info(stand.auth_url, "made-up")).code == "INVALID_TOKEN"


# Refresh and exchange


def test_refresh_by_post_form(stand: Stand, portal: world.Portal, fields: dict[str, str]) -> None:
    """doc: settings/oauth/auto-renewal; the POST form is b24jssdk's finding and keeps the client secret out of addresses."""
    tokens = oauth.refresh(stand.auth_url, fields["REFRESH_ID"])
    assert tokens.access_token != fields["AUTH_ID"]
    assert tokens.refresh_token not in ("", fields["REFRESH_ID"])
    assert (tokens.member_id, tokens.user_id, tokens.client_endpoint) == (portal.member_id, portal.admin.id, portal.client_endpoint)
    assert tokens.expires_at - timezone.now() == pytest.approx(timedelta(hours=1), abs=timedelta(seconds=5))
    assert set(tokens.scope.split(",")) == {"im", "user_basic", "department", "placement"}
    assert [entry.http_method for entry in stand.log.calls("oauth.token")] == ["POST"]
    assert failing(lambda: oauth.refresh(stand.auth_url, fields["REFRESH_ID"])).code == "INVALID_GRANT"


def test_refresh_by_get_once_where_the_form_is_not_understood(stand: Stand, fields: dict[str, str]) -> None:
    """The documentation shows GET."""
    stand.faults.order(method="oauth.token", code="invalid_request")
    assert oauth.refresh(stand.auth_url, fields["REFRESH_ID"]).access_token
    assert [entry.http_method for entry in stand.log.calls("oauth.token")] == ["POST", "GET"]
    stand.faults.order(method="oauth.token", code="invalid_request", times=None)
    assert failing(lambda: oauth.refresh(stand.auth_url, "any")).code == "INVALID_REQUEST"
    assert stand.log.count("oauth.token") == 4


@pytest.mark.parametrize("first_refused", [False, True])
def test_exchange_of_a_code(stand: Stand, portal: world.Portal, app: world.App, fields: dict[str, str], first_refused: bool) -> None:
    """doc: settings/oauth/index. A code is valid once and for 30 s."""
    for code in ("one", "two"):
        stand.world.codes[code] = world.Code(app, portal, portal.person, stand.clock.now() + 30)
    if first_refused:
        stand.faults.order(method="oauth.token", code="invalid_request")
    tokens = oauth.exchange_code(stand.auth_url, "one")
    assert (tokens.member_id, tokens.user_id) == (portal.member_id, portal.person.id)
    assert failing(lambda: oauth.exchange_code(stand.auth_url, "one")).code == "INVALID_GRANT"
    stand.clock.advance(31)
    assert failing(lambda: oauth.exchange_code(stand.auth_url, "two")).code == "INVALID_GRANT"


@pytest.mark.parametrize("code", ["invalid_grant", "invalid_client", "invalid_scope", "PAYMENT_REQUIRED", "WRONG_CLIENT", "NOT_INSTALLED"])
@pytest.mark.parametrize("status", [200, 400, 401])
def test_documented_refusals_keep_their_code(stand: Stand, fields: dict[str, str], code: str, status: int) -> None:
    """doc: settings/oauth/error-codes; b24pysdk."""
    stand.faults.order(method="oauth.token", code=code, status=status, times=None)
    error = failing(lambda: oauth.refresh(stand.auth_url, fields["REFRESH_ID"]))
    assert error.code == code.upper()
    assert not error.unknown_outcome
    assert failing(lambda: oauth.exchange_code(stand.auth_url, "x")).code == code.upper()


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("html", 502, "AUTH_SERVER_FAULT"),
        ("html", 200, "BAD_ANSWER"),
        ("half_json", None, "BAD_ANSWER"),
        ("wrong_shape", None, "BAD_ANSWER"),
        ("cut_before", None, "CONNECTION_BROKEN"),
        ("cut_after", None, "CONNECTION_BROKEN"),
    ],
)
def test_broken_answers(
    stand: Stand,
    fields: dict[str, str],
    kind: FaultKind,
    status: int | None,
    code: str,
    caplog: pytest.LogCaptureFixture,
    settings: Settings,
) -> None:
    stand.faults.order(method="oauth.token", kind=kind, status=status)
    stand.faults.order(method="oauth.app_info", kind=kind, status=status, times=None)
    with caplog.at_level(logging.INFO):
        errors = [
            failing(lambda: oauth.refresh(stand.auth_url, fields["REFRESH_ID"])),
            failing(lambda: oauth.app_info(stand.auth_url, fields["AUTH_ID"])),
        ]
    for error in errors:
        assert error.code == code
        told = f"{error!r} {error.description} {error.__cause__!r} {caplog.text}"
        assert error.__context__ is None or error.__suppress_context__
        for secret in (settings.B24_CLIENT_SECRET, fields["REFRESH_ID"], fields["AUTH_ID"], "localhost"):
            assert secret not in told


def test_a_slow_server_is_left_in_time(stand: Stand, fields: dict[str, str]) -> None:
    stand.faults.order(method="oauth.token", kind="slow")
    error = failing(lambda: oauth.refresh(stand.auth_url, fields["REFRESH_ID"], deadline=Deadline(0.3)))
    assert (error.code, error.policy) == ("TIMEOUT", Policy.RETRY_LATER)


@pytest.mark.parametrize(
    "body",
    [
        b"[]", b"null", b'"text"', b"5", b'{"access_token": 5}', b'{"access_token": ""}', b'{"access_token": null}',
        b'{"access_token": "a", "expires_in": "soon"}', b'{"access_token": "a", "user_id": "me"}', b'{"access_token": "a", "user_id": []}',
        b'{"access_token": "a", "member_id": {}}', b'{"access_token": "a", "expires_in": 1e400}',
        b'{"error": ""}', b"{}", b"",
    ],
)  # fmt: skip
def test_json_of_another_shape(settings: Settings, body: bytes) -> None:
    settings.B24_ALLOW_HTTP = settings.B24_ALLOW_PRIVATE_HOSTS = True

    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    with raw_server(answer) as server:
        settings.B24_OAUTH_SERVERS = [server]
        assert failing(lambda: oauth.refresh(server, "x")).code == "BAD_ANSWER"
        assert failing(lambda: oauth.exchange_code(server, "x")).code == "BAD_ANSWER"
        assert failing(lambda: oauth.app_info(server, "x")).code == "BAD_ANSWER"


def test_fields_that_older_servers_leave_out(settings: Settings) -> None:
    settings.B24_ALLOW_HTTP = settings.B24_ALLOW_PRIVATE_HOSTS = True

    def answer(connection: socket.socket, request: bytes) -> None:
        body = b'{"access_token": "a"}'
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    with raw_server(answer) as server:
        settings.B24_OAUTH_SERVERS = [server]
        tokens = oauth.exchange_code(server, "x")
    assert (tokens.access_token, tokens.refresh_token, tokens.user_id) == ("a", "", None)
    assert tokens.expires_at > datetime.now(UTC) + timedelta(minutes=59)


# Where a browser begins


@pytest.mark.django_db
def test_authorize_url(settings: Settings) -> None:
    """doc: settings/oauth/index."""
    settings.B24_ALLOW_HTTP = False
    url = oauth.authorize_url("portal.bitrix24.example", "a state")
    assert url.startswith("https://portal.bitrix24.example/oauth/authorize/?")
    assert f"client_id={settings.B24_CLIENT_ID}" in url
    assert "state=a+state" in url


@pytest.mark.parametrize("domain", ["", "evil.example/path", "a b", "x@evil.example", "https://p.example", "host:port", "-", "a?b", "a#b"])
def test_what_is_no_portals_domain(domain: str) -> None:
    assert failing(lambda: oauth.authorize_url(domain, "s")).code == "HOST_REFUSED"
