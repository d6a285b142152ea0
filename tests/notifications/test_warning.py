"""Admins are told once of what needs one of them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from b24app import tokens
from b24app.models import Portal, PortalUser
from b24app.rest.errors import RestError
from devportal import world
from devportal.server import Stand
from notifications import dispatching, inbox, tasks, warning
from notifications.models import Dispatch
from notifications.senders import app_sender
from tests.notifications.conftest import Join, Send


@pytest.fixture
def second(join: Join, portal: world.Portal, admin: PortalUser) -> PortalUser:
    """Another admin; both have opened the app."""
    person = join(portal, portal.second_admin)
    PortalUser.objects.filter(is_admin=True).update(last_opened_at=timezone.now())
    return person


@pytest.fixture
def stopped(admin: PortalUser, colleague: PortalUser, second: PortalUser) -> Dispatch:
    """A dispatch that has paused by itself."""
    return Dispatch.objects.create(
        portal=admin.portal, sender=app_sender(admin.portal), author=colleague, key=uuid4(), type="personal",
        message="Read [b]this[/b]", state=Dispatch.State.PAUSED, error_code="ACCESS_DENIED",
    )  # fmt: skip


@pytest.fixture
def fruitless(admin: PortalUser, colleague: PortalUser, second: PortalUser, post: Send) -> Dispatch:
    """A dispatch to many that is over, with not one of them reached."""
    dispatch = post([5, 6], author=admin, message="For [b]all[/b]")
    dispatch.notifications.update(state="failed", error_code="ATTACH_ERROR")
    Dispatch.objects.filter(pk=dispatch.pk).update(author=colleague, audience={"everyone": True})
    return dispatch


def told(portal: world.Portal, person: world.Person) -> list[str]:
    return [item.text for item in portal.feed(person)]


def test_a_dispatch_that_stopped_is_told_to_each_admin_once(
    stopped: Dispatch, portal: world.Portal, stand: Stand, colleague: PortalUser
) -> None:
    for _again in range(2):
        tasks.warn_admins.call_local()
    for person in (portal.admin, portal.second_admin):
        [text] = told(portal, person)
        assert "has stopped: “Read this”" in text
        assert str(colleague) in text
    assert told(portal, portal.person) == []
    assert stand.log.count() == 1


def test_what_may_not_have_arrived_is_told_again_at_once(stopped: Dispatch, portal: world.Portal, stand: Stand) -> None:
    stand.faults.order(method="batch", kind="cut_before")
    tasks.warn_admins.call_local()
    assert (len(told(portal, portal.admin)), len(told(portal, portal.second_admin))) == (1, 1)


def test_one_that_reached_nobody_is_told_to_each_admin_once(fruitless: Dispatch, portal: world.Portal, stand: Stand) -> None:
    for _again in range(2):
        tasks.warn_admins.call_local()
    for person in (portal.admin, portal.second_admin):
        [text] = told(portal, person)
        assert "has reached nobody: “For all”" in text
        assert RestError("ATTACH_ERROR").message in text
    assert stand.log.count() == 1


@pytest.mark.parametrize(
    ("rows", "changed"),
    [
        ({"state": "sent"}, {}), ({"state": "unknown"}, {}), ({}, {"audience": {}}), ({}, {"state": "cancelled"}),
        ({}, {"finished_at": timezone.now() - timedelta(days=2)}),
    ],
)  # fmt: skip
def test_one_that_reached_somebody_or_is_old_is_no_news(
    fruitless: Dispatch, stand: Stand, rows: dict[str, object], changed: dict[str, object]
) -> None:
    fruitless.notifications.filter(pk=fruitless.notifications.latest("pk").pk).update(**rows or {"state": "failed"})
    Dispatch.objects.update(**changed or {"error_code": ""})
    tasks.warn_admins.call_local()
    assert stand.log.count() == 0


def test_one_that_reaches_nobody_again_is_told_again(fruitless: Dispatch, admin: PortalUser, stand: Stand) -> None:
    tasks.warn_admins.call_local()
    dispatching.resend_failed(admin, fruitless.pk)
    fruitless.notifications.update(state="failed", error_code="ATTACH_ERROR")
    Dispatch.objects.update(state="done", finished_at=timezone.now())
    tasks.warn_admins.call_local()
    assert stand.log.count() == 2


def test_two_workers_that_found_the_same_tell_it_once(stopped: Dispatch, admin: PortalUser, stand: Stand) -> None:
    """Both have read the row before either has claimed it."""
    told_by = [warning._warn_of_dispatch(admin.portal, Dispatch.objects.get(pk=stopped.pk)) for _worker in range(2)]
    assert (told_by, stand.log.count()) == ([True, False], 1)


def test_one_that_stops_again_is_told_again_in_the_place_of_the_first(stopped: Dispatch, admin: PortalUser, portal: world.Portal) -> None:
    tasks.warn_admins.call_local()
    dispatching.resume(admin, stopped.pk)
    Dispatch.objects.update(state=Dispatch.State.PAUSED, error_code="QUERY_LIMIT_EXCEEDED", finished_at=None)
    tasks.warn_admins.call_local()
    assert len(told(portal, portal.admin)) == 1
    assert Dispatch.objects.get().warned_at is not None


@pytest.mark.parametrize(
    "changed", [{"state": "done"}, {"error_code": ""}, {"state": "cancelled"}, {"state": "running"}, {"finished_at": timezone.now()}]
)
def test_what_somebody_did_is_no_news(stopped: Dispatch, portal: world.Portal, stand: Stand, changed: dict[str, object]) -> None:
    Dispatch.objects.update(**changed)
    tasks.warn_admins.call_local()
    assert stand.log.count() == 0


def test_nobody_is_told_where_the_portal_wants_it_so(stopped: Dispatch, stand: Stand) -> None:
    Portal.objects.update(warns_admins=False)
    tasks.warn_admins.call_local()
    assert stand.log.count() == 0


def test_only_admins_who_use_the_app(stopped: Dispatch, portal: world.Portal, second: PortalUser) -> None:
    PortalUser.objects.filter(pk=second.pk).update(last_opened_at=None)
    tasks.warn_admins.call_local()
    assert (len(told(portal, portal.admin)), told(portal, portal.second_admin)) == (1, [])


def test_a_dead_access_is_told_once_and_again_after_it_lived(second: PortalUser, portal: world.Portal, colleague: PortalUser) -> None:
    PortalUser.objects.filter(pk__in=[second.pk, colleague.pk]).update(token_state="dead")
    for _again in range(2):
        tasks.warn_admins.call_local()
    assert [str(second) in text for text in told(portal, portal.second_admin)] == [True]
    assert len(told(portal, portal.admin)) == 1
    tokens.store(second, "a", "r", timezone.now())
    assert PortalUser.objects.get(pk=second.pk).warned_at is None


def test_a_busy_portal_is_told_later(stopped: Dispatch, portal: world.Portal, stand: Stand) -> None:
    stand.faults.order(method="batch", code="QUERY_LIMIT_EXCEEDED", times=None)
    Portal.objects.update(bucket_capacity=1000, bucket_drain=100)
    tasks.warn_admins.call_local()
    assert Dispatch.objects.get().warned_at is None
    stand.faults.clear()
    tasks.warn_admins.call_local()
    assert len(told(portal, portal.admin)) == 1


def test_without_a_living_access_nothing_is_lost(stopped: Dispatch, stand: Stand) -> None:
    PortalUser.objects.update(token_state="dead")
    tasks.warn_admins.call_local()
    assert (stand.log.count(), Dispatch.objects.get().warned_at) == (0, None)
    assert set(PortalUser.objects.values_list("warned_at", flat=True)) == {None}


def test_another_portal_hears_nothing(stopped: Dispatch, stranger: PortalUser, other_portal: world.Portal) -> None:
    PortalUser.objects.filter(pk=stranger.pk).update(last_opened_at=timezone.now())
    tasks.warn_admins.call_local()
    assert told(other_portal, other_portal.admin) == []


def test_in_the_inbox_it_can_not_be_taken_for_somebodys_tag(stopped: Dispatch, admin: PortalUser) -> None:
    tasks.warn_admins.call_local()
    [entry] = inbox.page(admin).items
    assert (entry.origin, entry.sender) == ("portal", None)
