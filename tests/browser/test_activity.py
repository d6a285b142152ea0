"""The figures at the top of Sent, and the Activity tab, as an admin uses them: by keyboard too, and with files that can be saved."""

import json

from playwright.sync_api import expect

from tests.browser.conftest import Desk
from tests.browser.test_walk import expect_accessible, expect_no_scrollbars, send


def test_figures_activity_and_one_exchange(installed: Desk) -> None:
    installed.page.set_viewport_size({"width": 1280, "height": 900})
    send(installed, count=3, tag="invoice")
    frame = installed.open()
    expect(frame.get_by_role("img", name="The last 30 days")).to_be_visible()
    frame.get_by_text("As a table").click()
    expect(frame.get_by_role("table", name="What was sent each day").get_by_role("row")).to_have_count(2)
    expect_accessible(installed)
    fold = frame.get_by_role("button", name="Figures")
    fold.press("Enter")
    expect(fold).to_have_attribute("aria-expanded", "false")
    expect(fold).to_be_focused()
    installed.open()
    expect(fold).to_have_attribute("aria-expanded", "false")

    installed.tab("Activity")
    expect(frame.get_by_role("row", name="Sent a notification to 3 people")).to_have_count(1)
    expect_accessible(installed)
    expect_no_scrollbars(installed)
    frame.get_by_label("What was done").select_option(label="Deleted")
    expect(frame.get_by_role("heading", name="Nothing matches")).to_be_visible()
    frame.get_by_label("What was done").select_option(label="Sent")
    with installed.page.expect_download() as download:
        frame.get_by_role("button", name="Save as CSV").press("Enter")
    assert "invoice" in download.value.path().read_text(encoding="utf-8-sig")

    frame.get_by_role("link", name="Calls to Bitrix24").press("Enter")
    expect(frame.get_by_label("Method")).to_be_visible()
    # Until then the new page does not listen.
    expect(frame.locator(".htmx-settling")).to_have_count(0)
    frame.get_by_label("Method").fill("no such")
    expect(frame.get_by_role("heading", name="Nothing matches")).to_be_visible()
    frame.get_by_label("Method").fill("batch")
    opener = frame.locator("#calls-list").get_by_role("button", name="batch").first
    expect(opener).to_be_visible()
    expect_accessible(installed)
    opener.press("Enter")
    dialog = frame.get_by_role("dialog", name="batch")
    dialog.locator("summary").first.press("Enter")
    expect(dialog.get_by_role("region", name="Request").first).to_be_visible()
    expect_accessible(installed)
    with installed.page.expect_download() as download:
        dialog.get_by_role("button", name="Save this exchange").press("Enter")
    assert json.loads(download.value.path().read_text())["portal"] == installed.portal.domain
    installed.page.keyboard.press("Escape")
    expect(opener).to_be_focused()
