"""What the Market's rows are proven with: an installed app, its page's requests, and the card."""

from typing import Any

import pytest
from django.test import Client

from scripts import market_card
from tests.b24app.conftest import browser_of, install, installed  # noqa: F401 - fixtures
from tests.notifications.browse import Browse
from tests.notifications.conftest import admin, app_sender, colleague, empty_cache, join, post  # noqa: F401 - fixtures

NAMES = {"APP_URL": "https://notifications.example", "VENDOR_NAME": "Example Vendor", "SUPPORT_EMAIL": "support@notifications.example"}


@pytest.fixture
def browse(client: Client) -> Browse:
    return Browse(client)


@pytest.fixture(scope="session")
def listing() -> dict[str, Any]:
    """market/listing.yml as it is written."""
    return market_card.read()


@pytest.fixture(scope="session")
def cards(listing: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The card's texts by language, with the names of an example installation."""
    return {language: market_card.card(listing, language, NAMES) for language in listing["languages"]}
