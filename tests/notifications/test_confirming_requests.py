"""Confirming by TAG or SUB_TAG both kinds alike: the portal's confirmations and the app's own requests."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from b24app.models import PortalUser
from b24app.rest.errors import RestError
from devportal import world
from devportal.server import Stand
from notifications import answering, closing, confirming, ledger, tags
from notifications.ask import Ask
from notifications.confirming import Given, NotConfirmable, Reason
from notifications.errors import InvalidInput
from notifications.models import Answer, ConfirmationRequest, Notification
from notifications.senders import app_sender
from tests.notifications.browse import Browse
from tests.notifications.conftest import Send, states
from tests.notifications.requests import THREE, answer, ask

State = Notification.State


@pytest.fixture
def request_(admin: PortalUser, colleague: PortalUser) -> ConfirmationRequest:
    """The admin has asked the colleague."""
    return ask(admin, [colleague.user_id], wanted=Ask(THREE), tag="rules", sub_tag="spring")


def refused(person: PortalUser, by: ledger.By = "tag", value: str = "rules") -> dict[Reason, tuple[PortalUser, ...]]:
    return {each.reason: each.people for each in confirming.find(person, by, value).not_confirmable}


def test_both_kinds_are_found(portal: world.Portal, colleague: PortalUser, app: world.App, request_: ConfirmationRequest) -> None:
    placed = portal.place_confirmation(portal.person, sub_tag="spring", tag="x", app=app)
    found = confirming.find(colleague, "sub_tag", " spring ")
    assert [each.item.id for each in found.items] == [placed.id]
    assert [each.request.key for each in found.requests] == [request_.key]
    assert found.count == 2
    # What the request left in the feed is no ordinary notification.
    assert found.not_confirmable == ()
    assert confirming.find(colleague, "tag", "rules").count == 1
    stored = tags.stored(tags.wire_tag("rules", colleague.user_id, uuid4()), app_sender(colleague.portal))
    assert confirming.find(colleague, "tag", stored).count == 1


def test_both_kinds_are_pressed_in_one_go(stand: Stand, portal: world.Portal, colleague: PortalUser, request_: ConfirmationRequest) -> None:
    placed = portal.place_confirmation(portal.person, tag="rules")
    stand.log.clear()
    [pressed], [recorded] = confirming.press_all(colleague, {placed.id: "Y"}, [Given(request_.key, "later", " Ill ")])
    assert pressed.accepted
    assert recorded.accepted
    given = Answer.objects.get()
    assert (given.value, given.reason) == ("later", "Ill")
    assert states(request_.dispatch) == {colleague.user_id: State.DECLINED}
    assert portal.feed(portal.person) == []
    # The portal's own go in one batch; the answered request is taken out of the feed.
    assert sorted(entry.method for entry in stand.log.entries) == ["batch", "im.notify.delete"]


def test_nothing_is_done_when_something_cannot_be(
    stand: Stand, portal: world.Portal, colleague: PortalUser, request_: ConfirmationRequest
) -> None:
    placed = portal.place_confirmation(portal.person, tag="rules")
    stand.log.clear()
    for choices, given in (
        ({placed.id: "Y"}, [Given(request_.key, "later")]),
        ({placed.id: "Y"}, [Given(request_.key, "nonsense")]),
        ({placed.id: "0"}, [Given(request_.key, "Y")]),
        (dict.fromkeys(range(1, 52), "Y"), [Given(request_.key, "Y")]),
        ({}, []),
    ):
        with pytest.raises(InvalidInput):
            confirming.press_all(colleague, choices, given)
    assert not stand.log.entries
    assert not Answer.objects.exists()


def test_the_record_stands_when_the_portal_fails(
    stand: Stand, portal: world.Portal, colleague: PortalUser, request_: ConfirmationRequest
) -> None:
    placed = portal.place_confirmation(portal.person, tag="rules")
    stand.faults.order(method="batch", code="OVERLOAD_LIMIT", times=None)
    [pressed], [recorded] = confirming.press_all(colleague, {placed.id: "Y"}, [Given(request_.key, "Y")])
    assert pressed.error is not None
    assert not pressed.accepted
    assert recorded.accepted
    assert Answer.objects.count() == 1
    with pytest.raises(RestError):
        confirming.press_all(colleague, {placed.id: "Y"}, [])


def test_a_reason_for_another_button_is_left_out(colleague: PortalUser, request_: ConfirmationRequest) -> None:
    """The form has one field for it, which stays filled when the person changes their mind."""
    confirming.press_all(colleague, {}, [Given(request_.key, "Y", "Ill")])
    assert Answer.objects.get().reason == ""


def test_the_first_answer_stays(colleague: PortalUser, request_: ConfirmationRequest) -> None:
    answer(request_, colleague, "Y")
    _pressed, [recorded] = confirming.press_all(colleague, {}, [Given(request_.key, "N")])
    assert not recorded.accepted
    assert recorded.page.given is not None
    assert recorded.page.given.value == "Y"


def test_somebody_elses_request_cannot_be_answered(admin: PortalUser, colleague: PortalUser, request_: ConfirmationRequest) -> None:
    assert refused(admin) == {Reason.SOMEBODY_ELSES: (colleague,)}
    _pressed, [recorded] = confirming.press_all(admin, {}, [Given(request_.key, "Y")])
    assert recorded.page == answering.Page(answering.Status.NOT_ASKED)
    assert not recorded.accepted
    assert not Answer.objects.exists()


@pytest.mark.parametrize("end", ["closed", "late"])
def test_a_request_that_is_over_says_so(admin: PortalUser, colleague: PortalUser, request_: ConfirmationRequest, end: str) -> None:
    if end == "closed":
        closing.close(admin, request_)
    else:
        ConfirmationRequest.objects.update(deadline=timezone.now() - timedelta(seconds=1))
    assert refused(colleague) == {Reason.OVER: (colleague,)}
    _pressed, [recorded] = confirming.press_all(colleague, {}, [Given(request_.key, "Y")])
    assert not recorded.accepted


def test_ordinary_ones_beside_a_request_are_named(
    admin: PortalUser, colleague: PortalUser, request_: ConfirmationRequest, post: Send
) -> None:
    post([colleague.user_id], sub_tag="spring")
    assert refused(colleague, "sub_tag", "spring") == {Reason.ORDINARY: (colleague,)}
    assert confirming.find(colleague, "sub_tag", "spring").count == 1


def test_what_was_answered_waits_no_more(stand: Stand, colleague: PortalUser, request_: ConfirmationRequest) -> None:
    """Also while it still lies in the feed, because the portal did not take it out."""
    stand.faults.order(method="im.notify.delete", code="INTERNAL_SERVER_ERROR", times=None)
    answer(request_, colleague)
    assert confirming.find(colleague, "tag", "rules") == confirming.Found((), (), (NotConfirmable(Reason.NOTHING_WAITS, ()),))


class TestPages:
    @pytest.fixture
    def browse(self, client: Client) -> Browse:
        return Browse(client)

    def test_the_form(self, browse: Browse, portal: world.Portal, colleague: PortalUser, request_: ConfirmationRequest) -> None:
        portal.place_confirmation(portal.person, tag="rules")
        page = browse.get(colleague, "sent/confirm/", tag="rules")
        assert "2 confirmations wait for you" in page
        assert f'name="own-{request_.key}" value="later" data-reason="must"' in page
        assert f'name="reason-{request_.key}"' in page

    def test_what_came_of_it(self, browse: Browse, colleague: PortalUser, request_: ConfirmationRequest) -> None:
        form = {f"own-{request_.key}": "later", f"reason-{request_.key}": "<Ill>", "own-nonsense": "Y"}
        page = browse.post(colleague, "sent/confirm/", **form)
        assert "ledger-changed" in page.headers["HX-Trigger"]
        for text in ("What came of your answers", "Read the rules", "“Not now” was recorded.", "&lt;Ill&gt;", "Declined"):
            assert text in page.content.decode()
        assert (
            "You had answered before: “Not now”."
            in browse.post(colleague, "sent/confirm/", **form | {f"own-{request_.key}": "Y"}).content.decode()
        )

    def test_a_missing_reason_keeps_the_form(self, browse: Browse, colleague: PortalUser, request_: ConfirmationRequest) -> None:
        response = browse.post(colleague, "sent/confirm/", **{f"own-{request_.key}": "later"})
        assert response.status_code == 204
        assert "Give a reason" in response.headers["HX-Trigger"]

    def test_a_request_that_ended_meanwhile(
        self, browse: Browse, admin: PortalUser, colleague: PortalUser, request_: ConfirmationRequest
    ) -> None:
        closing.close(admin, request_)
        page = browse.post(colleague, "sent/confirm/", **{f"own-{request_.key}": "Y"}).content.decode()
        assert "It waits no more" in page
        assert "Nothing done" in page
