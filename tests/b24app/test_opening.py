"""POST /app/: who gets in, what it costs, what is refused."""

import logging
from collections.abc import Callable

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client, RequestFactory
from pytest_django.fixtures import Settings

from b24app.models import LaunchProof, Portal, PortalUser, Sender
from devportal.server import Stand
from devportal.world import App, Launch
from devportal.world import Portal as StandPortal
from tests.b24app.conftest import FORM, Browser, rows

pytestmark = pytest.mark.django_db


def test_a_first_opening_takes_two_calls_and_a_repeated_one_none(
    installed: StandPortal, app: App, browser_of: Browser, stand: Stand
) -> None:
    """M14, M15: app.info at the authorization server and one batch; the same AUTH_ID is not asked about again (bitrix24.md 2)."""
    stand.log.clear()
    launch = installed.launch(app, installed.person)
    page = browser_of.open(launch)
    assert page.status_code == 200
    assert [entry.method for entry in stand.log.entries] == ["oauth.app_info", "batch"]
    person = PortalUser.objects.get(user_id=installed.person.id)
    assert (person.name, person.is_admin, person.token_state) == (installed.person.full_name, False, "valid")
    assert person.time_zone == installed.person.time_zone

    stand.log.clear()
    assert browser_of.open(installed.launch(app, installed.person)).status_code == 200
    assert stand.log.entries == []


def test_the_portals_plan_is_learned_with_the_person(stand: Stand, app: App, browser_of: Browser) -> None:
    """app.info's LICENSE_FAMILY decides on the request budget (doc: common/system/app-info, limits); it rides in the same batch."""
    large = stand.portals[2]
    large.install(app, large.admin)
    large.finish_install(app)
    browser_of.open(large.launch(app, large.admin))
    assert Portal.objects.get(member_id=large.member_id).license_family == "ent"


def test_the_page_may_be_framed_by_its_portal_alone_and_sets_no_cookie(installed: StandPortal, app: App, browser_of: Browser) -> None:
    launch = installed.launch(app, installed.admin)
    page = browser_of.open(launch)
    assert f"frame-ancestors {installed.url};" in page.headers["Content-Security-Policy"] + ";"
    assert "X-Frame-Options" not in page.headers
    assert not page.cookies
    assert "no-store" in page.headers["Cache-Control"]
    text = page.content.decode()
    for secret in (launch.fields["AUTH_ID"], launch.fields["REFRESH_ID"], launch.fields["APPLICATION_TOKEN"], launch.app_sid):
        assert secret not in text


def test_what_is_stored_is_the_authorization_servers_word(installed: StandPortal, app: App, browser_of: Browser) -> None:
    installed.status = "P"
    browser_of.open(installed.launch(app, installed.person), status="L")
    portal = Portal.objects.get()
    assert (portal.member_id, portal.domain, portal.client_endpoint) == (installed.member_id, installed.domain, installed.client_endpoint)
    assert (portal.state, portal.status, portal.client_id) == ("active", "P", app.client_id)
    assert portal.scopes == {"im", "user_basic", "department", "placement"}
    assert Sender.objects.get().client_id == app.client_id


def test_a_local_app_without_installer_opens_at_once(portal: StandPortal, stand: Stand, browser_of: Browser, app: App) -> None:
    """installation-finish: an app without an installer URL is installed from the start; events are bound by the admin's first opening."""
    local = stand.register_app(
        client_id=app.client_id, client_secret=app.client_secret, code=app.client_id, app_url=app.app_url, install_url=None
    )
    portal.install(local, portal.admin)
    assert browser_of.open(portal.launch(local, portal.admin)).status_code == 200
    assert Portal.objects.get().state == "active"
    bound = {binding.event for binding in portal.installations[app.client_id].events}
    assert bound == {"ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL"}
    assert Portal.objects.get().bound_version == 1


def test_a_new_version_is_bound_again_in_the_same_batch_by_a_known_admin(
    installed: StandPortal, app: App, browser_of: Browser, stand: Stand
) -> None:
    """doc event-bind: an update drops the bindings. The update's event never comes here."""
    installed.update(app)
    stand.world.events.held.clear()
    installed.expire_tokens()
    stand.log.clear()
    browser_of.open(installed.launch(app, installed.admin))
    assert [entry.method for entry in stand.log.entries] == ["oauth.app_info", "batch"]
    assert Portal.objects.get().bound_version == 2
    assert {binding.placement for binding in installed.installations[app.client_id].placements} == {"REST_APP_URI"}


def test_an_ordinary_person_binds_nothing(installed: StandPortal, app: App, browser_of: Browser, stand: Stand) -> None:
    Portal.objects.update(bound_version=None)
    stand.log.clear()
    browser_of.open(installed.launch(app, installed.person))
    assert stand.log.commands("event.bind") == []
    assert Portal.objects.get().bound_version is None


def test_only_an_admin_is_believed_about_the_application_token(installed: StandPortal, app: App, browser_of: Browser) -> None:
    """The launch's APPLICATION_TOKEN comes from a browser: an ordinary person could plant one and forge a removal with it."""
    real = Portal.objects.get().application_token
    browser_of.open(installed.launch(app, installed.person), APPLICATION_TOKEN="planted")
    assert Portal.objects.get().application_token == real
    Portal.objects.update(application_token="")
    browser_of.open(installed.launch(app, installed.second_admin))
    assert Portal.objects.get().application_token == real


def test_a_closed_rest_does_not_close_the_door(installed: StandPortal, app: App, browser_of: Browser, stand: Stand) -> None:
    stand.faults.order(method="batch", code="ACCESS_DENIED", times=None)
    page = browser_of.open(installed.launch(app, installed.person))
    assert page.status_code == 200
    portal = Portal.objects.get()
    assert (portal.state, portal.suspended_code) == ("suspended", "ACCESS_DENIED")
    stand.faults.clear()
    # Nothing is known of the person yet, so the next opening asks, and the portal is no longer suspended.
    browser_of.open(installed.launch(app, installed.person))
    assert Portal.objects.get().state == "active"
    assert PortalUser.objects.get(user_id=installed.person.id).name == installed.person.full_name


def test_opening_again_mends_a_dead_token(installed: StandPortal, app: App, browser_of: Browser) -> None:
    PortalUser.objects.update(token_state="dead", access_token="", refresh_token="")
    browser_of.open(installed.launch(app, installed.admin))
    assert PortalUser.objects.get(user_id=installed.admin.id).token_state == "valid"


def test_a_renamed_portal_is_known_by_its_new_address(installed: StandPortal, app: App, browser_of: Browser) -> None:
    """doc change-domen. A page that was opened under the old address is still let in."""
    old = installed.launch(app, installed.person)
    new_domain = installed.move()
    assert browser_of.open(old).status_code == 200
    assert Portal.objects.get().domain == new_domain
    assert browser_of.open(installed.launch(app, installed.admin)).status_code == 200


@pytest.mark.parametrize(
    ("options", "tab"),
    [
        ('{"tab": "inbox"}', "/frame/inbox/"),
        ('{"tab": "../x"}', "/frame/sent/"),
        ('{"tab": "ask", "key": "0b7c9d54-1a1f-4f6e-9d55-4f1f3b0c2a11", "URI": "/"}', "/frame/ask/0b7c9d54-1a1f-4f6e-9d55-4f1f3b0c2a11/"),
        ('{"tab": "ask"}', "/frame/sent/"),
        ('{"tab": "ask", "key": "7"}', "/frame/sent/"),
        ('{"tab": "request", "number": "12"}', "/frame/dispatches/12/"),
        ('{"tab": "request", "number": "../../x"}', "/frame/sent/"),
        ('{"tab": "request", "number": ["12"]}', "/frame/sent/"),
        ('{"tab": "request"}', "/frame/sent/"),
        ('{"tab": "ask", "key": ["0b7c9d54-1a1f-4f6e-9d55-4f1f3b0c2a11"]}', "/frame/sent/"),
        ("[]", "/frame/sent/"),
        ('{"tab": ["new"]}', "/frame/sent/"),
        ("{", "/frame/sent/"),
        ('{"tab": "new"}', "/frame/sent/"),
    ],
)
def test_a_link_chooses_among_the_tabs_only(options: str, tab: str, installed: StandPortal, app: App, browser_of: Browser) -> None:
    """bitrix24.md 8: the parameters are anybody's text. An ordinary person has no tab New notification by default."""
    page = browser_of.open(installed.launch(app, installed.person), PLACEMENT="REST_APP_URI", PLACEMENT_OPTIONS=options)
    assert page.context["start_url"] == tab


@pytest.mark.parametrize("path", ["/app/", "/install/"])
@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.market("M07")
def test_a_curious_browser_gets_a_page(path: str, method: str, client: Client) -> None:
    """M07: the Market's form asks with HEAD."""
    response = getattr(client, method)(path)
    assert response.status_code == 200
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    if method == "get":
        assert "Open your portal" in response.content.decode()


@pytest.mark.parametrize("path", ["/app/", "/install/", "/healthz", "/nowhere/"])
def test_head_tells_the_length_and_sends_nothing(path: str, client: Client, rf: RequestFactory) -> None:
    """Asked as a server asks: Django's test client would drop the body itself."""
    told: dict[str, str] = {}
    parts = WSGIHandler()(rf.head(path).environ, lambda status, headers: told.update(headers))  # type: ignore[arg-type]
    assert b"".join(parts) == b""
    assert told["Content-Length"] == str(len(client.get(path).content)) != "0"


@pytest.mark.parametrize("path", ["/app/", "/install/", "/events/"])
def test_other_methods_are_not_allowed(path: str, client: Client) -> None:
    assert client.put(path).status_code == 405
    assert client.delete(path).status_code == 405


# --- Refused: 403, and not one row changes ---


def _foreign_token(stand: Stand, portal: StandPortal) -> str:
    other = stand.register_app(
        client_id="app.ffffffffffffffff.99999999",
        client_secret="another",
        code="another",
        app_url="http://another.example/",
        install_url=None,
    )
    portal.install(other, portal.admin)
    return portal.launch(other, portal.admin).fields["AUTH_ID"]


FORGERIES: dict[str, Callable[[Stand, StandPortal, StandPortal, App, Launch], tuple[str, dict[str, str]]]] = {
    "unknown token": lambda stand, mine, other, app, launch: (launch.url, {"AUTH_ID": "0" * 70}),
    "another app's token": lambda stand, mine, other, app, launch: (launch.url, {"AUTH_ID": _foreign_token(stand, mine)}),
    "another portal's token": lambda stand, mine, other, app, launch: (launch.url, _token_of(other, app)),
    "another portal's member_id": lambda stand, mine, other, app, launch: (launch.url, {"member_id": other.member_id}),
    "an unknown member_id": lambda stand, mine, other, app, launch: (launch.url, {"member_id": "f" * 32}),
    "a planted DOMAIN": lambda stand, mine, other, app, launch: (_with_domain(launch, mine, "evil.example"), {}),
    "another portal's DOMAIN": lambda stand, mine, other, app, launch: (_with_domain(launch, mine, other.domain), {}),
    "a private DOMAIN": lambda stand, mine, other, app, launch: (_with_domain(launch, mine, "169.254.169.254"), {}),
    "a planted SERVER_ENDPOINT": lambda stand, mine, other, app, launch: (launch.url, {"SERVER_ENDPOINT": "https://oauth.evil.example/rest/"}),
    "a portal as SERVER_ENDPOINT": lambda stand, mine, other, app, launch: (launch.url, {"SERVER_ENDPOINT": mine.client_endpoint}),
}  # fmt: skip


def _token_of(portal: StandPortal, app: App) -> dict[str, str]:
    return {"AUTH_ID": portal.launch(app, portal.admin).fields["AUTH_ID"]}


def _with_domain(launch: Launch, portal: StandPortal, domain: str) -> str:
    from urllib.parse import quote

    return launch.url.replace(quote(portal.domain, safe=""), domain)


@pytest.mark.parametrize("installer", [False, True], ids=["app", "install"])
@pytest.mark.parametrize("opened_before", [False, True], ids=["unseen token", "remembered token"])
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_launch_changes_nothing(
    forgery: str,
    opened_before: bool,
    installer: bool,
    install: Callable[..., str],
    portal: StandPortal,
    other_portal: StandPortal,
    app: App,
    browser_of: Browser,
    stand: Stand,
) -> None:
    install(portal)
    install(other_portal)
    browser_of.deliver()
    launch = portal.launch(app, portal.person, installer=installer)
    if opened_before:
        assert browser_of.open(portal.launch(app, portal.person)).status_code == 200
    url, changed = FORGERIES[forgery](stand, portal, other_portal, app, launch)
    before = rows()
    response = browser_of.open(launch, url=url, **changed)
    assert response.status_code == 403
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    assert "Bitrix24 did not confirm" in response.content.decode()
    assert rows() == before


def test_a_portal_on_a_private_network_is_refused_unless_allowed(
    portal: StandPortal, app: App, browser_of: Browser, stand: Stand, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """The authorization server may be reached, but what it names as the portal's address is private."""
    from b24app.rest import hosts

    portal.install(app, portal.admin)
    launch = portal.launch(app, portal.admin, installer=True)
    before = rows()
    # The stand-in lives on one private host altogether: the names of portals alone are judged as in production here.
    real = hosts.check

    def judged_as_in_production(url: str) -> None:
        settings.B24_ALLOW_PRIVATE_HOSTS = False
        try:
            real(url)
        finally:
            settings.B24_ALLOW_PRIVATE_HOSTS = True

    monkeypatch.setattr(hosts, "check", judged_as_in_production)
    assert browser_of.open(launch).status_code == 403
    assert rows() == before


def test_an_expired_token_is_refused(installed: StandPortal, app: App, browser_of: Browser) -> None:
    launch = installed.launch(app, installed.person)
    installed.expire_tokens()
    before = rows()
    assert browser_of.open(launch).status_code == 403
    assert rows() == before


def test_a_remembered_token_is_forgotten_when_it_runs_out(installed: StandPortal, app: App, browser_of: Browser, stand: Stand) -> None:
    launch = installed.launch(app, installed.person)
    browser_of.open(launch)
    assert LaunchProof.objects.filter(person__user_id=installed.person.id).update(expires_at="2020-01-01T00:00:00Z") == 1
    stand.log.clear()
    browser_of.open(launch)
    assert stand.log.count("oauth.app_info") == 1


@pytest.mark.parametrize("kind", ["html", "cut_before", "half_json"])
def test_a_silent_authorization_server_is_no_verdict(
    kind: str, installed: StandPortal, other_portal: StandPortal, app: App, browser_of: Browser, stand: Stand
) -> None:
    """The page says so inside the portal we know; a stranger's launch may be framed by nobody."""
    other_portal.install(app, other_portal.admin)
    before = rows()
    stand.faults.order(method="oauth.app_info", kind=kind, times=None)
    known = browser_of.open(installed.launch(app, installed.person))
    assert known.status_code == 503
    assert f"frame-ancestors {installed.url}" in known.headers["Content-Security-Policy"]
    unknown = browser_of.open(other_portal.launch(app, other_portal.admin))
    assert unknown.status_code == 503
    assert "frame-ancestors 'none'" in unknown.headers["Content-Security-Policy"]
    assert rows() == before


BAD_BODIES = {
    "empty": b"",
    "only a token": b"AUTH_ID=abc",
    "no member_id": b"AUTH_ID=abc&DOMAIN=a.example",
    "raw bytes": b"AUTH_ID=abc&DOMAIN=a.example&member_id=\xff\xfe",
    "percent-encoded bytes": b"AUTH_ID=abc&DOMAIN=a.example&member_id=abc&PLACEMENT=%ff%fe",
    "a NUL": b"AUTH_ID=abc&DOMAIN=a.example&member_id=abc&REFRESH_ID=a%00b",
    "a NUL in the token": b"AUTH_ID=a%00bc&DOMAIN=a.example&member_id=abc",
    "a host that is none": b"AUTH_ID=abc&DOMAIN=a.example/x?y&member_id=abc",
    "a login in the host": b"AUTH_ID=abc&DOMAIN=user@a.example&member_id=abc",
    "long token": b"AUTH_ID=" + b"a" * 5000 + b"&DOMAIN=a.example&member_id=abc",
    "too many fields": b"&".join(b"f%d=1" % number for number in range(2000)),
    "oversized": b"AUTH_ID=" + b"a" * (2 * 1024 * 1024),
    "json": b'{"AUTH_ID": "abc"}',
}


@pytest.mark.parametrize("path", ["/app/", "/install/", "/frame/session/", "/events/"])
@pytest.mark.parametrize("body", BAD_BODIES)
def test_a_body_that_is_no_launch_gets_400(path: str, body: str, stand: Stand, client: Client) -> None:
    before = rows()
    response = client.post(path, BAD_BODIES[body], content_type=FORM)
    assert response.status_code == 400
    assert rows() == before
    assert stand.log.entries == []


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=x", "application/json", "text/plain; charset=nonsense"]
)
def test_a_malformed_body_of_another_type_gets_400(content_type: str, stand: Stand, client: Client) -> None:
    for body in (b"--x\r\n\xff\xfe", b"not what it says"):
        assert client.generic("POST", "/app/", body, content_type=content_type).status_code == 400


def test_no_secret_reaches_the_log(
    install: Callable[..., str], portal: StandPortal, app: App, browser_of: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    install(portal)
    browser_of.deliver()
    launch = portal.launch(app, portal.person)
    browser_of.open(launch)
    browser_of.open(launch, member_id="f" * 32)
    browser_of.open(launch, AUTH_ID="1" * 70)
    ours = "\n".join(record.getMessage() for record in caplog.records)
    assert "Launch refused" in ours
    admin = portal.launch(app, portal.admin)
    for secret in (
        launch.fields["AUTH_ID"], launch.fields["REFRESH_ID"], launch.fields["APPLICATION_TOKEN"], launch.app_sid,
        admin.fields["AUTH_ID"], admin.fields["REFRESH_ID"], "1" * 70, app.client_secret,
    ):  # fmt: skip
        assert secret not in ours
