"""The rows about pages: all that can be reached is there, belongs to us, and says nothing that moderation forbids."""

import re
from collections import deque
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import yaml
from django.conf import settings as django_settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django.fixtures import Settings

from b24app.frame import session
from b24app.models import PortalUser
from b24app.public_pages import PAGES
from devportal import world
from scripts.catalogue import LANGUAGES as TRANSLATED
from scripts.catalogue import collect, load
from tests.b24app.conftest import Browser
from tests.notifications.conftest import Send
from tests.test_settings import ROOT

pytestmark = pytest.mark.django_db


FOLLOWED = ("href", "hx-get", "data-save", "src", "data-sdk-url")
ASSETS = ("src", "data-sdk-url")


class Links(HTMLParser):
    """The addresses of ours that a page leads to, and what is to be read on it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.pages: list[str] = []
        self.assets: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "form" or "hx-include" in given or (given.get("hx-trigger") or "").startswith("poll"):
            # What these ask for depends on what somebody has typed or chosen, or on what is new.
            return
        for name, value in attributes:
            if name in FOLLOWED and value and urlsplit(value).scheme in ("", "http", "https"):
                is_asset = name in ASSETS or tag == "link"
                (self.assets if is_asset else self.pages).append(unescape(value))

    def handle_data(self, data: str) -> None:
        self.text += data.strip()


class Crawl:
    """Everything that can be reached by GET from some pages, as one person."""

    def __init__(self, client: Client, person: PortalUser | None = None) -> None:
        self._client, self._person = client, person
        self.reached: dict[str, HttpResponse] = {}
        self.assets: set[str] = set()

    def start(self, page: HttpResponse, address: str) -> None:
        """Follow all that this page leads to, and what that leads to."""
        waiting = deque([(address, page)])
        while waiting:
            here, response = waiting.popleft()
            if not response.headers["Content-Type"].startswith("text/html"):
                continue
            links = Links(response.content.decode())
            self.assets.update(links.assets)
            for link in links.pages:
                to = urljoin(here, link)
                if urlsplit(to).netloc or to.startswith("/marketplace/") or to.split("?")[0] in self.reached or "#" in link:
                    continue
                self.reached[to.split("?")[0]] = answer = self.get(to)
                waiting.append((to, answer))

    def get(self, address: str) -> HttpResponse:
        headers = {"HX-Request": "true", "HX-Target": "main"}
        if self._person:
            headers["Authorization"] = f"Bearer {session.issue(self._person)}"
        return self._client.get(address, headers=headers)


@pytest.fixture
def crawled(client: Client, admin: PortalUser, post: Send, portal: world.Portal, app: world.App, stand: Any) -> Crawl:
    """The whole app from its first screen, for an administrator who has sent something, and what anybody may read."""
    stand.world.events.order("hold", times=None)
    post([1, 3], tag="invoice", sub_tag="finance")
    crawl = Crawl(client, admin)
    crawl.start(Browser(client, stand).open(portal.launch(app, portal.admin)), "/app/")
    for name in PAGES:
        crawl.start(client.get(f"/{name}/"), f"/{name}/")
    return crawl


@pytest.mark.market("M20")
def test_m20_every_link_leads_to_a_page_with_something_on_it(crawled: Crawl) -> None:
    assert {
        "/frame/sent/",
        "/frame/inbox/",
        "/frame/new/",
        "/frame/settings/",
        "/frame/activity/",
        "/frame/sent/delete/",
        "/licence/",
    } <= set(crawled.reached)
    assert len(crawled.reached) > 20
    broken = {address: response.status_code for address, response in crawled.reached.items() if response.status_code != 200}
    assert broken == {}
    pages = {to: answer for to, answer in crawled.reached.items() if answer.headers["Content-Type"].startswith("text/html")}
    empty = [address for address, response in pages.items() if len(Links(response.content.decode()).text) < 3]
    assert empty == []


@pytest.mark.market("M21")
def test_m21_no_picture_style_or_script_is_missing(crawled: Crawl, client: Client) -> None:
    ours = {address for address in crawled.assets if not urlsplit(address).netloc}
    assert {Path(address).suffix for address in ours} >= {".css", ".js", ".svg"}
    assert [address for address in sorted(ours) if client.get(address).status_code != 200] == []


@pytest.mark.market("M21")
def test_m21_a_missing_file_stops_the_release(crawled: Crawl, settings: Settings, tmp_path: Path) -> None:
    """Production collects with a strict manifest: what a page names and nobody has written is an error there, not a gap on the page."""
    storage = "whitenoise.storage.CompressedManifestStaticFilesStorage"
    assert f'"{storage}"' in (ROOT / "b24app" / "settings.py").read_text()
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {**django_settings.STORAGES, "staticfiles": {"BACKEND": storage}}
    call_command("collectstatic", "--noinput", verbosity=0)
    names = {address.partition("/static/")[2] for address in crawled.assets if address.startswith("/static/")}
    assert len(names) > 10
    assert all(staticfiles_storage.url(name) for name in names)
    with pytest.raises(ValueError, match="Missing staticfiles manifest entry"):
        staticfiles_storage.url("css/nobody-wrote-this.css")


@pytest.mark.market("M09")
def test_m09_nobody_is_asked_for_a_password(crawled: Crawl) -> None:
    asks = re.compile(r"type=.password|autocomplete=.(?:username|current-password)", re.IGNORECASE)
    written = [*(ROOT / "templates").rglob("*.html"), *(ROOT / "static" / "js").rglob("*.js")]
    assert [file.name for file in written if asks.search(file.read_text())] == []
    assert [address for address, page in crawled.reached.items() if not page.streaming and asks.search(page.content.decode())] == []
    assert [path for path in addresses() if re.search(r"log-?in|sign-?in|auth|account|password", path)] == [
        "oauth/start/",
        "oauth/callback/",
    ]
    assert not any(app.startswith("django.contrib.auth") for app in django_settings.INSTALLED_APPS)


def addresses(resolver: Any = None, prefix: str = "") -> list[str]:
    """Every address of the app, as urls.py writes it."""
    found = []
    for pattern in (resolver or get_resolver()).url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            found += addresses(pattern, path)
        elif isinstance(pattern, URLPattern):
            found.append(path)
    return found


@pytest.mark.market("M22")
@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/no/such/page/", None, 404), ("/app/", b"\xff\xfe", 400), ("/app/", b"AUTH_ID=x&DOMAIN=a.example&member_id=x", 403),
        ("/frame/sent/", None, 401), ("/oauth/callback/?state=x", None, 400), ("/oauth/start/?domain=%00", None, 400),
    ],
)  # fmt: skip
def test_m22_each_failing_branch_shows_a_page_of_ours(client: Client, app: world.App, path: str, body: bytes | None, status: int) -> None:
    assert django_settings.DEBUG is False
    form = "application/x-www-form-urlencoded"
    response = client.get(path) if body is None else client.post(path, body, content_type=form)
    assert response.status_code == status
    text = response.content.decode()
    assert not re.search(r"Traceback|Exception|Django|DEBUG|b24app|notifications\.\w+", text)
    assert text == "" or "css/app.css" in text


TELEPHONE = re.compile(r"\+\d[\d ()-]{7,}\d")
ADDRESS = re.compile(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)")
SITE = re.compile(r"https?://([\w.-]+)")
RESERVED = re.compile(r"(?:^|\.)(?:example|test|invalid|localhost)(?:\.(?:com|net|org))?$")


@pytest.mark.market("M27")
def test_m27_demonstration_data_has_nothing_real_in_it() -> None:
    """People, companies and messages of the stand-in, of the pictures and of the examples in documents."""
    files = [*(ROOT / "devportal").rglob("*.py"), ROOT / "market" / "demo.yml", ROOT / "market" / "listing.yml"]
    told = "\n".join(file.read_text() for file in files)
    assert TELEPHONE.findall(told) == []
    assert [domain for domain in ADDRESS.findall(told) if not RESERVED.search(domain)] == []
    assert not re.search(r"facebook|instagram|linkedin|twitter|vk\.com|t\.me/", told, re.IGNORECASE)
    companies = yaml.safe_load((ROOT / "market" / "demo.yml").read_text())
    messages = "\n".join(str(each.get("text")) for company in companies.values() for each in company.values() if isinstance(each, dict))
    assert SITE.findall(messages) == []


@pytest.mark.market("M29")
def test_m29_nothing_is_advertised_or_sold_inside_the_app() -> None:
    offers = re.compile(
        r"[$€₽£]\s?\d|\d\s?[$€₽£]|\b(?:discount|coupon|promo|special offer|buy now|upgrade to|free trial|rabatt|gutschein|descuento|oferta"
        r"|desconto|скидк\w*|акци[яи]|купить)\b",
        re.IGNORECASE,
    )
    said = [str(message.id) for message in collect() if message.id]
    for language in TRANSLATED:
        said += [str(message.string) for message in load(language) if message.id]
    said += [file.read_text() for file in (ROOT / "templates").rglob("*.html")]
    assert [text for text in said if offers.search(text)] == []
