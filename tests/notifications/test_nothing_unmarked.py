"""No text of the app bypasses its catalogue: in a language that puts marks around every text, nothing of ours stands outside them."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from uuid import uuid4

import pytest
from babel.messages.mofile import write_mo
from django.test import Client
from django.urls import reverse
from django.utils.translation import trans_real
from pytest_django.fixtures import Settings

from b24app.frame import session
from b24app.models import Portal, PortalUser, Sender
from devportal import world
from devportal.rest.notify import MODULES
from devportal.server import Stand
from scripts import catalogue
from tests.notifications.conftest import Send
from tests.notifications.requests import ask
from tests.notifications.test_every_address import FRAME, Page

pytestmark = pytest.mark.django_db

LANGUAGE = "de"
OPEN, SHUT = "⟦", "⟧"
ATTRIBUTES = {"alt", "aria-label", "placeholder", "title", "data-reason", "data-offline", "data-failed", "data-text"}

# What is no text: names of the platform's and the app's own things, and values of forms.
NAMES = {
    "TAG", "SUB_TAG", "CLIENT_ID", "MP", "JSON", "CSV", "REST", "English", "Deutsch", "Español", "Português", "Brasil", "Русский",
    "im", "user_basic", "department", "placement", "batch", "profile", "names", "Tagged", "Notifications", "UTC", "http", "https", "rest",
}  # fmt: skip


METHOD = re.compile(r"\b[a-z]+(\.[a-z]+)+\b")
"""Names of REST methods."""


class Texts(HTMLParser):
    """What a page says: its text, and the attributes that are read out or shown; not code, and not the initials in people's circles."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._silent = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._silent = tag in ("script", "style", "code", "pre") or "ava" in (given.get("class") or "").split()
        self.said += [value for name, value in attrs if name in ATTRIBUTES and value]

    def handle_endtag(self, tag: str) -> None:
        self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.said.append(data)


def unmarked(html: str, known: set[str]) -> set[str]:
    """The words on a page that stand outside all marks and are not among `known`."""
    parser = Texts()
    parser.feed(html)
    # Parts of one sentence may stand in several elements.
    text = "\n".join(parser.said)
    while (shorter := re.sub(rf"{OPEN}[^{OPEN}{SHUT}]*{SHUT}", " ", text)) != text:
        text = shorter
    text = METHOD.sub(" ", text)
    return {word for word in re.findall(r"[^\W\d_][\w'-]+", text) if word not in known}


@pytest.fixture
def marked(settings: Settings, tmp_path: Path) -> Iterator[None]:
    """The app in a language whose every text is the English one between marks."""
    marks = catalogue.load(LANGUAGE)
    for message in marks:
        if message.id:
            ids = message.id if isinstance(message.id, tuple) else (message.id,)
            texts = tuple(f"{OPEN}{text}{SHUT}" for text in ids)
            message.string = texts if message.pluralizable else texts[0]
    folder = tmp_path / LANGUAGE / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "django.mo").open("wb") as file:
        write_mo(file, marks)
    settings.LOCALE_PATHS = [tmp_path]
    trans_real._translations.clear()
    Portal.objects.update(interface_language=LANGUAGE)
    yield
    trans_real._translations.clear()


@pytest.fixture
def filled(admin: PortalUser, portal: world.Portal, post: Send, webhook_sender: Sender) -> PortalUser:
    """A portal with something on every page."""
    post([3, 4], message="Written", tag="matter", sub_tag="common")
    ask(admin, [1, 3], message="Written", tag="asked")
    portal.place_confirmation(portal.admin)
    return admin


def known_words(portal: world.Portal) -> set[str]:
    """What people and the portal wrote."""
    texts = [person.full_name for person in portal.people.values()] + [item.text for item in portal.store]
    texts += [department.name for department in portal.departments.values()] + [portal.company]
    texts += [text for module, events in MODULES.values() for text in (module, *events.values())]
    texts += ["Accept Decline Confirm"]
    texts += ["Written", "matter", "common", "asked", "Robot robot App", portal.domain, portal.member_id]
    return NAMES | set(re.findall(r"[^\W\d_][\w'-]+", " ".join(texts)))


def test_every_page_speaks_through_the_catalogue(
    filled: PortalUser, portal: world.Portal, marked: None, client: Client, stand: Stand
) -> None:
    page, known = Page(client, session.issue(filled, LANGUAGE)), known_words(portal)
    numbers = sorted({row.pk for row in filled.portal.dispatches.all()})
    found = {}
    for address in FRAME:
        for number in numbers if "{number}" in address.path else numbers[:1]:
            answer = page.ask("get", address.at(number, uuid4()), {"tag": "matter"})
            is_page = answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")
            if is_page and (words := unmarked(answer.content.decode(), known)):
                found[address.name] = words
    assert found == {}


def test_the_app_and_its_installer_speak_through_the_catalogue(
    filled: PortalUser, portal: world.Portal, marked: None, client: Client, app: world.App
) -> None:
    known = known_words(portal)
    for name in ("app", "install"):
        launch = portal.launch(app, portal.admin, installer=name == "install")
        answer = client.post(reverse(name) + "?" + launch.url.partition("?")[2], launch.fields)
        assert answer.status_code == 200
        assert unmarked(answer.content.decode(), known) == set()
