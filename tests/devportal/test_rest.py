"""A portal's REST: bodies, authorization, scopes, CORS, people, events, placements, system methods, moving."""

from collections.abc import Callable
from typing import Any, cast

import pytest
import requests

from devportal.server import Stand
from devportal.world import Installation, Person, Portal
from tests.devportal.conftest import Rest

As = Callable[[Person], Rest]


def test_json_form_and_query_bodies(http: requests.Session, portal: Portal) -> None:
    base = portal.webhook(portal.admin)
    filters = {"FILTER[ID][0]": "2", "FILTER[ID][1]": "4"}
    assert ids(http.post(f"{base}user.get.json", json={"filter": {"ID": [2, "4"]}}, timeout=10)) == ["2", "4"]
    assert ids(http.post(f"{base}user.get", data=filters, timeout=10)) == ["2", "4"]
    assert ids(http.get(f"{base}user.get", params=filters, timeout=10)) == ["2", "4"]


def ids(answer: requests.Response) -> list[str]:
    return [person["ID"] for person in answer.json()["result"]]


def test_preflight_and_cors(http: requests.Session, portal: Portal) -> None:
    """frame-protocol 3: the SDK in the frame calls REST across origins, also when it is refused."""
    answer = http.options(f"{portal.client_endpoint}profile", headers={"Origin": "http://127.0.0.1:1"}, timeout=10)
    assert answer.status_code == 200
    assert "content-type" in answer.headers["Access-Control-Allow-Headers"]
    refused = http.post(f"{portal.client_endpoint}profile?bx24_sdk_ver=2", json={"auth": "forged"}, timeout=10)
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, "*")


def test_connections_stay_open(http: requests.Session, portal: Portal) -> None:
    base = portal.webhook(portal.admin)
    with http.get(f"{base}profile", stream=True, timeout=10) as first:
        address = socket_of(first).getsockname()
        first.json()
    with http.post(f"{base}profile", json={}, stream=True, timeout=10) as second:
        assert socket_of(second).getsockname() == address


def socket_of(answer: requests.Response) -> Any:
    return cast(Any, answer.raw).connection.sock


def test_authorization_errors(
    http: requests.Session, stand: Stand, portal: Portal, other_portal: Portal, installation: Installation
) -> None:
    """doc: error-codes."""
    rest = Rest(http, portal.client_endpoint, portal.launch(installation.app, portal.person).fields["AUTH_ID"])
    assert Rest(http, portal.client_endpoint).error("profile") == (401, "NO_AUTH_FOUND")
    in_header = http.get(f"{portal.client_endpoint}profile", headers={"Authorization": f"Bearer {rest.auth}"}, timeout=10)
    assert in_header.json()["error"] == "NO_AUTH_FOUND"
    assert Rest(http, portal.client_endpoint, "forged").error("profile") == (401, "invalid_token")
    assert Rest(http, other_portal.client_endpoint, rest.auth).error("profile") == (401, "invalid_token")
    assert Rest(http, f"{portal.client_endpoint}1/wrong/").error("profile") == (401, "INVALID_CREDENTIALS")
    installation.allowed = {1}
    assert rest.error("profile") == (403, "user_access_error")
    installation.allowed = None
    portal.expire_tokens(portal.person)
    assert rest.error("profile") == (401, "expired_token")


@pytest.mark.parametrize("code", ["ACCESS_DENIED", "OVERLOAD_LIMIT"])
def test_blocked_portal(rest: Rest, portal: Portal, code: str) -> None:
    portal.blocked = code
    assert rest.error("profile")[1] == code


def test_removed_app_and_deleted_portal(rest: Rest, portal: Portal, installation: Installation) -> None:
    portal.uninstall(installation.app)
    assert rest.error("profile") == (401, "APPLICATION_NOT_FOUND")
    portal.deleted = True
    assert rest.error("profile") == (410, "PORTAL_DELETED")


def test_dismissed_person_has_no_more_access(portal: Portal, as_person: As) -> None:
    rest = as_person(portal.person)
    portal.dismiss(portal.person)
    assert rest.error("profile") == (401, "authorization_error")


def test_scopes(http: requests.Session, portal: Portal) -> None:
    """doc: error-codes, insufficient_scope."""
    rest = Rest(http, portal.webhook(portal.admin, scope=("user",)))
    assert rest.error("im.notify.get") == (403, "insufficient_scope")
    assert rest.result("profile")["ADMIN"] is True
    assert rest.result("scope") == ["user"]
    assert rest.result("method.get", name="im.notify") == {"isExisting": True, "isAvailable": False}
    assert "user.get" in rest.result("methods")
    assert rest.error("no.such.method") == (404, "ERROR_METHOD_NOT_FOUND")


def test_moved_portal_answers_302(http: requests.Session, stand: Stand) -> None:
    """doc: change-domen."""
    portal = stand.add_portal(company="Wandering Geese")
    base = portal.webhook(portal.admin)
    moved = portal.move()
    answer = http.post(f"{base}profile", json={}, allow_redirects=False, timeout=10)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(f"http://{moved}/rest/1/")
    assert http.post(answer.headers["Location"], json={}, timeout=10).json()["result"]["ID"] == "1"
    stand.portals.remove(portal)


class TestPeople:
    def test_pages_of_fifty(self, http: requests.Session, stand: Stand) -> None:
        """doc: user.get, list-methods-pecularities."""
        large = stand.portals[2]
        rest = Rest(http, large.webhook(large.admin))
        _, first = rest("user.get", sort="ID", order="DESC")
        assert (first["total"], first["next"], len(first["result"]), first["result"][0]["ID"]) == (2000, 50, 50, "2000")
        _, last = rest("user.get", start=1950)
        assert "next" not in last
        assert len(last["result"]) == 50
        _, uncounted = rest("user.get", start=-1)
        assert "total" not in uncounted

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            ({"ID": "3"}, ["3"]),
            ({"@ID": [2, 3]}, ["2", "3"]),
            ({"!@ID": list(range(1, 12))}, ["12"]),
            ({">ID": 10}, ["11", "12"]),
            ({"<=ID": 2}, ["1", "2"]),
            ({"!ID": 1, "<ID": 4}, ["2", "3"]),
            ({"NAME": "Jörg"}, ["4"]),
            ({"%LAST_NAME": "истопад"}, ["3"]),
            ({"=%NAME": "c%"}, ["5"]),
            ({"UF_DEPARTMENT": 11}, ["3", "6"]),
            ({"UF_DEPARTMENT": [11, 14]}, ["3", "6", "10"]),
            ({"ACTIVE": False}, ["12"]),
            ({"NAME_SEARCH": "gümüş"}, ["10"]),
            ({"USER_TYPE": "extranet"}, []),
        ],
    )
    def test_filters(self, hooked: Rest, portal: Portal, wanted: dict[str, object], found: list[str]) -> None:
        """doc: user.get, prefixes of filter keys."""
        portal.dismiss(portal.people[12])
        assert [person["ID"] for person in hooked.result("user.get", FILTER=wanted)] == found

    def test_fields_beside_the_filter_count_too(self, hooked: Rest) -> None:
        assert [person["ID"] for person in hooked.result("user.get", ID=7)] == ["7"]

    def test_shapes(self, hooked: Rest) -> None:
        person = hooked.result("user.current")
        assert (person["ID"], person["ACTIVE"], person["UF_DEPARTMENT"], person["USER_TYPE"]) == ("1", True, [1], "employee")
        assert hooked.result("user.get", ID=1, select=["ID", "UF_*"])[0].keys() == {"ID", "UF_DEPARTMENT", "UF_EMPLOYMENT_DATE"}
        assert "PERSONAL_PHOTO" not in hooked.result("profile")
        assert hooked.result("user.admin") is True

    def test_search(self, hooked: Rest) -> None:
        assert [person["ID"] for person in hooked.result("user.search", FILTER={"FIND": "vuoren"})] == ["2"]
        assert [person["ID"] for person in hooked.result("user.search", FILTER={"UF_DEPARTMENT_NAME": "Support Süd"})] == ["10"]

    def test_departments(self, hooked: Rest) -> None:
        """doc: department.get: strings for ids, no PARENT for the company."""
        _, answer = hooked("department.get")
        assert (answer["total"], answer["result"][0]) == (6, {"ID": "1", "NAME": "Lantern Works", "SORT": 500, "UF_HEAD": "1"})
        assert hooked.result("department.get", ID=14)[0]["PARENT"] == "5"


class TestEventBindings:
    def test_bind_get_unbind(self, rest: Rest, installation: Installation) -> None:
        """doc: event.bind, event.get, event.unbind."""
        handler = f"{installation.app.app_url}events/"
        assert rest.result("event.bind", event="onAppUninstall", handler=handler) is True
        assert rest.result("event.get") == [{"event": "ONAPPUNINSTALL", "handler": handler, "auth_type": "0", "offline": 0}]
        assert rest.error("event.bind", event="ONAPPUNINSTALL", handler=handler)[0] == 400
        assert rest.error("event.bind", event="ONNOSUCHTHING", handler=handler) == (400, "ERROR_EVENT_NOT_FOUND")
        assert rest.error("event.bind", event="ONAPPUPDATE", handler="http://elsewhere.example/") == (400, "ERROR_HANDLER_URL_MATCH")
        assert rest.result("event.unbind", event="ONAPPUNINSTALL", handler=handler) == {"count": 1}
        assert rest.result("event.get") == []

    def test_who_is_no_admin_binds_for_themselves(self, portal: Portal, as_person: As, installation: Installation) -> None:
        """doc: event.bind."""
        rest = as_person(portal.person)
        handler = f"{installation.app.app_url}events/"
        assert rest.error("event.bind", event="ONAPPUPDATE", handler=handler, auth_type=1) == (403, "ACCESS_DENIED")
        assert rest.result("event.bind", event="ONAPPUPDATE", handler=handler) is True
        assert rest.result("event.get")[0]["auth_type"] == "3"

    def test_webhook_cannot_bind(self, hooked: Rest) -> None:
        assert hooked.error("event.bind", event="ONAPPUPDATE", handler="http://x.example/") == (403, "WRONG_AUTH_TYPE")


class TestPlacements:
    def test_rest_app_uri_takes_one_handler(self, rest: Rest, installation: Installation) -> None:
        """doc: placement.bind (this error has status 200), placement.unbind (counts twice), widgets/universal/app-url."""
        handler = installation.app.app_url
        assert rest.result("placement.bind", PLACEMENT="REST_APP_URI", HANDLER=handler) is True
        assert rest.error("placement.bind", PLACEMENT="REST_APP_URI", HANDLER=f"{handler}2") == (200, "ERROR_PLACEMENT_MAX_COUNT")
        bound = rest.result("placement.get")[0]
        assert (bound["placement"], bound["handler"], bound["options"]) == ("REST_APP_URI", handler, [])
        assert "REST_APP_URI" in rest.result("placement.list")
        assert rest.result("placement.unbind", PLACEMENT="REST_APP_URI") == {"count": 2}
        assert rest.result("placement.get") == []

    def test_admins_and_applications_only(self, portal: Portal, hooked: Rest, as_person: As) -> None:
        assert as_person(portal.person).error("placement.bind", PLACEMENT="REST_APP_URI", HANDLER="x") == (403, "ACCESS_DENIED")
        assert hooked.error("placement.bind", PLACEMENT="REST_APP_URI", HANDLER="x") == (403, "WRONG_AUTH_TYPE")

    def test_missing_argument_is_named(self, rest: Rest) -> None:
        status, body = rest("placement.bind", HANDLER="x")
        assert (status, body["error"], body["argument"]) == (200, "ERROR_ARGUMENT", "PLACEMENT")


def test_app_info_of_the_portal(rest: Rest, hooked: Rest, portal: Portal, installation: Installation) -> None:
    """doc: app.info."""
    info = rest.result("app.info")
    assert (info["CODE"], info["INSTALLED"], info["STATUS"], info["LICENSE"], info["LICENSE_FAMILY"]) == (
        "example.tests",
        False,
        "F",
        "en_pro100",
        "pro",
    )
    portal.finish_install(installation.app)
    assert rest.result("app.info")["INSTALLED"] is True
    assert hooked.error("app.info") == (400, "ACCESS_DENIED")


def test_reset_keeps_addresses_and_applications(stand: Stand, rest: Rest, hooked: Rest, portal: Portal, installation: Installation) -> None:
    rest.result("im.notify", USER_ID=1, MESSAGE="x")
    stand.clock.advance(100)
    stand.reset()
    assert rest.error("profile") == (401, "invalid_token")
    assert hooked.result("profile")["ID"] == "1"
    assert (portal.installations, portal.feed(portal.admin)) == ({}, [])
    assert installation.app.client_id in stand.world.apps


def test_log_masks_secrets(stand: Stand, rest: Rest) -> None:
    rest.result("batch", cmd={"me": f"profile?auth={rest.auth}", "all": "user.get?FILTER[ID]=1"})
    entry = stand.log.calls("batch")[0]
    assert (entry.status, entry.who, entry.params["auth"], [command.method for command in entry.commands]) == (
        200,
        1,
        "***",
        ["profile", "user.get"],
    )
    assert stand.log.commands("user.get")[0].params == {"FILTER": {"ID": "1"}}
    assert str(rest.auth) not in repr(stand.log.entries)


@pytest.mark.parametrize(
    ("scope", "shown"),
    [("user_brief", set()), ("user_basic", {"EMAIL"}), ("user", {"EMAIL", "LAST_LOGIN"})],
)
def test_three_widths_of_scope_user(http: requests.Session, portal: Portal, scope: str, shown: set[str]) -> None:
    """doc: user/user-scope. What is hidden counts neither in select nor in filters, without an error."""
    rest = Rest(http, portal.webhook(portal.admin, scope=(scope,)))
    person = rest.result("user.current")
    assert {"EMAIL", "LAST_LOGIN"} & person.keys() == shown
    found = rest.result("user.get", FILTER={"EMAIL": portal.person.email}, select=["ID", "EMAIL"])
    assert len(found) == (1 if "EMAIL" in shown else len(portal.people))
    assert all(("EMAIL" in each) is ("EMAIL" in shown) for each in found)
