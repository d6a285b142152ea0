"""The pictures of the app's card in the Market: `make market-pictures` makes market/icon.png and market/screenshots/<language>/*.png.

One stand-in portal for each language, with a company and messages of its own (market/demo.yml), the app in a slider over it. Everything
runs in this process, on free ports and a database that is thrown away; time is moved, so that the messages lie days apart.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin
from uuid import uuid4

import requests
import time_machine
import yaml
from PIL import Image
from playwright.sync_api import Browser, FrameLocator, Page, expect, sync_playwright

if TYPE_CHECKING:
    from b24app.models import PortalUser
    from devportal.server import Stand
    from devportal.world import App, Portal
    from notifications.models import Dispatch

ROOT = Path(__file__).resolve().parent.parent
MARKET = ROOT / "market"
NOW = datetime(2026, 11, 26, 10, 40, tzinfo=UTC)
"""A Thursday morning."""

SIZE = {"width": 1280, "height": 720}
ICON = 512
# The portal is only the background here: what it says about itself would be read as part of the app.
ABOUT_ITSELF = ".brand-name small, .menu-note"
BITRIX_CODES = {"es": "la", "pt-br": "br"}
LOCALES = {"en": "en-GB", "de": "de-DE", "es": "es-ES", "pt-br": "pt-BR", "ru": "ru-RU"}
"""Of the browser that looks."""
CLIENT = {"client_id": "app.pictures", "client_secret": "a-secret-of-the-stand-in-only", "code": "tagged.notifications"}

Texts = Mapping[str, Any]


@dataclass
class Scene:
    """A company at work: its portal, the app as it knows it, its messages, and the person who looks."""

    portal: "Portal"
    app: "App"
    texts: Texts
    admin: "PortalUser"
    travel: Any

    def send(self, name: str, to: list[int], at: datetime, **more: Any) -> "Dispatch":
        """Send the message of this name at that time."""
        from notifications.sending import Draft, send

        self.travel.move_to(at)
        kept = self.texts[name]
        return send(self.admin, to, Draft("personal", kept["text"], kept["tag"], kept["sub_tag"], **more), uuid4())


@contextmanager
def app_served() -> Iterator[tuple["Stand", "App"]]:
    """The app over an empty database, and the stand-in Bitrix24 that knows it."""
    folder = tempfile.TemporaryDirectory(prefix="pictures-")
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": f"sqlite:///{folder.name}/db.sqlite3", "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
        "B24_CLIENT_ID": CLIENT["client_id"], "B24_CLIENT_SECRET": CLIENT["client_secret"], "B24_APP_CODE": CLIENT["code"],
        "B24_ALLOW_HTTP": "1", "B24_ALLOW_PRIVATE_HOSTS": "1", "LOG_LEVEL": "ERROR",
    }  # fmt: skip
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    from devportal.httpserver import Server
    from devportal.server import Stand

    call_command("migrate", verbosity=0)
    settings.HUEY.immediate = True
    stand = Stand.start()
    server = Server(get_wsgi_application(), "127.0.0.1", 0, None)
    settings.APP_URL = f"http://127.0.0.1:{server.port}"
    settings.B24_OAUTH_SERVERS = [stand.auth_url]
    app = stand.register_app(
        **CLIENT, app_url=f"{settings.APP_URL}/app/", install_url=f"{settings.APP_URL}/install/", events_url=f"{settings.APP_URL}/events/"
    )
    yield stand, app
    server.stop()
    stand.stop()
    folder.cleanup()


def open_company(stand: "Stand", app: "App", language: str, texts: Texts, travel: Any) -> Scene:
    """A portal of this company, the app installed by its administrator, everybody known by name."""
    from b24app.models import PortalUser

    # Before the portal is there: its limits of requests would not understand a clock that goes back.
    travel.move_to(NOW - timedelta(days=29))
    portal = stand.add_portal(company=texts["company"], language=BITRIX_CODES.get(language, language), people=len(texts["people"]))
    for person, name in zip(portal.people.values(), texts["people"], strict=True):
        person.name, _, person.last_name = name.partition(" ")
        person.time_zone = texts["zone"]
    for number, name in texts["departments"].items():
        portal.departments[number].name = name
    portal.install(app, portal.admin)
    launch = portal.launch(app, portal.admin, installer=True)
    page = requests.post(launch.url, data=launch.fields, timeout=30).text
    token = re.search(r'data-frame-token="([^"]+)"', page)
    if token is None:
        raise RuntimeError("The installer's page did not come.")
    requests.post(urljoin(launch.url, "/frame/install/"), headers={"Authorization": f"Bearer {token[1]}"}, timeout=30).raise_for_status()
    portal.finish_install(app)
    stand.world.events.wait()
    admin = PortalUser.objects.select_related("portal").get(portal__member_id=portal.member_id, user_id=1)
    return Scene(portal, app, texts, admin, travel)


def work(scene: Scene, language: str) -> "Dispatch":
    """Four weeks of messages, in the order of time; returns the one that asks for confirmation."""
    from django.utils import translation

    from notifications import ask, revoking, tasks

    everybody, sales, office = list(range(1, 13)), [3, 5, 9, 11], [2, 4, 6, 7, 8, 10]
    for days, hour, name, to in (
        (27, 9, "weekly", everybody), (21, 8, "payslips", everybody), (20, 9, "weekly", everybody), (16, 9, "drill", office),
        (13, 9, "weekly", everybody), (9, 7, "maintenance", office + sales), (6, 9, "weekly", everybody),
    ):  # fmt: skip
        scene.send(name, to, NOW.replace(hour=hour) - timedelta(days=days))
    scene.send("wrong", everybody, NOW - timedelta(days=3, hours=1))
    scene.travel.move_to(NOW - timedelta(days=3, minutes=45))
    revoking.delete(scene.admin, "tag", scene.texts["wrong"]["tag"])
    with translation.override(language):
        wanted = ask.Ask(ask.default_buttons(), NOW + timedelta(days=4, hours=5))
    asked = scene.send("expenses", everybody[1:], NOW - timedelta(days=2, hours=2), ask=wanted)
    _answer(scene, asked)
    scene.send("meeting", sales, NOW - timedelta(days=1, hours=3))
    scene.send("drill", office[:4], NOW - timedelta(hours=2, minutes=10))
    scene.send("maintenance", office[2:5], NOW - timedelta(minutes=18))
    tasks.name_people()
    tasks.count()
    return asked


def _answer(scene: Scene, asked: "Dispatch") -> None:
    from b24app.models import PortalUser
    from notifications import answering

    given = {2: "Y", 3: "Y", 5: "Y", 6: "Y", 7: "Y", 9: "N", 10: "Y", 11: "Y"}
    for number, (user_id, value) in enumerate(given.items()):
        scene.travel.move_to(NOW - timedelta(days=2, hours=1) + timedelta(hours=2 * number, minutes=17 * number))
        person = scene.portal.people[user_id]
        launch = scene.portal.launch(scene.app, person)
        requests.post(launch.url, data=launch.fields, timeout=30).raise_for_status()
        row = PortalUser.objects.select_related("portal").get(portal=scene.admin.portal, user_id=user_id)
        answering.answer(row, asked.confirmation_request.key, value, scene.texts["reason"] if value == "N" else "")


def shoot(browser: Browser, scene: Scene, asked: "Dispatch", language: str) -> None:
    """The pictures of one language."""
    folder = MARKET / "screenshots" / language
    folder.mkdir(parents=True, exist_ok=True)
    page = browser.new_page(viewport=SIZE, locale=LOCALES[language], reduced_motion="reduce")
    page.context.add_cookies([{"name": "devportal_user", "value": "1", "url": scene.portal.url}])
    _slider(page, scene, tab="sent")
    _save(page, folder / "1-sent.png")
    _slider(page, scene, tab="request", number=str(asked.pk))
    _save(page, folder / "2-answers.png")
    _write(_slider(page, scene, tab="new"), scene.texts)
    _save(page, folder / "3-new.png")
    frame = _slider(page, scene, tab="sent")
    frame.locator("button.deletes").nth(1).click()
    expect(frame.locator("#dialog h2")).to_be_visible()
    frame.locator("#dialog").evaluate("(dialog) => Promise.all(dialog.getAnimations().map((each) => each.finished))")
    _save(page, folder / "4-take-back.png")
    page.context.close()


def _slider(page: Page, scene: Scene, **params: str) -> FrameLocator:
    """The app over the portal, as a link into it opens it."""
    query = "&".join(f"params[{name}]={value}" for name, value in params.items())
    page.goto(f"{scene.portal.url}/marketplace/view/{scene.app.code}/?{query}")
    page.locator(ABOUT_ITSELF).evaluate_all("(all) => all.forEach((each) => (each.style.visibility = 'hidden'))")
    frame = page.frame_locator(".slider iframe")
    expect(frame.locator("#main")).to_have_attribute("aria-busy", "false")
    page.wait_for_load_state("networkidle")
    return frame


def _write(frame: FrameLocator, texts: Texts) -> None:
    """A notification as somebody has just written it."""
    for name in texts["people"][2:6]:
        frame.locator("#new-recipients").fill(name.split()[0])
        frame.locator("#people-found [role=option]").first.click()
    frame.locator("[name=message]").fill(texts["draft"]["text"])
    frame.locator("[name=tag]").fill(texts["draft"]["tag"])
    frame.locator("[name=sub_tag]").fill(texts["draft"]["sub_tag"])
    frame.locator("[name=ask-wanted]").check()
    frame.locator("[data-deadline]").nth(1).click()
    expect(frame.locator("#preview a").first).to_be_visible()
    # Back to the top: what is written, and how it will look. The fields of the deadline are drawn by the browser, in its own language.
    frame.locator("#new-recipients").evaluate("(field) => { field.blur(); scrollTo(0, 0); }")
    frame.locator("#tabs").scroll_into_view_if_needed()


def _save(page: Page, path: Path) -> None:
    page.wait_for_load_state("networkidle")
    picture = Image.open(BytesIO(page.screenshot(animations="disabled", caret="hide")))
    # A palette is a quarter of the size, and of an interface nobody sees the difference.
    picture.convert("RGB").quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(path, optimize=True)


def draw_icon(browser: Browser) -> None:
    """market/icon.png from the app's own icon: square, without transparency, its corners filled (the Market rounds them itself)."""
    drawn = re.sub(r'rx="\d+"', "", (ROOT / "static" / "img" / "icon.svg").read_text())
    page = browser.new_page(viewport={"width": ICON, "height": ICON})
    page.set_content(f"<style>body {{ margin: 0 }} svg {{ display: block; width: {ICON}px }}</style>{drawn}")
    Image.open(BytesIO(page.screenshot())).convert("RGB").save(MARKET / "icon.png", optimize=True)
    page.close()


def main(languages: list[str]) -> None:
    """Make the icon and the pictures, of some languages or of all."""
    companies: dict[str, Texts] = yaml.safe_load((MARKET / "demo.yml").read_text())
    with sync_playwright() as playwright, app_served() as (stand, app), time_machine.travel(NOW, tick=True) as travel:
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"])
        draw_icon(browser)
        for language in languages or companies:
            scene = open_company(stand, app, language, companies[language], travel)
            asked = work(scene, language)
            travel.move_to(NOW)
            shoot(browser, scene, asked, language)
            print(f"market/screenshots/{language}")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
