"""What the portal's pages answer, without a browser: the server's half of app frames (frame-protocol.md 2.4, 5), the Market, people."""

import re
from typing import Any

import pytest
import requests

from devportal.server import Stand
from devportal.world import App, EventBinding, Installation, PlacementBinding, Portal
from tests.devportal.conftest import Hook


@pytest.fixture
def vera(http: requests.Session) -> requests.Session:
    """A browser of person 3, who is no administrator."""
    http.cookies.set("devportal_user", "3")
    return http


def launch(http: requests.Session, portal: Portal, app: str, kind: str = "app", **form: str) -> dict[str, Any]:
    """What the page's script asks for before it makes the frame: {launch, message}."""
    answer: dict[str, Any] = http.post(f"{portal.url}/_portal/launch", data={"kind": kind, "app": app, **form}, timeout=10).json()
    return answer


def shown_people(http: requests.Session, address: str) -> list[str]:
    return re.findall(r'<tr data-user-id="(\d+)"', http.get(address, timeout=10).text)


class TestLaunch:
    def test_first_run_is_true_once_for_each_person_and_version(
        self, http: requests.Session, portal: Portal, installation: Installation
    ) -> None:
        """frame-protocol 5.3: first opening by this person of this version."""
        portal.finish_install(installation.app)

        def first_run() -> bool:
            return bool(launch(http, portal, "1")["launch"]["init"]["FIRST_RUN"])

        assert [first_run(), first_run()] == [True, False]
        http.cookies.set("devportal_user", "3")
        assert [first_run(), first_run()] == [True, False]
        portal.update(installation.app)
        assert [first_run(), first_run()] == [True, False]

    def test_only_administrators_open_an_unfinished_app(self, vera: requests.Session, portal: Portal, installation: Installation) -> None:
        """frame-protocol 5.3: other people get the portal's error page, and the app is not loaded at all."""
        answer = launch(vera, portal, "1")
        assert answer["launch"] is None
        assert answer["message"].startswith("The installation of this application is not finished.")

    @pytest.mark.parametrize("address", ["code", "client_id"])
    def test_a_link_names_the_app_by_its_code_or_client_id(
        self, http: requests.Session, portal: Portal, installation: Installation, address: str
    ) -> None:
        """bitrix24.md 8."""
        portal.finish_install(installation.app)
        installation.placements.append(PlacementBinding("REST_APP_URI", "http://127.0.0.1/handler/"))
        opened = launch(http, portal, getattr(installation.app, address), "view", query="params[docId]=42&outside=1")["launch"]
        assert opened["url"].startswith("http://127.0.0.1/handler/?")
        assert opened["init"]["PLACEMENT_OPTIONS"] == {"docId": "42"}


class TestMarket:
    def press(self, http: requests.Session, portal: Portal, act: str, app: App, **form: str) -> requests.Response:
        return http.post(f"{portal.url}/_portal/market/{act}", data={"app": app.code, **form}, timeout=10, allow_redirects=False)

    def test_ordinary_people_cannot_install(self, vera: requests.Session, portal: Portal, registered: App) -> None:
        page = vera.get(f"{portal.url}/marketplace/", timeout=10).text
        assert "Only administrators can install applications." in page
        assert "/_portal/market/install" not in page
        assert self.press(vera, portal, "install", registered).status_code == 403
        assert portal.installations == {}

    def test_without_an_installer_the_app_is_installed_at_once(self, http: requests.Session, stand: Stand, portal: Portal) -> None:
        """frame-protocol 5.3: without an installer address INSTALL is never true."""
        app = stand.register_app(
            client_id="app.bare", client_secret="x", code="example.bare", app_url="http://127.0.0.1/", install_url=None
        )
        assert self.press(http, portal, "install", app).headers["Location"] == "/marketplace/app/1/"
        assert launch(http, portal, "1")["launch"]["init"]["INSTALL"] is False
        del stand.world.apps[app.client_id]

    def test_removing_without_cleaning(
        self, http: requests.Session, stand: Stand, portal: Portal, installation: Installation, hook: Hook
    ) -> None:
        """bitrix24.md 3: ONAPPUNINSTALL carries CLEAN."""
        portal.finish_install(installation.app)
        installation.events.append(EventBinding(1, "ONAPPUNINSTALL", f"{hook.base}/events/"))
        self.press(http, portal, "remove", installation.app)
        stand.world.events.wait()
        assert [post["data[CLEAN]"] for post in hook.posts if post["event"] == "ONAPPUNINSTALL"] == ["0"]


class TestPeople:
    def test_the_list_finds_people_and_departments(self, http: requests.Session, portal: Portal) -> None:
        address = f"{portal.url}/company/"
        assert len(shown_people(http, address)) == 12
        assert '<a href="?department=11"' in http.get(address, timeout=10).text
        assert shown_people(http, f"{address}?department=11") == ["3", "6"]
        assert shown_people(http, f"{address}?q=листопад") == ["3"]
        assert portal.person.full_name in http.get(f"{address}personal/user/3/", timeout=10).text

    def test_the_large_portal_is_paged(self, http: requests.Session, stand: Stand) -> None:
        address = f"{stand.portals[2].url}/company/"
        assert "2000" in re.findall(r"Total: .*?(\d+)", http.get(address, timeout=10).text)
        assert shown_people(http, f"{address}?page=2")[0] == "26"

    def test_the_large_portal_is_searched_on_the_server(self, http: requests.Session, stand: Stand) -> None:
        """What the picking dialogs ask for: not all two thousand at once."""

        def found(text: str) -> list[str]:
            answer = http.get(f"{stand.portals[2].url}/_portal/people", params={"q": text}, timeout=10).json()
            return [person["id"] for person in answer["people"]]

        assert found("1999") == ["1999"]
        assert len(found("")) == 50

    @pytest.mark.parametrize("address", ["https://other.example/", "//other.example/", "/\\other.example"])
    def test_the_switch_leads_nowhere_else(self, http: requests.Session, portal: Portal, address: str) -> None:
        form = {"user_id": "3", "next": address}
        answer = http.post(f"{portal.url}/_portal/switch", data=form, timeout=10, allow_redirects=False)
        assert answer.headers["Location"] == "/"


def test_somebody_elses_notification_is_out_of_reach(http: requests.Session, portal: Portal) -> None:
    """bitrix24.md 6.1."""
    other = portal.place_confirmation(portal.person)
    base = f"{portal.url}/_portal/notifications/{other.id}"
    assert http.post(f"{base}/confirm", data={"value": "Y"}, timeout=10).status_code == 404
    assert http.post(f"{base}/delete", timeout=10).status_code == 404
    assert [item.id for item in portal.feed(portal.person)] == [other.id]


def test_an_order_without_effect_is_refused_on_the_controls(http: requests.Session, stand: Stand, portal: Portal) -> None:
    form = {"kind": "html", "inside_batch": "on"}
    page = http.post(f"{portal.url}/_portal/controls/fault", data=form, timeout=10).text
    assert "Nothing was ordered: html cannot happen to a command inside a batch." in page
    assert stand.faults.take("profile", portal.member_id, inside_batch=True) is None


def test_an_unknown_page_says_so(http: requests.Session, portal: Portal) -> None:
    assert http.get(f"{portal.url}/no/such/page/", timeout=10).status_code == 404
    assert "No such page" in http.get(f"{portal.url}/company/personal/user/99999/", timeout=10).text
