"""The app in a browser, inside the stand-in portal's frame and with the official SDK."""

import re
import threading
from collections.abc import Iterator
from urllib.parse import urljoin

import pytest
import requests
from django.core.signals import request_finished, request_started
from django.urls import reverse
from playwright.sync_api import BrowserContext, Frame, FrameLocator, Locator, Page, expect

from devportal.server import Stand
from devportal.world import App, FeedItem, Person, Portal


class Desk:
    """A person at the portal: its pages, its bell, and the app inside its frame."""

    def __init__(self, page: Page, portal: Portal, app: App) -> None:
        self.page, self.portal, self.app = page, portal, app
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(f"{message.text} {message.location}") if message.type == "error" else None)

    def become(self, person: Person) -> None:
        """Be somebody else from now on."""
        self.page.context.add_cookies([{"name": "devportal_user", "value": str(person.id), "url": self.portal.url}])

    def open(self) -> FrameLocator:
        """The app, opened from the portal's menu; its first tab is there."""
        installation = self.portal.installations[self.app.client_id]
        self.page.goto(f"{self.portal.url}/marketplace/app/{installation.id}/")
        expect(self.frame.locator("#main")).to_have_attribute("aria-busy", "false")
        # The figures come later, and move the list below them a little: a click must not meet that.
        expect(self.frame.locator(".sent-figures:empty")).to_have_count(0)
        return self.frame

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator("iframe")

    def tab(self, name: str) -> None:
        """Go to a tab of the app."""
        self.frame.get_by_role("link", name=name).click()
        expect(self.frame.get_by_role("link", name=name)).to_have_attribute("aria-current", "page")

    def choose_people(self, *names: str) -> None:
        """Press the recipients' button and choose these people in the portal's own dialog."""
        self.frame.get_by_role("button", name="Choose people").click()
        picker = self.page.get_by_role("dialog", name="Select people")
        for name in names:
            picker.get_by_role("option", name=name).click()
        picker.get_by_role("button", name="Select").click()

    def open_bell(self) -> Locator:
        """The portal's notification panel."""
        self.page.locator("[data-test='bell']").click()
        expect(self.page.locator("#notification-list")).to_have_attribute("aria-busy", "false")
        return self.page.locator("#notification-list")

    def bell_texts(self, person: Person) -> list[str]:
        """The texts in a person's feed, newest first, as the portal stores them."""
        return [item.text for item in self.portal.feed(person)]

    def feed(self, person: Person) -> list[FeedItem]:
        return self.portal.feed(person)

    def expect_errors(self, *statuses: str) -> None:
        """Drop the console lines with which browser and htmx report an answer of these HTTP statuses: the test ordered them."""
        self.errors[:] = [error for error in self.errors if not any(status in error for status in statuses)]

    def content_frame(self) -> Frame:
        """The app's frame itself, for scripts."""
        handle = self.page.locator("iframe").element_handle()
        frame = handle.content_frame()
        assert frame is not None
        return frame

    def sizes(self) -> dict[str, int]:
        """Sizes of the app's document and of its window, in pixels."""
        return self.content_frame().evaluate(
            """() => ({ innerWidth, innerHeight, ...Object.fromEntries(["scrollWidth", "clientWidth", "scrollHeight", "clientHeight"]
            .map((name) => [name, document.documentElement[name]])) })"""
        )


@pytest.fixture
def context(context: BrowserContext) -> BrowserContext:
    context.set_default_timeout(10_000)
    return context


@pytest.fixture(autouse=True)
def answered_to_the_end(page: Page, transactional_db: None) -> Iterator[None]:
    """No request is under way any more when the database is emptied: PostgreSQL would see a deadlock."""
    idle = threading.Condition()
    under_way = 0

    def count(change: int) -> None:
        nonlocal under_way
        with idle:
            under_way += change
            idle.notify_all()

    def begun(**_signal: object) -> None:
        count(1)

    def finished(**_signal: object) -> None:
        count(-1)

    request_started.connect(begun)
    request_finished.connect(finished)
    yield
    page.close()
    with idle:
        assert idle.wait_for(lambda: under_way <= 0, timeout=20)
    request_started.disconnect(begun)
    request_finished.disconnect(finished)


@pytest.fixture
def desk(page: Page, portal: Portal, live_app: App, stand: Stand, transactional_db: None) -> Iterator[Desk]:
    """The portal's admin in a browser; the app is not installed yet. Errors in the console fail the test."""
    page.set_viewport_size({"width": 1600, "height": 1000})
    desk = Desk(page, portal, live_app)
    desk.become(portal.admin)
    yield desk
    assert desk.errors == []


@pytest.fixture
def installed(desk: Desk) -> Desk:
    """The same with the app installed and open."""
    install(desk)
    return desk


def install(desk: Desk) -> None:
    """Install the app for the portal's admin and open it. What a browser does at that, test_walk does once, by a click in the Market."""
    desk.portal.install(desk.app, desk.portal.admin)
    launch = desk.portal.launch(desk.app, desk.portal.admin, installer=True)
    page = requests.post(launch.url, data=launch.fields, timeout=10).text
    found = re.search(r'data-frame-token="([^"]+)"', page)
    assert found is not None
    connected = requests.post(
        urljoin(launch.url, reverse("frame-install")), headers={"Authorization": f"Bearer {found[1]}"}, timeout=10
    ).json()
    assert connected == {"ok": True, "message": ""}
    desk.portal.finish_install(desk.app)
    # The event comes by a request of its own; what a test changes afterwards must not meet it.
    desk.portal.world.events.wait()
    desk.open()
