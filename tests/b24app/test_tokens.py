"""A person's tokens: stored, refreshed when they have expired, dropped when they are dead."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from b24app import tokens
from b24app.models import Portal, PortalUser
from b24app.rest.deadline import Deadline
from b24app.rest.errors import RestError
from devportal import world
from devportal.server import Stand
from tests.b24app.floor import meet, run_out

pytestmark = pytest.mark.django_db

VALID, DEAD, NONE = PortalUser.TokenState.VALID, PortalUser.TokenState.DEAD, PortalUser.TokenState.NONE


@pytest.fixture
def person(portal: world.Portal, app: world.App) -> PortalUser:
    return meet(portal, app, portal.person)


def refused(person: PortalUser, **kwargs: Any) -> str:
    with pytest.raises(RestError) as caught:
        tokens.access_token(person, **kwargs)
    return caught.value.code


def test_a_living_token_is_handed_out_without_asking_anybody(stand: Stand, person: PortalUser) -> None:
    """doc: auto-renewal. Refreshing before every call is abuse."""
    for _ in range(3):
        assert tokens.access_token(person) == person.access_token
    assert stand.log.count("oauth.token") == 0


def test_an_expired_token_is_refreshed_and_both_tokens_replaced(stand: Stand, person: PortalUser) -> None:
    """doc: auto-renewal. The refresh token is replaced at every refresh."""
    run_out(person)
    fresh = tokens.access_token(person)
    row = PortalUser.objects.get(pk=person.pk)
    assert row.access_token == fresh != person.access_token
    assert row.refresh_token != person.refresh_token
    assert row.expires_at > timezone.now() + timedelta(minutes=59)
    assert row.refresh_claimed_at is None
    run_out(person)
    assert tokens.access_token(person) != fresh
    assert stand.log.count("oauth.token") == 2


def test_whoever_comes_with_a_stale_token_gets_the_newer_one(stand: Stand, person: PortalUser) -> None:
    fresh = tokens.refresh(person, person.access_token)
    assert tokens.refresh(person, person.access_token) == fresh
    assert stand.log.count("oauth.token") == 1


def test_tokens_are_encrypted_at_rest(person: PortalUser) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT access_token, refresh_token FROM b24app_portaluser")
        stored = str(cursor.fetchall())
    assert person.access_token not in stored
    assert person.refresh_token not in stored


def test_a_dead_refresh_token_ends_it(stand: Stand, portal: world.Portal, person: PortalUser) -> None:
    portal.revoke_tokens()
    run_out(person)
    assert refused(person) == "INVALID_GRANT"
    row = PortalUser.objects.get(pk=person.pk)
    assert (row.token_state, row.access_token, row.refresh_token, row.expires_at, row.refresh_claimed_at) == (DEAD, "", "", None, None)
    assert refused(person) == "NO_USABLE_TOKEN"
    assert stand.log.count("oauth.token") == 1


@pytest.mark.parametrize("code", ["invalid_client", "PAYMENT_REQUIRED", "NOT_INSTALLED", "INTERNAL_SERVER_ERROR"])
def test_other_refusals_leave_the_tokens_alone(stand: Stand, person: PortalUser, code: str) -> None:
    run_out(person)
    stand.faults.order(method="oauth.token", code=code)
    assert refused(person) == code.upper()
    row = PortalUser.objects.get(pk=person.pk)
    assert (row.token_state, row.refresh_token, row.refresh_claimed_at) == (VALID, person.refresh_token, None)
    assert tokens.access_token(person)


def test_an_answer_for_another_portal_is_not_stored(person: PortalUser) -> None:
    Portal.objects.update(member_id="another")
    run_out(person)
    assert refused(person) == "WRONG_PORTAL"
    assert PortalUser.objects.get(pk=person.pk).access_token == person.access_token


def test_an_answer_for_another_person_is_not_stored(person: PortalUser) -> None:
    PortalUser.objects.update(user_id=4)
    run_out(person)
    assert refused(person) == "WRONG_PORTAL"
    assert PortalUser.objects.get(pk=person.pk).access_token == person.access_token


def test_an_answer_without_a_refresh_token_keeps_the_old_one(person: PortalUser) -> None:
    """django-allauth does the same (anchors.md 1.6)."""
    tokens.store(person, "newer", "", timezone.now() + timedelta(hours=2))
    assert (person.access_token, person.refresh_token) == ("newer", PortalUser.objects.get().refresh_token)
    assert person.refresh_token


def test_a_token_that_cannot_be_refreshed_is_dead_when_it_expires(stand: Stand, person: PortalUser) -> None:
    PortalUser.objects.update(refresh_token="")
    run_out(person)
    assert refused(person) == "NO_USABLE_TOKEN"
    assert PortalUser.objects.get().token_state == DEAD
    assert stand.log.count("oauth.token") == 0


def test_an_old_launch_does_not_overwrite_newer_tokens(person: PortalUser) -> None:
    """bitrix24.md 2: the portal may hand out the same AUTH_ID on every opening within its hour; its refresh token may be spent by then."""
    old = (person.access_token, person.refresh_token, person.expires_at)
    PortalUser.objects.update(expires_at=timezone.now() + timedelta(minutes=59), access_token="newer", refresh_token="newer still")
    tokens.store(person, old[0], old[1], timezone.now() + timedelta(minutes=10))
    assert (person.access_token, person.refresh_token) == ("newer", "newer still")
    PortalUser.objects.update(token_state=DEAD)
    tokens.store(person, old[0], old[1], timezone.now() + timedelta(minutes=10))
    assert (person.access_token, person.refresh_token, person.token_state) == (old[0], old[1], VALID)


def test_forgetting_leaves_the_name(person: PortalUser) -> None:
    PortalUser.objects.update(name="Вера")
    tokens.forget(person)
    assert (person.token_state, person.access_token, person.refresh_token, person.name) == (NONE, "", "", "Вера")
    assert refused(person) == "NO_USABLE_TOKEN"


def test_burying_spares_newer_tokens(person: PortalUser) -> None:
    tokens.bury(person, "an older token")
    assert PortalUser.objects.get().token_state == VALID
    tokens.bury(person, person.access_token)
    assert PortalUser.objects.get().token_state == DEAD


def test_admins_with_tokens(portal: world.Portal, other_portal: world.Portal, app: world.App, person: PortalUser) -> None:
    first = meet(portal, app, portal.admin)
    second = meet(portal, app, portal.second_admin)
    meet(other_portal, app, other_portal.admin)
    assert list(tokens.admins_with_tokens(person.portal)) == [second, first]
    tokens.forget(second)
    assert list(tokens.admins_with_tokens(person.portal)) == [first]


# The claim


def test_another_callers_claim_is_waited_for_in_vain_until_the_deadline(stand: Stand, person: PortalUser) -> None:
    run_out(person)
    PortalUser.objects.update(refresh_claimed_at=timezone.now())
    assert refused(person, deadline=Deadline(0.3)) == "TIMEOUT"
    assert stand.log.count("oauth.token") == 0


def test_a_dead_holders_claim_is_taken_over(stand: Stand, person: PortalUser) -> None:
    run_out(person)
    PortalUser.objects.update(refresh_claimed_at=timezone.now() - tokens.LEASE - timedelta(seconds=1))
    assert tokens.access_token(person, deadline=Deadline(5))
    assert stand.log.count("oauth.token") == 1
    assert PortalUser.objects.get().refresh_claimed_at is None


def test_a_claim_is_given_back_after_a_failure(stand: Stand, person: PortalUser) -> None:
    run_out(person)
    stand.faults.order(method="oauth.token", kind="cut_after")
    assert refused(person) == "CONNECTION_BROKEN"
    assert PortalUser.objects.get().refresh_claimed_at is None


# Keeping alive


def unused_for(days: int) -> None:
    PortalUser.objects.update(refreshed_at=timezone.now() - timedelta(days=days), expires_at=timezone.now() - timedelta(days=days))


def test_a_token_unused_for_long_is_refreshed_once(stand: Stand, person: PortalUser) -> None:
    """bitrix24.md 4: one keep-alive refresh before 180 days; refreshing more often is abuse."""
    unused_for(149)
    assert tokens.keep_alive() == 0
    unused_for(150)
    assert tokens.keep_alive() == 1
    assert tokens.keep_alive() == 0
    assert stand.log.count("oauth.token") == 1
    assert PortalUser.objects.get().refresh_token != person.refresh_token
    assert tokens.access_token(person)


@pytest.mark.parametrize("state", [Portal.State.INSTALLING, Portal.State.SUSPENDED, Portal.State.REMOVED])
def test_only_portals_where_the_app_works_are_kept_alive(stand: Stand, person: PortalUser, state: str) -> None:
    Portal.objects.update(state=state)
    unused_for(160)
    assert tokens.keep_alive() == 0
    assert stand.log.count("oauth.token") == 0


def test_what_cannot_be_kept_alive_holds_up_no_other(stand: Stand, portal: world.Portal, app: world.App, person: PortalUser) -> None:
    dead, another = person, meet(portal, app, portal.admin)
    PortalUser.objects.filter(pk=dead.pk).update(refresh_token="spent long ago")
    unused_for(160)
    assert tokens.keep_alive() == 1
    assert PortalUser.objects.get(pk=dead.pk).token_state == DEAD
    assert PortalUser.objects.get(pk=another.pk).refresh_token != another.refresh_token
    assert tokens.keep_alive() == 0
    assert stand.log.count("oauth.token") == 2


def test_not_all_are_kept_alive_at_once(
    stand: Stand, portal: world.Portal, app: world.App, person: PortalUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "MOST_KEPT_ALIVE", 1)
    meet(portal, app, portal.admin)
    unused_for(160)
    assert [tokens.keep_alive() for _ in range(3)] == [1, 1, 0]
    assert stand.log.count("oauth.token") == 2


def test_a_token_without_a_refresh_token_is_left_to_its_end(stand: Stand, person: PortalUser) -> None:
    PortalUser.objects.update(refresh_token="")
    unused_for(160)
    assert tokens.keep_alive() == 0
    assert stand.log.count("oauth.token") == 0
