"""Inbox and its search in the portal's frame: news, several at once, answers, menus, the search form; by mouse and by keyboard."""

import pytest
from playwright.sync_api import FrameLocator, Locator, expect

from devportal.feed import FeedItem
from devportal.server import Stand
from devportal.world import Portal
from tests.browser.conftest import Desk
from tests.browser.test_walk import expect_accessible, expect_no_scrollbars
from tests.devportal.pages_app import notify

ROUND = 12_000
"""Milliseconds between two questions for news."""


@pytest.fixture
def portal(portal: Portal) -> Portal:
    """A self-hosted one: no test here is about the request budget."""
    portal.limits = "self-hosted"
    return portal


@pytest.fixture
def clock(installed: Desk) -> Desk:
    """The app's page with a clock that tests can move; opened on Inbox by the test itself."""
    installed.page.clock.install()
    return installed


def open_inbox(desk: Desk) -> FrameLocator:
    """The app on its Inbox tab."""
    desk.open()
    desk.tab("Inbox")
    expect(desk.frame.locator("#inbox-list")).to_be_visible()
    return desk.frame


def note(frame: FrameLocator, item: FeedItem) -> Locator:
    return frame.locator(f"#note-{item.id}")


def shown(frame: FrameLocator) -> list[int]:
    """Ids of what is on the page, from the top."""
    return [int(value) for value in frame.locator("#feed .note").evaluate_all("(notes) => notes.map((note) => note.dataset.id)")]


def select(frame: FrameLocator, item: FeedItem) -> None:
    note(frame, item).get_by_role("checkbox").check()


# Paging and news


def test_opening_costs_one_call(installed: Desk, stand: Stand) -> None:
    installed.portal.place_confirmation(installed.portal.admin)
    installed.open()
    stand.log.clear()
    installed.tab("Inbox")
    expect(installed.frame.locator(".note")).to_have_count(1)
    assert [entry.method for entry in stand.log.entries] == ["im.notify.get"]


def test_nothing_lost_or_doubled_while_new_ones_arrive(clock: Desk, portal: Portal) -> None:
    """Confirmations fill the first page; both kinds arrive before each further page, and are shown when the bar is pressed."""
    asked = [portal.place_confirmation(portal.admin, tag=f"q{number}") for number in range(55)]
    rest = [notify(portal, text=f"Number {number}") for number in range(70)]
    frame = open_inbox(clock)
    expect(frame.locator(".note")).to_have_count(50)
    early = notify(portal, text="Arrived before its page")
    early_question = portal.place_confirmation(portal.admin, tag="early")
    frame.get_by_role("button", name="Load more").click()
    expect(frame.locator(".note")).to_have_count(100)
    late = notify(portal, text="Arrived after it")
    frame.get_by_role("button", name="Load more").click()
    expect(frame.get_by_role("button", name="Load more")).to_have_count(0)
    clock.page.clock.fast_forward(ROUND)
    frame.get_by_role("button", name="2 new notifications").click()
    expected = [early_question, *asked[::-1], late, early, *rest[::-1]]
    assert shown(frame) == [item.id for item in expected]
    clock.page.clock.fast_forward(ROUND)
    expect(frame.locator("#count-inbox")).to_have_text("99+")
    expect(frame.get_by_role("button", name="new notification")).to_have_count(0)


def test_news_move_nothing_and_touch_no_answer(clock: Desk, portal: Portal, stand: Stand) -> None:
    question = notify(portal, text="Lunch?", answerable=True)
    frame = open_inbox(clock)
    note(frame, question).get_by_role("button", name="Answer").click()
    box = frame.get_by_label("Your answer")
    box.press_sequentially("At n")
    before = box.bounding_box()
    fresh = notify(portal, text="Fresh")
    stand.log.clear()
    clock.page.clock.fast_forward(ROUND)
    bar = frame.get_by_role("button", name="1 new notification")
    expect(bar).to_be_visible()
    expect(frame.locator("#count-inbox")).to_have_text("2")
    assert [entry.method for entry in stand.log.entries] == ["im.notify.get"]
    assert box.bounding_box() == before
    expect(box).to_be_focused()
    box.press_sequentially("oon")
    expect(box).to_have_value("At noon")
    expect(note(frame, fresh)).to_have_count(0)

    bar.click()
    expect(note(frame, fresh).locator(".note-name")).to_be_focused()
    assert shown(frame) == [fresh.id, question.id]
    expect(box).to_have_value("At noon")
    note(frame, fresh).get_by_role("button", name="Mark as read").click()
    expect(frame.locator("#count-inbox")).to_have_text("1")
    assert fresh.read


def test_news_of_an_empty_inbox_are_shown_at_once(clock: Desk, portal: Portal) -> None:
    frame = open_inbox(clock)
    expect(frame.get_by_role("heading", name="Your notification centre is empty")).to_be_visible()
    fresh = notify(portal, text="The first one")
    clock.page.clock.fast_forward(ROUND)
    expect(note(frame, fresh)).to_be_visible()


def test_nobody_asks_while_the_tab_is_not_seen(clock: Desk, portal: Portal, stand: Stand) -> None:
    notify(portal)
    frame = open_inbox(clock)
    hide = "(hidden) => { Object.defineProperty(document, 'visibilityState', { value: hidden ? 'hidden' : 'visible', configurable: true });"
    hide += " document.dispatchEvent(new Event('visibilitychange')); }"
    clock.content_frame().evaluate(hide, True)
    stand.log.clear()
    clock.page.clock.fast_forward(10 * ROUND)
    fresh = notify(portal, text="Arrived meanwhile")
    clock.page.clock.run_for(3 * ROUND)
    assert stand.log.count("im.notify.get") == 0
    clock.content_frame().evaluate(hide, False)
    clock.page.clock.run_for(100)
    frame.get_by_role("button", name="1 new notification").click()
    expect(note(frame, fresh)).to_be_visible()

    clock.tab("Sent")
    stand.log.clear()
    clock.page.clock.run_for(3 * ROUND)
    assert stand.log.count("im.notify.get") == 0


def test_after_an_error_the_next_question_waits_longer(clock: Desk, portal: Portal, stand: Stand) -> None:
    """Nobody asked for it: no toast, and no red line in the console."""
    notify(portal)
    frame = open_inbox(clock)
    stand.log.clear()
    stand.faults.order(method="im.notify.get", code="OVERLOAD_LIMIT", times=2)
    with clock.page.expect_response("**/inbox/news/**"):
        clock.page.clock.fast_forward(ROUND)
    clock.page.clock.fast_forward(ROUND)
    assert stand.log.count("im.notify.get") == 1
    with clock.page.expect_response("**/inbox/news/**"):
        clock.page.clock.fast_forward(ROUND)
    clock.page.clock.fast_forward(3 * ROUND - 1000)
    assert stand.log.count("im.notify.get") == 2
    fresh = notify(portal, text="After the trouble")
    clock.page.clock.fast_forward(ROUND + 1000)
    frame.get_by_role("button", name="1 new notification").click()
    expect(note(frame, fresh)).to_be_visible()
    expect(frame.locator("#toasts")).to_be_empty()


# Several at once


def test_thirty_are_read_by_one_call(installed: Desk, portal: Portal, stand: Stand) -> None:
    """bitrix24.md 6.8: confirmations are never marked; the page says so and keeps them selected."""
    asked = portal.place_confirmation(portal.admin)
    items = [notify(portal, text=f"Number {number}") for number in range(30)]
    frame = open_inbox(installed)
    expect(frame.locator("#count-inbox")).to_have_text("31")
    strip = frame.locator("#inbox-chosen")
    expect(strip.get_by_role("button")).to_have_count(0)
    frame.get_by_role("checkbox", name="Select all").check()
    expect(strip).to_contain_text("Selected: 31 of 31")
    stand.log.clear()
    strip.get_by_role("button", name="Mark as read").click()
    expect(frame.locator("#toasts")).to_contain_text("30 notifications are marked as read. 1 confirmation was not marked")
    assert [entry.method for entry in stand.log.entries] == ["im.notify.read.list"]
    assert all(item.read for item in items)
    expect(strip).to_contain_text("Selected: 1 of 31")
    expect(note(frame, asked).get_by_role("checkbox")).to_be_checked()
    expect(frame.locator(".note.unread")).to_have_count(1)
    expect(frame.locator("#count-inbox")).to_have_text("1")

    strip.get_by_role("button", name="Clear selection").click()
    for item in items[:2]:
        select(frame, item)
    strip.get_by_role("button", name="Mark as unread").click()
    expect(frame.locator("#count-inbox")).to_have_text("3")
    assert [item.read for item in items[:3]] == [False, False, True]


def test_deleting_several_is_one_batch(installed: Desk, portal: Portal, stand: Stand) -> None:
    items = [notify(portal, text=f"Number {number}") for number in range(4)]
    frame = open_inbox(installed)
    for item in items[1:3]:
        select(frame, item)
    stand.log.clear()
    frame.locator("#inbox-chosen").get_by_role("button", name="Delete").click()
    dialog = frame.get_by_role("dialog", name="Delete 2 notifications?")
    dialog.get_by_role("button", name="Delete").click()
    expect(frame.locator(".note")).to_have_count(2)
    expect(frame.locator("#toasts")).to_contain_text("2 notifications deleted.")
    expect(note(frame, items[0]).locator(".note-name")).to_be_focused()
    expect(frame.locator("#count-inbox")).to_have_text("2")
    assert [entry.method for entry in stand.log.entries] == ["batch"]
    assert {item.id for item in portal.feed(portal.admin)} == {items[0].id, items[3].id}


def test_the_last_one_deleted_leaves_an_empty_page(installed: Desk, portal: Portal) -> None:
    item = notify(portal)
    frame = open_inbox(installed)
    note(frame, item).get_by_role("button", name="Delete").click()
    frame.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(frame.get_by_role("heading", name="Your notification centre is empty")).to_be_visible()
    expect(frame.locator("#count-inbox")).to_be_empty()


def test_the_strip_stays_in_sight(installed: Desk, portal: Portal) -> None:
    """The portal scrolls, not the page: the strip follows what can be seen of the frame."""
    items = [notify(portal, text=f"Number {number}") for number in range(40)]
    frame = open_inbox(installed)
    select(frame, items[0])
    expect(frame.locator("#inbox-chosen")).to_be_in_viewport()
    note(frame, items[-1]).scroll_into_view_if_needed()
    expect(frame.locator("#inbox-chosen")).to_be_in_viewport()


# Answers and menus


def test_an_answer_is_kept_when_the_call_fails(installed: Desk, portal: Portal, stand: Stand) -> None:
    question = notify(portal, text="Lunch?", answerable=True)
    frame = open_inbox(installed)
    here = note(frame, question)
    expect(frame.get_by_label("Your answer")).to_be_hidden()
    here.get_by_role("button", name="Answer").click()
    box = here.get_by_label("Your answer")
    expect(box).to_be_focused()
    assert (box.bounding_box() or {})["height"] == 95
    box.press_sequentially("At noon")
    stand.faults.order(method="im.notify.answer", code="OVERLOAD_LIMIT")
    here.get_by_role("button", name="Send").click()
    expect(frame.locator("#toasts .toast-bad")).to_be_visible()
    expect(box).to_have_value("At noon")
    box.press("Shift+Enter")
    box.press_sequentially("sharp")
    box.press("Enter")
    expect(here).to_contain_text("Your reply has been sent.")
    assert question.answer == "At noon\nsharp"
    installed.expect_errors("502", "503")


def test_cancelling_an_answer(installed: Desk, portal: Portal) -> None:
    question = notify(portal, answerable=True)
    frame = open_inbox(installed)
    answer = note(frame, question).get_by_role("button", name="Answer")
    answer.click()
    frame.get_by_label("Your answer").fill("No")
    note(frame, question).get_by_role("button", name="Cancel").click()
    expect(answer).to_be_focused()
    answer.press("Enter")
    expect(frame.get_by_label("Your answer")).to_have_value("")
    frame.get_by_label("Your answer").press("Escape")
    expect(answer).to_be_focused()


def test_this_and_newer_by_keyboard(installed: Desk, portal: Portal, stand: Stand) -> None:
    """bitrix24.md 6.8."""
    asked = portal.place_confirmation(portal.admin)
    older, this, newer = (notify(portal, text=name) for name in ("older", "this", "newer"))
    frame = open_inbox(installed)
    more = note(frame, this).get_by_role("button", name="More actions")
    more.focus()
    more.press("Enter")
    first = frame.get_by_role("menuitem", name="Mark this and newer as read")
    expect(first).to_be_focused()
    first.press("ArrowDown")
    expect(frame.get_by_role("menuitem", name="Mark this and newer as unread")).to_be_focused()
    installed.page.keyboard.press("ArrowDown")
    expect(first).to_be_focused()
    installed.page.keyboard.press("Escape")
    expect(more).to_be_focused()
    expect(frame.get_by_role("menu")).to_have_count(0)
    more.press("Enter")
    stand.log.clear()
    first.press("Enter")
    expect(frame.locator("#count-inbox")).to_have_text("2")
    expect(frame.get_by_role("menu")).to_have_count(0)
    assert [item.read for item in (asked, older, this, newer)] == [False, False, True, True]
    assert stand.log.count() == 1
    expect(note(frame, newer).get_by_role("button", name="Mark as unread")).to_be_visible()


def test_several_with_the_keyboard_alone(installed: Desk, portal: Portal) -> None:
    items = [notify(portal, text=f"Number {number}") for number in range(2)]
    frame, keyboard = open_inbox(installed), installed.page.keyboard
    frame.get_by_role("checkbox", name="Select all").focus()
    keyboard.press("Space")
    keyboard.press("Tab")
    expect(frame.locator("#inbox-chosen").get_by_role("button", name="Mark as read")).to_be_focused()
    keyboard.press("Enter")
    expect(frame.locator("#count-inbox")).to_be_empty()
    assert all(item.read for item in items)
    expect(frame.get_by_role("checkbox", name="Select all")).to_be_focused()


# Search


def open_filter(frame: FrameLocator) -> Locator:
    frame.get_by_role("button", name="Filter", exact=True).click()
    return frame.get_by_role("group", name="Filter")


def test_searching_by_words(installed: Desk, portal: Portal, stand: Stand) -> None:
    lunch, dinner = notify(portal, text="Lunch at noon"), notify(portal, text="Dinner at eight")
    frame = open_inbox(installed)
    stand.log.clear()
    field = frame.get_by_label("Search", exact=True)
    field.press_sequentially("lunch")
    expect(frame.locator("#inbox-list")).to_contain_text("Found: 1 notification")
    field.press("Enter")
    expect(note(frame, lunch)).to_be_visible()
    expect(note(frame, dinner)).to_have_count(0)
    assert {entry.method for entry in stand.log.entries} == {"im.notify.history.search"}, "and no schema"
    field.fill("li")
    expect(frame.locator("#inbox-list")).to_contain_text("Type at least three letters")
    field.fill("breakfast")
    expect(frame.get_by_role("heading", name="Nothing found")).to_be_visible()
    expect(frame.locator("#inbox-list")).to_contain_text("last 60 days")
    frame.locator("#inbox-list").get_by_role("button", name="Clear filter").click()
    expect(note(frame, dinner)).to_be_visible()
    expect(field).to_be_focused()


def test_enter_asks_once(installed: Desk, portal: Portal, stand: Stand) -> None:
    notify(portal, text="Lunch at noon")
    frame = open_inbox(installed)
    stand.log.clear()
    field = frame.get_by_label("Search", exact=True)
    field.fill("lunch")
    field.press("Enter")
    expect(frame.locator("#inbox-list")).to_contain_text("Found: 1 notification")
    installed.content_frame().evaluate("new Promise((done) => setTimeout(done, 700))")
    assert stand.log.count() == 1


def test_searching_by_type_author_and_date(installed: Desk, portal: Portal, stand: Stand) -> None:
    author = portal.person
    task = notify(portal, text="The task has changed", module="tasks", event="task_update", author_id=author.id)
    old = notify(portal, text="An old comment", module="tasks", event="comment", created_at=stand.clock.now() - 10 * 86400)
    mention = notify(portal, text="You were mentioned", module="im", event="mention", author_id=author.id)
    frame = open_inbox(installed)
    stand.log.clear()
    panel = open_filter(frame)
    expect(panel.get_by_label("Type")).to_contain_text("Changes of tasks")
    panel.get_by_label("Type").select_option(label="Tasks: all types")
    panel.get_by_role("button", name="Find").click()
    expect(panel).to_be_hidden()
    expect(frame.locator("#inbox-list")).to_contain_text("Found: 2 notifications")
    assert shown(frame) == [old.id, task.id]
    assert [entry.method for entry in stand.log.entries] == ["im.notify.schema.get", "im.notify.history.search"]

    open_filter(frame).get_by_label("Author", exact=True).fill(author.last_name)
    panel.get_by_role("button", name="Find").click()
    expect(frame.locator("#inbox-list")).to_contain_text("Found: 1 notification")
    assert shown(frame) == [task.id]

    frame.get_by_role("button", name="Remove filter Tasks: all types").click()
    expect(frame.locator("#inbox-list")).to_contain_text("Found: 2 notifications")
    assert shown(frame) == [mention.id, task.id]
    frame.get_by_role("button", name="Clear filter").first.click()
    expect(frame.locator("#feed .note")).to_have_count(3)

    open_filter(frame).get_by_label("Date", exact=True).select_option("One day")
    panel.get_by_role("button", name="Find").click()
    expect(frame.locator("#inbox-list")).to_contain_text("Choose the day.")
    day = installed.content_frame().evaluate("() => new Date(Date.now() - 10 * 86400000).toISOString().slice(0, 10)")
    open_filter(frame).get_by_label("Day", exact=True).fill(day)
    panel.get_by_role("button", name="Find").click()
    expect(frame.locator("#inbox-list")).to_contain_text("Found: 1 notification")
    assert shown(frame) == [old.id]
    assert stand.log.count("im.notify.schema.get") == 1


def test_the_author_from_the_portals_dialog(installed: Desk, portal: Portal) -> None:
    author = portal.person
    wanted = notify(portal, text="From them", author_id=author.id)
    notify(portal, text="From somebody else", author_id=portal.second_admin.id)
    frame = open_inbox(installed)
    panel = open_filter(frame)
    panel.get_by_role("button", name="Choose the author").click()
    picker = installed.page.get_by_role("dialog")
    picker.get_by_role("option", name=author.full_name).click()
    if picker.is_visible():
        picker.get_by_role("button", name="Select").click()
    expect(panel.get_by_label("Author", exact=True)).to_have_value(author.full_name)
    panel.get_by_role("button", name="Find").click()
    expect(frame.locator("#inbox-list")).to_contain_text("Found: 1 notification")
    assert shown(frame) == [wanted.id]

    open_filter(frame).get_by_label("Author", exact=True).fill("Nobodykins")
    panel.get_by_role("button", name="Find").click()
    expect(frame.get_by_role("heading", name="Nobody of this name")).to_be_visible()


def test_more_of_what_was_found(installed: Desk, portal: Portal) -> None:
    for number in range(60):
        notify(portal, text=f"Invoice {number}")
    frame = open_inbox(installed)
    frame.get_by_label("Search", exact=True).fill("invoice")
    frame.get_by_label("Search", exact=True).press("Enter")
    expect(frame.locator("#inbox-list")).to_contain_text("Found: 60 notifications")
    frame.get_by_role("button", name="Load more").click()
    expect(frame.locator(".note")).to_have_count(60)
    assert len(set(shown(frame))) == 60
    frame.get_by_role("checkbox", name="Select all").check()
    frame.locator("#inbox-chosen").get_by_role("button", name="Mark as read").click()
    expect(frame.locator("#toasts")).to_contain_text("60 notifications are marked as read.")


# For everybody


def fill_feed(portal: Portal) -> None:
    for number in range(3):
        portal.place_confirmation(portal.admin, tag=f"q{number}", kind="group" if number % 2 else "calendar")
    notify(portal, text="Lunch? [b]Now[/b], at [url=https://example.com]the place[/url]", answerable=True)
    notify(portal, text="With more", attach=[{"GRID": [{"NAME": "Amount", "VALUE": "1 240", "DISPLAY": "LINE"}]}], read=True)
    notify(portal, text="From the system", author_id=0, notify_type=4)


def test_no_serious_problem_for_assistive_technology(installed: Desk, portal: Portal) -> None:
    """axe finds nothing serious or critical in both themes: with an open answer, a selection, an open menu, the search and its results."""
    fill_feed(portal)
    frame = open_inbox(installed)
    frame.get_by_role("button", name="Answer").click()
    frame.locator(".note-check input").first.check()
    frame.get_by_role("button", name="More actions").first.click()
    expect_accessible(installed)
    frame.get_by_role("button", name="Dark theme").click()
    expect_accessible(installed)
    open_filter(frame).get_by_label("Date", exact=True).select_option("Period")
    expect_accessible(installed)
    frame.get_by_label("Date", exact=True).select_option("Any date")
    frame.get_by_label("Type").select_option(label="Tasks: all types")
    for words in ("lunch", "nothing like this"):
        frame.get_by_label("Search", exact=True).fill(words)
        frame.get_by_label("Search", exact=True).press("Enter")
        expect(frame.locator("#search-chips")).to_contain_text("Tasks")
        expect_accessible(installed)


@pytest.mark.parametrize("width", [1280, 1440, 1920])
@pytest.mark.market("M18")
def test_no_scrollbars(installed: Desk, portal: Portal, width: int) -> None:
    """market-checklist.md M18, also with the search panel over an empty page and a menu under the last note."""
    installed.page.set_viewport_size({"width": width, "height": 720})
    frame = open_inbox(installed)
    open_filter(frame).get_by_label("Date", exact=True).select_option("Period")
    expect_no_scrollbars(installed)
    fill_feed(portal)
    open_inbox(installed)
    frame.get_by_role("button", name="Answer").click()
    frame.locator(".note-check input").first.check()
    frame.get_by_role("button", name="More actions").last.click()
    expect_no_scrollbars(installed)
    open_filter(frame)
    expect_no_scrollbars(installed)
