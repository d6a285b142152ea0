"""The portal's pages in a real browser, with a throwaway app on another site that runs the real SDK. Third-party cookies are blocked."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Frame, Page, expect

from devportal.server import Stand
from devportal.world import App, EventBinding, PlacementBinding, Portal
from tests.devportal.pages_app import FramedApp, become, notify

CLIENT_ID = "app.5ac81e"
CODE = "example.framed"
APP_PAGE = "/marketplace/app/1/"


@pytest.fixture(scope="module")
def app_server() -> Iterator[FramedApp]:
    server = FramedApp().start()
    yield server
    server.stop()


@pytest.fixture
def served(app_server: FramedApp) -> FramedApp:
    """The app's server with nothing posted to it yet."""
    app_server.posts.clear()
    return app_server


@pytest.fixture
def framed(stand: Stand, served: FramedApp) -> Iterator[App]:
    """The throwaway app, registered; its installer and its event address included."""
    yield stand.register_app(
        client_id=CLIENT_ID,
        client_secret="only here",
        code=CODE,
        app_url=f"{served.base}/app/",
        install_url=f"{served.base}/install/",
        events_url=f"{served.base}/events/",
    )
    stand.world.events.wait()
    del stand.world.apps[CLIENT_ID]


@pytest.fixture
def installed(portal: Portal, framed: App) -> App:
    portal.install(framed, portal.admin)
    portal.finish_install(framed)
    return framed


def frame_in(page: Page, selector: str = "#app-stage iframe.app-frame") -> Frame:
    """The app's frame once the SDK in it is initialised."""
    frame = page.locator(selector).element_handle().content_frame()
    assert frame is not None
    frame.wait_for_function("() => window.b24 !== undefined")
    return frame


def open_app(page: Page, portal: Portal, query: str = "") -> Frame:
    page.goto(f"{portal.url}{APP_PAGE}{query}")
    return frame_in(page)


class TestLaunch:
    """frame-protocol.md 1 and 2.3, 2.4."""

    def test_the_launch_is_posted_into_a_named_frame(self, page: Page, portal: Portal, installed: App, served: FramedApp) -> None:
        """frame-protocol 1.1, 1.2: query, body, window.name."""
        frame = open_app(page, portal)
        (launch,) = served.launches("/app/")
        assert {key: launch.query[key] for key in ("DOMAIN", "PROTOCOL", "LANG")} == {
            "DOMAIN": portal.domain,
            "PROTOCOL": "0",
            "LANG": "en",
        }
        assert launch.form["member_id"] == portal.member_id
        assert launch.form["PLACEMENT"] == "DEFAULT"
        assert "PLACEMENT_OPTIONS" not in launch.form
        assert launch.headers["Origin"] == portal.url
        assert frame.evaluate("() => window.name") == f"{portal.domain}|0|{launch.query['APP_SID']}"

    def test_the_sdk_reads_what_the_portal_answered(self, page: Page, portal: Portal, installed: App, served: FramedApp) -> None:
        """frame-protocol 2.4."""
        frame = open_app(page, portal)
        known = frame.evaluate(
            "() => ({ auth: b24.auth.getAuthData(), admin: b24.auth.isAdmin, lang: b24.getLang(), install: b24.isInstallMode,"
            " placement: b24.placement.placement, firstRun: b24.isFirstRun })"
        )
        assert known["auth"]["access_token"] == served.launches("/app/")[0].form["AUTH_ID"]
        assert known["auth"]["member_id"] == portal.member_id
        assert (known["admin"], known["lang"], known["install"], known["placement"]) == (True, "en", False, "DEFAULT")
        # The SDK answers FIRST_RUN with setInstall, and its init waits for the reply.
        assert known["firstRun"] is True

    def test_the_pages_query_becomes_placement_options(self, page: Page, portal: Portal, installed: App) -> None:
        """frame-protocol 5.8: `/marketplace/app/<id>/?docId=42`."""
        frame = open_app(page, portal, "?docId=42&a[b]=c&_r=1")
        assert frame.evaluate("() => b24.placement.options") == {"docId": "42", "a": {"b": "c"}}

    def test_the_page_one_came_from_is_passed_as_uri(self, page: Page, portal: Portal, installed: App) -> None:
        """frame-protocol 5.6."""
        page.goto(f"{portal.url}/company/?q=e")
        page.get_by_role("link", name=installed.name).click()
        assert frame_in(page).evaluate("() => b24.placement.options") == {"URI": "/company/?q=e"}

    def test_third_party_storage_is_blocked_in_the_frame(self, page: Page, portal: Portal, installed: App) -> None:
        """The browser of these tests behaves as frame-protocol 5.1 describes: the other tests hold without cookies and storage."""
        frame = open_app(page, portal)
        assert frame.evaluate("() => { try { return String(localStorage.length) } catch (error) { return error.name } }") == "SecurityError"
        assert frame.evaluate("() => document.cookie") == ""

    def test_the_frame_of_a_second_page_initialises_again(self, page: Page, portal: Portal, installed: App, served: FramedApp) -> None:
        """frame-protocol 1.2: window.name survives navigation inside the frame; FIRST_RUN was cleared by the first answer."""
        frame = open_app(page, portal)
        frame.goto(f"{served.base}/second/")
        frame.wait_for_function("() => window.b24 !== undefined")
        assert frame.evaluate("() => [b24.auth.isAdmin, b24.isFirstRun]") == [True, False]


class TestRouting:
    """frame-protocol.md 2.3: only the opened origin, then only a known sid."""

    def forge(self, page: Page, base: str, sid: str) -> Frame:
        """A frame of `base` inside the portal page, which has sent setTitle with `sid`."""
        page.evaluate(
            "(src) => new Promise((done) => { const frame = document.createElement('iframe'); frame.name = 'forger'; frame.src = src;"
            " frame.onload = done; document.body.append(frame); })",
            f"{base}/plain",
        )
        forger = page.frame(name="forger")
        assert forger is not None
        forger.evaluate('(sid) => parent.postMessage(`setTitle:{"title":"Forged"}:some-id:${sid}`, \'*\')', sid)
        return forger

    def test_another_origin_with_the_right_sid_is_ignored(self, page: Page, portal: Portal, installed: App, served: FramedApp) -> None:
        frame = open_app(page, portal)
        other = FramedApp().start()
        try:
            self.forge(page, other.base, served.launches("/app/")[0].query["APP_SID"])
            frame.evaluate("() => b24.placement.getInterface()")
            expect(page.locator("#page-title")).to_have_text(installed.name)
        finally:
            other.stop()

    def test_the_right_origin_with_another_sid_is_ignored(self, page: Page, portal: Portal, installed: App, served: FramedApp) -> None:
        frame = open_app(page, portal)
        self.forge(page, served.base, "0" * 32)
        frame.evaluate("() => b24.placement.getInterface()")
        expect(page.locator("#page-title")).to_have_text(installed.name)

    def test_the_right_origin_and_sid_are_obeyed(self, page: Page, portal: Portal, installed: App, served: FramedApp) -> None:
        """The two tests above would pass on a portal that does nothing; the same message is obeyed when it is genuine."""
        open_app(page, portal)
        self.forge(page, served.base, served.launches("/app/")[0].query["APP_SID"])
        expect(page.locator("#page-title")).to_have_text("Forged")

    def test_every_form_of_a_message_is_read(self, page: Page, portal: Portal, installed: App, served: FramedApp) -> None:
        """frame-protocol 2.1, 2.2 and 4: colons in the parameters, none in the legacy and in the SDK's form, the object form."""
        frame = open_app(page, portal)
        sid = served.launches("/app/")[0].query["APP_SID"]

        def reply(message: str) -> object:
            return frame.evaluate(
                "(sid) => new Promise((done) => { addEventListener('message', (event) => done(event.data), { once: true });"
                f" parent.postMessage({message}, '*'); }})",
                sid,
            )

        assert reply('`setTitle:{"title":"a:b:c"}:id1:${sid}`') == 'id1:{"title":"a:b:c"}'
        assert reply("`getInterface::id2:${sid}`") == 'id2:{"command":[],"event":[]}'
        assert reply("`getInterface:id3:${sid}`") == 'id3:{"command":[],"event":[]}'
        assert reply("({ method: 'getInterface', params: '', callback: 'id4', appSid: sid })") == 'id4:{"command":[],"event":[]}'

    def test_unknown_and_messenger_commands_get_silence(self, page: Page, portal: Portal, installed: App) -> None:
        """frame-protocol 2.6, 3: the SDK's safe calls then resolve with isSafely after 900 ms."""
        frame = open_app(page, portal)
        answers = frame.evaluate(
            "() => Promise.all([b24.parent.imOpenMessenger('chat1'), b24.parent.message.send('noSuchCommand', { isSafely: true }),"
            " b24.placement.call('noSuchPlacementCommand', {})])"
        )
        assert [answer["isSafely"] for answer in answers] == [True, True, True]


class TestCommands:
    """frame-protocol.md 2.5 and 2.6."""

    def test_refresh_auth_gives_new_tokens_that_are_remembered(self, page: Page, portal: Portal, installed: App, stand: Stand) -> None:
        frame = open_app(page, portal)
        old = frame.evaluate("() => b24.auth.getAuthData().access_token")
        fresh = frame.evaluate("() => b24.auth.refreshAuth()")["access_token"]
        assert fresh != old
        assert stand.world.access[fresh].person is portal.admin
        frame.evaluate("() => location.reload()")
        frame.wait_for_function("(old) => window.b24 && b24.auth.getAuthData().access_token !== old", arg=old)
        assert frame.evaluate("() => b24.auth.getAuthData().access_token") == fresh

    def test_resize_sets_the_frames_size_and_answers_it(self, page: Page, portal: Portal, installed: App) -> None:
        frame = open_app(page, portal)
        answer = frame.evaluate("() => b24.parent.message.send('resizeWindow', { width: '100%', height: 1480, isSafely: true })")
        box = page.locator("iframe.app-frame").bounding_box()
        assert box is not None
        assert box["height"] == 1480
        assert answer == {"width": box["width"], "height": 1480}

    def test_below_a_short_frame_is_the_page(self, page: Page, portal: Portal, installed: App) -> None:
        page.set_viewport_size({"width": 1280, "height": 900})
        frame = open_app(page, portal)
        frame.evaluate("() => b24.parent.resizeWindow(1000, 300)")
        box = page.locator("iframe.app-frame").bounding_box()
        assert box is not None

        def colour(x: float, y: float) -> bytes:
            return page.screenshot(clip={"x": x, "y": y, "width": 4, "height": 4})

        page_colour, below = colour(245, 890), box["y"] + box["height"] + 20
        assert colour(box["x"] + 20, below - 40) != page_colour
        assert colour(box["x"] + 20, below) == page_colour
        assert colour(box["x"] + box["width"] + 1, below - 40) == page_colour

    def test_the_frame_fills_the_page_area_at_first(self, page: Page, portal: Portal, installed: App) -> None:
        open_app(page, portal)
        for width in (1280, 1920):
            page.set_viewport_size({"width": width, "height": 900})
            box = page.locator("iframe.app-frame").bounding_box()
            assert box is not None
            assert box["width"] == width - 240 - 40
            assert box["y"] + box["height"] == 900 - 20
            assert page.evaluate(
                "() => document.documentElement.scrollWidth <= innerWidth && document.documentElement.scrollHeight <= innerHeight"
            )

    def test_title_scroll_and_reload(self, page: Page, portal: Portal, installed: App, served: FramedApp) -> None:
        frame = open_app(page, portal)
        frame.evaluate("() => b24.parent.setTitle('Weekly report')")
        expect(page.locator("#page-title")).to_have_text("Weekly report")
        expect(page).to_have_title(f"Stand-in portal: {portal.company}")
        frame.evaluate("() => b24.parent.resizeWindow(900, 3000)")
        frame.evaluate("() => b24.parent.message.send('setScroll', { scroll: 500, isSafely: true })")
        assert page.evaluate("() => scrollY") == 500
        with page.expect_navigation():
            frame.evaluate("() => { b24.parent.reloadWindow(); }")
        frame_in(page)
        assert len(served.launches("/app/")) == 2

    def test_options_are_kept_for_the_next_opening(self, page: Page, context: BrowserContext, portal: Portal, installed: App) -> None:
        """frame-protocol 2.6: application options are saved for administrators only; others get no answer."""
        frame = open_app(page, portal)
        frame.evaluate("() => b24.options.appSet('colour', 'blue')")
        frame.evaluate("() => b24.options.userSet('size', 'big')")
        frame = open_app(page, portal)
        assert frame.evaluate("() => [b24.options.appGet('colour'), b24.options.userGet('size')]") == ["blue", "big"]
        become(context, portal, portal.person)
        frame = open_app(page, portal)
        answer = frame.evaluate("() => b24.parent.message.send('setAppOption', { name: 'colour', value: 'red', isSafely: true })")
        assert answer == {"isSafely": True}
        assert portal.installations[CLIENT_ID].app_options == {"colour": "blue"}
        assert portal.installations[CLIENT_ID].user_options == {1: {"size": "big"}}


class TestDialogs:
    """frame-protocol.md 2.6: selectUser, selectUsers, selectAccess."""

    def ask(self, page: Page, portal: Portal, call: str) -> Frame:
        frame = open_app(page, portal)
        self.ask_again(page, frame, call)
        return frame

    def ask_again(self, page: Page, frame: Frame, call: str) -> None:
        frame.evaluate(f"() => {{ window.picked = undefined; b24.dialog.{call}.then((value) => (window.picked = value)); }}")
        expect(page.get_by_role("dialog")).to_be_visible()

    def picked(self, frame: Frame) -> object:
        frame.wait_for_function("() => window.picked !== undefined")
        return frame.evaluate("() => window.picked")

    def test_one_person(self, page: Page, portal: Portal, installed: App) -> None:
        frame = self.ask(page, portal, "selectUser()")
        for person in (portal.person, portal.second_admin):
            page.get_by_role("option", name=person.full_name).click()
        page.get_by_role("button", name="Select").click()
        picked = self.picked(frame)
        assert isinstance(picked, dict)
        assert (picked["id"], picked["name"]) == ("2", portal.second_admin.full_name)
        assert set(picked) == {"id", "name", "photo", "position", "url", "sub", "sup"}

    def test_several_people_found_by_searching(self, page: Page, portal: Portal, installed: App) -> None:
        frame = self.ask(page, portal, "selectUsers()")
        page.get_by_role("option", name=portal.person.full_name).click()
        page.get_by_role("dialog").get_by_label("Search").fill("wrzos")
        expect(page.get_by_role("option")).to_have_count(1)
        page.get_by_role("option", name="Zofia").click()
        page.get_by_role("button", name="Select").click()
        picked = self.picked(frame)
        assert isinstance(picked, list)
        assert [person["id"] for person in picked] == ["3", "12"]

    def test_cancelling_stays_silent(self, page: Page, portal: Portal, installed: App) -> None:
        frame = open_app(page, portal)
        button = page.get_by_role("dialog").get_by_role("button")
        for cancel in (
            lambda: button.filter(has_text="Cancel").click(),
            lambda: page.get_by_role("dialog").get_by_label("Close").click(),
            lambda: page.keyboard.press("Escape"),
        ):
            self.ask_again(page, frame, "selectUsers()")
            page.get_by_role("option", name=portal.person.full_name).click()
            cancel()
            expect(page.get_by_role("dialog")).to_have_count(0)
            frame.evaluate("() => b24.placement.getInterface()")
            assert frame.evaluate("() => window.picked === undefined")

    def test_access_rights_without_the_blocked_ones(self, page: Page, portal: Portal, installed: App) -> None:
        frame = self.ask(page, portal, "selectAccess(['U3'])")
        expect(page.get_by_role("option", name=portal.person.full_name)).to_have_count(0)
        page.get_by_role("option", name="All authorized users").click()
        page.get_by_role("option", name=portal.second_admin.full_name).click()
        page.get_by_role("button", name="Select").click()
        assert self.picked(frame) == [{"id": "AU", "name": "All authorized users"}, {"id": "U2", "name": portal.second_admin.full_name}]


class TestSliders:
    """frame-protocol.md 2.6, 5.7, 5.8."""

    SLIDER_FRAME = ".slider iframe.app-frame"

    def open_slider(self, page: Page, portal: Portal) -> tuple[Frame, Frame]:
        opener = open_app(page, portal)
        opener.evaluate(
            "() => { b24.slider.openSliderAppPage({ place: 'report', id: 42, deep: { yes: true }, bx24_title: 'Report', bx24_width: 600 })"
            ".then(() => (window.answered = true)); }"
        )
        return opener, frame_in(page, self.SLIDER_FRAME)

    def test_a_frame_opens_a_second_frame_with_its_own_sid(self, page: Page, portal: Portal, installed: App, served: FramedApp) -> None:
        opener, child = self.open_slider(page, portal)
        first, second = served.launches("/app/")
        assert first.query["APP_SID"] != second.query["APP_SID"]
        expect(page.get_by_role("dialog", name="Report")).to_be_visible()
        options = child.evaluate("() => b24.placement.options")
        assert options == {"place": "report", "id": "42", "deep": {"yes": "true"}, "URI": APP_PAGE}
        assert opener.evaluate("() => window.answered") is None
        assert opener.evaluate("() => b24.placement.getInterface()") == {"command": [], "event": []}
        assert child.evaluate("() => b24.placement.getInterface()") == {"command": [], "event": []}

    def test_the_child_closes_itself_and_the_opener_is_answered(self, page: Page, portal: Portal, installed: App) -> None:
        opener, child = self.open_slider(page, portal)
        child.evaluate("() => { b24.slider.closeSliderAppPage(); }")
        opener.wait_for_function("() => window.answered")
        expect(page.locator(".slider")).to_have_count(0)

    def test_the_person_closes_the_slider(self, page: Page, portal: Portal, installed: App) -> None:
        opener, _child = self.open_slider(page, portal)
        page.get_by_role("button", name="Close slider").click()
        opener.wait_for_function("() => window.answered")
        expect(page.locator(".slider")).to_have_count(0)

    def test_a_slider_is_not_resized_by_its_app(self, page: Page, portal: Portal, installed: App) -> None:
        """frame-protocol 3: the portal stays silent on resizeWindow in sliders opened with openApplication."""
        _opener, child = self.open_slider(page, portal)
        answer = child.evaluate("() => b24.parent.resizeWindow(300, 300)")
        assert answer == {"isSafely": True}

    def test_close_application_without_a_slider_is_never_answered(self, page: Page, portal: Portal, installed: App) -> None:
        """frame-protocol 5.7."""
        frame = open_app(page, portal)
        frame.evaluate("() => { b24.parent.closeApplication().then(() => (window.answered = true)); }")
        frame.evaluate("() => b24.placement.getInterface()")
        assert frame.evaluate("() => window.answered") is None

    def test_open_path_shows_a_portal_page_and_answers_on_close(self, page: Page, portal: Portal, installed: App) -> None:
        """frame-protocol 2.6, openPath details: prefix, IFRAME keys, {result: "close"}."""
        frame = open_app(page, portal)
        frame.evaluate(
            "() => { b24.slider.openPath(b24.slider.getUrl('/company/personal/user/3/'), 900).then((v) => (window.answered = v)); }"
        )
        inner = page.frame_locator(".slider .page-frame")
        expect(inner.locator("#page-title")).to_have_text(portal.person.full_name)
        expect(inner.locator("aside.menu")).to_have_count(0)
        opened = next(frame.url for frame in page.frames if "/company/" in frame.url)
        assert urlsplit(opened).path == "/company/personal/user/3/"
        assert urlsplit(opened).query == "IFRAME=Y&IFRAME_TYPE=SIDE_SLIDER"
        page.get_by_role("button", name="Close slider").click()
        frame.wait_for_function("() => window.answered")

    def test_open_path_refuses_other_paths(self, page: Page, portal: Portal, installed: App) -> None:
        """frame-protocol 2.6: legacy callers send the path as given, and only some beginnings are allowed."""
        frame = open_app(page, portal)
        answer = frame.evaluate("() => b24.parent.message.send('openPath', { path: '/company/' })")
        assert answer == {"result": "error", "errorCode": "PATH_NOT_AVAILABLE"}
        expect(page.locator(".slider")).to_have_count(0)

    def test_the_apps_own_page_inside_a_portal_slider(self, page: Page, portal: Portal, installed: App) -> None:
        """frame-protocol 5.7: IFRAME keys land in PLACEMENT_OPTIONS of DEFAULT."""
        frame = open_app(page, portal)
        frame.evaluate("() => { b24.slider.openPath(b24.slider.getUrl('/marketplace/app/1/?x=1'), 1640); }")
        inner = page.frame_locator(".slider .page-frame").frame_locator("iframe.app-frame")
        expect(inner.locator("h1")).to_have_text("App page /app/")
        child = next(one for one in page.frames if one.parent_frame not in (None, page.main_frame))
        child.wait_for_function("() => window.b24 !== undefined")
        options = child.evaluate("() => b24.placement.options")
        assert (options["x"], options["IFRAME"], options["IFRAME_TYPE"]) == ("1", "Y", "SIDE_SLIDER")
        assert child.evaluate("() => b24.placement.isSliderMode") is True


class TestLinks:
    """frame-protocol.md 5.8 and bitrix24.md 8: /marketplace/view/<code>/?params[…]."""

    LINK = f"/marketplace/view/{CODE}/?params[docId]=42&params[a][b]=x&outside=1"

    @pytest.fixture
    def bound(self, portal: Portal, installed: App, served: FramedApp) -> App:
        portal.installations[CLIENT_ID].placements.append(PlacementBinding("REST_APP_URI", f"{served.base}/handler/"))
        return installed

    def test_the_bound_handler_opens_in_a_slider(self, page: Page, portal: Portal, bound: App, served: FramedApp) -> None:
        page.goto(f"{portal.url}{self.LINK}")
        frame = frame_in(page, ".slider iframe.app-frame")
        (launch,) = served.launches("/handler/")
        assert launch.form["PLACEMENT"] == "REST_APP_URI"
        assert frame.evaluate("() => b24.placement.options") == {"docId": "42", "a": {"b": "x"}}
        assert frame.evaluate("() => b24.placement.placement") == "REST_APP_URI"

    def test_a_link_in_a_notification_opens_the_slider_over_the_page(
        self, page: Page, portal: Portal, bound: App, served: FramedApp
    ) -> None:
        notify(portal, text=f"Done. [url={self.LINK}]Show[/url]")
        page.goto(f"{portal.url}/company/")
        page.locator("[data-test='bell']").click()
        page.get_by_role("link", name="Show").click()
        frame = frame_in(page, ".slider iframe.app-frame")
        assert frame.evaluate("() => b24.placement.options") == {"docId": "42", "a": {"b": "x"}, "URI": "/company/"}
        assert urlsplit(page.url).path == "/company/"
        frame.evaluate("() => { b24.parent.closeApplication(); }")
        expect(page.locator(".slider")).to_have_count(0)

    def test_no_title_scroll_or_reload_from_a_link(self, page: Page, portal: Portal, bound: App) -> None:
        """frame-protocol 3: silence for placements other than DEFAULT."""
        page.goto(f"{portal.url}{self.LINK}")
        frame = frame_in(page, ".slider iframe.app-frame")
        assert frame.evaluate("() => b24.parent.setTitle('Mine')") == {"isSafely": True}
        expect(page.locator(".slider-title")).to_have_text(bound.name)

    def test_not_bound_gives_an_empty_slider(self, page: Page, portal: Portal, installed: App, served: FramedApp) -> None:
        page.goto(f"{portal.url}{self.LINK}")
        expect(page.locator(".slider")).to_be_visible()
        expect(page.locator(".slider-body")).to_be_empty()
        assert served.posts == [post for post in served.posts if post.path == "/events/"]

    def test_closing_leads_to_the_portal(self, page: Page, portal: Portal, bound: App) -> None:
        page.goto(f"{portal.url}{self.LINK}")
        frame_in(page, ".slider iframe.app-frame")
        page.get_by_role("button", name="Close slider").click()
        expect(page).to_have_url(f"{portal.url}/")
        expect(page.get_by_role("heading", name="Welcome")).to_be_visible()


class TestMarket:
    """Install, finish, update, remove (frame-protocol.md 5.3, bitrix24.md 3)."""

    def test_installing_ends_on_the_app(self, page: Page, portal: Portal, framed: App, served: FramedApp, stand: Stand) -> None:
        """setInstallFinish gets no reply: the flag is saved, the page reloads with install_finished=Y, ONAPPINSTALL goes out."""
        page.goto(f"{portal.url}/marketplace/")
        page.get_by_role("button", name="Install").click()
        installer = frame_in(page)
        assert installer.evaluate("() => b24.isInstallMode") is True
        assert [post.path for post in served.posts] == ["/install/"]
        assert not portal.installations[CLIENT_ID].installed
        with page.expect_navigation(url=re.compile("install_finished=Y")):
            installer.evaluate("() => { b24.installFinish(); }")
        frame = frame_in(page)
        assert frame.evaluate("() => b24.isInstallMode") is False
        assert frame.evaluate("() => b24.placement.options.install_finished") == "Y"
        assert portal.installations[CLIENT_ID].installed
        stand.world.events.wait()
        assert [post.form["event"] for post in served.launches("/events/")] == ["ONAPPINSTALL"]
        page.goto(f"{portal.url}/")
        expect(page.get_by_role("navigation").get_by_role("link", name=framed.name)).to_be_visible()

    def test_install_finish_is_not_answered(self, page: Page, portal: Portal, framed: App) -> None:
        """The reload is held back here, so that only an answer could settle the promise."""
        portal.install(framed, portal.admin)
        installer = open_app(page, portal)
        finished: list[str] = []
        page.route(lambda url: "install_finished" in url, lambda route: finished.append(route.request.url))
        with page.expect_response("**/_portal/install-finish"):
            installer.evaluate("() => { b24.installFinish().then(() => (window.finished = true), () => (window.finished = false)); }")
        installer.evaluate("() => b24.placement.getInterface()")
        assert installer.evaluate("() => window.finished") is None
        assert portal.installations[CLIENT_ID].installed

    def test_update_then_remove_with_cleaning(self, page: Page, portal: Portal, installed: App, served: FramedApp, stand: Stand) -> None:
        """bitrix24.md 3: ONAPPUNINSTALL carries CLEAN."""
        page.goto(f"{portal.url}/marketplace/")
        page.get_by_role("button", name="Update").click()
        expect(page.get_by_role("status").first).to_contain_text("was updated")
        expect(page.get_by_text("Installed, version 2")).to_be_visible()
        portal.installations[CLIENT_ID].events.append(EventBinding(1, "ONAPPUNINSTALL", f"{served.base}/events/"))
        page.get_by_label("Clean data").check()
        page.get_by_role("button", name="Remove").click()
        expect(page.get_by_text("Not installed")).to_be_visible()
        expect(page.get_by_role("navigation").get_by_role("link", name=installed.name)).to_have_count(0)
        stand.world.events.wait()
        (event,) = [post for post in served.launches("/events/") if post.form["event"] == "ONAPPUNINSTALL"]
        assert event.form["data[CLEAN]"] == "1"

    def test_an_app_that_is_not_installed_says_so(self, page: Page, portal: Portal, framed: App) -> None:
        page.goto(f"{portal.url}/marketplace/app/7/")
        expect(page.get_by_role("alert")).to_contain_text("not installed")
