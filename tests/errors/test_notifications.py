"""Errors of the im.notify.* methods' own (bitrix24.md 6), each from the click it belongs to."""

import html

import pytest
from django.http import HttpResponse

from b24app.models import Portal, PortalUser, Sender
from devportal.server import Stand
from devportal.world import Portal as StandPortal
from notifications.models import Dispatch, Notification
from tests.errors import codes
from tests.errors.conftest import Frame
from tests.errors.said import assert_no_raw_description, assert_says, sentence, toast, visible

pytestmark = pytest.mark.django_db

SAYS = {
    "WRONG_AUTH_TYPE": "browser sign-in",
    "USER_ID_EMPTY": "Choose a recipient",
    "MESSAGE_EMPTY": "message is empty",
    "ATTACH_OVERSIZE": "60,000 characters",
    "ATTACH_ERROR": "could not read the attachment",
    "LAST_ID_AND_LAST_TYPE": "Open the tab again",
    "LAST_ID_STRING": "Open the tab again",
    "SEARCH_TEXT_ERROR": "at least three characters",
    "PARAMS_ERROR": "choose it again",
    "ID_ERROR": "choose it again",
    "ANSWER_TEXT_ERROR": "Write an answer",
    "NOTIFY_VALUE_ERROR": "press the button again",
}
"""Words of each sentence: the case behind the code must not be told with another one's words."""


def assert_the_portal_stays_open(stand: Stand) -> None:
    assert (Portal.objects.get().state, Portal.objects.get().suspended_code) == ("active", "")
    assert PortalUser.objects.get(user_id=stand.portals[0].admin.id).token_state == "valid"


def assert_refused(stand: Stand, answer: HttpResponse, method: str, code: str) -> None:
    """The sentence, exactly one call, and nothing suspended."""
    assert_says(answer, code)
    assert SAYS[code] in toast(answer)["text"]
    assert_no_raw_description(answer, code)
    assert [entry.method for entry in stand.log.entries] == [method]
    assert_the_portal_stays_open(stand)


# Sending


@pytest.mark.parametrize("kind", ["personal", "system"])
@pytest.mark.parametrize("code", codes.SENDING)
def test_sending_refused_for_everybody_keeps_the_form(stand: Stand, frame: Frame, code: str, kind: str) -> None:
    """The form comes back with all that was typed and the reason; the row says FAILED and the portal has nothing."""
    method = f"im.notify.{kind}.add"
    stand.faults.order(method=method, code=code, times=None, inside_batch=True)
    answer = frame.send(4, tag="offer", message="Nothing of this may be lost", type=kind)
    shown = visible(answer)
    assert sentence(code) in shown
    assert SAYS[code] in shown
    assert_no_raw_description(answer, code)
    for typed in ("Nothing of this may be lost", 'value="offer"', 'name="recipients" value="4"', f'value="{kind}" selected'):
        assert typed in html.unescape(answer.content.decode())
    assert [entry.method for entry in stand.log.entries] == ["batch"]
    assert len(stand.log.commands(method)) == 1
    row = Notification.objects.get()
    assert (row.state, row.error_code, row.message) == (Notification.State.FAILED, code, "Nothing of this may be lost")
    assert stand.portals[0].feed(stand.portals[0].people[4]) == []
    assert_the_portal_stays_open(stand)


@pytest.mark.parametrize("code", codes.SENDING)
def test_sending_refused_for_one_of_two_is_told_in_the_list(stand: Stand, frame: Frame, code: str) -> None:
    stand.faults.order(method="im.notify.personal.add", code=code, times=1, inside_batch=True)
    answer = frame.send(4, 5)
    assert toast(answer)["kind"] == "bad"
    assert "1 of 2" in toast(answer)["text"]
    assert sorted(Notification.objects.values_list("state", "error_code")) == [("failed", code), ("sent", "")]
    listed = frame.get("/frame/sent/")
    assert sentence(code) in visible(listed)
    assert_no_raw_description(listed, code)
    assert stand.log.count("batch") == 1


@pytest.mark.parametrize("code", ["insufficient_scope", "ACCESS_DENIED", "OPERATION_TIME_LIMIT", "INTERNAL_SERVER_ERROR"])
def test_an_error_of_any_method_inside_a_batch_is_told_as_well(stand: Stand, frame: Frame, code: str) -> None:
    """bitrix24.md 5: the batch's status is 200 although commands failed."""
    stand.faults.order(method="im.notify.personal.add", code=code, times=None, inside_batch=True)
    answer = frame.send(4)
    assert sentence(code.upper()) in visible(answer)
    assert_no_raw_description(answer, code)
    assert Notification.objects.get().state == Notification.State.FAILED


@pytest.mark.parametrize(
    "code", ["PAYMENT_REQUIRED", "OVERLOAD_LIMIT", "ACCESS_DENIED", "user_access_error", "ERROR_BATCH_LENGTH_EXCEEDED"]
)
def test_a_sending_that_failed_as_a_whole_leaves_no_row_and_the_same_form_can_be_sent_again(stand: Stand, frame: Frame, code: str) -> None:
    """Certainly nothing was sent: the page keeps the form, and pressing Send again with the same key sends."""
    stand.faults.order(method="batch", code=code)
    key = "0b0e7f0a-53a9-4dd7-8a0c-0d9d2a4c3c55"
    answer = frame.send(4, key=key)
    assert_says(answer, code.upper())
    assert stand.log.count() == 1
    assert (Notification.objects.count(), Dispatch.objects.count()) == (0, 0)
    frame.send(4, key=key)
    assert Notification.objects.get().state == Notification.State.SENT
    assert len(stand.portals[0].feed(stand.portals[0].people[4])) == 1


# The person's own feed


@pytest.mark.parametrize("code", codes.FEED)
def test_reading_the_feed(stand: Stand, frame: Frame, code: str) -> None:
    stand.faults.order(method="im.notify.get", code=code, times=None)
    assert_refused(stand, frame.get("/frame/inbox/", cursor="7-3"), "im.notify.get", code)


@pytest.mark.parametrize("code", codes.SEARCH)
def test_searching_the_feed(stand: Stand, frame: Frame, code: str) -> None:
    stand.faults.order(method="im.notify.history.search", code=code, times=None)
    assert_refused(stand, frame.get("/frame/inbox/search/", words="report"), "im.notify.history.search", code)


@pytest.mark.parametrize("code", codes.READ_LIST)
def test_marking_one(stand: Stand, frame: Frame, code: str) -> None:
    stand.faults.order(method="im.notify.read.list", code=code, times=None)
    assert_refused(stand, frame.post("/frame/inbox/read/?id=7&read=Y"), "im.notify.read.list", code)


@pytest.mark.parametrize("code", codes.ANSWER)
def test_answering(stand: Stand, frame: Frame, code: str) -> None:
    stand.faults.order(method="im.notify.answer", code=code, times=None)
    assert_refused(stand, frame.post("/frame/inbox/answer/", id=7, text="Yes"), "im.notify.answer", code)


@pytest.mark.parametrize("code", codes.CONFIRM)
def test_pressing_a_button(stand: Stand, frame: Frame, code: str) -> None:
    stand.faults.order(method="im.notify.confirm", code=code, times=None, inside_batch=True)
    assert_refused(stand, frame.post("/frame/inbox/confirm/", id=7, value="Y"), "batch", code)


@pytest.mark.parametrize("code", codes.CONFIRM)
def test_confirming_by_tag(stand: Stand, frame: Frame, installed: StandPortal, code: str) -> None:
    """Each confirmation has its own line: what was pressed stands beside what was refused and why."""
    items = [installed.place_confirmation(installed.admin, tag=tag) for tag in ("join|1", "join|2")]
    stand.faults.order(method="im.notify.confirm", code=code, times=1, inside_batch=True)
    answer = frame.post("/frame/sent/confirm/", **{f"choice-{item.id}": item.buttons[0].value for item in items})
    assert sentence(code) in visible(answer)
    assert visible(answer).count("Confirmed") == 1
    assert visible(answer).count("Failed") == 1
    assert_no_raw_description(answer, code)
    assert stand.log.count("batch") == 1
    assert len(installed.feed(installed.admin)) == 1
    assert_the_portal_stays_open(stand)


def test_looking_for_confirmations_by_tag(stand: Stand, frame: Frame) -> None:
    stand.faults.order(method="im.notify.get", code="LAST_ID_STRING", times=None)
    assert_refused(stand, frame.get("/frame/sent/confirm/", tag="join"), "im.notify.get", "LAST_ID_STRING")


# Deleting


def test_deleting_from_the_own_feed(stand: Stand, frame: Frame) -> None:
    stand.faults.order(method="im.notify.delete", code="PARAMS_ERROR", times=None, inside_batch=True)
    assert_refused(stand, frame.post("/frame/inbox/delete/", id=7), "batch", "PARAMS_ERROR")


def test_deleting_by_tag(stand: Stand, frame: Frame, sent: Notification) -> None:
    stand.faults.order(method="im.notify.delete", code="PARAMS_ERROR", times=None)
    assert_refused(stand, frame.delete_by_tag(), "im.notify.delete", "PARAMS_ERROR")
    sent.refresh_from_db()
    assert sent.state == Notification.State.SENT


def test_deleting_by_tag_in_batches(stand: Stand, frame: Frame) -> None:
    """Two messages share the SUB_TAG, so one TAG is deleted by itself; each refused row keeps its state and says why."""
    frame.send(4, 5, tag="offer", sub_tag="spring")
    frame.send(6, tag="other", sub_tag="spring")
    stand.log.clear()
    stand.faults.order(method="im.notify.delete", code="PARAMS_ERROR", times=1, inside_batch=True)
    answer = frame.delete_by_tag()
    assert [entry.method for entry in stand.log.entries] == ["batch"]
    assert sentence("PARAMS_ERROR") in visible(answer)
    assert "1 of 2 deleted" in visible(answer)
    assert sorted(Notification.objects.filter(tag="offer").values_list("state", flat=True)) == ["deleted", "sent"]
    assert_the_portal_stays_open(stand)


def test_deleting_by_tag_through_a_webhook_without_client_id(stand: Stand, frame: Frame, installed: StandPortal) -> None:
    """bitrix24.md 6.2: ACCESS_DENIED ("Client ID not specified") is about the CLIENT_ID, not about the portal's plan. Comes by itself."""
    frame.send(4)
    stand.log.clear()
    portal = Portal.objects.get()
    webhook = Sender.objects.create(portal=portal, kind="webhook", name="Old", webhook_url=installed.webhook(installed.admin))
    Notification.objects.update(sender=webhook)
    answer = frame.delete_by_tag(sender=webhook.pk)
    assert_says(answer, "CLIENT_ID_NOT_SPECIFIED")
    assert "CLIENT_ID" in toast(answer)["text"]
    assert "Client ID not specified" not in visible(answer)
    assert stand.log.count() == 1
    assert_the_portal_stays_open(stand)
    assert Notification.objects.get().state == Notification.State.SENT


def test_every_own_code_of_a_method_has_its_click_here() -> None:
    assert {code for group in codes.OWN for code in group} == {*SAYS, "ACCESS_DENIED"}
