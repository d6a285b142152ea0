"""The app's card in the Market, ready to paste: market/listing.yml with the names of this installation and of the app's own screens.

`make market-card` prints it; with a language's code as argument, that language alone.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from string import Template
from typing import Any

import yaml

from scripts.catalogue import ROOT, load

LISTING = ROOT / "market" / "listing.yml"
FIELDS = ("title", "short_description", "description", "installation", "support", "keywords", "whats_new")
"""What each language has of its own on the card; the title is the same in all."""

_LABEL = re.compile(r"\{([^{}]+)\}")


def read() -> dict[str, Any]:
    """The listing as it is written."""
    listing: dict[str, Any] = yaml.safe_load(LISTING.read_text())
    return listing


def labels(text: object) -> set[str]:
    """The names from the app's screen that a text, or a whole structure of texts, uses."""
    return {label for part in _texts(text) for label in _LABEL.findall(part)}


def card(listing: Mapping[str, Any], language: str, names: Mapping[str, str]) -> dict[str, str]:
    """The FIELDS in one language as they go into the form. `names` are the values of $NAMES; unknown ones stay as they are."""
    on_screen = _screen(language)
    named = {field: _LABEL.sub(lambda found: on_screen.get(found[1], found[1]), text) for field, text in written(listing, language).items()}
    return {field: Template(text).safe_substitute(names) for field, text in named.items()}


def written(listing: Mapping[str, Any], language: str) -> dict[str, str]:
    """The FIELDS in one language, with {labels} and $NAMES still in them."""
    own = listing["languages"][language]
    description, installation = own["description"], own["installation"]
    return {
        "title": listing["title"],
        "short_description": own["short_description"],
        "description": _joined(
            description["intro"],
            _list(description["tasks_heading"], description["tasks"]),
            own.get("extra_cost_text", ""),
            _list(description["limits_heading"], description["limits"].values()),
        ),
        "installation": _joined(
            "\n".join(f"{number}. {step}" for number, step in enumerate(installation["steps"], 1)),
            _list(installation["settings_heading"], [f"{name}: {what}" for name, what in installation["settings"].items()]),
        ),
        "support": own["support"].strip(),
        "keywords": own["keywords"],
        "whats_new": own["whats_new"],
    }


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def _list(heading: str, lines: Any) -> str:
    return "\n".join([heading, *(f"- {line}" for line in lines)])


def _screen(language: str) -> dict[str, str]:
    """Texts of the app by their English ones, as far as they are translated."""
    if language == "en":
        return {}
    catalogue = load({"pt-br": "pt_BR"}.get(language, language))
    return {message.id: message.string for message in catalogue if isinstance(message.id, str) and message.string and not message.context}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(name)
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def main(languages: list[str]) -> None:
    """Print the card; names come from the app's settings."""
    import django
    from django.conf import settings

    django.setup()
    listing = read()
    names = {name: getattr(settings, name) for name in ("APP_URL", "VENDOR_NAME", "SUPPORT_EMAIL") if getattr(settings, name)}
    for language in languages or listing["languages"]:
        for field, text in card(listing, language, names).items():
            if text:
                print(f"===== {language}: {field.replace('_', ' ')} =====\n{text}\n")
    if not languages:
        print(f"===== test data =====\n{listing['test_data']}")


if __name__ == "__main__":
    main(sys.argv[1:])
