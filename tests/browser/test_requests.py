"""A confirmation request as its sender follows it: answers come in live, a reminder replaces, the sheet agrees, and Confirm by SUB_TAG."""

import csv
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from b24app.models import PortalUser
from notifications import answering, sending
from notifications.ask import Ask, Button, Means, Reason
from notifications.models import Answer, ConfirmationRequest
from tests.browser.conftest import Desk
from tests.browser.test_walk import expect_accessible, expect_no_scrollbars

BUTTONS = (Button("Confirm", "Y", Means.CONFIRM), Button("Decline", "N", Means.DECLINE, Reason.MUST))


def person(desk: Desk, user_id: int) -> PortalUser:
    return PortalUser.objects.get(portal__member_id=desk.portal.member_id, user_id=user_id)


def request_to(desk: Desk, recipients: list[int], author: int = 0) -> ConfirmationRequest:
    """The admin, or somebody else, has asked these people."""
    draft = sending.Draft("personal", "Read the new rules", "rules", "spring", ask=Ask(BUTTONS))
    dispatch = sending.send(person(desk, author or desk.portal.admin.id), recipients, draft, uuid4())
    return ConfirmationRequest.objects.get(dispatch=dispatch)


def answers(desk: Desk, request: ConfirmationRequest, user_id: int, value: str, reason: str = "") -> None:
    assert answering.answer(person(desk, user_id), request.key, value, reason).status is answering.Status.ANSWERED


@pytest.fixture
def asked(installed: Desk) -> ConfirmationRequest:
    """Four people were asked; the sender has the answers open."""
    ids = [each.id for each in installed.portal.people.values() if each.active and not each.admin]
    request = request_to(installed, ids[:4])
    installed.open()
    installed.frame.get_by_role("button", name="All answers").first.click()
    expect(installed.frame.locator(".request-answered")).to_contain_text("0 of 4 people have answered")
    return request


def test_the_sender_follows_reminds_and_closes(installed: Desk, asked: ConfirmationRequest) -> None:
    desk, frame = installed, installed.frame
    rows = list(asked.dispatch.notifications.order_by("id").values_list("recipient__user_id", flat=True))
    report = frame.locator("#request")
    people = report.get_by_role("table", name="People of the request")
    report.get_by_label("Name").fill(person(desk, rows[1]).name)
    expect(people.get_by_role("row")).to_have_count(2)

    answers(desk, asked, rows[0], "Y")
    answers(desk, asked, rows[1], "N", "On leave")
    # Nobody reloads, and what was typed stays.
    expect(report.locator(".request-answered")).to_contain_text("2 of 4 people have answered", timeout=15_000)
    expect(people).to_contain_text("On leave")
    expect(people.get_by_role("row")).to_have_count(2)
    report.get_by_label("Name").fill("")
    expect(people.get_by_role("row")).to_have_count(5)
    report.get_by_text("As a table").click()
    expect(report.get_by_role("table", name="Answers by day").get_by_role("cell")).to_have_text(["1", "1"])
    expect(frame.locator("#request-people.htmx-request")).to_have_count(0)
    expect_no_scrollbars(desk)
    expect_accessible(desk)
    frame.get_by_role("button", name="Dark theme").click()
    expect_accessible(desk)

    waiting = desk.portal.people[rows[2]]
    report.get_by_role("button", name="Remind").click()
    expect(frame.locator("#toasts")).to_contain_text("2 people were reminded.")
    expect(people).to_contain_text("reminded today")
    [item] = desk.feed(waiting)
    assert item.text.startswith("[B]Reminder[/B]\nRead the new rules")

    with desk.page.expect_download() as saved:
        report.get_by_role("button", name="Save as CSV").click()
    assert saved.value.suggested_filename == f"answers-{asked.dispatch_id}.csv"
    with open(saved.value.path(), encoding="utf-8-sig", newline="") as file:
        lines = {line[1]: line for line in csv.reader(file) if len(line) == 7}
    for given in Answer.objects.select_related("notification__recipient"):
        line = lines[str(given.notification.recipient.user_id)]
        assert (line[0], line[3], line[5]) == (given.notification.recipient.name, given.label, given.reason)
    report.get_by_role("button", name="Printable sheet").click()
    sheet = frame.get_by_role("region", name="Acknowledgement sheet")
    expect(sheet.get_by_role("button", name="Print")).to_be_focused()
    expect(sheet.get_by_role("row", name="On leave")).to_contain_text("Declined")
    expect_no_scrollbars(desk)
    expect_accessible(desk)
    sheet.get_by_role("button", name="Back").click()

    report.get_by_role("button", name="Close the request").click()
    dialog = frame.get_by_role("dialog")
    expect(dialog).to_contain_text("2 people have not answered.")
    dialog.get_by_role("button", name="Close the request").click()
    expect(dialog).to_be_hidden()
    expect(report.locator(".request-state")).to_contain_text("Closed")
    expect(report.get_by_role("button", name="Remind")).to_have_count(0)
    expect(frame.locator("#request-title")).to_be_focused()


def test_confirm_by_sub_tag_over_both_kinds(installed: Desk) -> None:
    """One confirmation of the portal's inside the app's namespace, and one own request that wants a reason."""
    desk, portal, frame = installed, installed.portal, installed.frame
    request = request_to(desk, [portal.admin.id])
    portal.place_confirmation(portal.admin, tag="invited", sub_tag="spring", app=desk.app)
    desk.open()
    frame.get_by_role("button", name="Confirm by TAG").first.click()
    dialog = frame.get_by_role("dialog")
    dialog.get_by_label("SUB_TAG").fill("spring")
    dialog.get_by_role("button", name="Find").click()
    expect(dialog.get_by_role("heading", name="2 confirmations wait for you")).to_be_visible()
    dialog.get_by_role("radio", name="Accept").check()
    own = dialog.get_by_role("group", name="Read the new rules")
    expect(own.get_by_role("textbox")).to_be_hidden()
    own.get_by_role("radio", name="Decline").check()
    dialog.get_by_role("button", name="Confirm by SUB_TAG").click()
    expect(dialog.get_by_role("status")).to_contain_text("Give a reason")
    own.get_by_role("textbox").fill("On leave")
    expect_accessible(desk)
    dialog.get_by_role("button", name="Confirm by SUB_TAG").click()
    expect(dialog).to_contain_text("You are now a member")
    expect(dialog).to_contain_text("“Decline” was recorded.")
    assert Answer.objects.get(request=request).reason == "On leave"
    assert desk.feed(portal.admin) == []
