"""The portal's own pages in a real browser: the bell, people, the person switch, the controls."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from devportal.feed import SYSTEM, Button, namespaced
from devportal.requestlog import LogEntry
from devportal.server import Stand
from devportal.world import FeedItem, Portal
from tests.devportal.pages_app import become, notify


@pytest.fixture(scope="module", autouse=True)
def clock(shared_page: Page) -> None:
    """The browser's clock can be moved, so that nobody waits for the next poll."""
    shared_page.clock.install()


def poll(page: Page) -> None:
    """It is time for the open bell to ask again."""
    page.clock.fast_forward(3000)


def card(page: Page, item: FeedItem) -> Locator:
    return page.locator(f"[data-notification-id='{item.id}']")


def open_bell(page: Page, portal: Portal) -> None:
    page.goto(f"{portal.url}/")
    page.locator("[data-test='bell']").click()
    expect(page.locator("#notification-list")).to_have_attribute("aria-busy", "false")


class TestBell:
    """look.md "Notification centre item"; the acts follow bitrix24.md 6."""

    def test_the_counter_and_the_order(self, page: Page, portal: Portal) -> None:
        """bitrix24.md 6.9: confirmations first, then the rest, each newest first."""
        older, newer = notify(portal, text="Older"), notify(portal, text="Newer", read=True)
        confirmation = portal.place_confirmation(portal.admin)
        notify(portal, text="Somebody else's", user_id=3)
        open_bell(page, portal)
        expect(page.locator("[data-test='bell-counter']")).to_have_text("2")
        expect(page.locator("[data-test='bell']")).to_have_accessible_name("Notifications, 2 unread")
        shown = page.locator("[data-notification-id]").evaluate_all("(items) => items.map((item) => Number(item.dataset.notificationId))")
        assert shown == [confirmation.id, newer.id, older.id]

    def test_an_item_shows_author_text_attachment_and_tag(self, page: Page, portal: Portal) -> None:
        item = notify(
            portal, text="[b]Due[/b] <today>", tag=namespaced("app.x", "invoice"), attach=[{"GRID": [{"NAME": "Amount", "VALUE": "12 €"}]}]
        )
        open_bell(page, portal)
        shown = card(page, item)
        expect(shown).to_have_attribute("data-tag", item.tag)
        expect(shown.locator(".note-author")).to_have_text(portal.people[5].full_name)
        expect(shown.locator("strong")).to_have_text("Due")
        expect(shown.locator(".note-text")).to_have_text("Due <today>")
        expect(shown.locator(".note-attach")).to_contain_text("12 €")

    def test_a_button_confirms_and_the_item_goes(self, page: Page, portal: Portal) -> None:
        """bitrix24.md 6.6."""
        accepted, declined = portal.place_confirmation(portal.admin), portal.place_confirmation(portal.admin, kind="calendar")
        open_bell(page, portal)
        card(page, accepted).get_by_role("button", name="Accept").click()
        expect(card(page, accepted)).to_have_count(0)
        expect(page.locator(".toast").last).to_contain_text("You are now a member")
        card(page, declined).get_by_role("button", name="Decline").click()
        expect(card(page, declined)).to_have_count(0)
        expect(page.locator(".toast").last).to_contain_text("You declined the invitation")
        assert portal.feed(portal.admin) == []

    def test_values_are_opaque(self, page: Page, portal: Portal) -> None:
        """bitrix24.md 6.5: not only Y and N."""
        item = portal.place_confirmation(portal.admin, buttons=[Button('Later "today"', "wait|<15>")])
        open_bell(page, portal)
        card(page, item).get_by_role("button", name="Later").click()
        expect(page.locator(".toast")).to_have_text('Selected: Later "today"')

    def test_answering(self, page: Page, portal: Portal) -> None:
        """look.md "Quick answer": in its place a green line with a tick, also when the bell is opened again."""
        item = notify(portal, answerable=True)
        open_bell(page, portal)
        shown = card(page, item)
        shown.get_by_role("button", name="Reply").click()
        expect(shown.get_by_label("Your answer")).to_be_focused()
        shown.get_by_label("Your answer").fill("On my way")
        with page.expect_request("**/answer") as sent:
            shown.get_by_role("button", name="Send").click()
        assert sent.value.post_data == "text=On+my+way"
        expect(page.locator(".toast")).to_have_text("Your reply has been sent.")
        answered = shown.locator(".note-answered")
        expect(answered).to_have_text("On my way")
        expect(answered.locator("svg")).to_be_visible()
        expect(answered).to_have_css("color", "rgb(5, 100, 56)")
        expect(shown.get_by_role("button", name="Reply")).to_have_count(0)
        open_bell(page, portal)
        expect(answered).to_have_text("On my way")

    def test_a_half_written_answer_survives_the_polling(self, page: Page, portal: Portal) -> None:
        item = notify(portal, answerable=True)
        open_bell(page, portal)
        shown = card(page, item)
        shown.get_by_role("button", name="Reply").click()
        shown.get_by_label("Your answer").fill("Half")
        with portal.world.lock:
            item.read = True
        newer = notify(portal, text="Newer")
        poll(page)
        expect(card(page, newer)).to_be_visible()
        expect(shown.get_by_label("Your answer")).to_have_value("Half")

    def test_an_unchanged_item_keeps_its_element(self, page: Page, portal: Portal) -> None:
        item = notify(portal)
        open_bell(page, portal)
        card(page, item).evaluate("(element) => (element.dataset.mark = 'same')")
        newer = notify(portal, text="Newer")
        poll(page)
        expect(card(page, newer)).to_be_visible()
        expect(card(page, item)).to_have_attribute("data-mark", "same")

    def test_deleting_and_reading(self, page: Page, portal: Portal) -> None:
        first, second = notify(portal, text="First"), notify(portal, text="Second")
        open_bell(page, portal)
        card(page, first).hover()
        card(page, first).get_by_role("button", name="Delete notification").click()
        expect(card(page, first)).to_have_count(0)
        card(page, second).hover()
        card(page, second).get_by_role("button", name="Mark as read").click()
        expect(card(page, second)).to_have_attribute("data-read", "Y")
        expect(page.locator("[data-test='bell-counter']")).to_be_hidden()
        assert [item.id for item in portal.feed(portal.admin)] == [second.id]

    def test_reading_all_leaves_confirmations_unread(self, page: Page, portal: Portal) -> None:
        """bitrix24.md 6.8."""
        item, confirmation = notify(portal), portal.place_confirmation(portal.admin)
        open_bell(page, portal)
        page.get_by_role("button", name="Mark all as read").click()
        expect(card(page, item)).to_have_attribute("data-read", "Y")
        expect(card(page, confirmation)).to_have_attribute("data-read", "N")

    def test_what_arrives_and_what_is_taken_back_shows_by_itself(self, page: Page, portal: Portal) -> None:
        item = notify(portal, text="Taken back", tag="MP|x|t")
        open_bell(page, portal)
        expect(card(page, item)).to_be_visible()
        with portal.world.lock:
            portal.store.delete_tag("MP|x|t")
        later = notify(portal, text="New", author_id=0, notify_type=SYSTEM)
        poll(page)
        expect(card(page, later)).to_be_visible()
        expect(card(page, item)).to_have_count(0)

    def test_confirmations_have_no_delete_cross(self, page: Page, portal: Portal) -> None:
        """look.md: menu and delete only where the item has no buttons."""
        item = portal.place_confirmation(portal.admin)
        open_bell(page, portal)
        expect(card(page, item).get_by_role("button", name="Delete notification")).to_have_count(0)


class TestPeople:
    def test_the_switch_makes_the_browser_another_person(self, page: Page, portal: Portal) -> None:
        notify(portal, user_id=3, text="For Vera")
        page.goto(f"{portal.url}/company/?q=e")
        page.get_by_label("Switch person").click()
        page.get_by_label("Search people to switch to").fill(portal.person.last_name)
        page.get_by_role("button", name=portal.person.full_name).click()
        expect(page.locator("[data-test='current-person']")).to_contain_text(portal.person.full_name)
        assert urlsplit(page.url).query == "q=e"
        expect(page.locator("[data-test='bell-counter']")).to_have_text("1")


class TestControls:
    @pytest.fixture(autouse=True)
    def controls(self, page: Page, portal: Portal) -> None:
        page.goto(f"{portal.url}/_portal/controls/")

    def test_the_clock(self, page: Page, stand: Stand) -> None:
        before = stand.clock.now()
        page.get_by_role("button", name="+ 1 day").click()
        expect(page.get_by_role("status").first).to_have_text("The clock was moved.")
        assert 86400 <= stand.clock.now() - before < 86460
        page.get_by_role("button", name="Real time").click()
        expect(page.get_by_role("status").first).to_contain_text("real time")
        assert stand.clock.now() - before < 60

    def test_a_fault_hits_the_next_call(self, page: Page, stand: Stand, portal: Portal) -> None:
        page.get_by_label("Error code").select_option("QUERY_LIMIT_EXCEEDED")
        page.get_by_role("textbox", name="Method").fill("profile")
        page.get_by_role("button", name="Order").click()
        expect(page.get_by_role("status").first).to_contain_text("profile")
        assert stand.faults.take("profile", "another portal") is None
        fault = stand.faults.take("profile", portal.member_id)
        assert fault is not None
        assert fault.answer[:2] == (503, "QUERY_LIMIT_EXCEEDED")
        assert stand.faults.take("profile", portal.member_id) is None

    def test_faults_stay_until_cleared(self, page: Page, stand: Stand, portal: Portal) -> None:
        stand.faults.order(portal=portal, times=None)
        for button, kept in (("Expire tokens", True), ("Clear all faults", False)):
            page.get_by_role("button", name=button).click()
            expect(page.get_by_role("status").first).to_be_visible()
            expect(page.get_by_role("status").first).to_contain_text("expired" if kept else "No fault")
            assert (stand.faults.take("profile", portal.member_id) is not None) is kept

    def test_a_confirmation_of_each_kind(self, page: Page, portal: Portal) -> None:
        for number, kind in enumerate(("Invitation to a group", "Calendar event", "Protected REST method"), start=1):
            page.get_by_role("button", name=kind).click()
            expect(page.locator("[data-test='bell-counter']")).to_have_text(str(number))
        placed = portal.feed(portal.admin)
        assert {item.module for item in placed} == {"socialnetwork", "calendar", "rest"}
        assert all(item.confirmation and item.buttons for item in placed)

    def test_people_are_muted_dismissed_and_given_rights(self, page: Page, portal: Portal) -> None:
        page.get_by_label("Person").last.fill("4")
        page.get_by_role("button", name="Make administrator").click()
        expect(page.get_by_role("status").first).to_contain_text("is an administrator now")
        assert portal.people[4].admin
        page.get_by_label("Person").last.fill("4")
        page.get_by_role("button", name="Dismiss").click()
        expect(page.get_by_role("status").first).to_contain_text("was dismissed")
        assert not portal.people[4].active

    def test_a_dismissed_person_cannot_be_chosen(self, page: Page, context: BrowserContext, portal: Portal) -> None:
        portal.dismiss(portal.people[4])
        become(context, portal, portal.people[4])
        page.reload()
        expect(page.locator("[data-test='current-person']")).to_contain_text(portal.admin.full_name)

    def test_the_limits(self, page: Page, portal: Portal) -> None:
        page.get_by_label("Limits").select_option("enterprise")
        page.get_by_role("button", name="Apply").click()
        expect(page.get_by_label("Limits")).to_have_value("enterprise")
        assert portal.limits == "enterprise"

    def test_moving_leads_the_browser_to_the_new_address(self, page: Page, stand: Stand) -> None:
        """On a portal of its own: an address cannot be moved back for the tests that follow."""
        moving = stand.add_portal(company="Wandering Ltd", seed=91)
        old = moving.url
        page.goto(f"{old}/_portal/controls/")
        page.get_by_role("button", name="Move the portal").click()
        expect(page.get_by_role("status").first).to_contain_text("moved")
        assert moving.url != old
        assert page.url.startswith(f"{moving.url}/")
        page.goto(f"{old}/company/?q=a")
        expect(page).to_have_url(f"{moving.url}/company/?q=a")

    def test_the_log_shows_requests_with_secrets_masked(self, page: Page, stand: Stand, portal: Portal) -> None:
        webhook = portal.webhook(portal.admin)
        page.request.post(f"{webhook}profile", data={"auth": "very-secret-token"})
        stand.log.add(LogEntry(stand.clock.now(), "portal", "user.get", {}, portal="another portal"))
        page.reload()
        table = page.get_by_label("Request log")
        expect(table.get_by_role("row")).to_have_count(2)
        expect(table).to_contain_text("profile")
        expect(table).not_to_contain_text("very-secret-token")
        expect(table).not_to_contain_text(webhook.split("/")[-2])
