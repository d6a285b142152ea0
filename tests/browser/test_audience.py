"""Choosing many recipients in the portal's frame, looking through their names, and sending."""

import pytest
from playwright.sync_api import expect

from devportal.server import Stand
from tests.browser.conftest import Desk
from tests.browser.test_walk import expect_accessible, expect_no_scrollbars


@pytest.fixture
def writing(installed: Desk) -> Desk:
    """The admin before an empty form, which the window shows whole: a click right after a scroll can miss a frame of another site."""
    installed.page.set_viewport_size({"width": 1600, "height": 1500})
    installed.tab("New notification")
    return installed


def test_a_department_with_those_below_it_but_one_person(writing: Desk, stand: Stand) -> None:
    """By the keyboard where it matters: the tree, its search, the switch of a chip; then the names, and the bells."""
    frame, page, portal = writing.frame, writing.page, writing.portal
    wanted = {person.id for person in portal.people.values() if set(person.departments) & {5, 14}} - {8}
    frame.get_by_label("Message").fill("The lifts are back")
    expect(frame.get_by_role("button", name="Send", exact=True)).to_be_visible()

    frame.get_by_role("button", name="Departments", exact=True).click()
    dialog = frame.get_by_role("dialog", name="Departments")
    expect(dialog.get_by_label("Search")).to_be_focused()
    dialog.get_by_role("button", name="Departments below Support").press("Enter")
    expect(dialog.get_by_role("checkbox", name="Support Süd")).to_be_visible()
    expect_accessible(writing)
    dialog.get_by_role("checkbox", name="Support", exact=True).press("Space")
    dialog.get_by_label("Search").fill("sal")
    expect(dialog.get_by_role("checkbox")).to_have_count(1)
    dialog.get_by_role("checkbox", name="Sales").check()
    dialog.get_by_role("checkbox", name="Sales").uncheck()
    dialog.get_by_label("Search").fill("")
    # The tree comes back with what is chosen.
    expect(dialog.get_by_role("checkbox", name="Support", exact=True)).to_be_checked()
    page.keyboard.press("Escape")
    expect(frame.get_by_role("button", name="Departments", exact=True)).to_be_focused()
    expect(frame.get_by_role("checkbox", name="With sub-departments: Support")).to_be_checked()
    expect(frame.locator("[name='departments']")).to_have_count(1)

    frame.get_by_role("button", name="Except…").click()
    expect(frame.get_by_role("button", name="Except people")).to_be_focused()
    frame.get_by_role("button", name="Except people").click()
    picker = page.get_by_role("dialog", name="Select people")
    picker.get_by_role("option", name=portal.people[8].full_name).click()
    picker.get_by_role("button", name="Select").click()
    expect(frame.get_by_role("button", name=f"Remove {portal.people[8].full_name}")).to_be_visible()
    expect_accessible(writing)
    expect_no_scrollbars(writing)

    # The draft is kept while another tab is looked at.
    writing.tab("Inbox")
    writing.tab("New notification")
    frame.get_by_role("button", name="Review recipients").click()
    expect(frame.get_by_role("heading", name="2 people will get this")).to_be_visible()
    names = frame.get_by_role("list", name="Recipients")
    for number in wanted:
        expect(names).to_contain_text(portal.people[number].full_name)
    expect(frame.locator(".audience-held")).to_contain_text(portal.people[8].full_name)
    expect_accessible(writing)
    expect_no_scrollbars(writing)
    assert all(writing.bell_texts(person) == [] for person in portal.people.values())

    frame.get_by_role("button", name="Send", exact=True).click()
    expect(frame.get_by_role("heading", name="2 people will get this")).to_have_count(0)
    assert {person.id for person in portal.people.values() if writing.bell_texts(person) == ["The lifts are back"]} == wanted
    assert sum(len(writing.bell_texts(person)) for person in portal.people.values()) == 2


def test_everyone_and_a_pasted_list(writing: Desk) -> None:
    frame, portal = writing.frame, writing.portal
    frame.get_by_label("Message").fill("To all")
    everyone = frame.get_by_role("button", name="Everyone", exact=True)
    everyone.click()
    expect(everyone).to_have_attribute("aria-pressed", "true")
    frame.get_by_role("button", name="Remove Everyone").click()
    expect(everyone).to_have_attribute("aria-pressed", "false")
    frame.get_by_role("button", name="Paste a list").click()
    listed = frame.get_by_label("User ids or e-mail addresses")
    expect(listed).to_be_focused()
    listed.fill(f"3\n{portal.people[4].email}\nwho")
    frame.get_by_role("button", name="Review recipients").click()
    expect(listed).to_have_attribute("aria-invalid", "true")
    expect(frame.locator("#listed-error")).to_contain_text("“who”")
    listed.fill(f"3\n{portal.people[4].email}\n4711")
    frame.get_by_role("button", name="Review recipients").click()
    expect(frame.get_by_role("heading", name="2 people will get this")).to_be_visible()
    expect(frame.locator(".audience-held")).to_contain_text("#4711")
    frame.locator("#audience-review").get_by_role("button", name="Cancel").click()
    frame.get_by_role("dialog").get_by_role("button", name="Discard").click()
    expect(frame.get_by_role("link", name="Sent")).to_have_attribute("aria-current", "page")
    assert all(writing.bell_texts(person) == [] for person in portal.people.values())
