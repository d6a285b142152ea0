"""The whole way through the app as a person goes it, in the portal's frame with the real SDK."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Frame, Page, expect

from b24app.frame import session
from b24app.models import PortalUser
from devportal.feed import namespaced
from devportal.server import Stand
from notifications import sending
from tests.browser.conftest import Desk
from tests.conftest import CLIENT_ID
from tests.devportal.pages_app import notify


def send(desk: Desk, *, count: int, tag: str = "matter", text: str = "A matter of some length that everybody has to know about") -> None:
    """The admin has sent this to `count` people."""
    author = PortalUser.objects.get(portal__member_id=desk.portal.member_id, user_id=desk.portal.admin.id)
    people = [person.id for person in desk.portal.people.values() if person.active]
    for start in range(0, count, len(people)):
        draft = sending.Draft("personal", text, tag and f"{tag}-{start}" if start else tag, "common" if tag else "")
        sending.send(author, people[: count - start], draft, uuid4())


def expect_no_scrollbars(desk: Desk) -> None:
    """Once the portal has given the frame the height the page asked for, nothing overflows in either direction."""
    desk.content_frame().wait_for_function(
        """() => { const page = document.documentElement;
        return page.scrollWidth <= page.clientWidth && page.clientWidth === innerWidth
            && page.scrollHeight <= page.clientHeight && page.clientHeight === innerHeight; }""",
        timeout=5_000,
    )


def expect_accessible(desk: Desk) -> None:
    assert serious_problems(desk) == []


def serious_problems(desk: Desk) -> list[tuple[str, list[str]]]:
    """What axe finds in the frame that is serious or critical."""
    # Colours that are still changing would be measured half-way, and a list that is being loaded again is paler.
    desk.page.emulate_media(reduced_motion="reduce")
    desk.content_frame().wait_for_function(
        "() => !document.querySelector('.htmx-request') && document.getAnimations().every((each) => each.playState !== 'running')"
    )
    return found_by_axe(desk.content_frame())


def found_by_axe(page: Page | Frame) -> list[tuple[str, list[str]]]:
    """The rules of axe's that are broken seriously or critically: a rule's name, and the elements that break it, each with the reason."""
    results = Axe().run(page)
    return [
        (violation["id"], [f"{node['html']} {node['failureSummary']}" for node in violation["nodes"]])
        for violation in results.response["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


@contextmanager
def expired_frame_tokens() -> Iterator[None]:
    """Tokens issued before now are worth nothing, as after their hour; those issued from now on are good."""
    with mock.patch.object(session, "_SALT", "later"):
        yield


@pytest.mark.market("M01", "M02", "M06", "M19")
def test_install_send_see_and_take_back(desk: Desk) -> None:
    """From the Market to a notification in a colleague's bell, and out of it again by TAG."""
    installed, frame, portal = desk, desk.frame, desk.portal
    desk.page.goto(f"{portal.url}/marketplace/")
    desk.page.get_by_role("button", name="Install").click()
    expect(frame.get_by_role("heading", name="Tagged Notifications")).to_be_visible()
    expect(frame.locator("#main")).to_have_attribute("aria-busy", "false")
    colleague = portal.person
    installed.tab("New notification")
    installed.choose_people(portal.admin.full_name, colleague.full_name)
    frame.get_by_label("Message").fill("Invoice 4471 awaits your approval")
    frame.get_by_label("TAG", exact=True).fill("invoice-4471")
    frame.get_by_role("button", name="Send").click()
    expect(frame.locator("#toasts")).to_contain_text("Sent to 2 people.")
    rows = frame.get_by_role("row", name="Invoice 4471")
    expect(rows).to_have_count(2)
    expect(installed.open_bell()).to_contain_text("Invoice 4471 awaits your approval")
    assert installed.bell_texts(colleague) == ["Invoice 4471 awaits your approval"]

    rows.first.get_by_role("button", name="Delete by TAG").click()
    dialog = frame.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete 2 notifications?")
    expect(dialog).to_contain_text(colleague.full_name)
    dialog.get_by_role("button", name="Delete by TAG").click()
    expect(dialog).to_contain_text("2 notifications deleted")
    dialog.get_by_role("button", name="Done").click()
    expect(rows.first).to_contain_text("Deleted")
    expect(installed.page.locator("#notification-list")).not_to_contain_text("Invoice 4471")
    assert installed.bell_texts(portal.admin) == installed.bell_texts(colleague) == []


def test_a_tag_typed_by_hand_confirms_an_invitation(installed: Desk) -> None:
    """The invitation is in the person's own feed; its button is chosen by name, and the portal's answer shown (bitrix24.md 6.4, 6.6)."""
    frame, portal = installed.frame, installed.portal
    invitation = portal.place_confirmation(portal.admin)
    frame.get_by_role("button", name="Confirm by TAG").click()
    dialog = frame.get_by_role("dialog")
    dialog.get_by_label("TAG", exact=True).fill(invitation.tag)
    dialog.get_by_role("button", name="Find").click()
    expect(dialog.get_by_role("heading", name="1 confirmation waits for you")).to_be_visible()
    dialog.get_by_role("button", name="Confirm by TAG").click()
    expect(dialog.get_by_role("status")).to_contain_text("Choose a button")
    dialog.get_by_role("radio", name="Accept").check()
    dialog.get_by_role("button", name="Confirm by TAG").click()
    expect(dialog).to_contain_text("You are now a member")
    assert portal.feed(portal.admin) == []


def test_confirming_with_the_keyboard_alone(installed: Desk) -> None:
    frame, portal, page = installed.frame, installed.portal, installed.page
    invitation = portal.place_confirmation(portal.admin)
    opener = frame.get_by_role("button", name="Confirm by TAG")
    opener.press("Enter")
    dialog = frame.get_by_role("dialog")
    expect(dialog.get_by_label("TAG", exact=True)).to_be_focused()
    page.keyboard.type(invitation.tag)
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("heading", name="1 confirmation waits for you")).to_be_visible()
    first = dialog.get_by_role("radio").first
    for _ in range(10):
        if first.evaluate("(radio) => radio === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(first).to_be_checked()
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("You are now a member")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_nothing_to_confirm_says_why(installed: Desk) -> None:
    frame = installed.frame
    frame.get_by_role("button", name="Confirm by TAG").click()
    dialog = frame.get_by_role("dialog")
    dialog.get_by_label("SUB_TAG").fill("no such tag")
    dialog.get_by_role("button", name="Find").click()
    expect(dialog).to_contain_text("Nothing with this tag waits in your feed.")


@pytest.mark.parametrize("width", [1280, 1440, 1920])
@pytest.mark.market("M18")
def test_no_scrollbars(installed: Desk, width: int) -> None:
    """market-checklist.md M18: none in the frame, on every tab, also with a full list, an open filter and an open dialog."""
    installed.page.set_viewport_size({"width": width, "height": 720})
    send(installed, count=30)
    installed.open()
    frame = installed.frame
    for tab in ("Sent", "Inbox", "New notification", "Settings"):
        installed.tab(tab)
        expect_no_scrollbars(installed)
    installed.tab("Sent")
    frame.get_by_role("button", name="Filter", exact=True).click()
    expect_no_scrollbars(installed)
    installed.page.keyboard.press("Escape")
    frame.get_by_role("button", name="Delete by TAG").first.click()
    expect(frame.get_by_role("dialog")).to_be_visible()
    expect_no_scrollbars(installed)


def test_a_dialog_on_an_empty_page_makes_the_frame_higher(installed: Desk) -> None:
    installed.page.set_viewport_size({"width": 1280, "height": 500})
    for number in range(8):
        installed.portal.place_confirmation(installed.portal.admin, tag="many", kind="group" if number % 2 else "calendar")
    installed.open()
    installed.frame.get_by_role("button", name="Confirm by TAG").click()
    dialog = installed.frame.get_by_role("dialog")
    dialog.get_by_label("TAG", exact=True).fill("many")
    dialog.get_by_role("button", name="Find").click()
    expect(dialog.get_by_role("group")).not_to_have_count(0)
    expect_no_scrollbars(installed)


def test_an_expired_session_is_renewed_without_losing_what_was_typed(installed: Desk, stand: Stand) -> None:
    """An hour later the frame's token is worth nothing: the page gets a new one from the portal and sends what was typed."""
    installed.tab("New notification")
    frame, portal = installed.frame, installed.portal
    installed.choose_people(portal.person.full_name)
    frame.get_by_label("Message").fill("Typed an hour ago")
    expect(frame.locator("#preview")).to_contain_text("Typed an hour ago")
    portal.expire_tokens()
    with expired_frame_tokens():
        frame.get_by_role("button", name="Send").click()
        expect(frame.locator("#toasts")).to_contain_text(f"Sent to {portal.person.full_name}.")
    assert installed.bell_texts(portal.person) == ["Typed an hour ago"]
    installed.expect_errors("401")


def test_a_draft_survives_a_look_at_another_tab(installed: Desk) -> None:
    installed.tab("New notification")
    frame, colleague = installed.frame, installed.portal.person.full_name
    installed.choose_people(colleague)
    frame.get_by_label("Message").fill("Half a")
    frame.get_by_label("TAG", exact=True).fill("draft")
    installed.tab("Sent")
    installed.tab("New notification")
    expect(frame.get_by_label("Message")).to_have_value("Half a")
    expect(frame.get_by_label("TAG", exact=True)).to_have_value("draft")
    expect(frame.get_by_role("button", name=f"Remove {colleague}")).to_be_visible()
    frame.get_by_label("Message").press_sequentially(" sentence")
    expect(frame.locator("#preview")).to_contain_text("sentence")
    frame.get_by_role("button", name="Cancel").click()
    frame.get_by_role("dialog", name="Discard this notification?").get_by_role("button", name="Discard").click()
    installed.tab("New notification")
    expect(frame.get_by_label("Message")).to_have_value("")


def test_a_failed_sending_keeps_everything_and_is_not_doubled(installed: Desk, stand: Stand) -> None:
    installed.tab("New notification")
    frame, portal = installed.frame, installed.portal
    installed.choose_people(portal.person.full_name)
    frame.get_by_label("Message").fill("Once")
    stand.faults.order(method="batch", code="OVERLOAD_LIMIT")
    frame.get_by_role("button", name="Send").click()
    expect(frame.locator("#toasts")).not_to_be_empty()
    expect(frame.get_by_label("Message")).to_have_value("Once")
    assert installed.bell_texts(portal.person) == []
    frame.get_by_role("button", name="Send").click()
    expect(frame.get_by_role("row", name="Once")).to_have_count(1)
    assert installed.bell_texts(portal.person) == ["Once"]
    installed.expect_errors("502", "503")


def test_deleting_with_the_keyboard_alone(installed: Desk) -> None:
    send(installed, count=2)
    installed.open()
    frame, page = installed.frame, installed.page
    frame.get_by_role("link", name="Sent").focus()
    delete = frame.get_by_role("button", name="Delete by TAG").first
    for _ in range(30):
        page.keyboard.press("Tab")
        if delete.evaluate("(button) => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    dialog = frame.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Delete by TAG")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(delete).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Delete by TAG")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Done")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    # The row is another one now.
    expect(frame.locator("#main")).to_be_focused()
    expect(frame.get_by_role("row", name="Deleted")).to_have_count(2)


def test_what_has_just_arrived_is_the_apps_own_from_the_first_moment(installed: Desk) -> None:
    """A key pressed at the very moment a dialog appears must not send its form past htmx, which would replace the app by a bare page."""
    send(installed, count=1)
    frame = installed.open()
    installed.content_frame().evaluate(
        """() => document.addEventListener("htmx:afterSwap", function press({ detail: { target } }) {
            if (target.id !== "dialog-content") return;
            document.removeEventListener("htmx:afterSwap", press);
            setTimeout(() => target.querySelector("form").requestSubmit());
        })"""
    )
    frame.get_by_role("button", name="Delete by TAG").click()
    expect(frame.get_by_role("dialog")).to_contain_text("1 notification deleted")


def test_an_opening_in_vain_says_why_inside_the_portal(installed: Desk, stand: Stand) -> None:
    installed.portal.expire_tokens()
    stand.faults.order(method="oauth.app_info", code="PAYMENT_REQUIRED", times=None)
    installed.page.reload()
    expect(installed.frame.get_by_role("heading", name="The app could not be opened")).to_be_visible()
    expect(installed.frame.get_by_text("Ask a portal administrator to extend it in the Market")).to_be_visible()
    expect_accessible(installed)
    installed.expect_errors("403")


def test_a_style_set_by_script_is_not_written_into_what_replaces_it(installed: Desk) -> None:
    """htmx would copy it as an attribute, which our Content-Security-Policy reports in the console: `desk` fails on that."""
    installed.content_frame().evaluate("() => document.querySelector('#sent-filter').style.setProperty('--view-top', '1px')")
    installed.tab("Inbox")
    installed.tab("Sent")
    installed.content_frame().evaluate("() => { document.querySelector('#sent-filter').style.setProperty('--view-top', '1px'); }")
    installed.tab("Sent")
    expect(installed.frame.locator("#main")).to_have_attribute("aria-busy", "false")


def test_filtering_by_a_click_on_a_tag_and_by_words(installed: Desk) -> None:
    send(installed, count=2, tag="alpha", text="First matter")
    send(installed, count=1, tag="beta", text="Second matter")
    installed.open()
    frame = installed.frame
    rows = frame.locator("#sent-list tbody tr")
    expect(rows).to_have_count(3)
    frame.locator("#sent-list").get_by_role("button", name="beta", exact=True).click()
    expect(rows).to_have_count(1)
    frame.get_by_role("button", name="Remove filter TAG: beta").click()
    expect(rows).to_have_count(3)
    frame.get_by_label("Search").press_sequentially("first")
    expect(rows).to_have_count(2)
    expect(frame.get_by_label("Search")).to_be_focused()
    frame.get_by_label("Search").fill("nothing like this")
    expect(frame.get_by_role("heading", name="Nothing matches")).to_be_visible()
    frame.get_by_role("button", name="Clear filter").last.click()
    expect(rows).to_have_count(3)


def test_load_more(installed: Desk) -> None:
    for _ in range(6):
        send(installed, count=11, tag="")
    installed.open()
    rows = installed.frame.locator("#sent-list tbody tr:not(.grid-more)")
    expect(rows).to_have_count(50)
    installed.frame.get_by_role("button", name="Load more").click()
    expect(rows).to_have_count(66)
    expect(installed.frame.get_by_role("button", name="Load more")).to_have_count(0)


def test_the_inbox(installed: Desk) -> None:
    """Reading, answering, confirming and deleting in the person's own feed; marking all leaves confirmations (bitrix24.md 6.8)."""
    portal, frame = installed.portal, installed.frame
    portal.place_confirmation(portal.admin)
    question = notify(portal, text="Lunch?", answerable=True, user_id=portal.admin.id)
    news = notify(portal, text="News", user_id=portal.admin.id)
    installed.tab("Inbox")
    expect(frame.locator("#count-inbox")).to_have_text("3")
    expect(frame.locator(".note").first).to_contain_text("invited")

    item = frame.locator(f"#note-{news.id}")
    item.get_by_role("button", name="Mark as read").click()
    expect(item.get_by_role("button", name="Mark as unread")).to_be_focused()
    expect(frame.locator("#count-inbox")).to_have_text("2")
    assert news.read
    item.get_by_role("button", name="Mark as unread").click()
    expect(item.get_by_role("button", name="Mark as read")).to_be_visible()

    asked = frame.locator(f"#note-{question.id}")
    asked.get_by_role("button", name="Answer").click()
    asked.get_by_label("Your answer").fill("At noon")
    asked.get_by_role("button", name="Send").click()
    expect(asked).to_contain_text("Your reply has been sent.")

    frame.get_by_role("button", name="Mark all as read").click()
    expect(frame.locator("#toasts")).to_contain_text("1 confirmation stays")
    expect(item.get_by_role("button", name="Mark as unread")).to_be_visible()

    item.get_by_role("button", name="Delete").click()
    frame.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(item).to_have_count(0)

    frame.get_by_role("button", name="Accept").click()
    expect(frame.locator(".note").first).to_contain_text("You are now a member")


def test_what_the_app_sent_elsewhere(installed: Desk) -> None:
    """Items of the app's namespace that the ledger does not know are marked, and can be taken back by tag (bitrix24.md 6.2)."""
    portal, frame = installed.portal, installed.frame
    for person in (portal.admin, portal.person):
        notify(
            portal, text="From a script", user_id=person.id, tag=namespaced(CLIENT_ID, "script-1"), sub_tag=namespaced(CLIENT_ID, "scripts")
        )
    installed.tab("Inbox")
    expect(frame.locator(".note")).to_contain_text("sent by this app elsewhere")
    frame.get_by_role("button", name="Delete by SUB_TAG").click()
    frame.get_by_role("dialog").get_by_role("button", name="Delete by SUB_TAG").click()
    expect(frame.locator("#toasts")).to_contain_text("The portal says that everything with this tag is deleted.")
    assert installed.feed(portal.admin) == installed.feed(portal.person) == []


@pytest.mark.market("M06")
def test_an_ordinary_person_reads_and_nothing_more(installed: Desk) -> None:
    portal, frame = installed.portal, installed.frame
    send(installed, count=len(portal.people), text="For all of you")
    reader = next(person for person in portal.people.values() if not person.admin and installed.feed(person))
    installed.become(reader)
    installed.open()
    expect(frame.get_by_role("row", name="For all of you")).to_have_count(1)
    expect(frame.get_by_role("link", name="New notification")).to_have_count(0)
    expect(frame.get_by_role("link", name="Settings")).to_have_count(0)
    for name in ("Delete by TAG", "Confirm by TAG", "New notification"):
        expect(frame.get_by_role("button", name=name)).to_have_count(0)


@pytest.mark.market("M34")
def test_narrow(installed: Desk) -> None:
    """market-checklist.md M34: nothing is cut off sideways at 360 pixels."""
    send(installed, count=3)
    installed.open()
    installed.page.locator("iframe").evaluate("(frame) => frame.style.setProperty('max-width', '360px')")
    for tab in ("Sent", "Inbox", "New notification", "Settings"):
        installed.tab(tab)
        sizes = installed.sizes()
        assert sizes["scrollWidth"] <= sizes["innerWidth"] == 360
