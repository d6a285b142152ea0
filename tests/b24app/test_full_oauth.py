"""Full OAuth outside the portal: /oauth/start/ and /oauth/callback/ (doc: settings/oauth/index)."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from django.http import HttpResponse
from django.test import Client
from pytest_django.fixtures import Settings

from b24app import oauth_views
from b24app.models import Portal, PortalUser
from devportal.server import Stand
from devportal.world import App, Code
from devportal.world import Portal as StandPortal
from tests.b24app.conftest import Browser, rows

pytestmark = pytest.mark.django_db


def ask(client: Client, portal: StandPortal) -> str:
    """/oauth/start/ for that portal; the address it sends the browser to."""
    response = client.get("/oauth/start/", {"domain": portal.domain})
    assert response.status_code == 302
    return str(response.headers["Location"])


def allow(address: str) -> dict[str, str]:
    """Press Allow on the portal's page; the query it sends the browser back with."""
    answer = requests.post(address, allow_redirects=False, timeout=10)
    assert answer.status_code == 302
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def come_back(client: Client, query: dict[str, str]) -> HttpResponse:
    return client.get("/oauth/callback/", query)


def text(response: HttpResponse) -> str:
    return response.content.decode()


def test_a_dead_token_comes_back_to_life(installed: StandPortal, client: Client) -> None:
    installed.revoke_tokens()
    PortalUser.objects.update(token_state="dead", access_token="", refresh_token="")
    address = ask(client, installed)
    assert address.startswith(f"{installed.url}/oauth/authorize/?")
    response = come_back(client, allow(address))
    assert response.status_code == 200
    assert "works again" in text(response)
    assert f'href="{installed.url}"' in text(response)
    person = PortalUser.objects.get(user_id=installed.admin.id)
    assert (person.token_state, person.is_admin) == ("valid", True)
    assert person.refresh_token


def test_the_state_is_bound_to_the_browser_by_a_short_lived_cookie(installed: StandPortal, client: Client, settings: Settings) -> None:
    ask(client, installed)
    cookie = client.cookies[oauth_views.COOKIE]
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["path"], cookie["max-age"]) == ("Lax", "/oauth/", 600)
    assert not cookie["secure"]
    settings.APP_URL = "https://app.example"
    ask(client, installed)
    assert client.cookies[oauth_views.COOKIE]["secure"]


def test_a_portal_met_for_the_first_time_is_known_afterwards(portal: StandPortal, app: App, client: Client) -> None:
    portal.install(app, portal.admin)
    portal.installations[app.client_id].installed = True
    assert come_back(client, allow(ask(client, portal))).status_code == 200
    assert Portal.objects.get().state == "active"


@pytest.mark.parametrize(
    "domain", ["", "http://a.example", "a.example/path", "a b.example", "user@a.example", "a.example?x", "\n", "a" * 300]
)
def test_an_address_that_is_none_is_refused(domain: str, client: Client, stand: Stand) -> None:
    response = client.get("/oauth/start/", {"domain": domain})
    assert response.status_code == 400
    assert "Location" not in response.headers
    assert oauth_views.COOKIE not in client.cookies


@pytest.mark.parametrize("domain", ["127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254"])
def test_a_private_host_is_refused(domain: str, client: Client, stand: Stand, settings: Settings) -> None:
    settings.B24_ALLOW_PRIVATE_HOSTS = False
    assert client.get("/oauth/start/", {"domain": domain}).status_code == 400


def test_a_state_of_another_browser_is_refused(installed: StandPortal, client: Client) -> None:
    query = allow(ask(client, installed))
    before = rows()
    stranger = Client()
    assert come_back(stranger, query).status_code == 400
    ask(stranger, installed)
    assert come_back(stranger, query).status_code == 400
    assert rows() == before


@pytest.mark.parametrize("state", [None, "", "forged", "eyJ4IjoxfQ:1abc:zzz"])
def test_a_missing_or_forged_state_is_refused(state: str | None, installed: StandPortal, client: Client, stand: Stand) -> None:
    query = allow(ask(client, installed))
    del query["state"]
    stand.log.clear()
    before = rows()
    response = come_back(client, query if state is None else query | {"state": state})
    assert response.status_code == 400
    assert "not valid any more" in text(response)
    assert (rows(), stand.log.entries) == (before, [])


def test_a_state_runs_out_and_is_good_once(installed: StandPortal, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    query = allow(ask(client, installed))
    assert come_back(client, query).status_code == 200
    assert come_back(client, query).status_code == 400
    query = allow(ask(client, installed))
    monkeypatch.setattr(oauth_views, "STATE_SECONDS", -1)
    assert come_back(client, query).status_code == 400


def test_a_refusal_at_the_portal_is_said(installed: StandPortal, client: Client) -> None:
    query = allow(ask(client, installed))
    before = rows()
    response = come_back(client, {"state": query["state"], "error": "access_denied"})
    assert response.status_code == 403
    assert "nothing was changed" in text(response)
    assert rows() == before


def test_a_late_code_is_said(installed: StandPortal, client: Client, stand: Stand) -> None:
    """doc settings/oauth/index: a code is good for 30 seconds, once."""
    query = allow(ask(client, installed))
    stand.clock.advance(31)
    before = rows()
    response = come_back(client, query)
    assert response.status_code == 400
    assert "30 seconds" in text(response)
    assert rows() == before


def test_an_app_that_is_gone_is_said(installed: StandPortal, app: App, client: Client) -> None:
    query = allow(ask(client, installed))
    installed.uninstall(app)
    response = come_back(client, query)
    assert response.status_code == 403
    assert "not installed" in text(response)


def test_another_portals_code_is_refused(installed: StandPortal, other_portal: StandPortal, app: App, client: Client, stand: Stand) -> None:
    """Somebody swaps the code in the address: the person asked for one portal and would get another's tokens stored."""
    other_portal.install(app, other_portal.admin)
    other_portal.installations[app.client_id].installed = True
    query = allow(ask(client, installed))
    stand.world.codes["theirs"] = Code(app, other_portal, other_portal.admin, stand.clock.now() + 30)
    before = rows()
    response = come_back(client, query | {"code": "theirs"})
    assert response.status_code == 403
    assert rows() == before


def test_a_planted_server_gets_nothing(installed: StandPortal, client: Client, stand: Stand) -> None:
    query = allow(ask(client, installed))
    stand.log.clear()
    before = rows()
    assert come_back(client, query | {"server_domain": "oauth.evil.example"}).status_code == 403
    assert (rows(), stand.log.entries) == (before, [])


def test_a_silent_server_is_said(installed: StandPortal, client: Client, stand: Stand) -> None:
    query = allow(ask(client, installed))
    stand.faults.order(method="oauth.token", kind="html", times=None)
    before = rows()
    assert come_back(client, query).status_code == 502
    assert rows() == before


def test_a_webhook_or_frame_token_is_no_state(installed: StandPortal, app: App, browser_of: Browser, client: Client) -> None:
    token = browser_of.open(installed.launch(app, installed.admin)).context["frame_token"]
    query = allow(ask(client, installed))
    assert come_back(client, query | {"state": token}).status_code == 400


def test_only_get(client: Client) -> None:
    assert (
        client.post("/oauth/start/", urlencode({"domain": "a.example"}), content_type="application/x-www-form-urlencoded").status_code
        == 405
    )
    assert client.post("/oauth/callback/").status_code == 405
