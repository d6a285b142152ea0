"""The authorization server (doc: settings/oauth)."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from devportal.server import Stand
from devportal.world import Installation, Portal
from tests.devportal.conftest import CLIENT_ID, CLIENT_SECRET, Answer, Rest

Token = Callable[..., Answer]


def allow(http: requests.Session, portal: Portal, **query: str) -> requests.Response:
    """Press Allow on the portal's authorize page."""
    return http.post(f"{portal.url}/oauth/authorize/", params={"client_id": CLIENT_ID, **query}, allow_redirects=False, timeout=10)


def code_of(answer: requests.Response) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def test_code_comes_back_and_becomes_tokens(
    http: requests.Session, stand: Stand, portal: Portal, installation: Installation, token: Token
) -> None:
    """doc: settings/oauth/index: code, state, domain, member_id, scope, server_domain."""
    assert ">Allow</button>" in http.get(f"{portal.url}/oauth/authorize/", params={"client_id": CLIENT_ID}, timeout=10).text
    back = code_of(allow(http, portal, state="s1"))
    assert back["state"] == "s1"
    assert (back["domain"], back["member_id"], back["scope"]) == (portal.domain, portal.member_id, "im,user_basic,department,placement")
    assert back["server_domain"] == urlsplit(stand.auth_url).netloc
    status, tokens = token(get=True, grant_type="authorization_code", code=back["code"])
    assert status == 200
    assert "token_type" not in tokens
    assert tokens["domain"] == urlsplit(stand.auth_url).netloc
    assert tokens["scope"] == "im,user_basic,department,placement"
    assert (tokens["user_id"], tokens["expires_in"], tokens["member_id"]) == (1, 3600, portal.member_id)
    assert Rest(http, tokens["client_endpoint"], tokens["access_token"]).result("profile")["ID"] == "1"


def test_code_is_good_once_and_for_thirty_seconds(
    http: requests.Session, stand: Stand, portal: Portal, installation: Installation, token: Token
) -> None:
    """doc: settings/oauth/index."""
    code = code_of(allow(http, portal))["code"]
    assert token(grant_type="authorization_code", code=code)[0] == 200
    assert token(grant_type="authorization_code", code=code) == (400, {"error": "invalid_grant", "error_description": "Invalid grant"})
    late = code_of(allow(http, portal))["code"]
    stand.clock.advance(31)
    assert token(grant_type="authorization_code", code=late)[1]["error"] == "invalid_grant"


@pytest.mark.parametrize("query", [{"client_id": "app.unknown"}, {"redirect_uri": "http://127.0.0.1:1/elsewhere/"}])
def test_wrong_client_or_redirect_never_comes_back(
    http: requests.Session, portal: Portal, installation: Installation, query: dict[str, str]
) -> None:
    """doc: settings/oauth/index: a failed authorization does not reach the redirect address."""
    answer = allow(http, portal, **query)
    assert answer.status_code == 400
    assert "Location" not in answer.headers


def test_authorize_takes_the_signed_in_person(http: requests.Session, portal: Portal, installation: Installation, token: Token) -> None:
    http.cookies.set("devportal_user", "3")
    code = code_of(allow(http, portal))["code"]
    assert token(grant_type="authorization_code", code=code)[1]["user_id"] == 3


@pytest.mark.parametrize("get", [True, False])
def test_refresh_token_is_replaced(stand: Stand, portal: Portal, installation: Installation, token: Token, get: bool) -> None:
    """doc: auto-renewal: each refresh gives a new refresh token; the old one is worthless."""
    refresh = portal.launch(installation.app, portal.admin).fields["REFRESH_ID"]
    status, tokens = token(get=get, grant_type="refresh_token", refresh_token=refresh)
    assert (status, stand.world.refreshes) == (200, 1)
    assert token(grant_type="refresh_token", refresh_token=refresh)[1]["error"] == "invalid_grant"
    assert token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])[0] == 200
    assert stand.world.refreshes == 2


def test_refresh_token_lives_180_days(stand: Stand, portal: Portal, installation: Installation, token: Token) -> None:
    """doc: auto-renewal."""
    refresh = portal.launch(installation.app, portal.admin).fields["REFRESH_ID"]
    stand.clock.advance(180 * 86400 + 1)
    assert token(grant_type="refresh_token", refresh_token=refresh)[1]["error"] == "invalid_grant"


def test_token_errors(portal: Portal, installation: Installation, token: Token) -> None:
    """doc: settings/oauth/error-codes. Nothing of it uses the refresh token up."""
    refresh = portal.launch(installation.app, portal.admin).fields["REFRESH_ID"]

    def error(**params: str) -> str:
        return str(token(**{"grant_type": "refresh_token", "refresh_token": refresh, **params})[1]["error"])

    assert error(grant_type="password") == "invalid_request"
    assert error(client_secret="wrong") == "invalid_client"
    assert error(client_id="app.unknown") == "invalid_client"
    assert error(refresh_token="wrong") == "invalid_grant"
    assert error(scope="im,crm") == "invalid_scope"
    installation.blocked = "PAYMENT_REQUIRED"
    assert error() == "PAYMENT_REQUIRED"
    portal.uninstall(installation.app)
    assert error() == "invalid_client"


def test_app_info_says_whose_token_it_is(http: requests.Session, stand: Stand, portal: Portal, installation: Installation) -> None:
    """doc: simple-way."""
    access = portal.launch(installation.app, portal.person).fields["AUTH_ID"]
    answer = http.get(f"{stand.auth_url}/rest/app.info", params={"auth": access}, timeout=10).json()
    result = answer["result"]
    assert (result["client_id"], result["user_id"], result["install"]["installed"]) == (CLIENT_ID, 3, False)
    install = result["install"]
    assert (install["member_id"], install["domain"], install["client_endpoint"]) == (
        portal.member_id,
        portal.domain,
        portal.client_endpoint,
    )
    assert install["status"] == "F"
    assert "start" in answer["time"]


def test_app_info_refuses_bad_tokens(http: requests.Session, stand: Stand, portal: Portal, installation: Installation) -> None:
    def error(auth: str) -> tuple[int, str]:
        answer = http.post(f"{stand.auth_url}/rest/app.info", data={"auth": auth}, timeout=10)
        return answer.status_code, answer.json()["error"]

    access = portal.launch(installation.app, portal.person).fields["AUTH_ID"]
    assert error("") == (401, "NO_AUTH_FOUND")
    assert error("forged") == (401, "invalid_token")
    portal.expire_tokens()
    assert error(access) == (401, "expired_token")


def test_log_masks_every_secret(http: requests.Session, stand: Stand, portal: Portal, installation: Installation, token: Token) -> None:
    """Codes, secrets and tokens are readable nowhere in the log; what is no secret is."""
    code = code_of(allow(http, portal))["code"]
    tokens = token(grant_type="authorization_code", code=code)[1]
    token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    http.get(f"{stand.auth_url}/rest/app.info", params={"auth": tokens["access_token"]}, timeout=10)
    logged = repr(stand.log.entries)
    assert [secret in logged for secret in (code, CLIENT_SECRET, tokens["refresh_token"], tokens["access_token"])] == [False] * 4
    assert CLIENT_ID in logged


def test_launch_repeats_the_token_within_its_hour(stand: Stand, portal: Portal, installation: Installation) -> None:
    """doc: simple-way: the same AUTH_ID may come with every opening."""
    first = portal.launch(installation.app, portal.admin, installer=True)
    assert first.url.startswith(f"{installation.app.install_url}?DOMAIN=localhost%3A{portal.port}&PROTOCOL=0&LANG=en&APP_SID=")
    assert first.window_name == f"{portal.domain}|0|{first.app_sid}"
    assert "PLACEMENT_OPTIONS" not in first.fields
    again = portal.launch(installation.app, portal.admin, placement="REST_APP_URI", options={"docId": "42"})
    assert again.fields["AUTH_ID"] == first.fields["AUTH_ID"]
    assert again.fields["PLACEMENT_OPTIONS"] == '{"docId": "42"}'
    stand.clock.advance(3601)
    assert portal.launch(installation.app, portal.admin).fields["AUTH_ID"] != first.fields["AUTH_ID"]
