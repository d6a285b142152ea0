"""Pictures of every page in five languages, at three widths, light and dark: `make screenshots`, into var/screenshots/.

The app runs on production settings beside stand-in portals with a month of lifelike notifications (scripts.lifelike). Beside the pictures
lies one sheet for each page, with all its languages and widths side by side.
"""

import argparse
import math
import os
import re
import shutil
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from urllib.parse import urljoin

import requests
from playwright.sync_api import Browser, Error, FloatRect, Frame, Page, expect, sync_playwright

from benchmarks._rig import Rig, rig
from devportal.world import Portal
from scripts import walk
from scripts.lifelike_texts import LANGUAGES

TARGET = Path(__file__).resolve().parent.parent / "var" / "screenshots"
WIDTHS = (360, 1280, 1920)
HEIGHT = 800
HIGHEST = 2600
# What a portal's bare page leaves beside the frame, on a small screen and on a large one.
SMALL_MARGINS, MARGINS = 24, 40
SMALL = 700
# Never settled: the installer stays as it is while it waits for the portal.
SILENT_SDK = "window.B24Js = { initializeB24Frame: () => new Promise(() => {}) };"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--language", action="append", choices=LANGUAGES, help="only this one (again for more)")
    parser.add_argument("--width", action="append", type=int, choices=WIDTHS, help="only this one (again for more)")
    parser.add_argument("--page", action="append", help="only pages whose name begins so (again for more)")
    parser.add_argument("--no-dark", action="store_true", help="leave the dark set out")
    chosen = parser.parse_args()
    if not any((chosen.language, chosen.width, chosen.page)):
        shutil.rmtree(TARGET, ignore_errors=True)
    with rig() as bench:
        portals = {language: _portal(bench, language) for language in chosen.language or LANGUAGES}
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            rounds = [*product(portals, chosen.width or WIDTHS, ("light",))]
            if not chosen.no_dark and 1280 in (chosen.width or WIDTHS):
                rounds.append((next(iter(portals)), 1280, "dark"))
            for language, width, theme in rounds:
                print(f"{language} {width} {theme}", flush=True)
                window = width + (SMALL_MARGINS if width < SMALL else MARGINS)
                page = browser.new_page(viewport={"width": window, "height": HEIGHT}, reduced_motion="reduce")
                camera = _Camera(page, bench, portals[language], theme)
                camera.take_all(TARGET / f"{language}-{width}-{theme}", tuple(chosen.page or [""]))
                page.close()
            _sheets(browser)
    print(f"\n  {TARGET}/\n")


def _portal(bench: Rig, language: str) -> Portal:
    """A portal that speaks this language, with the app installed by its admin and a month of work in it."""
    words = LANGUAGES[language]
    portal = bench.stand.add_portal(company=words.company, language=words.code, seed=40 + list(LANGUAGES).index(language))
    portal.install(bench.app, portal.admin)
    launch = portal.launch(bench.app, portal.admin, installer=True)
    token = re.search(r'data-frame-token="([^"]+)"', requests.post(launch.url, data=launch.fields, timeout=30).text)
    if token is None:
        raise SystemExit("The installer could not be opened.")
    connected = requests.post(urljoin(launch.url, "/frame/install/"), headers={"Authorization": f"Bearer {token[1]}"}, timeout=30)
    connected.raise_for_status()
    portal.finish_install(bench.app)
    portal.world.events.wait()
    _django(bench)
    from scripts import lifelike

    lifelike.fill(portal, bench.app, language)
    return portal


def _django(bench: Rig) -> None:
    """Make this process one of the app's, on the database of the running one."""
    import django

    os.environ.update(bench.environment, DJANGO_SETTINGS_MODULE="b24app.settings", DJANGO_ALLOW_ASYNC_UNSAFE="true", LOG_LEVEL="ERROR")
    django.setup()


class _Camera:
    """Takes the pictures of one portal at one width."""

    def __init__(self, page: Page, bench: Rig, portal: Portal, theme: str) -> None:
        self._page, self._bench, self._portal, self._theme = page, bench, portal, theme
        self._installation = portal.installations[bench.app.client_id]
        # The portal's page without its menu, as in a slider.
        self._address = f"{portal.url}/marketplace/app/{self._installation.id}/?IFRAME=Y"

    def take_all(self, folder: Path, wanted: tuple[str, ...]) -> None:
        """Every picture whose name begins with one of the wanted ones."""
        folder.mkdir(parents=True, exist_ok=True)
        ways: dict[str, Callable[[Path], None]] = {name: partial(self._inside, step) for name, step in walk.PAGES.items()}
        ways |= {
            "ask": self._asked,
            "installer": self._installer,
            "how-to-open": partial(self._plain, "/app/"),
            "not-found": partial(self._plain, "/nothing-here/"),
        }
        for name, way in ways.items():
            if name.startswith(wanted):
                try:
                    way(folder / f"{name}.png")
                except (AssertionError, Error) as error:
                    print(f"  {name} was not taken: {str(error).splitlines()[0]}", flush=True)

    def _inside(self, step: walk.Step, target: Path) -> None:
        """A page of the app, opened from the portal's menu."""
        self._page.goto(self._address)
        frame = self._frame()
        walk.settled(frame)
        if self._theme == "dark":
            frame.locator("#theme").click()
        step(frame)
        self._take_frame(target)

    def _asked(self, target: Path) -> None:
        """The newest request that waits for the admin, opened by its link."""
        links = (re.search(r"\[url=([^\]]+)\]", item.text, re.IGNORECASE) for item in self._portal.feed(self._portal.admin))
        link = next(found[1] for found in links if found and "key" in found[1])
        self._page.goto(urljoin(self._portal.url, link))
        frame = self._frame()
        expect(frame.locator("[data-ask] .note-text")).to_be_visible()
        walk.settled(frame)
        self._page.locator(".slider iframe").screenshot(path=target)

    def _installer(self, target: Path) -> None:
        """The installer, while the portal does not answer it."""
        self._installation.installed = False
        self._page.route("**/index.min*.js", lambda route: route.fulfill(body=SILENT_SDK, content_type="text/javascript"))
        try:
            self._page.goto(self._address)
            expect(self._frame().locator("[data-step][aria-current]")).to_be_visible()
            self._page.locator("iframe").screenshot(path=target)
        finally:
            self._page.unroute("**/index.min*.js")
            self._installation.installed = True

    def _plain(self, path: str, target: Path) -> None:
        """A page that stands alone; it is in English."""
        self._page.goto(urljoin(self._bench.url, path))
        self._page.screenshot(path=target)

    def _frame(self) -> Frame:
        frame = self._page.locator("iframe").element_handle().content_frame()
        if frame is None:
            raise AssertionError("The portal has not opened the app.")
        frame.wait_for_load_state("domcontentloaded")
        return frame

    def _take_frame(self, target: Path) -> None:
        """The frame as high as the portal has made it, but for the end of long lists."""
        self._frame().wait_for_function("() => innerHeight >= Math.floor(document.body.getBoundingClientRect().height)")
        height = min(self._box()["height"], HIGHEST)
        size = self._page.viewport_size
        # Of a frame of another origin, only what the window shows is painted.
        self._page.set_viewport_size({"width": size["width"], "height": math.ceil(height + HEIGHT)})
        self._page.evaluate("() => scrollTo(0, 0)")
        self._frame().evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        self._page.screenshot(path=target, clip=self._box() | {"height": height})
        self._page.set_viewport_size(size)

    def _box(self) -> FloatRect:
        box = self._page.locator("iframe").bounding_box()
        if box is None:
            raise AssertionError("The portal shows no frame.")
        return box


def _sheets(browser: Browser) -> None:
    """One picture per page with all that were taken of it."""
    names = sorted({picture.stem for picture in TARGET.glob("*-*-*/*.png")})
    sheets = TARGET / "sheets"
    sheets.mkdir(parents=True, exist_ok=True)
    page = browser.new_page(viewport={"width": 1800, "height": 600})
    source = sheets / "sheet.html"
    for name in names:
        pictures = sorted(TARGET.glob(f"*-*-*/{name}.png"), key=lambda path: (int(path.parent.name.split("-")[-2]), path.parent.name))
        figures = "".join(f"<figure><img src='{each.as_uri()}'><figcaption>{each.parent.name}</figcaption></figure>" for each in pictures)
        source.write_text(f"<meta charset=utf-8><style>{SHEET_STYLE}</style><h1>{name}</h1><main>{figures}</main>")
        page.goto(source.as_uri())
        page.screenshot(path=sheets / f"{name}.png", full_page=True)
    source.unlink(missing_ok=True)


SHEET_STYLE = """
body { margin: 20px; background: #777; color: #fff; font: 14px sans-serif; }
main { display: flex; flex-wrap: wrap; gap: 16px; align-items: flex-start; }
figure { margin: 0; } img { display: block; max-width: 560px; } img[src*='-360-'] { max-width: 240px; }
"""


if __name__ == "__main__":
    main()
