"""The Settings tab, as an admin uses it in the portal's frame."""

import json

from playwright.sync_api import expect

from b24app.models import Portal
from tests.browser.conftest import Desk
from tests.browser.test_walk import expect_accessible


def test_give_a_right_check_the_connection_and_take_the_data_along(installed: Desk) -> None:
    frame, portal = installed.frame, installed.portal
    installed.tab("Settings")
    form = frame.get_by_role("form", name="Rights")
    right = form.get_by_role("group", name="Who may send to many")
    expect(right.get_by_role("button", name="Choose people")).to_be_hidden()
    right.get_by_role("combobox").select_option("chosen")

    right.get_by_role("button", name="Departments").click()
    dialog = frame.get_by_role("dialog", name="Departments")
    dialog.get_by_label("Sales").check()
    dialog.get_by_role("button", name="Done").click()
    right.get_by_role("button", name="Choose people").click()
    picker = installed.page.get_by_role("dialog", name="Select people")
    picker.get_by_role("option", name=portal.person.full_name).click()
    picker.get_by_role("button", name="Select").click()
    expect(right.locator(".chip-person")).to_contain_text(portal.person.full_name)
    expect_accessible(installed)
    form.get_by_role("button", name="Save rights").press("Enter")
    expect(frame.locator("#toasts")).to_contain_text("Saved: Who may send to many.")
    expect(right.locator(".chip-branch")).to_contain_text("Sales")
    stored = Portal.objects.get(member_id=portal.member_id)
    assert stored.who_may_send_to_many == "chosen"
    expect(form.get_by_role("button", name="Save rights")).to_be_focused()
    assert [each["id"] for each in stored.chosen["send_to_many"]["people"]] == [portal.person.id]

    frame.get_by_label("TAG begins with").fill("typed, not saved")
    frame.get_by_role("button", name="Check connection").click()
    expect(frame.get_by_role("complementary", name="Connection")).to_contain_text("The portal answers.")
    expect(frame.get_by_role("button", name="Check connection")).to_be_focused()
    expect(frame.get_by_label("TAG begins with")).to_have_value("typed, not saved")
    expect(right.locator(".chip-branch")).to_contain_text("Sales")

    frame.get_by_role("button", name="Save", exact=True).press("Enter")
    expect(frame.locator("#toasts")).to_contain_text("Saved: TAG begins with.")
    expect(frame.get_by_role("button", name="Save", exact=True)).to_be_focused()

    with installed.page.expect_download() as saved:
        frame.get_by_role("button", name="Save as JSON").click()
    assert json.loads(saved.value.path().read_text())["portal"]["domain"] == stored.domain

    frame.get_by_role("button", name="Delete all data").click()
    dialog = frame.get_by_role("dialog", name="Delete all data of your portal?")
    dialog.get_by_label("Address of your portal").fill("portal")
    dialog.get_by_role("button", name="Delete all data").click()
    expect(dialog).to_contain_text("Nothing was deleted")
    expect_accessible(installed)
    dialog.get_by_label("Address of your portal").fill(stored.domain)
    dialog.get_by_role("button", name="Delete all data").click()
    expect(frame.locator("#toasts")).to_contain_text("All data is deleted")
    expect(dialog).to_be_hidden()
    assert not installed.errors
