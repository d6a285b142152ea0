"""Delivery of the ONAPP* events (doc: api-reference/common/events)."""

from collections.abc import Callable

import pytest

from devportal import phpforms
from devportal.server import Stand
from devportal.world import Installation, Person, Portal
from tests.devportal.conftest import Hook, Rest


@pytest.fixture
def bound(rest: Rest, hook: Hook, installation: Installation) -> Installation:
    """The application with ONAPPUPDATE and ONAPPUNINSTALL bound, as an installer binds them."""
    for event in ("ONAPPUPDATE", "ONAPPUNINSTALL"):
        rest.result("event.bind", event=event, handler=f"{hook.base}/events/")
    return installation


def test_install_event_waits_for_install_finish(stand: Stand, portal: Portal, installation: Installation, hook: Hook) -> None:
    """doc: on-app-install: PHP-style keys, an access token, no event_handler_id."""
    stand.world.events.wait()
    assert hook.posts == []
    portal.finish_install(installation.app)
    stand.world.events.wait()
    post = hook.posts[0]
    assert (post["event"], post["data[ACTIVE]"], post["data[INSTALLED]"], post["data[LANGUAGE_ID]"]) == ("ONAPPINSTALL", "Y", "Y", "en")
    assert (post["auth[member_id]"], post["auth[application_token]"]) == (portal.member_id, installation.application_token)
    assert (post["auth[expires_in]"], post["auth[server_endpoint]"]) >= ("3599", "")
    assert post["auth[access_token]"] == portal.launch(installation.app, portal.admin).fields["AUTH_ID"]
    assert "event_handler_id" not in post


def test_uninstall_event_has_no_token(stand: Stand, portal: Portal, bound: Installation, hook: Hook) -> None:
    """doc: on-app-uninstall."""
    portal.finish_install(bound.app)
    stand.world.events.wait()
    portal.uninstall(bound.app, clean=True)
    stand.world.events.wait()
    post = hook.posts[-1]
    assert (post["event"], post["data[CLEAN]"], post["auth[application_token]"]) == ("ONAPPUNINSTALL", "1", bound.application_token)
    assert not any("access_token" in key or "refresh_token" in key for key in post)


def test_no_uninstall_event_before_the_installation_is_finished(stand: Stand, portal: Portal, bound: Installation, hook: Hook) -> None:
    """doc: installation-finish."""
    portal.uninstall(bound.app)
    stand.world.events.wait()
    assert hook.posts == []


def test_update_brings_a_new_application_token_and_drops_bindings(
    stand: Stand, portal: Portal, rest: Rest, bound: Installation, hook: Hook
) -> None:
    """doc: on-app-update, event.bind."""
    portal.finish_install(bound.app)
    stand.world.events.wait()
    before = bound.application_token
    portal.update(bound.app)
    stand.world.events.wait()
    post = hook.posts[-1]
    assert (post["event"], post["data[VERSION]"], post["data[PREVIOUS_VERSION]"]) == ("ONAPPUPDATE", "2", "1")
    assert post["auth[application_token]"] == bound.application_token != before
    assert rest.result("event.get") == []


def test_an_event_goes_to_its_own_handlers_only(stand: Stand, portal: Portal, rest: Rest, installation: Installation, hook: Hook) -> None:
    rest.result("event.bind", event="ONAPPUPDATE", handler=f"{hook.base}/events/?update")
    portal.finish_install(installation.app)
    stand.world.events.wait()
    assert [delivery.handler for delivery in stand.world.events.sent] == [f"{hook.base}/events/"]


def test_orders(stand: Stand, portal: Portal, installation: Installation, hook: Hook) -> None:
    """Events can be dropped, doubled, delayed and held back."""
    events = stand.world.events
    counts = []
    for kind in ("drop", "double", "delay", "hold"):
        events.order(kind, event="ONAPPINSTALL", seconds=0.05)
        portal.finish_install(installation.app)
        events.wait()
        counts.append(len(hook.posts))
    events.release()
    events.wait()
    assert [*counts, len(hook.posts)] == [0, 2, 3, 3, 4]
    assert {delivery.status for delivery in events.sent} == {200}


def test_installing_again_makes_old_tokens_worthless(
    portal: Portal, rest: Rest, installation: Installation, as_person: Callable[[Person], Rest]
) -> None:
    portal.uninstall(installation.app)
    again = portal.install(installation.app, portal.second_admin)
    assert again.application_token != installation.application_token
    assert rest.error("profile") == (401, "invalid_token")
    assert as_person(portal.admin).result("profile")["ID"] == "1"


def test_php_forms() -> None:
    pairs = phpforms.flatten({"event": "E", "data": {"A": 1, "B": ["x", True], "C": None}})
    assert pairs == [("event", "E"), ("data[A]", "1"), ("data[B][0]", "x"), ("data[B][1]", "1")]
    assert phpforms.parse([*pairs, ("list[]", "a"), ("list[]", "b"), ("gap[1]", "c")]) == {
        "event": "E",
        "data": {"A": "1", "B": ["x", "1"]},
        "list": ["a", "b"],
        "gap": {"1": "c"},
    }
