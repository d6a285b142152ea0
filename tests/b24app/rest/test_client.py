"""Calls through the one door, against the stand-in over HTTP."""

import json
import logging
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from b24app import call_log, tokens
from b24app.models import CallLog, MethodPause, Portal, PortalUser, Sender
from b24app.rest import client
from b24app.rest.calls import Answer, Call
from b24app.rest.client import as_person, as_portal, as_webhook
from b24app.rest.errors import Policy, RestError
from devportal import world
from devportal.faults import DOCUMENTED
from devportal.server import Stand
from tests.b24app.floor import meet, plain, raw_server, run_out

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(portal: world.Portal, app: world.App) -> PortalUser:
    return meet(portal, app, portal.admin)


@pytest.fixture
def person(portal: world.Portal, app: world.App) -> PortalUser:
    return meet(portal, app, portal.person)


@pytest.fixture
def second_admin(portal: world.Portal, app: world.App) -> PortalUser:
    return meet(portal, app, portal.second_admin)


def failing(call: Callable[[], Any]) -> RestError:
    with pytest.raises(RestError) as caught:
        call()
    return caught.value


def test_a_call_in_a_persons_name(stand: Stand, portal: world.Portal, person: PortalUser) -> None:
    result = as_person(person).run(plain("im.notify.personal.add", USER_ID=4, MESSAGE="Привет ä 🎉", TAG="t"))
    assert portal.feed(portal.people[4])[0].id == result
    entry = stand.log.calls("im.notify.personal.add")[0]
    assert entry.who == portal.person.id
    assert entry.http_method == "POST"
    assert entry.params["MESSAGE"] == "Привет ä 🎉"
    assert entry.params["auth"] == "***"


def test_a_typed_answer_with_paging(stand: Stand, stand_servers: Stand, app: world.App) -> None:
    large = stand_servers.portals[2]
    caller = as_person(meet(large, app, large.admin))
    answer = caller.run(Call("user.get", {"start": 0}, lambda answer: answer))
    assert isinstance(answer, Answer)
    assert len(answer.result) == 50
    assert (answer.total, answer.next) == (2000, 50)


def test_a_batch_is_one_request_with_an_outcome_each(stand: Stand, portal: world.Portal, person: PortalUser) -> None:
    """doc: batch. HTTP status is 200 although commands failed."""
    outcomes = as_person(person).run_batch(
        {
            "good": plain("im.notify.personal.add", USER_ID=4, MESSAGE="a & b = c ? #", TAG="x|1", ATTACH=[{"MESSAGE": "ä"}]),
            "bad": plain("im.notify.personal.add", USER_ID=4, MESSAGE=""),
            "0": plain("profile"),
        }
    )
    assert list(outcomes) == ["good", "bad", "0"]
    assert isinstance(outcomes["good"].value, int)
    assert outcomes["bad"].error is not None
    assert outcomes["bad"].error.code == "MESSAGE_EMPTY"
    assert outcomes["bad"].error.policy is Policy.OUR_MISTAKE
    assert outcomes["0"].value["ID"] == str(portal.person.id)
    assert [entry.method for entry in stand.log.calls(portal=portal)] == ["batch"]
    assert portal.feed(portal.people[4])[0].text == "a & b = c ? #"


@pytest.mark.parametrize("names", [["0", "1", "2"], ["1", "0", "2"], ["5", "a", "0"]])
def test_batches_named_like_list_positions(person: PortalUser, names: list[str]) -> None:
    """PHP turns a map with keys 0, 1, 2 into a list (bitrix24.md 5)."""
    methods = ["profile", "user.admin", "im.notify.read.list"]
    outcomes = as_person(person).run_batch({name: plain(method) for name, method in zip(names, methods, strict=True)})
    assert outcomes[names[0]].value["ID"]
    assert outcomes[names[1]].value is False
    assert outcomes[names[2]].error is not None
    assert outcomes[names[2]].error.code == "PARAMS_ERROR"


def test_a_halted_batch_says_what_was_not_done(person: PortalUser) -> None:
    calls = {"bad": plain("im.notify.read.list"), "later": plain("profile")}
    outcomes = as_person(person).run_batch(calls, halt=True)
    assert outcomes["bad"].error is not None
    assert outcomes["later"].error is not None
    assert (outcomes["bad"].error.code, outcomes["later"].error.code) == ("PARAMS_ERROR", "BATCH_HALTED")


def test_a_batch_holds_fifty(stand: Stand, person: PortalUser) -> None:
    """doc: batch."""
    with pytest.raises(ValueError, match="50"):
        as_person(person).run_batch({str(n): plain("profile") for n in range(51)})
    assert stand.log.count("batch") == 0
    assert len(as_person(person).run_batch({str(n): plain("profile") for n in range(50)})) == 50


def test_typed_text_that_a_batch_would_take_for_a_reference_arrives_as_typed(
    stand: Stand, portal: world.Portal, person: PortalUser
) -> None:
    """doc: batch, linked calls. `$result[…]` in a command is replaced by an earlier command's result."""
    text = "see $result[me][NAME]"
    outcomes = as_person(person).run_batch({"me": plain("profile"), "send": plain("im.notify.personal.add", USER_ID=4, MESSAGE=text)})
    assert outcomes["send"].error is None
    assert portal.feed(portal.people[4])[0].text == text


# Tokens


def test_an_expired_token_is_refreshed_once_and_the_call_repeated(stand: Stand, portal: world.Portal, person: PortalUser) -> None:
    """doc: auto-renewal. The portal says 401 expired_token although our clock says that the token lives."""
    portal.expire_tokens()
    assert as_person(person).run(plain("profile"))["ID"] == str(portal.person.id)
    assert stand.log.count("oauth.token") == 1
    assert stand.log.count("profile") == 2
    as_person(person).run(plain("profile"))
    assert stand.log.count("oauth.token") == 1


def test_a_token_that_has_run_out_is_refreshed_before_the_call(stand: Stand, person: PortalUser) -> None:
    run_out(person)
    as_person(person).run(plain("profile"))
    assert (stand.log.count("oauth.token"), stand.log.count("profile")) == (1, 1)


def test_a_portal_that_never_accepts_a_token_is_asked_twice_only(stand: Stand, person: PortalUser) -> None:
    stand.faults.order(method="profile", code="expired_token", times=None)
    assert failing(lambda: as_person(person).run(plain("profile"))).code == "EXPIRED_TOKEN"
    assert (stand.log.count("oauth.token"), stand.log.count("profile")) == (1, 2)


@pytest.mark.parametrize("code", ["invalid_token", "NO_AUTH_FOUND", "authorization_error"])
def test_a_refused_token_is_dead(stand: Stand, person: PortalUser, code: str) -> None:
    stand.faults.order(method="profile", code=code, times=None)
    assert failing(lambda: as_person(person).run(plain("profile"))).code == code.upper()
    person.refresh_from_db()
    assert (person.token_state, person.access_token, person.refresh_token) == (PortalUser.TokenState.DEAD, "", "")
    assert failing(lambda: as_person(person).run(plain("profile"))).code == "NO_USABLE_TOKEN"
    assert (stand.log.count("oauth.token"), stand.log.count("profile")) == (0, 1)


def test_another_admin_takes_over_within_the_same_call(
    stand: Stand, portal: world.Portal, admin: PortalUser, second_admin: PortalUser
) -> None:
    """design.md 5: the installer's token dying is not the portal dying."""
    tokens.store(admin, admin.access_token, admin.refresh_token, admin.expires_at)  # the latest, so the first to be tried
    portal.revoke_tokens(portal.admin)
    assert as_portal(admin.portal).run(plain("profile"))["ID"] == str(portal.second_admin.id)
    admin.refresh_from_db()
    assert admin.token_state == PortalUser.TokenState.DEAD
    assert CallLog.objects.get(code="").user_id == portal.second_admin.id


def test_another_admin_takes_over_when_the_refresh_is_refused(
    stand: Stand, portal: world.Portal, admin: PortalUser, second_admin: PortalUser
) -> None:
    tokens.store(admin, admin.access_token, admin.refresh_token, admin.expires_at)
    run_out(admin)
    stand.faults.order(method="oauth.token", code="invalid_grant")
    assert as_portal(admin.portal).run(plain("profile"))["ID"] == str(portal.second_admin.id)
    admin.refresh_from_db()
    assert admin.token_state == PortalUser.TokenState.DEAD


def test_another_admin_takes_over_from_one_who_may_not_use_the_app(
    stand: Stand, portal: world.Portal, admin: PortalUser, second_admin: PortalUser
) -> None:
    tokens.store(admin, admin.access_token, admin.refresh_token, admin.expires_at)
    stand.faults.order(method="profile", code="user_access_error")
    assert as_portal(admin.portal).run(plain("profile"))["ID"] == str(portal.second_admin.id)
    admin.refresh_from_db()
    assert admin.token_state == PortalUser.TokenState.VALID


def test_without_any_admins_token_the_portal_cannot_be_called(
    stand: Stand, portal: world.Portal, admin: PortalUser, person: PortalUser
) -> None:
    portal.revoke_tokens(portal.admin)
    error = failing(lambda: as_portal(admin.portal).run(plain("profile")))
    assert error.code == "INVALID_TOKEN"
    before = stand.log.count()
    assert failing(lambda: as_portal(admin.portal).run(plain("profile"))).code == "NO_USABLE_TOKEN"
    assert stand.log.count() == before


# What an error means for the portal

SUSPENDING = ["PAYMENT_REQUIRED", "PORTAL_DELETED", "ACCESS_DENIED", "APPLICATION_NOT_FOUND", "OVERLOAD_LIMIT", "NOT_INSTALLED"]


@pytest.mark.parametrize("code", SUSPENDING)
def test_a_portal_that_cannot_be_used_is_suspended_until_a_call_works_again(stand: Stand, person: PortalUser, code: str) -> None:
    """design.md 3 and 5. None of these is repeated."""
    stand.faults.order(method="profile", code=code)
    assert failing(lambda: as_person(person).run(plain("profile"))).policy is Policy.PORTAL_UNUSABLE
    row = Portal.objects.get()
    assert (row.state, row.suspended_code) == (Portal.State.SUSPENDED, code)
    assert stand.log.count("profile") == 1
    as_person(PortalUser.objects.get(pk=person.pk)).run(plain("profile"))
    row.refresh_from_db()
    assert (row.state, row.suspended_code, row.suspended_at) == (Portal.State.ACTIVE, "", None)


def test_a_portal_is_suspended_since_the_first_refusal(stand: Stand, person: PortalUser) -> None:
    stand.faults.order(method="profile", code="OVERLOAD_LIMIT", times=2)
    failing(lambda: as_person(person).run(plain("profile")))
    since = Portal.objects.get().suspended_at
    assert since is not None
    failing(lambda: as_person(person).run(plain("profile")))
    assert Portal.objects.get().suspended_at == since


def test_a_refused_refresh_suspends_too(stand: Stand, portal: world.Portal, app: world.App, person: PortalUser) -> None:
    portal.installations[app.client_id].blocked = "PAYMENT_REQUIRED"
    run_out(person)
    failing(lambda: as_person(person).run(plain("profile")))
    assert Portal.objects.get().suspended_code == "PAYMENT_REQUIRED"
    person.refresh_from_db()
    assert person.token_state == PortalUser.TokenState.VALID


@pytest.mark.parametrize("state", [Portal.State.INSTALLING, Portal.State.REMOVED])
def test_only_an_active_portal_is_suspended_and_only_a_suspended_one_comes_back(stand: Stand, person: PortalUser, state: str) -> None:
    Portal.objects.update(state=state)
    person = PortalUser.objects.get(pk=person.pk)
    stand.faults.order(method="profile", code="PAYMENT_REQUIRED")
    failing(lambda: as_person(person).run(plain("profile")))
    assert Portal.objects.get().state == state
    as_person(person).run(plain("profile"))
    assert Portal.objects.get().state == state


def test_deleting_by_tag_without_a_client_id_suspends_nothing(stand: Stand, portal: world.Portal, person: PortalUser) -> None:
    """bitrix24.md 6: im.notify.delete's own ACCESS_DENIED is not the plan's."""
    webhook = Sender.objects.create(portal=person.portal, kind="webhook", name="Hook", webhook_url=portal.webhook(portal.admin))
    error = failing(lambda: as_webhook(webhook).run(plain("im.notify.delete", TAG="x")))
    assert error.code == "ACCESS_DENIED"
    assert error.policy is Policy.STOP_JOB
    outcome = as_webhook(webhook).run_batch({"a": plain("im.notify.delete", TAG="x")})["a"]
    assert outcome.error is not None
    assert outcome.error.policy is Policy.STOP_JOB
    assert Portal.objects.get().state == Portal.State.ACTIVE


@pytest.mark.parametrize("code", sorted(DOCUMENTED))
def test_every_documented_error_arrives_with_its_code(stand: Stand, person: PortalUser, code: str) -> None:
    stand.faults.order(method="profile", code=code, times=None)
    error = failing(lambda: as_person(person).run(plain("profile")))
    assert error.code == code.upper()
    assert error.message
    assert not error.unknown_outcome


# Repeating


@pytest.mark.parametrize("code", ["QUERY_LIMIT_EXCEEDED", "INTERNAL_SERVER_ERROR", "ERROR_UNEXPECTED_ANSWER"])
def test_faults_that_pass_are_waited_out(stand: Stand, person: PortalUser, code: str) -> None:
    stand.faults.order(method="profile", code=code, times=2)
    as_person(person).run(plain("profile"))
    assert stand.log.count("profile") == 3


def test_repeating_ends(stand: Stand, person: PortalUser) -> None:
    stand.faults.order(method="profile", code="INTERNAL_SERVER_ERROR", times=None)
    assert failing(lambda: as_person(person).run(plain("profile"))).code == "INTERNAL_SERVER_ERROR"
    assert stand.log.count("profile") == 5


@pytest.mark.parametrize("code", [*SUSPENDING, "INVALID_REQUEST", "MESSAGE_EMPTY"])
def test_what_is_never_repeated(stand: Stand, person: PortalUser, code: str) -> None:
    """design.md 5."""
    stand.faults.order(method="profile", code=code, times=None)
    failing(lambda: as_person(person).run(plain("profile")))
    assert stand.log.count("profile") == 1


@pytest.mark.parametrize(
    ("kind", "code"),
    [("html", "BAD_ANSWER"), ("half_json", "BAD_ANSWER"), ("wrong_shape", "BAD_ANSWER"), ("cut_after", "CONNECTION_BROKEN")],
)
@pytest.mark.parametrize("as_batch", [False, True])
def test_what_may_have_been_done_is_not_repeated(
    stand: Stand, portal: world.Portal, person: PortalUser, kind: Any, code: str, as_batch: bool
) -> None:
    """bitrix24.md 5 and 6.3: only the caller knows whether a send may be repeated."""
    call = plain("im.notify.personal.add", USER_ID=4, MESSAGE="once")
    stand.faults.order(method="batch" if as_batch else call.method, kind=kind, times=None)
    caller = as_person(person)
    error = failing(lambda: caller.run_batch({"a": call}) if as_batch else caller.run(call))
    assert (error.code, error.unknown_outcome) == (code, True)
    assert len(portal.feed(portal.people[4])) == 1


def test_a_shape_that_the_call_does_not_know_leaves_the_outcome_unknown(person: PortalUser) -> None:
    def parse(answer: Answer) -> int:
        raise RestError("BAD_ANSWER")

    caller = as_person(person)
    assert failing(lambda: caller.run(Call("profile", {}, parse))).unknown_outcome
    outcome = caller.run_batch({"a": Call("profile", {}, parse)})["a"]
    assert outcome.error is not None
    assert outcome.error.unknown_outcome


@pytest.mark.parametrize("status", [403, 404, 500, 502, 503])
def test_html_instead_of_json(stand: Stand, person: PortalUser, status: int) -> None:
    stand.faults.order(method="profile", kind="html", status=status)
    error = failing(lambda: as_person(person).run(plain("profile")))
    assert (error.code, error.http_status) == ("BAD_ANSWER", status)
    row = CallLog.objects.get()
    assert "having a rest" in row.response["text"]
    assert (row.code, row.http_status) == ("BAD_ANSWER", status)


def test_a_click_ends_in_time_when_the_portal_does_not_answer(stand: Stand, person: PortalUser, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit itself is checked below; here it is shortened."""
    monkeypatch.setattr(client, "CLICK_SECONDS", 0.5)
    stand.faults.order(method="profile", kind="slow")
    started = time.monotonic()
    error = failing(lambda: as_person(person).run(plain("profile")))
    assert time.monotonic() - started < 1.5
    assert (error.code, error.unknown_outcome) == ("TIMEOUT", True)
    assert CallLog.objects.get().code == "TIMEOUT"


def test_all_calls_of_a_click_share_its_time(stand: Stand, person: PortalUser, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.CLICK_SECONDS < 10
    monkeypatch.setattr(client, "CLICK_SECONDS", 0.8)
    caller = as_person(person)
    stand.faults.order(method="profile", kind="slow", seconds=0.5, times=None)
    started = time.monotonic()
    caller.run(plain("profile"))
    failing(lambda: caller.run(plain("profile")))
    failing(lambda: caller.run(plain("profile")))
    assert time.monotonic() - started < 1.5


def test_a_portal_that_is_down_is_a_certain_failure_within_the_limit(person: PortalUser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CLICK_SECONDS", 1.5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    Portal.objects.update(client_endpoint=f"http://127.0.0.1:{port}/rest/")
    started = time.monotonic()
    error = failing(lambda: as_person(PortalUser.objects.get(pk=person.pk)).run(plain("profile")))
    assert time.monotonic() - started < 2.5
    assert (error.code, error.unknown_outcome) == ("CONNECTION_BROKEN", False)
    assert CallLog.objects.count() >= 2, "a connection that was never made is tried again"


# Operating time


@pytest.mark.parametrize("as_batch", [False, True])
def test_operating_time_limit(stand: Stand, portal: world.Portal, app: world.App, person: PortalUser, as_batch: bool) -> None:
    """doc: limits. The 429 names no time, the answer before it did; that method waits, other methods go on."""
    portal.method_seconds["im.notify.personal.add"] = 500
    send = plain("im.notify.personal.add", USER_ID=4, MESSAGE="m")
    caller = as_person(person)
    caller.run(send) if not as_batch else caller.run_batch({"a": send})
    for _ in range(2):
        if as_batch:
            outcomes = caller.run_batch({"a": send, "b": plain("profile")})
            assert outcomes["b"].error is None
            error = outcomes["a"].error
            assert error is not None
        else:
            error = failing(lambda: caller.run(send))
        assert (error.code, error.policy) == ("OPERATION_TIME_LIMIT", Policy.RETRY_LATER)
        assert error.retry_at == pytest.approx(portal.budget.resets_at(app.client_id, send.method), abs=1)
    assert len(stand.log.commands(send.method)) == 2, "while it is paused nothing is sent"
    caller.run(plain("profile"))
    MethodPause.objects.update(until=timezone.now())
    stand.clock.advance(601)
    portal.method_seconds.clear()
    meet(portal, app, portal.person)
    as_person(PortalUser.objects.get(pk=person.pk)).run(send)


def test_a_batch_of_paused_methods_sends_nothing(stand: Stand, person: PortalUser) -> None:
    MethodPause.objects.create(portal=person.portal, method="profile", until=timezone.now() + timezone.timedelta(minutes=5))
    outcomes = as_person(person).run_batch({"a": plain("profile")})
    assert outcomes["a"].error is not None
    assert outcomes["a"].error.code == "OPERATION_TIME_LIMIT"
    assert failing(lambda: as_person(person).run_batch({"a": plain("profile")}, halt=True)).code == "OPERATION_TIME_LIMIT"
    assert stand.log.count("batch") == 0


# Moved portals


def test_a_renamed_portal_is_followed_and_remembered(stand: Stand, portal: world.Portal, person: PortalUser) -> None:
    """doc: change-domen. The POST is repeated at the new address, with its body; never followed as a GET."""
    portal.move()
    result = as_person(person).run(plain("im.notify.personal.add", USER_ID=4, MESSAGE="moved"))
    assert portal.feed(portal.people[4])[0].id == result
    row = Portal.objects.get()
    assert (row.domain, row.client_endpoint) == (portal.domain, portal.client_endpoint)
    assert {entry.http_method for entry in stand.log.calls(portal=portal)} == {"POST"}
    assert list(CallLog.objects.order_by("pk").values_list("http_status", flat=True)) == [302, 200]
    as_person(person).run(plain("profile"))
    assert CallLog.objects.count() == 3


def test_a_renamed_portal_is_followed_by_webhook(portal: world.Portal, person: PortalUser) -> None:
    sender = Sender.objects.create(portal=person.portal, kind="webhook", name="Hook", webhook_url=portal.webhook(portal.admin))
    portal.move()
    assert as_webhook(sender).run(plain("profile"))["ID"] == str(portal.admin.id)
    sender.refresh_from_db()
    assert sender.webhook_url.startswith(f"{portal.client_endpoint}{portal.admin.id}/")
    assert Portal.objects.get().client_endpoint == portal.client_endpoint


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[bytes]]]:
    """A server that is no portal, and what reached it."""
    seen: list[bytes] = []

    def page(connection: socket.socket, request: bytes) -> None:
        seen.append(request)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>")

    with raw_server(page) as address:
        yield address, seen


@pytest.mark.parametrize(
    "location", ["{other}/login/", "https://portal.example/rest/profile", "//", "", "ftp://x/rest/", "{same}/rest/profile"]
)
def test_a_redirect_that_is_no_rename_changes_nothing(person: PortalUser, elsewhere: tuple[str, list[bytes]], location: str) -> None:
    other, seen = elsewhere
    target = ""

    def redirect(connection: socket.socket, request: bytes) -> None:
        connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())

    with raw_server(redirect) as same:
        target = location.format(other=other, same=same)
        Portal.objects.update(client_endpoint=f"{same}/rest/")
        before = Portal.objects.values().get()
        error = failing(lambda: as_person(PortalUser.objects.get(pk=person.pk)).run(plain("profile")))
    assert (error.code, error.unknown_outcome) == ("BAD_ANSWER", False)
    assert Portal.objects.values().get() == before
    assert seen == []


def test_a_new_address_must_answer_as_a_portal_before_it_is_stored(person: PortalUser, elsewhere: tuple[str, list[bytes]]) -> None:
    other, seen = elsewhere

    def redirect(connection: socket.socket, request: bytes) -> None:
        connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: {other}/rest/profile\r\nContent-Length: 0\r\n\r\n".encode())

    with raw_server(redirect) as same:
        Portal.objects.update(client_endpoint=f"{same}/rest/")
        error = failing(lambda: as_person(PortalUser.objects.get(pk=person.pk)).run(plain("profile")))
    assert error.code == "BAD_ANSWER"
    assert len(seen) == 1
    assert Portal.objects.get().client_endpoint == f"{same}/rest/"


def test_a_private_address_is_refused_wherever_it_comes_from(person: PortalUser, stand: Stand, settings: Settings) -> None:
    settings.B24_ALLOW_PRIVATE_HOSTS = False
    assert failing(lambda: as_person(person).run(plain("profile"))).code == "HOST_REFUSED"
    sender = Sender.objects.create(portal=person.portal, kind="webhook", name="Hook", webhook_url="http://169.254.169.254/rest/1/abc/")
    assert failing(lambda: as_webhook(sender).run(plain("profile"))).code == "HOST_REFUSED"
    assert stand.log.count() == 0


# Webhooks


def test_a_webhook_that_is_refused_is_marked_until_it_works(stand: Stand, portal: world.Portal, person: PortalUser) -> None:
    sender = Sender.objects.create(portal=person.portal, kind="webhook", name="Hook", webhook_url=portal.webhook(portal.admin))
    stand.faults.order(method="profile", code="INVALID_CREDENTIALS")
    failing(lambda: as_webhook(sender).run(plain("profile")))
    assert Sender.objects.get().broken_code == "INVALID_CREDENTIALS"
    assert Portal.objects.get().state == Portal.State.ACTIVE
    as_webhook(sender).run(plain("profile"))
    assert Sender.objects.get().broken_code == ""


# The log


@pytest.mark.market("M16")
def test_every_request_is_logged_with_its_answer(person: PortalUser) -> None:
    """market-checklist M16: REST requests and answers are kept."""
    as_person(person).run(plain("im.notify.personal.add", USER_ID=4, MESSAGE="hello"))
    as_person(person).run_batch({"a": plain("profile"), "b": plain("im.notify.read.list", IDS=[])})
    single, batch = CallLog.objects.order_by("pk")
    assert (single.method, single.user_id, single.code, single.http_status) == ("im.notify.personal.add", person.user_id, "", 200)
    assert single.request == {"USER_ID": 4, "MESSAGE": "hello"}
    assert isinstance(single.response["result"], int)
    assert batch.method == "batch"
    assert batch.request["cmd"]["a"] == {"method": "profile", "params": {}}
    assert batch.response["result"]["result_error"]["b"]["error"] == "PARAMS_ERROR"


def test_long_bodies_are_shortened(person: PortalUser) -> None:
    as_person(person).run(plain("im.notify.personal.add", USER_ID=4, MESSAGE="ä" * 50_000))
    row = CallLog.objects.get()
    assert row.request["length"] > 50_000
    assert len(row.request["shortened"]) == 20_000


@pytest.mark.market("M16")
def test_no_secret_is_kept_logged_or_raised(
    stand: Stand, portal: world.Portal, app: world.App, person: PortalUser, caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    """Tokens, the client secret, webhook addresses and application tokens, through success, refusal, refresh and breakage."""
    webhook = portal.webhook(portal.admin)
    secret = webhook.rstrip("/").rpartition("/")[2]
    installation = portal.installations[app.client_id]
    Portal.objects.update(application_token=installation.application_token)
    person = PortalUser.objects.get(pk=person.pk)
    sender = Sender.objects.create(portal=person.portal, kind="webhook", name="Hook", webhook_url=webhook)
    planted = {person.access_token, person.refresh_token, secret, installation.application_token, settings.B24_CLIENT_SECRET}
    echo = f"{secret} {installation.application_token} {settings.B24_CLIENT_SECRET}"
    errors: list[RestError] = []
    with caplog.at_level(logging.INFO):
        as_person(person).run(plain("im.notify.personal.add", USER_ID=4, MESSAGE=f"{installation.application_token} {person.access_token}"))
        as_webhook(sender).run(plain("im.notify.personal.add", USER_ID=4, MESSAGE=f"{webhook}profile", MESSAGE_OUT="/rest/1/x/"))
        as_webhook(sender).run_batch({"a": plain("im.notify.personal.add", USER_ID=4, MESSAGE=f"look: {secret}")})
        as_person(person).run(
            plain("im.notify.personal.add", USER_ID=person.user_id, MESSAGE=f"{installation.application_token} {webhook}")
        )
        as_person(person).run(plain("im.notify.get"))  # whose answer brings the secrets back
        for kind in ("cut_after", "html", "half_json", "wrong_shape"):
            stand.faults.order(method="profile", kind=kind)
            errors.append(failing(lambda: as_webhook(sender).run(plain("profile", note=echo))))
        stand.faults.order(method="profile", code="expired_token")
        as_person(person).run(plain("profile", refresh_token=person.refresh_token))
        stand.faults.order(method="oauth.token", kind="cut_after")
        run_out(person)
        errors.append(failing(lambda: as_person(person).run(plain("profile"))))
    person.refresh_from_db()
    planted = {value for value in (*planted, person.access_token, person.refresh_token) if value}
    kept = json.dumps(list(CallLog.objects.values("method", "request", "response", "code")))
    raised = " ".join(f"{error!r} {error} {error.description} {error.__cause__!r}" for error in errors)
    assert CallLog.objects.count() >= 8
    for value in planted - {person.refresh_token}:
        assert value not in kept
    for value in planted:
        assert value not in caplog.text
        assert value not in raised


def test_the_log_is_kept_seven_days(person: PortalUser) -> None:
    """design.md 5; the Market asks for three (M16)."""
    as_person(person).run(plain("profile"))
    CallLog.objects.update(created_at=timezone.now() - timezone.timedelta(days=6, hours=23))
    assert call_log.forget_old() == 0
    CallLog.objects.update(created_at=timezone.now() - timezone.timedelta(days=7, minutes=1))
    assert call_log.forget_old() == 1
