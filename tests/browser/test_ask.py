"""A confirmation request from the form to its answers: the link in the bell, the Inbox, and somebody who was not asked."""

import re
from uuid import uuid4

import pytest
from playwright.sync_api import FrameLocator, expect

from b24app.models import PortalUser
from devportal.world import Person
from notifications import ask, sending
from notifications.models import Answer, Notification
from notifications.sending import Draft
from tests.browser.conftest import Desk
from tests.browser.test_inbox import ROUND
from tests.browser.test_walk import expect_accessible, expect_no_scrollbars


def send_request(desk: Desk, *people: Person) -> None:
    """Ask these people from the form, with a third button that wants a reason."""
    desk.tab("New notification")
    desk.choose_people(*(person.full_name for person in people))
    frame = desk.frame
    frame.get_by_label("Message", exact=True).fill("Read the new rules")
    frame.get_by_label("Ask for confirmation").check()
    frame.get_by_role("button", name="In 3 days").click()
    frame.get_by_role("button", name="Add button").click()
    row = frame.locator("[data-ask-button]").last
    row.get_by_label("Text").fill("Not now")
    row.get_by_label("Value").fill("later")
    row.get_by_label("Counts as").select_option("Declined")
    row.get_by_label("Reason").select_option("Required")
    expect(frame.locator("#preview").get_by_role("link", name="Answer the request").first).to_be_visible()
    expect_no_scrollbars(desk)
    expect_accessible(desk)
    frame.get_by_role("button", name="Send", exact=True).click()
    expect(frame.get_by_text("Sent to 2 people.")).to_be_visible()


def follow_link(desk: Desk, address: str = "") -> FrameLocator:
    """The request's page in the slider: opened from the bell, or at an address that was passed on."""
    if address:
        desk.page.goto(f"{desk.portal.url}{address}")
    else:
        desk.page.goto(desk.portal.url)
        desk.open_bell().get_by_role("link", name="Answer the request").first.click()
    return desk.page.frame_locator(".slider iframe")


@pytest.mark.market("M06")
def test_two_people_answer_and_a_third_is_refused(installed: Desk) -> None:
    desk, portal = installed, installed.portal
    one, two, third = portal.people[3], portal.people[4], portal.people[5]
    send_request(desk, one, two)
    found = re.search(r"\[url=([^\]]+)\]", desk.bell_texts(one)[0])
    assert found is not None

    desk.become(one)
    page = follow_link(desk)
    expect(page.get_by_text("Read the new rules")).to_be_visible()
    expect(page.get_by_role("navigation")).to_have_count(0)
    expect_accessible(desk)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_focused()
    expect(desk.page.locator(".slider")).to_have_count(0, timeout=10_000)
    assert desk.feed(one) == []

    desk.become(two)
    desk.open()
    desk.tab("Inbox")
    entry = desk.frame.locator(".request")
    entry.get_by_role("button", name="Decline").click()
    expect(entry.get_by_label("Reason for “Decline”, if you like")).to_be_focused()
    entry.get_by_role("button", name="Not now").click()
    entry.get_by_role("button", name="Send “Not now”").click()
    expect(entry.get_by_text("Give a reason")).to_be_visible()
    expect_accessible(desk)
    entry.get_by_label("Reason for “Not now”").fill("On leave")
    entry.get_by_role("button", name="Send “Not now”").click()
    expect(entry.get_by_text("“Not now” was recorded")).to_be_visible()
    expect(desk.frame.locator("#feed .note:not(.request)")).to_have_count(0)
    assert desk.feed(two) == []

    desk.become(third)
    page = follow_link(desk, found[1])
    expect(page.get_by_role("heading", name="sent to other people")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(desk.page.locator(".slider")).to_have_count(0)
    answers = Answer.objects.order_by("pk").values_list("notification__recipient__user_id", "value", "reason")
    assert list(answers) == [(one.id, "Y", ""), (two.id, "later", "On leave")]


def test_a_request_that_arrives_while_the_inbox_is_open_can_be_answered_there(installed: Desk) -> None:
    desk, portal = installed, installed.portal
    author = PortalUser.objects.get(user_id=portal.admin.id)
    desk.page.clock.install()
    desk.become(portal.person)
    desk.open()
    desk.tab("Inbox")
    for number, request in enumerate((None, ask.Ask(ask.default_buttons()), None)):
        draft = Draft(Notification.Type.PERSONAL, f"Number {number}", ask=request)
        sending.send(author, [portal.person.id], draft, uuid4())
        desk.page.clock.fast_forward(ROUND)
        if number:
            desk.frame.get_by_role("button", name="1 new notification").click()
        expect(desk.frame.locator("#feed .note:not(.request)")).to_have_count(number + 1)
    desk.frame.locator(".request").get_by_role("button", name="Confirm").click()
    expect(desk.frame.locator(".request").get_by_text("was recorded")).to_be_visible()
    expect(desk.frame.locator("#feed .note:not(.request)")).to_have_count(2)
