"""Every page and dialog with the longest texts of all languages: nothing overflows or overlaps, axe is content, Tab reaches everything.

The pages speak a language made for this test: of each text the longest that any of the five languages has for it.
"""

import re
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.utils import timezone
from django.utils.translation import trans_real
from playwright.sync_api import Frame, Page, TimeoutError, expect
from pytest_django.live_server_helper import LiveServer

from b24app.models import PortalUser
from devportal.world import Portal
from notifications import ask, sending
from scripts import lifelike, walk
from scripts.lifelike_texts import LANGUAGES
from tests.browser.conftest import Desk
from tests.browser.test_door import SILENT_SDK
from tests.browser.test_walk import expect_no_scrollbars, found_by_axe, serious_problems

HERE = Path(__file__).resolve().parent
LAYOUT, FOCUS = (HERE / name for name in ("layout.js", "focus.js"))
# The frame's width and the window's that makes it, in a portal page without a menu.
WIDTHS = {1280: 1320, 360: 384}
PEOPLE = 54
# Longer lists show nothing new, and cost time.
BEYOND = ":is(.grid, .sheet-people) tbody tr:nth-child(n + 13), .note:nth-of-type(n + 7)"

# An open menu takes the keys for itself: test_inbox.py walks it, and the page is the one of "inbox".
WITH_A_MENU = {"inbox-chosen"}

SENT = ("sent", "sent-filter", "sent-chosen", "sent-nothing", "groups", "group", "toasts", "portal-silent", "load-failed")
SENT_DIALOGS = ("row-dialog", "delete-dialog", "confirm-dialog", "found-confirmations", "take-back-dialog", "request-close-dialog")
DISPATCHES = ("dispatches", "dispatch-running", "dispatch-paused", "dispatch-failed", "audience-review", "request", "sheet")
NEW = ("new", "departments-dialog", "new-full", "new-wrong", "inbox", "inbox-chosen", "inbox-delete-dialog", "inbox-search")
ADMINS = ("settings", "settings-checked", "sender-dialog", "data-dialog", "activity", "calls", "call-dialog")
GROUPS = (SENT, SENT_DIALOGS, DISPATCHES, NEW, ADMINS)


def longest_texts() -> dict[object, str]:
    """Of each text in the catalogues, and of each of its plural forms, the longest of all languages."""
    longest: dict[object, str] = {}
    for language, _name in settings.LANGUAGES:
        for key, text in trans_real.translation(language)._catalog.items():
            if not key:
                continue
            # Languages have two or three plural forms: the first is for one, any other may be for many.
            form = (key[0], min(key[1], 1)) if isinstance(key, tuple) else key
            if len(text) > len(longest.get(form, "")):
                longest[form] = text
    for key, text in longest.items():
        if isinstance(key, str) and len(english := key.rpartition("\x04")[2]) > len(text):
            longest[key] = english
    return longest


@pytest.fixture
def portal(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> Portal:
    """A German portal whose German is the longest of all languages."""
    catalogue = trans_real.TranslationCatalog()
    catalogue._catalogs = [longest_texts()]
    monkeypatch.setattr(trans_real.translation("de"), "_catalog", catalogue)
    monkeypatch.setattr(portal, "language", "de")
    return portal


def has_scrollbars(desk: Desk) -> bool:
    with suppress(TimeoutError):
        expect_no_scrollbars(desk)
        return False
    return True


def missed_by_tab(page: Page, frame: Frame) -> list[str]:
    """The controls that pressing Tab all the way round does not reach, or that do not show it."""
    for _ in range(frame.evaluate(FOCUS.read_text())):
        page.keyboard.press("Tab")
    return frame.evaluate("() => missed()")


def test_every_page_belongs_to_a_group() -> None:
    assert sorted(walk.PAGES) == sorted(name for group in GROUPS for name in group)


@pytest.mark.parametrize("pages", GROUPS, ids=["sent", "sent dialogs", "dispatches", "new and inbox", "admins"])
def test_the_longest_texts_fit_and_everything_is_reached(installed: Desk, pages: tuple[str, ...]) -> None:
    desk, portal = installed, installed.portal
    desk.page.emulate_media(reduced_motion="reduce")
    lifelike.fill(portal, desk.app, "de", people=PEOPLE)
    installation = portal.installations[desk.app.client_id]
    problems: list[str] = []
    for name in pages:
        desk.page.set_viewport_size({"width": WIDTHS[1280], "height": 900})
        desk.page.goto(f"{portal.url}/marketplace/app/{installation.id}/?IFRAME=Y")
        expect(desk.frame.locator("#main")).to_have_attribute("aria-busy", "false", timeout=20_000)
        frame = desk.content_frame()
        walk.PAGES[name](frame)
        frame.evaluate("(rows) => document.querySelectorAll(rows).forEach((row) => row.remove())", BEYOND)
        for width, theme in ((1280, "light"), (360, "dark")):
            desk.page.set_viewport_size({"width": WIDTHS[width], "height": 900})
            frame.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
            found = [f"scroll bars: {desk.sizes()}"] if has_scrollbars(desk) or desk.sizes()["innerWidth"] != width else []
            found += [*frame.evaluate(LAYOUT.read_text()), *map(str, serious_problems(desk))]
            problems += [f"{name} {width}: {problem}" for problem in found]
        if name not in WITH_A_MENU:
            problems += [f"{name}: {missed}" for missed in missed_by_tab(desk.page, frame)]
    assert not problems, "\n".join(problems)


def test_pages_that_stand_alone(installed: Desk, live_server: LiveServer) -> None:
    """The page of whoever is asked, opened by its link; the installer; what a curious browser sees: at both widths."""
    desk, portal = installed, installed.portal
    desk.page.emulate_media(reduced_motion="reduce")
    author = PortalUser.objects.get(user_id=portal.admin.id)
    draft = sending.Draft(
        "personal", LANGUAGES["de"].matters["travel"].text, ask=ask.Ask(ask.default_buttons(), timezone.now() + lifelike.DAY)
    )
    sending.send(author, [portal.admin.id], draft, uuid4())
    link = re.search(r"\[url=([^\]]+)\]", desk.bell_texts(portal.admin)[0])
    assert link is not None
    problems: list[str] = []

    def look(name: str, page: Page | Frame) -> None:
        for width in WIDTHS:
            desk.page.set_viewport_size({"width": width, "height": 900})
            found = [*page.evaluate(LAYOUT.read_text()), *map(str, found_by_axe(page))]
            if page.evaluate("() => document.documentElement.scrollWidth > innerWidth"):
                found.append("a scroll bar")
            problems.extend(f"{name} {width}: {problem}" for problem in found)

    desk.page.goto(f"{portal.url}{link[1]}")
    expect(desk.frame.locator("[data-ask] .note-text")).to_be_visible()
    look("ask", desk.content_frame())
    problems += missed_by_tab(desk.page, desk.content_frame())

    portal.installations[desk.app.client_id].installed = False
    desk.page.route("**/index.min.js", lambda route: route.fulfill(body=SILENT_SDK, content_type="text/javascript"))
    desk.page.goto(f"{portal.url}/marketplace/app/{portal.installations[desk.app.client_id].id}/?IFRAME=Y")
    expect(desk.frame.locator("[data-step][aria-current]").last).to_be_visible()
    look("installer", desk.content_frame())

    desk.page.goto(f"{live_server.url}/app/")
    look("how to open", desk.page)
    assert not problems, "\n".join(problems)
