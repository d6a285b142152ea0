"""The card in the Market (market/listing.yml, market/icon.png, market/screenshots): each row of the checklist that a script can look at."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from babel.messages.catalog import Message
from django.conf import settings as django_settings
from django.test import Client
from PIL import Image
from pytest_django.fixtures import Settings

from b24app import scopes, settings_page
from b24app.lifecycle import APP_NAME
from b24app.rest.client import LARGEST_BATCH
from b24app.version import VERSION
from notifications import api, ask, ask_form, audience, tags, tasks
from scripts import market_card
from scripts.catalogue import collect
from tests.market.conftest import NAMES
from tests.market.spelling import language_of, misspelled
from tests.test_settings import ROOT

Listing = dict[str, Any]
Cards = dict[str, dict[str, str]]

LANGUAGES = [code for code, _name in django_settings.LANGUAGES]
MARKET = ROOT / "market"
SHORT = ("title", "whats_new")
"""Too short, or empty, to say which language they are in."""


def texts(cards: Cards) -> Iterator[tuple[str, str, str]]:
    for language, card in cards.items():
        for field, text in card.items():
            yield language, field, text


@pytest.mark.market("M44")
def test_m44_what_costs_extra_is_told_with_prices(listing: Listing) -> None:
    for own in listing["languages"].values():
        assert listing["extra_cost"] is bool(re.search(r"\d", own.get("extra_cost_text", "")))


@pytest.mark.market("M45")
def test_m45_the_title_is_concise_and_no_test_name(listing: Listing) -> None:
    title = listing["title"]
    assert 5 <= len(title) <= 40
    assert 2 <= len(title.split()) <= 5
    assert not re.search(r"test|demo|beta|app\b|№|\d", title, re.IGNORECASE)


@pytest.mark.market("M46")
@pytest.mark.parametrize("language", LANGUAGES)
def test_m46_the_title_is_the_same_in_card_licence_and_app(listing: Listing, client: Client, language: str) -> None:
    page = client.get("/licence/", {"lang": language}).content.decode()
    heading = re.search(r"<h1>(.*?)</h1>", page)
    assert heading is not None
    assert listing["title"] in heading[1]
    assert listing["title"] == APP_NAME


@pytest.mark.market("M47")
def test_m47_at_most_five_categories(listing: Listing) -> None:
    assert 1 <= len(listing["categories"]) <= 5
    assert "Miscellaneous" not in listing["categories"]


@pytest.mark.market("M48")
def test_m48_at_most_five_collection_tags(listing: Listing) -> None:
    assert 1 <= len(listing["collection_tags"]) <= 5


@pytest.mark.market("M49")
def test_m49_the_short_description_has_one_or_two_sentences_without_the_title(cards: Cards) -> None:
    for card in cards.values():
        assert len(re.findall(r"[.!?](?:\s|$)", card["short_description"])) in (1, 2)
        assert card["title"].lower() not in card["short_description"].lower()


def test_the_description_lists_tasks_and_every_kind_of_limit(listing: Listing) -> None:
    """The part of M50 that a script can see; a person reads the rest."""
    for own in listing["languages"].values():
        assert len(own["description"]["tasks"]) >= 5
        assert list(own["description"]["limits"]) == ["tariff", "rights", "software", "numbers", "feed"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_numbers_on_the_card_are_those_of_the_code(cards: Cards, language: str) -> None:
    digits = re.findall(r"\d+", re.sub(r"(?<=\d)[\s.,](?=\d{3})", "", cards[language]["description"]))
    limits = (
        api.LONGEST_MESSAGE, api.LARGEST_ATTACH, tags.LONGEST_TYPED, audience.MOST_LISTED, ask.MOST_BUTTONS, ask_form.LONGEST.days,
        LARGEST_BATCH, tasks.LIFETIME.days, settings_page.SHORTEST_RETENTION, settings_page.LONGEST_RETENTION,
    )  # fmt: skip
    assert [limit for limit in limits if str(limit) not in digits] == []


@pytest.mark.market("M51")
def test_m51_english_is_there_and_every_text_is_in_its_own_language(listing: Listing, cards: Cards) -> None:
    assert set(listing["languages"]) == set(LANGUAGES)
    assert "en" in listing["languages"]
    wrong = [
        (language, field)
        for language, field, text in texts(cards)
        if field not in SHORT and language_of(text) != language[:2]
    ]  # fmt: skip
    assert wrong == []


@pytest.mark.market("M52")
def test_m52_keywords(cards: Cards) -> None:
    for card in cards.values():
        words = [word.strip() for word in card["keywords"].split(",")]
        assert len(card["keywords"]) <= 2000
        assert len(words) >= 8
        assert all(words)
        assert len({word.casefold() for word in words}) == len(words)
        assert not re.search(r"bitrix|битрикс|24|slack|teams|telegram|whatsapp", card["keywords"], re.IGNORECASE)


def test_installation_has_steps_and_every_card_of_the_settings_page(listing: Listing) -> None:
    """The part of M53 that a script can see: all that {Settings} has is explained, in every language."""
    english = listing["languages"]["en"]["installation"]["settings"]
    for own in listing["languages"].values():
        assert len(own["installation"]["steps"]) >= 3
        assert list(own["installation"]["settings"]) == list(english)
    screen = {message.id for message in collect() if message.id}
    assert market_card.labels(listing) <= screen


@pytest.mark.market("M54")
def test_m54_support_tells_channels_days_hours_and_response_time(cards: Cards) -> None:
    times = {"en": "Response time", "de": "Antwortzeit", "es": "Plazo de respuesta", "pt-br": "Prazo de resposta", "ru": "Срок ответа"}
    for language, card in cards.items():
        support = card["support"]
        assert NAMES["SUPPORT_EMAIL"] in support
        assert f"{NAMES['APP_URL']}/support/?lang={language}" in support
        assert len(re.findall(r"\b\d{1,2}:\d\d\b", support)) == 2
        assert times[language] in support
    assert not re.search(r"\.ru\b|\.рф\b|[а-яё]", cards["en"]["support"], re.IGNORECASE)


@pytest.mark.market("M55")
def test_m55_the_icon() -> None:
    with Image.open(MARKET / "icon.png") as icon:
        assert icon.format in ("PNG", "JPEG")
        assert icon.width == icon.height
        assert 250 <= icon.width <= 650
        assert icon.mode == "RGB"
        assert "transparency" not in icon.info


@pytest.mark.market("M57")
@pytest.mark.parametrize("language", LANGUAGES)
def test_m57_screenshots(language: str) -> None:
    files = sorted((MARKET / "screenshots" / language).iterdir())
    assert len(files) >= 3
    for file in files:
        with Image.open(file) as picture:
            assert picture.format in ("PNG", "JPEG")
            assert picture.width <= 1280
            assert picture.height <= 720


@pytest.mark.parametrize(
    "page", [pytest.param("licence", marks=pytest.mark.market("M60")), pytest.param("privacy", marks=pytest.mark.market("M61"))]
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_m60_m61_the_documents_open_in_the_browser_and_name_app_and_licensor(
    listing: Listing, client: Client, settings: Settings, page: str, language: str
) -> None:
    settings.VENDOR_NAME = NAMES["VENDOR_NAME"]
    address = listing["links"][page]
    response = client.get(address.replace("$APP_URL", ""), {"lang": language})
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert "Content-Disposition" not in response.headers
    text = response.content.decode()
    assert listing["title"] in text
    assert NAMES["VENDOR_NAME"] in text


@pytest.mark.market("M63")
def test_m63_the_description_shows_no_picture_and_no_video_that_could_fail_to_open(cards: Cards) -> None:
    for card in cards.values():
        assert not re.search(r"https?://|<img|<iframe|youtu|vimeo", card["description"] + card["installation"])


@pytest.mark.market("M64")
def test_m64_links_on_the_card_lead_to_pages_of_ours_with_a_way_to_write(listing: Listing, client: Client, settings: Settings) -> None:
    """Contact and demonstration links are optional; given, they have to be the support page, which has an address to write to."""
    settings.SUPPORT_EMAIL = NAMES["SUPPORT_EMAIL"]
    assert set(listing["links"]) <= {"privacy", "licence", "contact", "demonstration"}
    for name in ("contact", "demonstration"):
        assert listing["links"].get(name, "$APP_URL/support/") == "$APP_URL/support/"
    assert f"mailto:{NAMES['SUPPORT_EMAIL']}" in client.get("/support/").content.decode()


@pytest.mark.market("M65")
def test_m65_the_vendor_is_spelled_properly(cards: Cards, listing: Listing) -> None:
    everything = "\n".join([*(text for _language, _field, text in texts(cards)), listing["test_data"]])
    assert set(re.findall(r"bitrix\s?24", everything, re.IGNORECASE)) == {"Bitrix24"}
    assert set(re.findall(r"битрикс\s?24", everything, re.IGNORECASE)) == {"Битрикс24"}
    assert not re.search(r"marketplace|маркетплейс|24\.market", everything, re.IGNORECASE)


@pytest.mark.market("M66")
def test_m66_each_field_holds_its_own_matter(cards: Cards) -> None:
    """No contacts, prices or offers outside the fields that are for them."""
    for _language, field, text in texts(cards):
        if field == "support":
            continue
        assert not re.search(r"\S@\S|https?://|www\.|\+\d[\d\s()-]{6,}", text), field
        assert not re.search(
            r"[$€₽£]|\b(?:usd|eur|rub)\b|discount|rabatt|descuento|desconto|скидк|buy now|jetzt kaufen", text, re.IGNORECASE
        )


@pytest.mark.market("M67")
@pytest.mark.parametrize("language", LANGUAGES)
def test_m67_the_card_is_spelled_properly(listing: Listing, language: str) -> None:
    """With a dictionary, without the names from the app's screen; grammar is read by a person (docs/release-sheet.md)."""
    assert misspelled("\n".join(market_card.written(listing, language).values()), language) == []


@pytest.mark.market("M67")
@pytest.mark.parametrize("language", LANGUAGES)
def test_m67_so_are_the_documents_it_links_to(language: str) -> None:
    """As they are written: the names from the app's screen inside them are the catalogues' matter."""
    written = "\n".join(file.read_text() for file in sorted((ROOT / "templates" / "public" / language).iterdir()))
    assert misspelled(written, language) == []


@pytest.mark.market("M68")
def test_m68_required_fields_are_filled(cards: Cards, listing: Listing) -> None:
    for card in cards.values():
        assert [field for field, text in card.items() if not text and field != "whats_new"] == []
    assert (MARKET / "icon.png").exists()
    assert all((MARKET / "screenshots" / language).is_dir() for language in listing["languages"])
    assert listing["test_data"].count("\n") > 5


@pytest.mark.market("M69")
def test_m69_what_is_new_is_told_in_every_language_from_the_second_version_on(listing: Listing) -> None:
    filled = {bool(own["whats_new"].strip()) for own in listing["languages"].values()}
    assert filled == {listing["market_version"] > 1}


@pytest.mark.market("M74")
def test_m74_what_runs_says_which_release_it_is(client: Client, listing: Listing) -> None:
    running = client.get("/healthz").content.decode()
    assert running == f"ok {listing['version']}"
    assert listing["tag"] == f"v{listing['version']}"
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION == listing["version"]
    assert f'"version": "{VERSION}"' in (ROOT / "package.json").read_text()


@pytest.mark.market("M31")
def test_m31_the_card_asks_for_what_the_app_needs(listing: Listing) -> None:
    assert sorted(listing["scopes"]) == sorted(scopes.NEEDED)


@pytest.mark.market("M34")
def test_m34_the_mobile_option_is_off(listing: Listing) -> None:
    assert listing["options"]["mobile"] is False


@pytest.mark.market("M26")
def test_m26_the_interface_is_spelled_properly() -> None:
    """All of its texts in English; those of other languages are read by their translators, and so are these."""
    messages = [message for message in collect() if message.id]
    assert misspelled("\n".join(" ".join(_forms(message)) for message in messages), "en") == []


def _forms(message: Message) -> tuple[str, ...]:
    return message.id if isinstance(message.id, tuple) else (str(message.id),)
