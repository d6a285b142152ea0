"""Privacy policy, licence and support: for anybody, in five languages, and true to the code."""

import re
from html.parser import HTMLParser

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.core import checks
from django.core.management import call_command
from django.test import Client
from django.utils import translation
from pytest_django.fixtures import Settings

from b24app import call_log, public_pages, settings_page
from b24app.lifecycle import APP_NAME
from b24app.models import Portal
from notifications import preparing, tasks

LANGUAGES = [code for code, _name in django_settings.LANGUAGES]


@pytest.fixture(autouse=True)
def vendor(settings: Settings) -> None:
    settings.VENDOR_NAME = "Example <Vendor>"
    settings.SUPPORT_EMAIL = "support@notifications.example"


def page(client: Client, name: str, language: str) -> str:
    response = client.get(f"/{name}/", {"lang": language})
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", public_pages.PAGES)
def test_each_page_names_app_vendor_and_contact_in_its_language(client: Client, name: str, language: str) -> None:
    text = page(client, name, language)
    assert f'<html lang="{language}">' in text
    assert APP_NAME in text
    assert "Example &lt;Vendor&gt;" in text
    assert "support@notifications.example" in text


@pytest.mark.parametrize(
    ("asked", "accepted", "answered"),
    [
        ("de", "ru", "de"), ("", "pt", "pt-br"), ("", "es-MX,en;q=0.5", "es"), ("", "ja", "en"), ("xx", "ru", "ru"), ("../de", "", "en"),
        ("PT-BR", "", "pt-br"),
    ],
)  # fmt: skip
def test_the_language_is_the_links_else_the_browsers(client: Client, asked: str, accepted: str, answered: str) -> None:
    response = client.get("/licence/", {"lang": asked} if asked else {}, headers={"Accept-Language": accepted})
    assert response.headers["Content-Language"] == answered
    assert response.headers["Vary"] == "Accept-Language"


def test_nobody_frames_them_and_they_need_no_script(client: Client) -> None:
    response = client.get("/privacy/")
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<script" not in response.content.decode()
    assert not response.cookies


def test_they_cannot_be_written_to(client: Client) -> None:
    assert client.head("/privacy/").status_code == 200
    assert client.post("/privacy/").status_code == 405


def test_whoever_is_not_named_is_known_by_the_address(client: Client, settings: Settings) -> None:
    settings.VENDOR_NAME = settings.SUPPORT_EMAIL = ""
    settings.APP_URL = "https://notifications.example"
    for name in public_pages.PAGES:
        text = page(client, name, "en")
        assert "notifications.example" in text
        assert "mailto:" not in text


class Structure(HTMLParser):
    """The tags of a page in their order, with what a translation must not change: addresses, and which tables a row is about."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, str, str]] = []
        self.feed(text[text.index("<main") : text.index("</main>")])

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        kept = dict(attributes)
        self.tags.append((tag, re.sub(r"lang=[\w-]+", "lang", kept.get("href") or ""), kept.get("data-about") or ""))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", public_pages.PAGES)
def test_each_language_says_all_of_it(client: Client, name: str, language: str) -> None:
    """The same paragraphs, rows and links as in English."""
    assert Structure(page(client, name, language)).tags == Structure(page(client, name, "en")).tags


def test_the_privacy_policy_names_every_table(client: Client) -> None:
    """Who adds a table tells people what it stores about them."""
    told = {name for _tag, _href, about in Structure(page(client, "privacy", "en")).tags for name in about.split()}
    assert told == {model.__name__ for floor in ("b24app", "notifications") for model in apps.get_app_config(floor).get_models()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_periods_are_those_of_the_code(client: Client, language: str) -> None:
    text = page(client, "privacy", language)
    periods = [
        call_log.KEPT.days, Portal._meta.get_field("retention_days").default, settings_page.SHORTEST_RETENTION,
        settings_page.LONGEST_RETENTION, tasks.LIFETIME.days,
    ]  # fmt: skip
    assert [period for period in periods if not re.search(rf"\b{period}\b", text)] == []
    assert preparing.KEPT.days == 1, "the pages say it in a word"


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_stands_on_the_screen_is_called_as_it_is_there(client: Client, language: str) -> None:
    with translation.override(language):
        label = translation.gettext("Settings")
    assert all(label in page(client, name, language) for name in ("privacy", "support"))


def test_the_deployment_check_asks_for_the_vendor(settings: Settings) -> None:
    def warnings() -> list[str]:
        return [each.msg for each in checks.run_checks(include_deployment_checks=True) if each.id == "b24app.W001"]

    assert warnings() == []
    settings.SUPPORT_EMAIL = ""
    assert warnings() == ["SUPPORT_EMAIL is not set."]
    call_command("check")
