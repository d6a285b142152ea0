"""The table of b24app/lifecycle.py, one test per row, and what a removal leaves behind."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from b24app import lifecycle, roles
from b24app.models import Activity, CallLog, LaunchProof, MethodPause, Portal, PortalUser, Sender
from b24app.rest.calls import Call
from b24app.rest.client import as_portal
from devportal.server import Stand
from devportal.world import App
from devportal.world import Portal as StandPortal
from notifications.models import Answer, ConfirmationRequest, Dispatch, DispatchCount, HourCount, Lane, Notification, TagGroup
from tests.b24app.conftest import Browser, rows

pytestmark = pytest.mark.django_db

Install = Callable[..., str]


def stored() -> Portal:
    return Portal.objects.get()


def call_works() -> bool:
    return bool(as_portal(stored()).run(Call("user.current", {}, lambda answer: answer.result)))


def plant_ledger(member_id: str) -> Notification:
    """One sent notification of that portal, and rows in every other table that a portal can fill."""
    portal = Portal.objects.get(member_id=member_id)
    person = portal.people.get(is_admin=True)
    recipient = PortalUser.objects.create(portal=portal, user_id=77, name="Planted Recipient", photo="https://planted.example/photo.png")
    sender = portal.senders.get(kind="app")
    dispatch = Dispatch.objects.create(
        portal=portal, sender=sender, author=person, key=uuid.uuid4(), type="personal", message="planted message", tag="planted-tag",
        left_out={"dismissed": {"count": 1, "names": ["Planted Dismissed"]}},
    )  # fmt: skip
    Dispatch.objects.create(
        portal=portal, sender=sender, author=person, key=uuid.uuid4(), type="personal", message="unsent", state="preparing",
        audience={"listed": ["somebody@planted.example"]},
    )  # fmt: skip
    portal.chosen = {"send": {"people": [{"id": 77, "name": "Planted Chosen"}], "departments": []}}
    portal.save(update_fields=["chosen"])
    Sender.objects.create(portal=portal, kind="webhook", name="Planted webhook", webhook_url="https://planted.example/rest/1/planted/")
    MethodPause.objects.create(portal=portal, method="im.notify", until=timezone.now())
    notification = Notification.objects.create(
        portal=portal, sender=sender, dispatch=dispatch, author=person, recipient=recipient, type="personal", tag="planted-tag",
        wire_tag="planted-tag|77", state="confirmed",
    )  # fmt: skip
    DispatchCount.objects.create(dispatch=dispatch, state="confirmed", number=1)
    TagGroup.objects.create(portal=portal, sender=sender, by="tag", value="planted-tag", latest=dispatch, dispatches=1, counts={})
    HourCount.objects.create(portal=portal, hour=timezone.now(), counts={})
    Activity.objects.create(portal=portal, person=person, kind="sent", details={"tag": "planted-tag"})
    request = ConfirmationRequest.objects.create(dispatch=dispatch, buttons=[{"label": "Planted button"}], closed_by=person)
    Answer.objects.create(
        request=request, notification=notification, value="yes", label="Planted button", reason="planted", answered_at=timezone.now()
    )
    Lane.objects.create(portal=portal, owner="planted")
    return notification


def everything() -> str:
    """The text of every column of every table of the database, whoever owns it; encrypted columns as they would be read."""
    found = [str(rows())]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            found.append(str(cursor.fetchall()))
    return "\n".join(found)


# --- Installing ---


def test_onappinstall_makes_the_portal_active(install: Install, portal: StandPortal, browser_of: Browser, app: App) -> None:
    install(portal)
    assert stored().state == "installing"
    assert browser_of.deliver() == [200]
    assert (stored().state, stored().application_token) == ("active", portal.installations[app.client_id].application_token)
    assert stored().installed_at


def test_onappinstall_late(install: Install, portal: StandPortal, browser_of: Browser, app: App) -> None:
    install(portal)
    browser_of.open(portal.launch(app, portal.person))
    assert (stored().state, stored().application_token) == ("active", "")
    opened_at = stored().installed_at
    assert browser_of.deliver() == [200]
    assert (stored().state, stored().installed_at) == ("active", opened_at)
    assert stored().application_token == portal.installations[app.client_id].application_token


def test_onappinstall_doubled(install: Install, portal: StandPortal, browser_of: Browser, stand: Stand) -> None:
    install(portal)
    stand.world.events.held *= 2
    assert browser_of.deliver() == [200, 200]
    assert Portal.objects.count() == 1
    assert stored().state == "active"


def test_onappinstall_missing(install: Install, portal: StandPortal, browser_of: Browser, stand: Stand, app: App) -> None:
    """app.info says installed at the first opening; the same AUTH_ID was proven by the installer's page, and is asked about once more."""
    install(portal)
    stand.world.events.held.clear()
    browser_of.open(portal.launch(app, portal.admin))
    assert stored().state == "active"
    assert stored().application_token == portal.installations[app.client_id].application_token


def test_onappinstall_before_any_launch(portal: StandPortal, browser_of: Browser, app: App) -> None:
    portal.install(app, portal.admin)
    portal.finish_install(app)
    assert browser_of.deliver() == [200]
    assert stored().state == "active"
    assert stored().people.get().is_admin
    assert call_works()
    portal.uninstall(app, clean=True)
    assert Portal.objects.count() == 1  # only the card's ONAPPINSTALL was bound: no event told of the removal


def test_onappinstall_by_an_ordinary_person_is_refused(installed: StandPortal, browser_of: Browser, app: App, stand: Stand) -> None:
    """Everybody on a portal holds an access token of the app: it must not be enough to plant an application_token."""
    before = stored().application_token
    installed.installations[app.client_id].installed_by = installed.person
    installed.installations[app.client_id].application_token = "planted"
    stand.world.events.installed(installed.installations[app.client_id])
    assert browser_of.deliver() == [403]
    assert stored().application_token == before


def test_app_info_lagging_behind_does_not_undo_an_installation(installed: StandPortal, browser_of: Browser, app: App) -> None:
    installed.installations[app.client_id].installed = False
    browser_of.open(installed.launch(app, installed.person))
    assert stored().state == "active"
    assert stored().application_token


def test_a_reinstall_after_a_missed_removal_begins_anew(
    installed: StandPortal, install: Install, browser_of: Browser, app: App, stand: Stand
) -> None:
    old_page = browser_of.open(installed.launch(app, installed.admin)).context["frame_token"]
    installed.uninstall(app, clean=True)
    stand.world.events.held.clear()
    installed.install(app, installed.admin)
    page = browser_of.open(installed.launch(app, installed.admin, installer=True))
    assert (stored().state, stored().application_token, stored().bound_version) == ("installing", "", None)
    assert browser_of.frame("/frame/install/", old_page).status_code == 401
    assert browser_of.frame("/frame/install/", page.context["frame_token"]).json()["ok"]


def test_an_abandoned_installation_can_be_begun_again(portal: StandPortal, install: Install, browser_of: Browser, app: App) -> None:
    portal.install(app, portal.admin)
    browser_of.open(portal.launch(app, portal.admin, installer=True))
    install(portal)
    assert browser_of.deliver() == [200]
    assert stored().state == "active"


# --- Updates ---


def test_onappupdate_brings_a_new_application_token_and_binds_again(
    installed: StandPortal, browser_of: Browser, app: App, stand: Stand
) -> None:
    """b24-rest-docs pull 370: the token changes and the wizard's subscriptions are gone."""
    before = stored().application_token
    installed.update(app)
    assert browser_of.deliver() == [200]
    assert stored().application_token == installed.installations[app.client_id].application_token != before
    assert {binding.event for binding in installed.installations[app.client_id].events if binding.id} >= {"ONAPPUNINSTALL"}
    installed.uninstall(app, clean=True)
    assert browser_of.deliver() == [200]
    assert not Portal.objects.exists()


def test_onappupdate_with_the_old_application_token(installed: StandPortal, browser_of: Browser, app: App) -> None:
    portal = stored()
    installed.installations[app.client_id].events.clear()
    body = f"event=ONAPPUPDATE&auth[member_id]={portal.member_id}&auth[application_token]={portal.application_token}"
    assert browser_of.post("/events/", body).status_code == 200
    assert len(installed.installations[app.client_id].events) == 3
    assert stored().application_token == portal.application_token


def test_onappupdate_with_a_planted_application_token(installed: StandPortal, browser_of: Browser, app: App) -> None:
    fields = installed.launch(app, installed.person).fields
    for access_token in ("", "0" * 70, fields["AUTH_ID"]):
        before = stored().application_token
        body = (
            f"event=ONAPPUPDATE&auth[member_id]={installed.member_id}&auth[domain]={installed.domain}"
            f"&auth[application_token]=planted&auth[access_token]={access_token}"
        )
        assert browser_of.post("/events/", body).status_code == 403
        assert stored().application_token == before


def test_onappupdate_missing_is_made_up_for_at_the_next_opening(
    installed: StandPortal, browser_of: Browser, app: App, stand: Stand
) -> None:
    installed.update(app)
    stand.world.events.held.clear()
    installed.expire_tokens()
    browser_of.open(installed.launch(app, installed.admin))
    assert (stored().version, stored().bound_version) == (2, 2)
    assert stored().application_token == installed.installations[app.client_id].application_token


# --- Removal ---


@pytest.mark.market("M05")
def test_removal_with_clean_leaves_no_row_and_no_token_in_any_table(
    installed: StandPortal, other_portal: StandPortal, install: Install, browser_of: Browser, app: App
) -> None:
    """M05: after ONAPPUNINSTALL every table is searched for values of that portal; another company's rows stay."""
    install(other_portal, other_portal.second_admin)
    browser_of.deliver()
    browser_of.open(installed.launch(app, installed.admin))
    plant_ledger(installed.member_id)
    fields = installed.launch(app, installed.admin).fields
    secrets = [fields["AUTH_ID"], fields["REFRESH_ID"], fields["APPLICATION_TOKEN"]]
    planted = [*secrets, installed.member_id, installed.domain, installed.admin.full_name, "planted", "Planted"]
    before = everything()
    assert all(value in before for value in planted), "the search must be able to find what it looks for"
    assert [table for table, held in rows().items() if not held] == [], "a table that holds nothing proves nothing"

    installed.uninstall(app, clean=True)
    assert browser_of.deliver() == [200]
    after = everything()
    assert [value for value in planted if value in after] == []
    assert list(Portal.objects.values_list("member_id", flat=True)) == [other_portal.member_id]
    assert other_portal.domain in after


@pytest.mark.market("M05")
def test_removal_without_clean_keeps_the_ledger_and_nothing_personal(installed: StandPortal, browser_of: Browser, app: App) -> None:
    """market-checklist: tokens and personal data always go; the clean flag 0 leaves what is harmless."""
    browser_of.open(installed.launch(app, installed.admin))
    plant_ledger(installed.member_id)
    fields = installed.launch(app, installed.admin).fields
    installed.uninstall(app, clean=False)
    assert browser_of.deliver() == [200]
    after = everything()
    for gone in (
        fields["AUTH_ID"], fields["REFRESH_ID"], fields["APPLICATION_TOKEN"], installed.admin.full_name, "Planted Recipient",
        "Planted Dismissed", "Planted Chosen", "planted.example",
    ):  # fmt: skip
        assert gone not in after
    portal = stored()
    assert (portal.state, portal.application_token, portal.bound_version) == ("removed", "", None)
    assert not any(person.access_token or person.refresh_token or person.name for person in portal.people.all())
    assert not CallLog.objects.exists()
    assert not LaunchProof.objects.exists()
    assert Notification.objects.get().message == "planted message"
    assert [person.id for person in roles.chosen(portal, roles.Right.SEND).people] == [77], "the rights themselves stay"


@pytest.mark.parametrize("clean", [True, False])
def test_removal_doubled(clean: bool, installed: StandPortal, browser_of: Browser, app: App, stand: Stand) -> None:
    installed.uninstall(app, clean=clean)
    stand.world.events.held *= 2
    assert browser_of.deliver() == [200, 403]
    assert Portal.objects.filter(state="removed").count() == (0 if clean else 1)
    assert not Portal.objects.exclude(state="removed").exists()


@pytest.mark.parametrize("clean", [True, False])
def test_removal_of_an_earlier_installation_replayed(
    clean: bool, installed: StandPortal, install: Install, browser_of: Browser, app: App, stand: Stand
) -> None:
    """Late or replayed, after the app was installed again: the old application_token proves nothing about the new installation."""
    installed.uninstall(app, clean=clean)
    late = list(stand.world.events.held)
    if clean:
        browser_of.deliver()
    else:
        stand.world.events.held.clear()
    install(installed)
    assert browser_of.deliver() == [200]
    before = rows()
    stand.world.events.held = late
    assert browser_of.deliver() == [403]
    assert rows() == before
    assert stored().state == "active"


def test_removal_after_a_reinstall(installed: StandPortal, install: Install, browser_of: Browser, app: App) -> None:
    installed.uninstall(app, clean=False)
    browser_of.deliver()
    install(installed)
    browser_of.deliver()
    installed.uninstall(app, clean=True)
    assert browser_of.deliver() == [200]
    assert not Portal.objects.exists()


def test_a_removed_portal_comes_back_with_its_ledger(installed: StandPortal, install: Install, browser_of: Browser, app: App) -> None:
    plant_ledger(installed.member_id)
    installed.uninstall(app, clean=False)
    browser_of.deliver()
    install(installed)
    assert browser_of.deliver() == [200]
    assert stored().state == "active"
    assert Notification.objects.filter(portal=stored()).count() == 1
    assert call_works()


@pytest.mark.market("M03")
def test_ten_rounds_of_removing_and_installing_leave_one_portal_that_works(
    portal: StandPortal, install: Install, browser_of: Browser, app: App
) -> None:
    """M03: reviewers do exactly that."""
    for round_ in range(10):
        install(portal)
        assert browser_of.deliver() == [200]
        portal.uninstall(app, clean=bool(round_ % 2))
        assert browser_of.deliver() == [200]
    token = install(portal)
    assert browser_of.deliver() == [200]
    assert Portal.objects.count() == Sender.objects.count() == 1
    assert stored().state == "active"
    assert browser_of.frame("/frame/settings/", token, method="get").status_code == 200
    assert call_works()


# --- Removals that no event told of ---


def silence(**changed: Any) -> None:
    Portal.objects.update(checked_at=timezone.now() - lifecycle.SILENT_FOR - timedelta(minutes=1), **changed)


@pytest.mark.parametrize("expired", [False, True], ids=["token still good", "token run out"])
def test_a_missed_removal_is_found_at_night(expired: bool, installed: StandPortal, browser_of: Browser, app: App, stand: Stand) -> None:
    installed.uninstall(app, clean=True)
    stand.world.events.held.clear()
    if expired:
        PortalUser.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    silence()
    lifecycle.check_silent_portals()
    assert stored().state == "removed"
    assert not any(person.access_token for person in PortalUser.objects.all())


def test_an_unfinished_installation_is_removed_at_night(portal: StandPortal, browser_of: Browser, app: App) -> None:
    portal.install(app, portal.admin)
    browser_of.open(portal.launch(app, portal.admin, installer=True))
    silence()
    lifecycle.check_silent_portals()
    assert stored().state == "removed"


def test_a_silent_portal_that_still_has_the_app_stays(installed: StandPortal, stand: Stand) -> None:
    silence()
    stand.log.clear()
    lifecycle.check_silent_portals()
    assert stored().state == "active"
    assert stored().checked_at > timezone.now() - timedelta(minutes=1)
    # Refreshing daily is abuse (doc: auto-renewal): who was asked is left alone for a while.
    lifecycle.check_silent_portals()
    assert stand.log.count("oauth.app_info") == 1


@pytest.mark.parametrize("fault", [{"kind": "html"}, {"kind": "cut_before"}, {"code": "INTERNAL_SERVER_ERROR"}])
def test_no_answer_at_night_proves_nothing(fault: dict[str, str], installed: StandPortal, stand: Stand) -> None:
    silence()
    stand.faults.order(method="oauth.app_info", times=None, **fault)
    before = rows()
    lifecycle.check_silent_portals()
    assert rows() == before


def test_a_server_that_does_not_answer_is_asked_once_a_night(
    installed: StandPortal, other_portal: StandPortal, install: Install, browser_of: Browser, stand: Stand
) -> None:
    """Each of thousands of portals would wait for it."""
    install(other_portal)
    browser_of.deliver()
    silence()
    stand.faults.order(method="oauth.app_info", times=None, kind="cut_before")
    stand.log.clear()
    lifecycle.check_silent_portals()
    asked_once = stand.log.count("oauth.app_info")
    Portal.objects.exclude(member_id=installed.member_id).delete()
    stand.log.clear()
    lifecycle.check_silent_portals()
    assert asked_once == stand.log.count("oauth.app_info") > 0


def test_a_wrong_secret_of_ours_removes_nobody(installed: StandPortal, settings: Settings) -> None:
    """INVALID_CLIENT also means that our own credentials are wrong: no portal may lose its tokens for that."""
    silence()
    PortalUser.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    settings.B24_CLIENT_SECRET = "mistyped"
    lifecycle.check_silent_portals()
    assert stored().state == "active"


def test_invalid_client_means_removed_when_our_credentials_are_right(
    installed: StandPortal, other_portal: StandPortal, install: Install, browser_of: Browser, app: App, stand: Stand
) -> None:
    """doc error-codes: invalid_client also says that the app is not installed there."""
    install(other_portal)
    browser_of.deliver()
    PortalUser.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    # The portal forgets the app but its tokens linger, as the authorization server may keep them.
    del installed.installations[app.client_id]
    silence()
    lifecycle.check_silent_portals()
    assert dict(Portal.objects.values_list("member_id", "state")) == {installed.member_id: "removed", other_portal.member_id: "active"}


# --- Forged events ---


FORGED = {
    "a removal without token": "event=ONAPPUNINSTALL&data[CLEAN]=1&auth[member_id]={mine}",
    "a removal with an empty token": "event=ONAPPUNINSTALL&data[CLEAN]=1&auth[member_id]={mine}&auth[application_token]=",
    "a removal with a guessed token": "event=ONAPPUNINSTALL&data[CLEAN]=1&auth[member_id]={mine}&auth[application_token]=0123456789abcdef",
    "a removal with another portal's token": (
        "event=ONAPPUNINSTALL&data[CLEAN]=1&auth[member_id]={mine}&auth[application_token]={their_token}"
    ),
    "a removal of an unknown portal": "event=ONAPPUNINSTALL&data[CLEAN]=1&auth[member_id]=ffff&auth[application_token]={my_token}",
    "an installation without token": "event=ONAPPINSTALL&auth[member_id]={mine}&auth[domain]={domain}&auth[application_token]=planted",
    "an installation with an unknown token": (
        "event=ONAPPINSTALL&auth[member_id]={mine}&auth[domain]={domain}&auth[application_token]=planted&auth[access_token]=0000"
    ),
    "an installation with another portal's access token": (
        "event=ONAPPINSTALL&auth[member_id]={mine}&auth[domain]={domain}&auth[application_token]=planted&auth[access_token]={their_access}"
    ),
    "an installation at a planted address": (
        "event=ONAPPINSTALL&auth[member_id]={mine}&auth[domain]=evil.example&auth[application_token]=planted&auth[access_token]={my_access}"
    ),
    "an installation with a planted server": (
        "event=ONAPPINSTALL&auth[member_id]={mine}&auth[domain]={domain}&auth[application_token]=planted&auth[access_token]={my_access}"
        "&auth[server_endpoint]=https://evil.example/rest/"
    ),
    "an update with a planted token": "event=ONAPPUPDATE&auth[member_id]={mine}&auth[domain]={domain}&auth[application_token]=planted",
    "another event": "event=ONCRMDEALADD&auth[member_id]={mine}&auth[application_token]=planted",
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_event_gets_the_same_403_and_changes_nothing(
    forged: str, installed: StandPortal, other_portal: StandPortal, install: Install, browser_of: Browser, app: App
) -> None:
    install(other_portal)
    browser_of.deliver()
    body = FORGED[forged].format(
        mine=installed.member_id,
        domain=installed.domain,
        my_token=stored_of(installed).application_token,
        their_token=stored_of(other_portal).application_token,
        my_access=installed.launch(app, installed.admin).fields["AUTH_ID"],
        their_access=other_portal.launch(app, other_portal.admin).fields["AUTH_ID"],
    )
    before = rows()
    response = browser_of.post("/events/", body)
    assert (response.status_code, response.content) == (403, b"")
    assert rows() == before


def stored_of(portal: StandPortal) -> Portal:
    return Portal.objects.get(member_id=portal.member_id)


@pytest.mark.parametrize(
    "body", ["", "event=", "event=ONAPPUNINSTALL", "data[CLEAN]=1&auth[member_id]=abc", "[]=1", "event=%ff&auth[member_id]=a"]
)
def test_what_is_no_event_gets_400(body: str, stand: Stand, browser_of: Browser) -> None:
    assert browser_of.post("/events/", body).status_code == 400


def test_an_event_that_cannot_be_checked_now_gets_503(portal: StandPortal, browser_of: Browser, app: App, stand: Stand) -> None:
    """The sender may try again; nothing is believed meanwhile."""
    portal.install(app, portal.admin)
    portal.finish_install(app)
    stand.faults.order(method="oauth.app_info", kind="cut_before", times=None)
    before = rows()
    assert browser_of.deliver() == [503]
    assert rows() == before


def test_a_proven_event_that_nobody_asked_for_changes_nothing(installed: StandPortal, browser_of: Browser) -> None:
    before = rows()
    body = f"event=ONAPPTEST&auth[member_id]={installed.member_id}&auth[application_token]={stored().application_token}"
    assert browser_of.post("/events/", body).status_code == 200
    assert rows() == before


def test_a_portal_without_application_token_is_removed_by_nobody(install: Install, portal: StandPortal, browser_of: Browser) -> None:
    """Before ONAPPINSTALL there is nothing to compare with: an empty token must not equal it."""
    install(portal)
    assert stored().application_token == ""
    before = rows()
    for token in ("", "&auth[application_token]="):
        body = f"event=ONAPPUNINSTALL&data[CLEAN]=1&auth[member_id]={portal.member_id}{token}"
        assert browser_of.post("/events/", body).status_code == 403
    assert rows() == before
