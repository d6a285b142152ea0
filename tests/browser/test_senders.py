"""Webhook senders on the Settings tab, as an admin handles them in the portal's frame."""

from playwright.sync_api import expect

from tests.browser.conftest import Desk


def test_add_correct_check_and_remove_a_webhook_sender(installed: Desk) -> None:
    """A wrong address loses nothing that was typed, and the secret never comes back from the server."""
    frame, portal = installed.frame, installed.portal
    address = portal.webhook(portal.admin)
    secret = address.rstrip("/").rpartition("/")[2]
    installed.tab("Settings")
    senders, form = frame.locator("#senders-list"), frame.get_by_role("form", name="Add a webhook sender")
    expect(senders).to_contain_text("The app itself")

    form.get_by_label("Name").fill("Warehouse")
    form.get_by_label("Webhook address").fill(address.replace(secret, "mistyped"))
    form.get_by_role("button", name="Add sender").click()
    expect(form).to_contain_text("Bitrix24 will never let anybody take them back")
    expect(form.get_by_label("CLIENT_ID", exact=True)).to_be_focused()
    expect(form.get_by_label("Name")).to_have_value("Warehouse")
    expect(form.get_by_label("Webhook address")).to_have_value(address.replace(secret, "mistyped"))

    form.get_by_label("CLIENT_ID", exact=True).fill("warehouse")
    form.get_by_role("button", name="Add sender").click()
    expect(form).to_contain_text("Bitrix24 does not accept this webhook")
    expect(form.get_by_label("Webhook address")).to_have_value(address.replace(secret, "mistyped"))

    # The other form of the tab redraws it; what stands in this one stays.
    frame.get_by_role("button", name="Save", exact=True).click()
    expect(frame.locator("#toasts")).to_contain_text("Nothing was changed")
    expect(form.get_by_label("Webhook address")).to_have_value(address.replace(secret, "mistyped"))

    form.get_by_label("Webhook address").fill(address)
    form.get_by_role("button", name="Add sender").click()
    expect(senders).to_contain_text("/••••••/")
    expect(form.get_by_label("Webhook address")).to_have_value("")
    assert secret not in frame.locator("body").inner_html()

    portal.webhooks.clear()
    frame.get_by_role("button", name="Check Warehouse").click()
    expect(senders).to_contain_text("Refused")
    expect(frame.get_by_role("button", name="Check Warehouse")).to_be_focused()

    frame.get_by_role("button", name="Remove Warehouse").click()
    dialog = frame.get_by_role("dialog", name="Remove Warehouse?")
    expect(dialog).to_contain_text("The app forgets the webhook's address")
    dialog.get_by_role("button", name="Remove").click()
    expect(senders).not_to_contain_text("Warehouse")
    expect(dialog).to_be_hidden()
