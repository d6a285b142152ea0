"""Writing a notification in the portal's frame: people by name, formatting, the attachment builder, warnings, the draft."""

import json

import pytest
from playwright.sync_api import FrameLocator, Locator, Page, Route, expect

from b24app.models import Portal, Sender
from devportal.server import Stand
from tests.browser.conftest import Desk
from tests.browser.test_walk import expect_accessible, expect_no_scrollbars, send

DOT = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU"
    b"\x00\x00\x00\nIDATx\x9cc`\x00\x00\x00\x02\x00\x01H\xaf\xa4q\x00\x00\x00\x00IEND\xaeB`\x82"
)


@pytest.fixture
def writing(installed: Desk) -> Desk:
    """The admin before an empty form; an earlier notification with TAG "invoice-1" is in one colleague's feed.

    Pictures of the preview come from the test itself: no test may depend on whether this machine reaches the world.
    """
    installed.page.route("https://example.com/**", picture)
    send(installed, count=3, tag="invoice-1", text="The first reminder")
    installed.open()
    installed.tab("New notification")
    return installed


def picture(route: Route) -> None:
    route.fulfill(body=DOT, content_type="image/png")


def type_name(frame: FrameLocator, words: str) -> Locator:
    """Type into Recipients and wait for what was found."""
    frame.get_by_label("Recipients").press_sequentially(words)
    found = frame.get_by_role("listbox", name="People found").locator("[role='option']")
    expect(found).not_to_have_count(0)
    return found


def json_of(frame: FrameLocator) -> object:
    return json.loads(frame.locator("[name='attach']").input_value())


def test_write_and_send_a_whole_notification(writing: Desk) -> None:
    """From typed names to the bell: bold text, a link, table rows, a TAG used before and the warning about it."""
    frame, portal = writing.frame, writing.portal
    first, second = (portal.people[number] for number in (2, 3))
    type_name(frame, first.last_name[:4])
    frame.get_by_role("option", name=first.full_name).click()
    type_name(frame, second.last_name[:4])
    frame.get_by_role("option", name=second.full_name).click()
    expect(frame.get_by_role("button", name=f"Remove {second.full_name}")).to_be_visible()

    message = frame.get_by_label("Message")
    message.fill("Please decide today")
    message.select_text()
    frame.get_by_role("button", name="Bold").click()
    expect(message).to_have_value("[b]Please decide today[/b]")
    expect(frame.locator("#preview b")).to_have_text("Please decide today")

    used = frame.locator("#used-tags option")
    assert [option.get_attribute("value") for option in used.all()] == ["invoice-1"]
    frame.get_by_label("TAG", exact=True).fill("invoice-1")
    expect(frame.locator("#preview-notes")).to_contain_text("This TAG is in use: sending replaces 2 notifications.")
    expect(frame.locator("#preview-notes")).to_contain_text(f"{first.full_name}: from {portal.admin.full_name}")

    editor = frame.get_by_role("group", name="Attachment")
    editor.get_by_role("button", name="Link").click()
    expect(editor.get_by_label("Address")).to_be_focused()
    editor.get_by_label("Address").fill("https://example.com/4471")
    editor.get_by_label("Caption").fill("Invoice 4471")
    editor.get_by_role("button", name="Table").click()
    editor.get_by_label("Name").fill("Amount")
    editor.get_by_label("Value").fill("1 240 €")
    editor.get_by_role("button", name="Add row").click()
    editor.get_by_label("Name").last.fill("Due")
    editor.get_by_label("Value").last.fill("Friday")
    expect(frame.locator("#preview").get_by_role("link", name="Invoice 4471")).to_be_visible()
    expect(frame.locator("#preview dl")).to_contain_text("1 240 €")
    expect(frame.locator("#attach-state")).to_contain_text("of 60,000 characters")

    frame.get_by_role("button", name="Send").click()
    expect(frame.locator("#toasts")).to_contain_text("Sent to 2 people.")
    assert writing.bell_texts(first) == writing.bell_texts(second) == ["[b]Please decide today[/b]"]
    writing.become(second)
    writing.page.reload()
    bell = writing.open_bell()
    expect(bell.get_by_role("link", name="Invoice 4471")).to_be_visible()
    expect(bell).to_contain_text("Friday")


def test_people_with_the_keyboard_alone(writing: Desk) -> None:
    frame, page, portal = writing.frame, writing.page, writing.portal
    person = portal.people[2]
    field = frame.get_by_label("Recipients")
    field.focus()
    type_name(frame, person.name[:3])
    expect(field).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    expect(field).to_have_attribute("aria-activedescendant", f"found-{person.id}")
    page.keyboard.press("Enter")
    expect(field).to_have_value("")
    expect(field).to_have_attribute("aria-expanded", "false")
    expect(field).to_be_focused()
    expect(frame.get_by_role("button", name=f"Remove {person.full_name}")).to_be_visible()
    page.keyboard.press("Backspace")
    expect(frame.get_by_role("button", name=f"Remove {person.full_name}")).to_have_count(0)
    type_name(frame, person.name[:3])
    page.keyboard.press("Escape")
    expect(frame.get_by_role("listbox", name="People found")).to_be_hidden()


def test_looking_people_up_is_sparing(writing: Desk, stand: Stand) -> None:
    """One call for a name typed in one go, none for one letter."""
    stand.log.clear()
    writing.frame.get_by_label("Recipients").press_sequentially("v")
    type_name(writing.frame, "uoren")
    assert stand.log.count("user.search") == 1


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_formatting_by_shortcut_and_back(writing: Desk) -> None:
    frame, page = writing.frame, writing.page
    message = frame.get_by_label("Message")
    message.fill("One\nTwo")
    message.select_text()
    for key, code in (("Control+b", "b"), ("Control+i", "i"), ("Control+u", "u")):
        page.keyboard.press(key)
        expect(message).to_have_value(f"[{code}]One\nTwo[/{code}]")
        page.keyboard.press(key)
        expect(message).to_have_value("One\nTwo")
    frame.get_by_role("button", name="Quote").click()
    expect(message).to_have_value(">>One\n>>Two")
    expect(frame.locator("#preview blockquote")).to_be_visible()
    frame.get_by_role("button", name="Quote").click()
    expect(message).to_have_value("One\nTwo")
    page.keyboard.press("Control+z")
    expect(message).to_have_value(">>One\n>>Two")
    message.fill("here")
    message.select_text()
    frame.get_by_role("group", name="Formatting").get_by_role("button", name="Link").click()
    page.keyboard.type("https://example.com")
    expect(message).to_have_value("[url=https://example.com]here[/url]")
    expect(frame.locator("#preview").get_by_role("link", name="here")).to_be_visible()


def test_blocks_are_added_moved_and_removed_with_the_keyboard(writing: Desk) -> None:
    frame, page = writing.frame, writing.page
    editor = frame.get_by_role("group", name="Attachment")
    for name in ("Text", "Divider", "Image"):
        editor.get_by_role("button", name=name, exact=True).focus()
        page.keyboard.press("Enter")
    editor.get_by_role("group", name="Text").get_by_role("textbox").fill("Above")
    editor.get_by_role("group", name="Image").get_by_label("Address").fill("https://example.com/1.png")
    up = editor.get_by_role("group", name="Image").get_by_role("button", name="Move up")
    up.focus()
    press(page, "Enter", "Enter")
    # At the top there is no way up any more: the way down has the focus.
    expect(editor.get_by_role("group", name="Image").get_by_role("button", name="Move down")).to_be_focused()
    assert [next(iter(block)) for block in json_of(frame)] == ["IMAGE", "MESSAGE", "DELIMITER"]
    editor.get_by_role("group", name="Text").get_by_role("button", name="Remove block").focus()
    page.keyboard.press("Enter")
    expect(editor.get_by_role("group", name="Divider").get_by_role("button", name="Remove block")).to_be_focused()
    assert [next(iter(block)) for block in json_of(frame)] == ["IMAGE", "DELIMITER"]
    editor.get_by_label("Colour").select_option("Alert")
    assert json_of(frame)["COLOR_TOKEN"] == "alert"
    editor.get_by_label("Colour").select_option("Standard")
    assert isinstance(json_of(frame), list)


def test_json_keeps_what_the_builder_has_no_fields_for(writing: Desk) -> None:
    frame = writing.frame
    editor = frame.get_by_role("group", name="Attachment")
    editor.get_by_role("button", name="Show as JSON").click()
    text = editor.get_by_label("Attachment as JSON")
    expect(text).to_be_focused()
    user, link = {"USER": {"NAME": "Anna"}}, {"LINK": {"LINK": "https://example.com", "PREVIEW": "https://example.com/p.png"}}
    text.fill(json.dumps({"ID": 7, "COLOR": "#29619b", "BLOCKS": [user, link]}))
    expect(frame.locator("#preview")).to_contain_text("Anna")
    editor.get_by_role("button", name="Back to the builder").click()
    expect(editor).to_contain_text("Some blocks can only be changed as JSON.")
    expect(editor.get_by_role("group", name="Other block USER")).to_be_visible()
    editor.get_by_label("Caption").fill("Open")
    link["LINK"]["NAME"] = "Open"
    assert json_of(frame) == {"ID": 7, "COLOR": "#29619b", "BLOCKS": [user, link]}

    editor.get_by_role("button", name="Show as JSON").click()
    text.fill('[{"MESSAGE": ')
    editor.get_by_role("button", name="Back to the builder").click()
    expect(frame.locator("#toasts")).to_contain_text("The builder cannot show this JSON.")
    expect(text).to_have_value('[{"MESSAGE": ')
    expect(frame.locator("#attach-state")).to_contain_text("This is not JSON")


def test_errors_stand_beside_their_fields_and_nothing_is_lost(writing: Desk, stand: Stand) -> None:
    frame = writing.frame
    editor = frame.get_by_role("group", name="Attachment")
    frame.get_by_text("E-mail gets another text").click()
    frame.get_by_label("Other text for e-mail").fill("In short")
    editor.get_by_role("button", name="Image").click()
    stand.log.clear()
    frame.get_by_role("button", name="Send").click()
    expect(frame.get_by_label("Recipients")).to_be_focused()
    expect(frame.locator("#new-form")).to_contain_text("Nobody is chosen.")
    expect(frame.locator("#new-form")).to_contain_text("The message is empty.")
    expect(editor).to_contain_text("Block 1: the address is missing.")
    expect(frame.get_by_label("Other text for e-mail")).to_have_value("In short")
    assert stand.log.count() == 0
    # The preview follows the form that came back, too.
    frame.get_by_label("Message").fill("Now there is one")
    expect(frame.locator("#preview")).to_contain_text("Now there is one")
    editor.get_by_label("Address").fill("https://example.com/1.png")
    writing.page.keyboard.press("Tab")
    expect(editor).not_to_contain_text("the address is missing")


def test_the_whole_draft_survives_another_tab_and_is_discarded_only_when_asked(writing: Desk) -> None:
    frame = writing.frame
    type_name(frame, "vuor").first.click()
    frame.get_by_label("TAG", exact=True).fill("half")
    frame.get_by_role("group", name="Attachment").get_by_role("button", name="Text", exact=True).click()
    writing.page.keyboard.type("A block")
    writing.tab("Inbox")
    writing.tab("New notification")
    expect(frame.get_by_role("group", name="Text").get_by_role("textbox")).to_have_value("A block")
    expect(frame.get_by_role("button", name="Remove Ilmari")).to_be_visible()
    frame.get_by_role("group", name="Text").get_by_role("textbox").press_sequentially(" more")
    expect(frame.locator("#preview")).to_contain_text("A block more")

    frame.get_by_role("button", name="Cancel").click()
    frame.get_by_role("dialog").get_by_role("button", name="Keep writing").click()
    expect(frame.get_by_label("TAG", exact=True)).to_have_value("half")
    frame.get_by_role("button", name="Cancel").click()
    frame.get_by_role("dialog").get_by_role("button", name="Discard").click()
    expect(frame.get_by_role("link", name="Sent")).to_have_attribute("aria-current", "page")
    writing.tab("New notification")
    expect(frame.get_by_label("TAG", exact=True)).to_have_value("")
    frame.get_by_role("button", name="Cancel").click()
    expect(frame.get_by_role("link", name="Sent")).to_have_attribute("aria-current", "page")


def test_enter_in_a_line_sends_nothing(writing: Desk, stand: Stand) -> None:
    frame = writing.frame
    type_name(frame, "vuor").first.click()
    frame.get_by_label("Message").fill("Not yet")
    stand.log.clear()
    frame.get_by_label("TAG", exact=True).fill("t")
    frame.get_by_label("TAG", exact=True).press("Enter")
    frame.get_by_label("SUB_TAG").fill("s")
    expect(frame.locator("#preview-notes")).to_contain_text("SUB_TAG")
    assert stand.log.count() == 0


def test_an_answer_that_comes_while_another_tab_is_shown(writing: Desk, stand: Stand) -> None:
    """The draft is gone and the person is told, wherever they are by then."""
    frame = writing.frame
    type_name(frame, "vuor").first.click()
    frame.get_by_label("Message").fill("Slowly")
    stand.faults.order(method="batch", kind="slow", seconds=30.0)
    frame.get_by_role("button", name="Send").click()
    writing.tab("Settings")
    stand.faults.release()
    expect(frame.locator("#toasts")).to_contain_text("Sent to")
    expect(frame.get_by_role("link", name="Settings")).to_have_attribute("aria-current", "page")
    writing.tab("New notification")
    expect(frame.get_by_label("Message")).to_have_value("")


def test_a_sender_explains_itself(writing: Desk) -> None:
    frame, portal = writing.frame, writing.portal
    row = Portal.objects.get(member_id=portal.member_id)
    Sender.objects.create(portal=row, kind=Sender.Kind.WEBHOOK, name="Old script", client_id="", webhook_url=portal.webhook(portal.person))
    writing.tab("Sent")
    writing.open()
    writing.tab("New notification")
    frame.get_by_label("Sender").select_option("Old script")
    expect(frame.locator("#sender-note")).to_contain_text("Bitrix24 will never let anybody take back")
    expect(frame.locator("#sender-note")).to_contain_text(portal.person.full_name)
    expect_accessible(writing)


@pytest.mark.parametrize("width", [1280, 1440, 1920])
@pytest.mark.market("M18")
def test_no_scrollbars_and_the_preview_beside_the_form(writing: Desk, width: int) -> None:
    """market-checklist.md M18, also with a long attachment, as blocks and as JSON; the preview follows the visible part."""
    writing.page.set_viewport_size({"width": width, "height": 720})
    frame = writing.frame
    editor = frame.get_by_role("group", name="Attachment")
    for name in ("Text", "Link", "Image", "Table", "Table"):
        editor.get_by_role("button", name=name, exact=True).click()
    expect_no_scrollbars(writing)
    form, preview = frame.locator("#new-form").bounding_box(), frame.locator(".preview").bounding_box()
    assert form is not None
    assert preview is not None
    assert preview["x"] > form["x"] + form["width"]
    frame.get_by_role("button", name="Cancel").scroll_into_view_if_needed()
    expect(frame.locator("#preview")).to_be_in_viewport()
    editor.get_by_role("button", name="Show as JSON").click()
    expect_no_scrollbars(writing)
    editor.get_by_label("Attachment as JSON").fill("[]")
    expect_no_scrollbars(writing)


def test_no_serious_problem_for_assistive_technology(writing: Desk) -> None:
    frame = writing.frame
    editor = frame.get_by_role("group", name="Attachment")
    for name in ("Text", "Link", "Image", "Table", "Divider"):
        editor.get_by_role("button", name=name, exact=True).click()
    frame.get_by_text("E-mail gets another text").click()
    frame.get_by_label("TAG", exact=True).fill("invoice-1")
    type_name(frame, "vuor").first.click()
    expect(frame.locator("#preview-notes")).to_contain_text("in use")
    type_name(frame, "jö")
    expect_accessible(writing)
    frame.get_by_role("button", name="Dark theme").click()
    type_name(frame, "r")
    expect_accessible(writing)
    frame.get_by_role("button", name="Send").click()
    expect(frame.locator(".error")).not_to_have_count(0)
    expect_accessible(writing)
