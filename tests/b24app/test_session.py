"""The bearer token of the frame: who gets one, what it opens, when it dies."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from django.core import signing
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone, translation
from pytest_django.fixtures import Settings

from b24app.frame import session
from b24app.frame.notices import toast
from b24app.frame.session import FrameRequest, frame_view
from b24app.models import Portal, PortalUser
from b24app.rest.errors import RestError
from b24app.roles import is_admin
from devportal.server import Stand
from devportal.world import App
from devportal.world import Portal as StandPortal
from tests.b24app.conftest import Browser, rows

pytestmark = pytest.mark.django_db

SETTINGS = "/frame/settings/"


@pytest.fixture
def admin(installed: StandPortal) -> PortalUser:
    return PortalUser.objects.select_related("portal").get(user_id=installed.admin.id)


def status(browser_of: Browser, token: str) -> int:
    return browser_of.frame(SETTINGS, token, method="get").status_code


# --- Valid and invalid tokens ---


def test_a_token_opens_the_frame_for_its_portal_alone(admin: PortalUser, browser_of: Browser) -> None:
    response = browser_of.frame(SETTINGS, session.issue(admin), method="get")
    assert response.status_code == 200
    assert f"frame-ancestors {admin.portal.origin};" in response.headers["Content-Security-Policy"] + ";"
    assert "X-Frame-Token" not in response.headers
    assert "no-store" in response.headers["Cache-Control"]
    assert not response.cookies


def tampered(token: str) -> Iterator[str]:
    payload, stamp, signature = token.split(":")
    yield ""
    yield "x"
    yield f"{payload}:{stamp}:{signature[:-1]}{'a' if signature[-1] != 'a' else 'b'}"
    yield f"{payload}:zzzzzz:{signature}"
    claims = signing.loads(token, salt="b24app.frame")
    yield signing.dumps({**claims, "person": claims["person"] + 1}, salt="b24app.frame", key="another key")
    # A token of another part of the app is none of the frame's.
    yield signing.dumps(claims, salt="b24app.oauth")


def test_a_tampered_token_is_none(admin: PortalUser, browser_of: Browser) -> None:
    before = rows()
    for token in tampered(session.issue(admin)):
        response = browser_of.frame(SETTINGS, token, {"who_may_send": "everyone"})
        assert response.status_code == 401
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    assert rows() == before


def test_a_token_lives_an_hour_and_is_renewed_by_use(admin: PortalUser, browser_of: Browser) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        token = session.issue(admin, "ru")
        clock.shift(timedelta(minutes=9))
        assert "X-Frame-Token" not in browser_of.frame(SETTINGS, token, method="get").headers
        clock.shift(timedelta(minutes=2))
        renewed = browser_of.frame(SETTINGS, token, method="get").headers["X-Frame-Token"]
        clock.shift(timedelta(minutes=50))
        assert status(browser_of, token) == 401
        answer = browser_of.frame(SETTINGS, renewed, method="get")
        assert answer.status_code == 200
        assert signing.loads(renewed, salt="b24app.frame")["language"] == "ru"


def test_a_page_left_open_is_proven_anew_once_a_day(admin: PortalUser, browser_of: Browser) -> None:
    """Somebody who left the company keeps no page alive for ever."""
    PortalUser.objects.update(last_opened_at=timezone.now() - session.PROVEN_FOR)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        token = session.issue(admin)
        clock.shift(timedelta(minutes=11))
        response = browser_of.frame(SETTINGS, token, method="get")
        assert response.status_code == 200
        assert "X-Frame-Token" not in response.headers


def test_tokens_die_with_the_portal_the_installation_and_the_person(admin: PortalUser, browser_of: Browser) -> None:
    token = session.issue(admin)
    for death, birth in (
        ({"state": "removed"}, {"state": "active"}),
        ({"installation": 2}, {"installation": 1}),
    ):
        Portal.objects.update(**death)
        assert status(browser_of, token) == 401
        Portal.objects.update(**birth)
        assert status(browser_of, token) == 200
    PortalUser.objects.all().delete()
    assert status(browser_of, token) == 401


def test_suspension_does_not_close_the_page(admin: PortalUser, browser_of: Browser) -> None:
    Portal.objects.update(state="suspended", suspended_code="PAYMENT_REQUIRED")
    assert status(browser_of, session.issue(admin)) == 200


# --- Rights ---


def test_an_ordinary_person_does_no_admins_act(installed: StandPortal, app: App, browser_of: Browser) -> None:
    token = browser_of.open(installed.launch(app, installed.person)).context["frame_token"]
    before = rows()
    for path in (SETTINGS, "/frame/settings/check/"):
        response = browser_of.frame(path, token, {"who_may_send": "everyone", "who_may_see_all": "everyone", "retention_days": "30"})
        assert response.status_code == 403
        assert json.loads(response.headers["HX-Trigger"])["toast"]["kind"] == "bad"
        assert response.headers["HX-Reswap"] == "none"
    assert rows() == before


def test_a_token_of_one_portal_touches_no_other(
    installed: StandPortal, other_portal: StandPortal, install: Callable[..., str], browser_of: Browser
) -> None:
    theirs = install(other_portal)
    browser_of.deliver()
    mine = Portal.objects.filter(member_id=installed.member_id)
    before = mine.values().get()
    ids = {"portal": before["id"], "id": before["id"], "member_id": installed.member_id, "DOMAIN": installed.domain}
    response = browser_of.frame(SETTINGS, theirs, {"who_may_send": "everyone", "default_type": "system", "retention_days": "31", **ids})
    assert response.status_code == 200
    assert mine.values().get() == before
    assert Portal.objects.get(member_id=other_portal.member_id).retention_days == 31
    assert installed.domain not in response.content.decode()


@pytest.mark.parametrize("body", [b"who_may_send=%ff", b"\xff\xfe", b"who_may_send=a%00b", b"x=" + b"a" * (2 * 1024 * 1024)])
def test_a_broken_body_in_the_frame_gets_400(body: bytes, admin: PortalUser, browser_of: Browser) -> None:
    before = rows()
    headers = {"Authorization": f"Bearer {session.issue(admin)}"}
    assert browser_of.post(SETTINGS, body, headers=headers).status_code == 400
    assert browser_of.client.get(f"{SETTINGS}?x=%00", headers=headers).status_code == 400
    assert rows() == before


# --- What a view finds behind the door ---


def call(view: Callable[..., object], person: PortalUser) -> HttpResponse:
    request = RequestFactory().get("/frame/x/", headers={"Authorization": f"Bearer {session.issue(person)}"})
    response = view(request)
    assert isinstance(response, HttpResponse)
    return response


def test_a_view_runs_in_the_persons_language_and_time_zone(admin: PortalUser) -> None:
    PortalUser.objects.update(time_zone="Asia/Kathmandu")
    Portal.objects.update(language="ru")

    @frame_view()
    def view(request: FrameRequest) -> HttpResponse:
        return HttpResponse(
            f"{request.person.user_id} {request.portal.domain} {translation.get_language()} {timezone.get_current_timezone()}"
        )

    assert call(view, admin).content.decode() == f"{admin.user_id} {admin.portal.domain} ru Asia/Kathmandu"
    assert translation.get_language() == "en"
    assert str(timezone.get_current_timezone()) == "UTC"


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "Europe", "a" * 64])
def test_an_unknown_time_zone_is_utc(zone: str, admin: PortalUser) -> None:
    admin.time_zone = zone
    assert str(session.zone_of(admin)) == "UTC"


@pytest.mark.parametrize(
    ("code", "expected"), [("QUERY_LIMIT_EXCEEDED", 503), ("ACCESS_DENIED", 403), ("PORTAL_DELETED", 502), ("NEVER_HEARD_OF", 502)]
)
def test_a_portals_error_becomes_a_sentence(code: str, expected: int, admin: PortalUser) -> None:
    @frame_view()
    def view(request: FrameRequest) -> HttpResponse:
        raise RestError(code, "raw English text of the portal")

    response = call(view, admin)
    assert response.status_code == expected
    assert response.headers["HX-Reswap"] == "none"
    told = json.loads(response.headers["HX-Trigger"])["toast"]
    assert (told["kind"], told["text"]) == ("bad", RestError(code).message)
    assert "raw English text" not in response.content.decode()


def test_a_refused_person_never_reaches_the_view(admin: PortalUser) -> None:
    reached = []

    @frame_view(allow=lambda person: not is_admin(person))
    def view(request: FrameRequest) -> HttpResponse:
        reached.append(request)
        return HttpResponse()

    assert call(view, admin).status_code == 403
    assert reached == []


def test_toasts_keep_other_triggers() -> None:
    response = HttpResponse(headers={"HX-Trigger": '{"open-tab": {"tab": "sent"}}'})
    triggers = json.loads(toast(response, "Größe ✓ привет", "info").headers["HX-Trigger"])
    assert triggers == {"open-tab": {"tab": "sent"}, "toast": {"kind": "info", "text": "Größe ✓ привет"}}


# --- /frame/session/ ---


def refresh_form(portal: StandPortal, app: App) -> dict[str, str]:
    """What the page posts after b24jssdk's refreshAuth: no SERVER_ENDPOINT, DOMAIN in the form."""
    fields = portal.launch(app, portal.admin).fields
    return {
        "AUTH_ID": fields["AUTH_ID"],
        "REFRESH_ID": fields["REFRESH_ID"],
        "DOMAIN": portal.domain,
        "member_id": portal.member_id,
        "LANG": "ru",
    }


def test_a_session_is_renewed_through_the_portals_new_token(
    installed: StandPortal, app: App, browser_of: Browser, stand: Stand, settings: Settings
) -> None:
    # The portal's own authorization server is asked, not the first of the list.
    settings.B24_OAUTH_SERVERS = ["https://oauth.first.example", stand.auth_url]
    installed.expire_tokens()
    stand.log.clear()
    response = browser_of.frame("/frame/session/", "", refresh_form(installed, app))
    assert response.status_code == 200
    assert [entry.method for entry in stand.log.entries] == ["oauth.app_info"]
    answer = browser_of.frame(SETTINGS, response.json()["token"], method="get")
    assert answer.status_code == 200
    stand.log.clear()
    assert browser_of.frame("/frame/session/", "", refresh_form(installed, app)).status_code == 200
    assert stand.log.entries == []


@pytest.mark.parametrize("changed", [{"AUTH_ID": "0" * 70}, {"DOMAIN": "evil.example"}, {"member_id": "f" * 32}])
def test_a_forged_renewal_changes_nothing(changed: dict[str, str], installed: StandPortal, app: App, browser_of: Browser) -> None:
    installed.expire_tokens()
    form = refresh_form(installed, app) | changed
    before = rows()
    assert browser_of.frame("/frame/session/", "", form).status_code == 403
    assert rows() == before


def test_a_removed_app_renews_no_session(installed: StandPortal, app: App, browser_of: Browser) -> None:
    form = refresh_form(installed, app)
    browser_of.frame("/frame/session/", "", form)
    installed.uninstall(app, clean=False)
    browser_of.deliver()
    assert browser_of.frame("/frame/session/", "", form).status_code == 403
    assert Portal.objects.get().state == "removed"


def test_a_silent_authorization_server_renews_nothing(installed: StandPortal, app: App, browser_of: Browser, stand: Stand) -> None:
    installed.expire_tokens()
    form = refresh_form(installed, app)
    stand.faults.order(method="oauth.app_info", kind="cut_before", times=None)
    assert browser_of.frame("/frame/session/", "", form).status_code == 503
