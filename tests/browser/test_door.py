"""The installer and the frame's token in a real browser, when the portal or the token is not as it should be."""

from collections.abc import Iterator

import pytest
from django.db.models import F
from playwright.sync_api import Page, expect

from b24app.models import Portal
from devportal.server import Stand
from devportal.world import App
from devportal.world import Portal as StandPortal
from notifications.models import Notification
from tests.browser.conftest import Desk, install
from tests.browser.test_walk import expect_accessible

# The page's own limit for the portal is 10 s.
PORTAL_LIMIT_MS = 10_000


@pytest.fixture
def desk(page: Page, portal: StandPortal, live_app: App, transactional_db: None) -> Iterator[Desk]:
    """The portal's admin. Chromium itself writes a console line for every 401, which is what some tests here are about."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" and "401" not in message.text else None)
    page.set_viewport_size({"width": 1600, "height": 1000})
    desk = Desk(page, portal, live_app)
    desk.become(portal.admin)
    yield desk
    assert errors == []


def outdate_tokens() -> None:
    """Every frame token handed out so far is worth nothing any more."""
    Portal.objects.update(installation=F("installation") + 1)


def type_message(desk: Desk) -> None:
    desk.tab("New notification")
    desk.choose_people(desk.portal.person.full_name)
    desk.frame.get_by_label("Message").fill("Typed before the token ran out")


@pytest.mark.market("M01", "M02")
def test_a_failed_installation_is_tried_again_and_ends_in_the_app(desk: Desk, stand: Stand) -> None:
    """M01, M02: the reason and a button; then the portal opens the app by itself."""
    stand.faults.order(method="batch", code="OVERLOAD_LIMIT")
    desk.page.goto(f"{desk.portal.url}/marketplace/")
    desk.page.get_by_role("button", name="Install").click()
    expect(desk.frame.get_by_role("heading", name="Installing Tagged Notifications")).to_be_visible()
    alert = desk.frame.get_by_role("alert")
    expect(alert).to_be_visible()
    assert len(alert.inner_text()) > 20
    expect_accessible(desk)
    assert not desk.portal.installations[desk.app.client_id].installed
    desk.frame.get_by_role("button", name="Try again").click()
    expect(desk.frame.get_by_role("heading", name="Tagged Notifications", exact=True)).to_be_visible()
    assert desk.portal.installations[desk.app.client_id].installed
    stand.world.events.wait()
    assert Portal.objects.get().state == "active"


def test_an_installer_without_an_answering_portal_says_so(desk: Desk) -> None:
    """frame-protocol.md 3: without a limit of our own the installer would wait for ever."""
    desk.page.clock.install()
    desk.portal.install(desk.app, desk.portal.admin)
    desk.page.route("**/index.min.js", lambda route: route.fulfill(body=SILENT_SDK, content_type="text/javascript"))
    installation = desk.portal.installations[desk.app.client_id]
    desk.page.goto(f"{desk.portal.url}/marketplace/app/{installation.id}/")
    expect(desk.frame.locator("[data-step][aria-current]")).to_contain_text("Tell the portal")
    desk.page.clock.fast_forward(PORTAL_LIMIT_MS + 1000)
    expect(desk.frame.get_by_role("alert")).to_contain_text("The portal does not answer the installer")
    expect(desk.frame.get_by_role("button", name="Try again")).to_be_focused()


# What initializeB24Frame is when the portal stays silent: a promise that never settles (frame-protocol.md 3).
SILENT_SDK = "window.B24Js = { initializeB24Frame: () => new Promise(() => {}) };"


def test_an_expired_token_is_renewed_and_the_click_done_once(desk: Desk) -> None:
    install(desk)
    type_message(desk)
    outdate_tokens()
    desk.frame.get_by_role("button", name="Send").click()
    expect(desk.frame.locator("#toasts")).to_contain_text("Sent")
    assert [row.message for row in Notification.objects.all()] == ["Typed before the token ran out"]
    assert desk.bell_texts(desk.portal.person) == ["Typed before the token ran out"]


def test_a_portal_that_does_not_answer_costs_nobody_their_text(desk: Desk) -> None:
    install(desk)
    type_message(desk)
    outdate_tokens()
    # Never fulfilled: the portal's page waits for its server and answers the frame nothing.
    desk.page.route("**/_portal/refresh-auth", lambda route: None)
    desk.page.clock.install()
    with desk.page.expect_request("**/_portal/refresh-auth"):
        desk.frame.get_by_role("button", name="Send").click()
    desk.page.clock.fast_forward(PORTAL_LIMIT_MS + 1000)
    expect(desk.frame.get_by_role("alert")).to_contain_text("Your portal does not answer")
    expect(desk.frame.get_by_label("Message")).to_have_value("Typed before the token ran out")
    assert not Notification.objects.exists()

    desk.page.unroute("**/_portal/refresh-auth")
    desk.frame.get_by_role("button", name="Try again").click()
    expect(desk.frame.locator("#toasts")).to_contain_text("Sent")
    expect(desk.frame.get_by_text("Your portal does not answer")).to_have_count(0)
    assert Notification.objects.count() == 1


def test_the_frame_follows_the_pages_height_both_ways(desk: Desk) -> None:
    """frame-protocol.md 5.4: the SDK's own fitWindow only grows."""
    install(desk)

    def heights() -> tuple[int, int]:
        frame = desk.page.locator("iframe").bounding_box()
        content = desk.frame.locator("body").evaluate("body => Math.ceil(body.getBoundingClientRect().height)")
        assert frame is not None
        return round(frame["height"]), max(480, int(content))

    def expect_fitted(height: int | None = None) -> int:
        for _ in range(100):
            frame, content = heights()
            if abs(frame - content) <= 4 and height in (None, frame):
                return frame
            desk.page.wait_for_timeout(50)
        raise AssertionError(f"frame {frame} px, content {content} px")

    low = expect_fitted()
    desk.tab("Settings")
    high = expect_fitted()
    assert high > low
    desk.tab("Sent")
    # Once its figures have come.
    expect_fitted(low)


def test_nothing_depends_on_cookies_or_storage(desk: Desk) -> None:
    """Third-party cookies and storage are blocked in this browser (M06, frame-protocol.md 5.1)."""
    install(desk)
    assert all(cookie["domain"] != "127.0.0.1" for cookie in desk.page.context.cookies())
    desk.tab("Settings")
    expect(desk.frame.get_by_role("button", name="Save", exact=True)).to_be_visible()
