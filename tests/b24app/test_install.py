"""POST /install/ and the installer's batch."""

from collections.abc import Callable

import pytest

from b24app.models import Portal, PortalUser, Sender, namespace_of
from devportal.server import Stand
from devportal.world import App
from devportal.world import Portal as StandPortal
from tests.b24app.conftest import Browser, rows

pytestmark = pytest.mark.django_db


def test_an_installation_takes_two_calls(portal: StandPortal, app: App, browser_of: Browser, stand: Stand) -> None:
    """app.info proves the launch; then one batch binds three events and the links and learns who installs."""
    portal.install(app, portal.admin)
    page = browser_of.open(portal.launch(app, portal.admin, installer=True, lang="ru"))
    assert [entry.method for entry in stand.log.entries] == ["oauth.app_info"]
    assert f"frame-ancestors {portal.url};" in page.headers["Content-Security-Policy"] + ";"
    assert not page.cookies
    row = Portal.objects.get()
    assert (row.state, row.language, row.version, row.bound_version) == ("installing", "ru", 1, None)

    token = page.context["frame_token"]
    assert browser_of.frame("/frame/install/", token).json() == {"ok": True, "message": ""}
    assert [entry.method for entry in stand.log.entries] == ["oauth.app_info", "batch"]
    installation = portal.installations[app.client_id]
    handlers = {(binding.event, binding.handler) for binding in installation.events if binding.id}
    assert handlers == {(event, "http://testserver/events/") for event in ("ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL")}
    assert [(binding.placement, binding.handler) for binding in installation.placements] == [("REST_APP_URI", "http://testserver/app/")]
    person = PortalUser.objects.get()
    assert (person.name, person.is_admin, person.token_state) == (portal.admin.full_name, True, "valid")
    assert Sender.objects.get().namespace == namespace_of("app", app.client_id)
    assert Portal.objects.get().bound_version == 1


def test_pressing_try_again_finds_the_handlers_bound(install: Callable[..., str], portal: StandPortal, browser_of: Browser) -> None:
    """The portal refuses a second bind of the same handler: that is no failure."""
    token = install(portal)
    assert browser_of.frame("/frame/install/", token).json()["ok"]
    assert Portal.objects.get().bound_version == 1


def test_a_failed_batch_is_said_and_can_be_tried_again(portal: StandPortal, app: App, browser_of: Browser, stand: Stand) -> None:
    portal.install(app, portal.admin)
    token = browser_of.open(portal.launch(app, portal.admin, installer=True)).context["frame_token"]
    stand.faults.order(method="batch", code="PAYMENT_REQUIRED")
    answer = browser_of.frame("/frame/install/", token)
    assert answer.status_code == 200
    assert not answer.json()["ok"]
    assert answer.json()["message"]
    assert browser_of.frame("/frame/install/", token).json()["ok"]


def test_a_refused_event_stops_the_installation_and_a_refused_link_does_not(
    portal: StandPortal, app: App, browser_of: Browser, stand: Stand
) -> None:
    """Older self-hosted portals may not know REST_APP_URI; without events a removal would go unnoticed."""
    portal.install(app, portal.admin)
    token = browser_of.open(portal.launch(app, portal.admin, installer=True)).context["frame_token"]
    stand.faults.order(method="event.bind", code="INTERNAL_SERVER_ERROR", inside_batch=True)
    assert not browser_of.frame("/frame/install/", token).json()["ok"]
    stand.faults.order(method="placement.bind", code="insufficient_scope", inside_batch=True)
    assert browser_of.frame("/frame/install/", token).json()["ok"]
    assert Portal.objects.get().bound_version is None


def test_only_an_admin_installs(portal: StandPortal, app: App, browser_of: Browser) -> None:
    """doc event-bind: without admin rights a handler is bound for that person alone."""
    portal.install(app, portal.person)
    token = browser_of.open(portal.launch(app, portal.person, installer=True)).context["frame_token"]
    answer = browser_of.frame("/frame/install/", token).json()
    assert not answer["ok"]
    assert "administrator" in answer["message"]


def test_an_ordinary_person_changes_nothing_of_an_installation(installed: StandPortal, app: App, browser_of: Browser) -> None:
    """The installer's address is open to whoever has a frame token: what is bound without rights is bound for that person alone."""
    token = browser_of.open(installed.launch(app, installed.person)).context["frame_token"]
    before = Portal.objects.values().get()
    answer = browser_of.frame("/frame/install/", token).json()
    assert not answer["ok"]
    assert "administrator" in answer["message"]
    assert Portal.objects.values().get() == before


def test_the_installers_batch_needs_the_frame_token(portal: StandPortal, app: App, browser_of: Browser, stand: Stand) -> None:
    portal.install(app, portal.admin)
    browser_of.open(portal.launch(app, portal.admin, installer=True))
    stand.log.clear()
    before = rows()
    assert browser_of.frame("/frame/install/", "").status_code == 401
    assert browser_of.frame("/frame/install/", "forged:token:abc").status_code == 401
    assert rows() == before
    assert stand.log.entries == []


def test_the_page_holds_no_secret(portal: StandPortal, app: App, browser_of: Browser) -> None:
    portal.install(app, portal.admin)
    launch = portal.launch(app, portal.admin, installer=True)
    text = browser_of.open(launch).content.decode()
    for secret in (launch.fields["AUTH_ID"], launch.fields["REFRESH_ID"], launch.fields["APPLICATION_TOKEN"], launch.app_sid):
        assert secret not in text
    assert "<script>" not in text
    assert portal.domain in text


def test_a_portal_that_binds_links_in_no_batch_gets_calls_of_their_own(
    portal: StandPortal, app: App, browser_of: Browser, stand: Stand
) -> None:
    """placement.bind inside a batch is reported to answer ERROR_BATCH_METHOD_NOT_ALLOWED on some portals; its documentation is silent."""
    portal.install(app, portal.admin)
    token = browser_of.open(portal.launch(app, portal.admin, installer=True)).context["frame_token"]
    stand.log.clear()
    for method in ("placement.unbind", "placement.bind"):
        stand.faults.order(method=method, code="ERROR_BATCH_METHOD_NOT_ALLOWED", inside_batch=True)
    assert browser_of.frame("/frame/install/", token).json()["ok"]
    assert [entry.method for entry in stand.log.calls(portal=portal)] == ["batch", "placement.unbind", "placement.bind"]
    assert [binding.placement for binding in portal.installations[app.client_id].placements] == ["REST_APP_URI"]
    assert Portal.objects.get().bound_version == 1
