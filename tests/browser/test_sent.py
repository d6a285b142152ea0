"""Sent in the portal's frame: groups by TAG and SUB_TAG, rows that are chosen and deleted, details of a notification."""

from uuid import uuid4

import pytest
from playwright.sync_api import Locator, expect

from b24app.models import PortalUser, Sender
from devportal.server import Stand
from notifications import sending
from notifications.models import Notification
from tests.browser.conftest import Desk
from tests.browser.test_walk import expect_accessible, expect_no_scrollbars

VACATION, INVOICE = "Vacation requests are open", "Invoice 4471 awaits your approval"


def send(desk: Desk, text: str, recipients: list[int], tag: str, sub_tag: str = "", sender: Sender | None = None) -> None:
    """The admin has sent this."""
    author = PortalUser.objects.get(portal__member_id=desk.portal.member_id, user_id=desk.portal.admin.id)
    sending.send(author, recipients, sending.Draft("personal", text, tag, sub_tag), uuid4(), sender)


def view(desk: Desk, name: str) -> Locator:
    """A part of the switch between list and groups."""
    return desk.frame.get_by_role("group", name="View").get_by_role("radio", name=name, exact=True)


def group(desk: Desk, by: str) -> None:
    """Switch to the groups by TAG or SUB_TAG."""
    view(desk, f"By {by}").check()
    expect(desk.frame.get_by_role("table", name=f"Notifications by {by},")).to_be_visible()


@pytest.fixture
def sent(installed: Desk) -> Desk:
    """Three notifications with two TAGs."""
    ids = [person.id for person in installed.portal.people.values() if person.active and not person.admin]
    send(installed, VACATION, ids[:2], "vacation", "people")
    send(installed, INVOICE, ids[2:3], "invoice-4471", "people")
    installed.open()
    return installed


def test_group_open_choose_delete(sent: Desk) -> None:
    """From the groups to the rows of one of them, and out of a colleague's bell; the other rows stay."""
    frame = sent.frame
    rows = frame.locator("#sent-list tbody tr")
    group(sent, "SUB_TAG")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("2 times")
    group(sent, "TAG")
    expect(rows).to_have_count(2)
    expect(rows.last).to_contain_text("Sent 2")
    frame.get_by_role("button", name="vacation", exact=True).click()
    expect(frame.get_by_role("button", name="All TAGs")).to_be_focused()
    expect(rows).to_have_count(2)

    first, second = Notification.objects.filter(tag="vacation").order_by("id").select_related("recipient")
    delete = frame.get_by_role("button", name="Delete", exact=True)
    expect(delete).to_be_disabled()
    frame.get_by_role("checkbox", name="Choose all").check()
    expect(frame.locator(".strip")).to_contain_text("Selected: 2 / 2")
    frame.get_by_role("checkbox", name=f"Choose {VACATION}, {second.recipient.name}").uncheck()
    expect(frame.locator(".strip")).to_contain_text("Selected: 1 / 2")
    delete.click()
    dialog = frame.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete 1 notification?")
    expect(dialog).to_contain_text(first.recipient.name)
    expect(dialog).not_to_contain_text(second.recipient.name)
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(dialog).to_contain_text("1 notification deleted")
    dialog.get_by_role("button", name="Done").click()
    expect(rows.filter(has_text=first.recipient.name)).to_contain_text("Deleted")
    people = sent.portal.people
    assert sent.bell_texts(people[first.recipient.user_id]) == []
    assert sent.bell_texts(people[second.recipient.user_id]) == [VACATION]

    frame.get_by_role("button", name="All TAGs").click()
    expect(frame.get_by_role("table", name="Notifications by TAG,")).to_be_visible()
    expect(frame.get_by_role("button", name="vacation", exact=True)).to_be_focused()
    expect(rows.last).to_contain_text("Sent 1")
    expect(rows.last).to_contain_text("Deleted 1")


def test_a_group_is_deleted_as_a_whole(sent: Desk) -> None:
    frame = sent.frame
    group(sent, "SUB_TAG")
    row = frame.locator("#sent-list tbody tr")
    row.get_by_role("button", name="Delete by SUB_TAG").click()
    dialog = frame.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete 3 notifications?")
    dialog.get_by_role("button", name="Delete by SUB_TAG").click()
    dialog.get_by_role("button", name="Done").click()
    expect(row).to_contain_text("Deleted 3")
    assert all(sent.feed(person) == [] for person in sent.portal.people.values() if not person.admin)


def test_with_the_keyboard_alone(sent: Desk) -> None:
    """The switch by arrow keys, a group by Enter, rows by Space, the details by Enter and away by Escape."""
    frame, page = sent.frame, sent.page

    def tab_to(element: Locator) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if element.evaluate("(element) => element === document.activeElement"):
                return
        expect(element).to_be_focused()

    frame.get_by_role("link", name="Sent").focus()
    tab_to(view(sent, "List"))
    page.keyboard.press("ArrowRight")
    expect(frame.get_by_role("table", name="Notifications by TAG,")).to_be_visible()
    expect(view(sent, "By TAG")).to_be_focused()
    tab_to(frame.get_by_role("button", name="invoice-4471", exact=True))
    page.keyboard.press("Enter")
    expect(frame.get_by_role("button", name="All TAGs")).to_be_focused()

    message = frame.get_by_role("button", name=INVOICE)
    tab_to(message)
    page.keyboard.press("Enter")
    dialog = frame.get_by_role("dialog")
    expect(dialog).to_contain_text("Accepted by Bitrix24")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(message).to_be_focused()

    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    delete = frame.get_by_role("button", name="Delete", exact=True)
    tab_to(delete)
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Delete", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Done")).to_be_focused()
    page.keyboard.press("Enter")
    expect(frame.get_by_role("row", name=INVOICE)).to_contain_text("Deleted")


def test_explanations_open_by_keyboard(sent: Desk) -> None:
    Notification.objects.filter(tag="invoice-4471").update(state=Notification.State.EXPIRED)
    sent.open()
    row = sent.frame.get_by_role("row", name=INVOICE)
    explanation = row.get_by_text("Bitrix24 erases notifications after 60 days")
    expect(explanation).to_be_hidden()
    row.locator("summary").focus()
    sent.page.keyboard.press("Enter")
    expect(explanation).to_be_visible()


def test_what_a_webhook_sent_is_deleted_by_it(sent: Desk, stand: Stand) -> None:
    """With the CLIENT_ID of the webhook, and nothing of the app's with the same TAG (bitrix24.md 6.2)."""
    portal, frame = sent.portal, sent.frame
    robot = Sender.objects.create(
        portal=PortalUser.objects.get(portal__member_id=portal.member_id, user_id=portal.admin.id).portal,
        kind=Sender.Kind.WEBHOOK,
        name="Warehouse robot",
        client_id="robot",
        webhook_url=portal.webhook(portal.admin),
    )
    send(sent, "Stock is low", [portal.admin.id], "vacation", sender=robot)
    sent.open()
    stand.log.clear()
    row = frame.get_by_role("row", name="Stock is low")
    expect(row).to_contain_text("Warehouse robot")
    row.get_by_role("button", name="Delete by TAG").click()
    frame.get_by_role("dialog").get_by_role("button", name="Delete by TAG").click()
    expect(frame.get_by_role("dialog")).to_contain_text("1 notification deleted")
    [command] = stand.log.commands("im.notify.delete")
    assert command.params["CLIENT_ID"] == "robot"
    assert sent.feed(portal.admin) == []
    assert Notification.objects.filter(tag="vacation", state="sent").count() == 2


@pytest.mark.parametrize("width", [1280, 1440, 1920])
@pytest.mark.market("M18")
def test_no_scrollbars(sent: Desk, width: int) -> None:
    """market-checklist.md M18: in groups, in an opened group with everything chosen, and with the details open."""
    frame = sent.frame
    sent.page.set_viewport_size({"width": width, "height": 720})
    group(sent, "TAG")
    frame.get_by_role("button", name="invoice-4471", exact=True).click()
    expect(frame.get_by_role("button", name="All TAGs")).to_be_visible()
    frame.get_by_role("checkbox", name="Choose all").check()
    expect_no_scrollbars(sent)
    frame.get_by_role("button", name=INVOICE).click()
    expect(frame.get_by_role("dialog")).to_be_visible()
    expect_no_scrollbars(sent)


def test_no_serious_problem_for_assistive_technology(sent: Desk) -> None:
    """axe finds nothing serious or critical in groups, an opened group with chosen rows, and the details; in both themes."""
    frame = sent.frame
    for _theme in ("light", "dark"):
        group(sent, "TAG")
        expect_accessible(sent)
        frame.get_by_role("button", name="vacation", exact=True).click()
        expect(frame.get_by_role("button", name="All TAGs")).to_be_visible()
        frame.get_by_role("checkbox", name="Choose all").check()
        expect_accessible(sent)
        frame.get_by_role("button", name=VACATION).first.click()
        expect(frame.get_by_role("dialog")).to_be_visible()
        expect_accessible(sent)
        sent.page.keyboard.press("Escape")
        frame.get_by_role("button", name="Dark theme").click()
