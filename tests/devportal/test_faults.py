"""Faults that tests order, and the control addresses for other processes."""

import threading
from typing import Any, get_args

import pytest
import requests

from devportal.faults import DOCUMENTED, FaultKind
from devportal.server import Stand
from devportal.world import Installation, Portal
from tests.devportal.conftest import Rest


@pytest.mark.parametrize("code", sorted(DOCUMENTED))
def test_every_documented_error(stand: Stand, hooked: Rest, code: str) -> None:
    """doc: error-codes, with the documented status, once."""
    stand.faults.order(method="profile", code=code)
    status, body = hooked("profile")
    assert (status, body["error"], body["error_description"]) == (DOCUMENTED[code][0], code, DOCUMENTED[code][1])
    assert hooked("profile")[0] == 200


def test_orders_name_portal_method_and_times(stand: Stand, http: requests.Session, portal: Portal, other_portal: Portal) -> None:
    here, there = (Rest(http, each.webhook(each.admin)) for each in (portal, other_portal))
    stand.faults.order(portal=other_portal, code="INTERNAL_SERVER_ERROR", status=200, times=2)
    assert here("profile")[0] == 200
    assert [there("profile") for _ in range(3)][1][1]["error"] == "INTERNAL_SERVER_ERROR"
    assert there("profile")[1]["result"]["ID"] == "1"


def test_inside_a_batch(stand: Stand, hooked: Rest, portal: Portal) -> None:
    stand.faults.order(method="im.notify", code="ERROR_UNEXPECTED_ANSWER", inside_batch=True)
    result = hooked.result("batch", cmd={"a": "im.notify?USER_ID=3&MESSAGE=x", "b": "im.notify?USER_ID=3&MESSAGE=y"})
    assert result["result_error"]["a"]["error"] == "ERROR_UNEXPECTED_ANSWER"
    assert [item.text for item in portal.feed(portal.person)] == ["y"]


@pytest.mark.parametrize(
    "order",
    [
        *({"kind": kind, "inside_batch": True} for kind in get_args(FaultKind) if kind not in {"error", "slow"}),
        *({"kind": kind, "method": "oauth.authorize"} for kind in ("cut_after", "half_json", "wrong_shape", "moved")),
    ],
    ids=lambda order: " ".join(map(str, order.values())),
)
def test_what_could_have_no_effect_cannot_be_ordered(stand: Stand, http: requests.Session, order: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=order["kind"]):
        stand.faults.order(**order)
    assert http.post(f"{stand.auth_url}/_stand/faults", json=order, timeout=5).status_code == 400


def test_authorize_page_breaks_too(stand: Stand, http: requests.Session, portal: Portal, installation: Installation) -> None:
    def show() -> requests.Response:
        return http.get(f"{portal.url}/oauth/authorize/", params={"client_id": installation.app.client_id}, timeout=5)

    stand.faults.order(method="oauth.authorize", code="ACCESS_DENIED")
    assert show().json()["error"] == "ACCESS_DENIED"
    stand.faults.order(method="oauth.authorize", kind="html", status=503)
    assert show().status_code == 503
    stand.faults.order(method="oauth.authorize", kind="cut_before")
    with pytest.raises(requests.ConnectionError):
        show()
    stand.faults.order(method="oauth.authorize", kind="slow", seconds=0.01)
    stand.faults.order(kind="half_json")
    assert ">Allow</button>" in show().text
    assert ">Allow</button>" in show().text


@pytest.mark.parametrize(("kind", "stored"), [("cut_before", 0), ("cut_after", 1)])
def test_cut_connections(stand: Stand, hooked: Rest, portal: Portal, kind: str, stored: int) -> None:
    """Whether the work was done cannot be seen from outside."""
    stand.faults.order(method="im.notify", kind=kind)  # type: ignore[arg-type]
    with pytest.raises(requests.ConnectionError):
        hooked("im.notify", USER_ID=3, MESSAGE="x")
    assert len(portal.feed(portal.person)) == stored
    assert hooked("profile")[0] == 200


def test_slow_answers_after_the_work_until_released(stand: Stand, hooked: Rest, portal: Portal) -> None:
    fault = stand.faults.order(method="im.notify", kind="slow")
    answered = threading.Event()

    def call() -> None:
        hooked("im.notify", USER_ID=3, MESSAGE="x")
        answered.set()

    thread = threading.Thread(target=call)
    thread.start()
    assert not answered.wait(0.2)
    assert len(portal.feed(portal.person)) == 1
    assert hooked_elsewhere(stand, portal) == 200
    stand.faults.release()
    thread.join(5)
    assert answered.is_set()
    assert fault.released.is_set()


def hooked_elsewhere(stand: Stand, portal: Portal) -> int:
    """A slow answer holds nobody else up."""
    return requests.get(f"{portal.webhook(portal.admin)}profile", timeout=5).status_code


def test_broken_answers(stand: Stand, http: requests.Session, portal: Portal) -> None:
    base = portal.webhook(portal.admin)

    def ask() -> requests.Response:
        return http.post(f"{base}profile", json={}, timeout=5, allow_redirects=False)

    stand.faults.order(kind="html", status=403)
    page = ask()
    assert (page.status_code, page.headers["Content-Type"].split(";")[0]) == (403, "text/html")
    stand.faults.order(kind="half_json")
    with pytest.raises(requests.JSONDecodeError):
        ask().json()
    stand.faults.order(kind="wrong_shape")
    assert isinstance(ask().json(), list)
    stand.faults.order(kind="moved")
    moved = ask()
    assert (moved.status_code, moved.headers["Location"]) == (302, f"{base}profile")


def test_authorization_server_breaks_too(stand: Stand, http: requests.Session, portal: Portal, installation: Installation) -> None:
    access = portal.launch(installation.app, portal.admin).fields["AUTH_ID"]
    address = f"{stand.auth_url}/rest/app.info"
    stand.faults.order(method="oauth.app_info", code="PAYMENT_REQUIRED")
    assert http.get(address, params={"auth": access}, timeout=5).json()["error"] == "PAYMENT_REQUIRED"
    stand.faults.order(method="oauth.token", kind="html")
    assert http.get(f"{stand.auth_url}/oauth/token/", timeout=5).status_code == 502
    assert http.get(address, params={"auth": access}, timeout=5).status_code == 200


def test_control_addresses(stand: Stand, http: requests.Session, hooked: Rest, portal: Portal) -> None:
    control = f"{stand.auth_url}/_stand"
    before = stand.clock.now()
    http.post(f"{control}/clock", json={"advance": 100}, timeout=5)
    assert stand.clock.now() - before >= 100
    http.post(f"{control}/faults", json={"method": "profile", "portal": portal.member_id, "code": "OVERLOAD_LIMIT"}, timeout=5)
    assert hooked.error("profile") == (503, "OVERLOAD_LIMIT")
    assert http.post(f"{control}/faults", json={"nonsense": 1}, timeout=5).status_code == 400
    logged = http.get(f"{control}/log", timeout=5).json()
    assert [(entry["method"], entry["code"]) for entry in logged] == [("profile", "OVERLOAD_LIMIT")]
    http.post(f"{control}/reset", timeout=5)
    assert abs(stand.clock.now() - before) < 60
    assert stand.log.entries == []
