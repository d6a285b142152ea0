"""Errors that any method can answer with (bitrix24.md 5: error-codes, limits), from the click on "Delete by TAG" to the sentence."""

from dataclasses import dataclass
from typing import Literal

import pytest
from django.test import Client

from b24app.models import CallLog, Portal, PortalUser
from b24app.rest.errors import RULES
from devportal.server import Stand
from devportal.world import App
from devportal.world import Portal as StandPortal
from notifications.models import Notification
from tests.errors import codes
from tests.errors.conftest import Frame, Waits, open_app
from tests.errors.said import assert_no_raw_description, assert_says, sentence, toast, visible

pytestmark = pytest.mark.django_db

DELETE = "im.notify.delete"
MOST_TRIES = 5


@dataclass(frozen=True)
class Expected:
    """What an error brings about: words of its sentence, the answer's status, and whether it closes the portal or ends the token."""

    says: str
    status: Literal[403, 502, 503] = 502
    closes: bool = False
    ends_token: bool = False


ONCE = {
    "ERROR_BATCH_METHOD_NOT_ALLOWED": Expected("nothing was changed"),
    "ERROR_BATCH_LENGTH_EXCEEDED": Expected("nothing was changed"),
    "NO_AUTH_FOUND": Expected("open it again from the portal's menu", ends_token=True),
    "INVALID_REQUEST": Expected("secure (HTTPS)"),
    "OVERLOAD_LIMIT": Expected("because of overload", closes=True),
    "ACCESS_DENIED": Expected("commercial plan", status=403, closes=True),
    "INVALID_CREDENTIALS": Expected("too few rights", status=403),
    "ERROR_MANIFEST_IS_NOT_AVAILABLE": Expected("install the app again"),
    "insufficient_scope": Expected("lacks a permission", status=403),
    "user_access_error": Expected("You may not use the app on this portal", status=403),
    "PORTAL_DELETED": Expected("deleted or closed", closes=True),
    "invalid_token": Expected("open it again from the portal's menu", ends_token=True),
    "APPLICATION_NOT_FOUND": Expected("not installed on this portal any more", closes=True),
    "PAYMENT_REQUIRED": Expected("paid or trial period", closes=True),
    "ERROR_OAUTH": Expected("not installed on this portal any more", closes=True),
    "authorization_error": Expected("could not sign in the person", ends_token=True),
    "METHOD_CONFIRM_WAITING": Expected("waits for the answer"),
    "METHOD_CONFIRM_DENIED": Expected("did not allow the app"),
}
REPEATED = {
    "QUERY_LIMIT_EXCEEDED": "too many requests",
    "INTERNAL_SERVER_ERROR": "fault of its own",
    "ERROR_UNEXPECTED_ANSWER": "fault of its own",
}


def test_every_code_of_the_list_is_tested_here() -> None:
    assert {*ONCE, *REPEATED, "expired_token", "OPERATION_TIME_LIMIT"} == set(codes.ANY_METHOD)


def variants(code: str) -> list[tuple[str, int]]:
    """The ways in which a code can come (bitrix24.md 5): in either case, with another status, with 200."""
    status = codes.ANY_METHOD[code]
    ways = [(code, status), (code.swapcase(), status), (code, 200)]
    return [*ways, (code, codes.OTHER_STATUS[code])] if code in codes.OTHER_STATUS else ways


def order(stand: Stand, written: str, status: int, times: int | None = None) -> None:
    """Order the error for the click's own method."""
    stand.faults.order(method=DELETE, code=written, status=status, times=times)


@pytest.mark.parametrize(("code", "written", "status"), [(code, *way) for code in ONCE for way in variants(code)])
def test_an_error_that_repeating_does_not_mend(
    stand: Stand, frame: Frame, sent: Notification, code: str, written: str, status: int
) -> None:
    """design.md 5: never retried are bad input, OVERLOAD_LIMIT, PORTAL_DELETED, PAYMENT_REQUIRED, ACCESS_DENIED."""
    expected = ONCE[code]
    order(stand, written, status)
    answer = frame.delete_by_tag()
    assert_says(answer, code.upper())
    assert expected.says in toast(answer)["text"]
    assert answer.status_code == expected.status
    assert_no_raw_description(answer, code)
    assert [entry.method for entry in stand.log.entries] == [DELETE]

    portal = Portal.objects.get()
    assert (portal.state, portal.suspended_code) == (("suspended", code.upper()) if expected.closes else ("active", ""))
    person = PortalUser.objects.get(user_id=stand.portals[0].admin.id)
    assert person.token_state == ("dead" if expected.ends_token else "valid")
    sent.refresh_from_db()
    assert sent.state == Notification.State.SENT, "what the portal refused has not happened"
    assert CallLog.objects.latest("pk").code == code.upper()


@pytest.mark.parametrize("code", [code for code, expected in ONCE.items() if expected.closes])
def test_a_closed_portal_opens_by_itself_when_a_call_works_again(stand: Stand, frame: Frame, sent: Notification, code: str) -> None:
    """design.md 3: suspended is left by itself when a call works again."""
    stand.faults.order(method=DELETE, code=code)
    frame.delete_by_tag()
    assert Portal.objects.get().state == "suspended"
    assert toast(frame.post("/frame/settings/check/"))["kind"] == "ok"
    assert Portal.objects.get().state == "active"
    frame.delete_by_tag()
    sent.refresh_from_db()
    assert sent.state == Notification.State.DELETED


@pytest.mark.parametrize("code", [code for code, expected in ONCE.items() if expected.closes])
def test_settings_tell_why_the_portal_is_closed(stand: Stand, frame: Frame, sent: Notification, code: str) -> None:
    """design.md 3: suspended is shown with the reason."""
    stand.faults.order(method=DELETE, code=code)
    frame.delete_by_tag()
    assert sentence(code) in visible(frame.get("/frame/settings/"))


@pytest.mark.parametrize("code", [code for code, expected in ONCE.items() if expected.ends_token])
def test_after_a_token_has_ended_opening_the_app_again_mends_it(
    stand: Stand, frame: Frame, sent: Notification, app: App, installed: StandPortal, client: Client, code: str
) -> None:
    """The sentence says to open the app again: until then nothing is asked of the portal, and then it works."""
    stand.faults.order(method=DELETE, code=code)
    frame.delete_by_tag()
    stand.log.clear()
    assert_says(frame.delete_by_tag(), "NO_USABLE_TOKEN")
    assert stand.log.entries == []
    opened = open_app(client, installed.launch(app, installed.admin))
    Frame(client, opened.context["frame_token"]).delete_by_tag()
    sent.refresh_from_db()
    assert sent.state == Notification.State.DELETED


@pytest.mark.parametrize(("code", "written", "status"), [(code, *way) for code in REPEATED for way in variants(code)])
def test_a_passing_error_is_repeated_and_the_click_succeeds(
    stand: Stand, frame: Frame, sent: Notification, waits: Waits, code: str, written: str, status: int
) -> None:
    """design.md 5: retried with growing, jittered waits."""
    order(stand, written, status, times=1)
    answer = frame.delete_by_tag()
    assert answer.status_code == 200
    assert stand.log.count(DELETE) == 2
    assert 0 < waits.total < 9
    sent.refresh_from_db()
    assert sent.state == Notification.State.DELETED


@pytest.mark.parametrize("code", REPEATED)
def test_an_error_that_does_not_pass_is_repeated_within_the_limit(
    stand: Stand, frame: Frame, sent: Notification, waits: Waits, code: str
) -> None:
    """design.md 5: retried with a limit, and a person who clicked gets an answer within 10 s."""
    stand.faults.order(method=DELETE, code=code, times=None)
    answer = frame.delete_by_tag()
    assert 1 < stand.log.count(DELETE) <= MOST_TRIES
    assert waits.total < 10
    # A portal that has too many requests is not asked again before there may be room, which ends the click as well.
    rows = {code: REPEATED[code]} | ({"BUDGET_EXHAUSTED": "limit of requests"} if code == "QUERY_LIMIT_EXCEEDED" else {})
    told = next(row for row in rows if sentence(row) == toast(answer)["text"])
    assert_says(answer, told)
    assert rows[told] in toast(answer)["text"]
    assert answer.status_code == 503
    assert_no_raw_description(answer, code)
    assert (Portal.objects.get().state, PortalUser.objects.get(user_id=stand.portals[0].admin.id).token_state) == ("active", "valid")
    sent.refresh_from_db()
    assert sent.state == Notification.State.SENT


def test_the_waits_between_repeats_grow_and_differ(stand: Stand, frame: Frame, sent: Notification, waits: Waits) -> None:
    """design.md 5: growing, jittered waits. INTERNAL_SERVER_ERROR waits for nothing else, so each wait lies before a repeat."""
    runs = []
    for _ in range(2):
        waits.each.clear()
        stand.faults.order(method=DELETE, code="INTERNAL_SERVER_ERROR", times=None)
        frame.delete_by_tag()
        stand.faults.clear()
        runs.append(list(waits.each))
    for run in runs:
        assert len(run) == MOST_TRIES - 1
        assert run[-1] > 2 * run[0]
    assert runs[0] != runs[1]


def test_too_many_requests_also_hold_back_the_next_click(stand: Stand, frame: Frame, sent: Notification, waits: Waits) -> None:
    """design.md 5: a 503 that comes anyway fills our copy of the bucket."""
    stand.faults.order(method=DELETE, code="QUERY_LIMIT_EXCEEDED")
    frame.delete_by_tag()
    waits.each.clear()
    frame.get("/frame/inbox/")
    assert waits.total > 0


# The access token has run out


@pytest.mark.parametrize(("written", "status"), variants("expired_token"))
def test_an_expired_token_is_refreshed_once_and_the_click_succeeds(
    stand: Stand, frame: Frame, sent: Notification, written: str, status: int
) -> None:
    """bitrix24.md 4 (auto-renewal): on expired_token refresh once, store, repeat the call once."""
    order(stand, written, status, times=1)
    answer = frame.delete_by_tag()
    assert answer.status_code == 200
    assert [entry.method for entry in stand.log.entries] == [DELETE, "oauth.token", DELETE]
    sent.refresh_from_db()
    assert sent.state == Notification.State.DELETED


def test_a_token_that_stays_expired_is_refreshed_once_only(stand: Stand, frame: Frame, sent: Notification) -> None:
    stand.faults.order(method=DELETE, code="expired_token", times=None)
    answer = frame.delete_by_tag()
    assert [entry.method for entry in stand.log.entries] == [DELETE, "oauth.token", DELETE]
    assert_says(answer, "EXPIRED_TOKEN")
    assert "has run out" in toast(answer)["text"]
    assert_no_raw_description(answer, "expired_token")
    assert PortalUser.objects.get(user_id=stand.portals[0].admin.id).token_state == "valid"


# The method has used up its operating time


def test_a_method_out_of_time_waits_alone(stand: Stand, frame: Frame, sent: Notification, waits: Waits) -> None:
    """bitrix24.md 5 (limits): 429 OPERATION_TIME_LIMIT for that method only, until operating_reset_at, ten minutes at most."""
    stand.faults.order(method=DELETE, code="OPERATION_TIME_LIMIT")
    answer = frame.delete_by_tag()
    assert_says(answer, "OPERATION_TIME_LIMIT")
    assert "ten minutes" in toast(answer)["text"]
    assert_no_raw_description(answer, "OPERATION_TIME_LIMIT")
    assert answer.status_code == 503
    assert waits.each == [], "a click does not wait for minutes"

    assert_says(frame.delete_by_tag(), "OPERATION_TIME_LIMIT")
    assert stand.log.count(DELETE) == 1, "while the method is paused nothing is sent"
    assert frame.get("/frame/inbox/").status_code == 200, "another method works"
    assert Portal.objects.get().state == "active"

    waits.pass_by(601)
    assert frame.delete_by_tag().status_code == 200
    sent.refresh_from_db()
    assert sent.state == Notification.State.DELETED


def test_a_method_waits_as_long_as_the_portal_says(
    stand: Stand, frame: Frame, sent: Notification, installed: StandPortal, app: App, waits: Waits
) -> None:
    """bitrix24.md 5: the answers before the 429 named operating_reset_at, here six minutes ahead."""
    installed.method_seconds["im.notify.get"] = 500
    installed.budget.charge(app.client_id, "im.notify.get", 0.0)
    waits.pass_by(240)
    frame.get("/frame/inbox/")
    installed.method_seconds.clear()
    assert_says(frame.get("/frame/inbox/"), "OPERATION_TIME_LIMIT")
    waits.pass_by(300)
    stand.log.clear()
    assert_says(frame.get("/frame/inbox/"), "OPERATION_TIME_LIMIT")
    assert stand.log.entries == []
    waits.pass_by(350)
    assert frame.get("/frame/inbox/").status_code == 200


# What has no row in the table


@pytest.mark.parametrize("status", [400, 403, 200])
def test_an_unknown_code_is_asked_once_and_told_by_its_code(stand: Stand, frame: Frame, sent: Notification, status: int) -> None:
    stand.faults.order(method=DELETE, code="SOMETHING_NEW", status=status, times=None)
    answer = frame.delete_by_tag()
    assert stand.log.count(DELETE) == 1
    assert "SOMETHING_NEW" not in RULES
    assert "error the app does not know" in toast(answer)["text"]
    assert "SOMETHING_NEW" in toast(answer)["text"], "support is to be told the code, so the person must see it"


@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_unknown_code_of_a_server_fault_is_repeated(stand: Stand, frame: Frame, sent: Notification, waits: Waits, status: int) -> None:
    """design.md 5: 5xx is retried."""
    stand.faults.order(method=DELETE, code="SOMETHING_NEW", status=status)
    assert frame.delete_by_tag().status_code == 200
    assert stand.log.count(DELETE) == 2
