"""Errors of the authorization server (bitrix24.md 4: settings/oauth/error-codes): while a token is refreshed, and at an opening."""

import html
from urllib.parse import urlsplit

import pytest
import requests
from django.http import HttpResponse
from django.test import Client

from b24app.models import Portal, PortalUser
from b24app.rest.errors import RULES
from devportal.server import Stand
from devportal.world import App
from devportal.world import Portal as StandPortal
from notifications.models import Notification
from tests.b24app.conftest import rows
from tests.errors import codes
from tests.errors.conftest import Frame, Waits, open_app
from tests.errors.said import assert_no_raw_description, assert_says, sentence, toast

pytestmark = pytest.mark.django_db

DELETE = "im.notify.delete"
SAYS = {
    "invalid_request": "secure (HTTPS)",
    "invalid_client": "does not know the app on this portal",
    "invalid_grant": "open it again from the portal's menu",
    "invalid_scope": "more permissions",
    "insufficient_scope": "lacks a permission",
    "PAYMENT_REQUIRED": "paid or trial period",
    "WRONG_CLIENT": "client ID and secret",
    "NOT_INSTALLED": "not installed on this portal any more",
    "NO_AUTH_FOUND": "open it again from the portal's menu",
}
CLOSING = {"invalid_client", "PAYMENT_REQUIRED", "NOT_INSTALLED"}
ENDING = {"invalid_grant", "NO_AUTH_FOUND"}


def test_every_code_of_the_list_is_tested_here() -> None:
    assert set(SAYS) == set(codes.TOKEN_ENDPOINT)


@pytest.fixture
def expired(installed: StandPortal, frame: Frame, sent: Notification) -> Notification:
    """A notification to delete, and an access token that the portal calls expired."""
    installed.expire_tokens()
    return sent


# Refreshing a token


@pytest.mark.parametrize("status", [None, 200], ids=["documented status", "200"])
@pytest.mark.parametrize("in_upper_case", [False, True])
@pytest.mark.parametrize("code", SAYS)
def test_a_refused_refresh(stand: Stand, frame: Frame, expired: Notification, code: str, in_upper_case: bool, status: int | None) -> None:
    """Asked once; invalid_request alone once more by GET, as the documentation shows the request, before it is believed."""
    written = code.upper() if in_upper_case else code
    stand.faults.order(method="oauth.token", code=written, status=status, times=None)
    answer = frame.delete_by_tag()
    assert_says(answer, code.upper())
    assert SAYS[code] in toast(answer)["text"]
    assert_no_raw_description(answer, code)
    assert stand.log.count(DELETE) == 1
    asked = [entry.http_method for entry in stand.log.calls("oauth.token")]
    assert asked == (["POST", "GET"] if code == "invalid_request" else ["POST"])

    portal = Portal.objects.get()
    assert (portal.state, portal.suspended_code) == (("suspended", code.upper()) if code in CLOSING else ("active", ""))
    person = PortalUser.objects.get(user_id=stand.portals[0].admin.id)
    assert person.token_state == ("dead" if code in ENDING else "valid")
    expired.refresh_from_db()
    assert expired.state == Notification.State.SENT


@pytest.mark.parametrize("code", sorted(set(SAYS) - ENDING))
def test_a_refresh_that_works_later_mends_everything(stand: Stand, frame: Frame, expired: Notification, code: str) -> None:
    """Only a refused grant ends the token: what is unpaid today can be paid tomorrow."""
    stand.faults.order(method="oauth.token", code=code, times=2)
    frame.delete_by_tag()
    stand.faults.clear()
    assert frame.delete_by_tag().status_code == 200
    assert Portal.objects.get().state == "active"
    expired.refresh_from_db()
    assert expired.state == Notification.State.DELETED


@pytest.mark.parametrize("code", ["INTERNAL_SERVER_ERROR", "QUERY_LIMIT_EXCEEDED", None])
def test_a_server_fault_while_refreshing_is_waited_out(
    stand: Stand, frame: Frame, expired: Notification, waits: Waits, code: str | None
) -> None:
    """design.md 5: 5xx and broken connections (None) are retried."""
    stand.faults.order(method="oauth.token", kind="error" if code else "cut_before", code=code)
    assert frame.delete_by_tag().status_code == 200
    assert stand.log.count("oauth.token") == 2
    assert 0 < waits.total < 9
    assert PortalUser.objects.get(user_id=stand.portals[0].admin.id).token_state == "valid"


def test_a_sending_whose_token_could_not_be_refreshed_was_certainly_not_sent(
    stand: Stand, frame: Frame, installed: StandPortal, waits: Waits
) -> None:
    """The call itself never left: the form stays as it is, and no row of unknown fate is left to be sent later."""
    installed.expire_tokens()
    stand.faults.order(method="oauth.token", kind="cut_before", times=None)
    assert_says(frame.send(4), "CONNECTION_BROKEN")
    assert Notification.objects.count() == 0


def test_a_server_fault_that_stays_is_told(stand: Stand, frame: Frame, expired: Notification, waits: Waits) -> None:
    stand.faults.order(method="oauth.token", kind="html", status=502, times=None)
    answer = frame.delete_by_tag()
    assert_says(answer, "AUTH_SERVER_FAULT")
    assert 1 < stand.log.count("oauth.token") <= 5
    assert waits.total < 10
    assert PortalUser.objects.get(user_id=stand.portals[0].admin.id).token_state == "valid"


def test_an_unknown_code_of_the_token_endpoint(stand: Stand, frame: Frame, expired: Notification) -> None:
    stand.faults.order(method="oauth.token", code="something_new", times=None)
    answer = frame.delete_by_tag()
    assert "error the app does not know" in toast(answer)["text"]
    assert "SOMETHING_NEW" in toast(answer)["text"]
    assert stand.log.count("oauth.token") == 1


# Opening the app


TELLING = {
    "PAYMENT_REQUIRED", "NOT_INSTALLED", "invalid_client", "PORTAL_DELETED", "OVERLOAD_LIMIT", "ACCESS_DENIED", "APPLICATION_NOT_FOUND",
    "ERROR_OAUTH", "user_access_error",
}  # fmt: skip
"""Codes that say why a genuine opening is in vain. With any other the opening may as well be forged, and the page says no more."""
PASSING = {"INTERNAL_SERVER_ERROR", "ERROR_UNEXPECTED_ANSWER", "QUERY_LIMIT_EXCEEDED", "OPERATION_TIME_LIMIT"}


def new_opening(stand: Stand, client: Client, portal: StandPortal, app: App) -> HttpResponse:
    """A launch with a token that was never seen; the log begins with it."""
    portal.expire_tokens()
    launch = portal.launch(app, portal.admin)
    stand.log.clear()
    return open_app(client, launch)


def text_of(page: HttpResponse) -> str:
    return html.unescape(page.content.decode())


@pytest.mark.parametrize("code", sorted({*codes.TOKEN_ENDPOINT, *codes.ANY_METHOD} - PASSING))
def test_a_refused_opening(stand: Stand, client: Client, frame: Frame, installed: StandPortal, app: App, code: str) -> None:
    """One question, a page with our sentence, and nothing changed."""
    stand.faults.order(method="oauth.app_info", code=code, times=None)
    before = rows()
    opened = new_opening(stand, client, installed, app)
    assert opened.status_code == 403
    assert "The app could not be opened" in text_of(opened)
    expected = sentence(code.upper()) if code in TELLING else "Bitrix24 did not confirm this opening. Open the app from your portal's menu"
    assert expected in text_of(opened)
    assert_no_raw_description(opened, code)
    assert [entry.method for entry in stand.log.entries] == ["oauth.app_info"]
    assert rows() == before
    framed_by = installed.url if code in TELLING else "'none'"
    assert f"frame-ancestors {framed_by}" in opened.headers["Content-Security-Policy"], "the portal's frame must be able to show it"


@pytest.mark.parametrize("code", sorted(PASSING - {"OPERATION_TIME_LIMIT"}))
def test_an_opening_waits_out_a_passing_fault(
    stand: Stand, client: Client, frame: Frame, installed: StandPortal, app: App, waits: Waits, code: str
) -> None:
    stand.faults.order(method="oauth.app_info", code=code)
    assert new_opening(stand, client, installed, app).status_code == 200
    assert stand.log.count("oauth.app_info") == 2
    assert 0 < waits.total < 9


@pytest.mark.parametrize("kind", ["html", "cut_before", "cut_after"])
def test_an_opening_waits_out_a_broken_answer(
    stand: Stand, client: Client, frame: Frame, installed: StandPortal, app: App, waits: Waits, kind: str
) -> None:
    stand.faults.order(method="oauth.app_info", kind=kind)
    assert new_opening(stand, client, installed, app).status_code == 200
    assert stand.log.count("oauth.app_info") == 2


@pytest.mark.parametrize("code", sorted(PASSING))
def test_an_opening_that_could_not_be_checked(
    stand: Stand, client: Client, frame: Frame, installed: StandPortal, app: App, waits: Waits, code: str
) -> None:
    stand.faults.order(method="oauth.app_info", code=code, times=None)
    before = rows()
    opened = new_opening(stand, client, installed, app)
    assert opened.status_code == 503
    assert "wait a minute and reload the page" in text_of(opened)
    assert_no_raw_description(opened, code)
    assert stand.log.count("oauth.app_info") <= 5
    assert waits.total < 10
    assert rows() == before


@pytest.mark.parametrize("code", ["PAYMENT_REQUIRED", "INTERNAL_SERVER_ERROR", "invalid_token"])
def test_an_error_while_the_person_is_asked_about_does_not_close_the_door(
    stand: Stand, client: Client, frame: Frame, installed: StandPortal, app: App, waits: Waits, code: str
) -> None:
    """The opening itself is proven: the page comes, and what it loads then tells the error."""
    stand.faults.order(method="batch", code=code, times=None)
    assert new_opening(stand, client, installed, app).status_code == 200
    assert waits.total < 10


@pytest.mark.parametrize("code", codes.ANY_METHOD)
def test_a_refused_installation_step_is_told_on_the_installers_page(
    stand: Stand, client: Client, app: App, portal: StandPortal, waits: Waits, code: str
) -> None:
    """The installer's batch: its page gets the sentence as JSON (frame-install)."""
    stand.world.events.order("hold", times=None)
    portal.install(app, portal.admin)
    token = open_app(client, portal.launch(app, portal.admin, installer=True)).context["frame_token"]
    stand.faults.order(method="batch", code=code, times=None)
    told = Frame(client, token).post("/frame/install/").json()
    assert told["ok"] is False
    allowed = {sentence(code.upper())} | ({sentence("BUDGET_EXHAUSTED")} if code == "QUERY_LIMIT_EXCEEDED" else set())
    assert told["message"] in allowed
    assert waits.total < 10


def test_the_table_knows_every_code_of_these_tests() -> None:
    assert {code.upper() for code in (*SAYS, *TELLING, *PASSING)} <= set(RULES)


# Full OAuth outside the portal


def come_back(client: Client, installed: StandPortal) -> HttpResponse:
    """Start at our address, allow at the portal's page, and come back with its code."""
    start = client.get("/oauth/start/", {"domain": installed.domain})
    allowed = requests.post(start.headers["Location"], allow_redirects=False, timeout=10)
    return client.get(f"/oauth/callback/?{urlsplit(allowed.headers['Location']).query}")


@pytest.mark.parametrize("code", sorted(SAYS))
def test_a_refused_code_exchange(stand: Stand, client: Client, frame: Frame, installed: StandPortal, code: str) -> None:
    stand.faults.order(method="oauth.token", code=code, times=None)
    before = rows()
    page = come_back(client, installed)
    told = {
        "invalid_grant": "good for 30 seconds",
        "invalid_client": "is not installed on this portal",
        "NOT_INSTALLED": "is not installed on this portal",
        "WRONG_CLIENT": "client ID and secret",
    }
    assert told.get(code, sentence(code.upper())) in text_of(page)
    assert_no_raw_description(page, code)
    assert page.status_code in (400, 403, 502)
    assert stand.log.count("oauth.token") == (2 if code == "invalid_request" else 1)
    assert rows() == before
