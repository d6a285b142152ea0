"""The catalogues: every text of the app is there, translated, and with the same placeholders."""

import re
from io import BytesIO

import pytest
from babel.messages.catalog import Catalog, Message

from scripts import catalogue

PLACEHOLDER = re.compile(r"%\(\w+\)\w|\{\w*\}")


NAMES = {"%(name)s (Ctrl+%(key)s)", "Bitrix24", "CLIENT_ID", "SUB_TAG", "TAG", "TAG, SUB_TAG", "Tagged Notifications"}
"""The same in every language."""

COMMON = {
    "de": {
        "%(day)s, %(time)s",
        "%(number)s ms",
        "Buttons",
        "Code",
        "Filter",
        "Link",
        "Name",
        "Optional",
        "Person",
        "Portal",
        "Standard",
        "Support",
        "System",
        "Text",
        "Webhook",
        "Webhook %(sender)s",
    },
    "es": {"%(day)s, %(time)s", "%(number)s ms", "General", "Personal", "Portal", "Webhook", "Webhook %(sender)s", "“%(text)s”"},
    "pt_BR": {"%(number)s ms", "Link", "Portal", "Webhook", "Webhook %(sender)s", "“%(text)s”"},
    "ru": {"%(day)s, %(time)s"},
}
"""What a language writes as English does."""

ENGLISH = re.compile(r"\b(the|and|of|you|your|with|have|been|were|this|that|from|which|they|their|by|it|its|cannot)\b", re.IGNORECASE)
"""Little words that none of the other languages has."""


def texts(catalog: Catalog) -> set[tuple[object, str | None]]:
    """Each message's id and context; Babel keys plural messages by their singular."""
    return {(message.id, message.context) for message in catalog if message.id}


def forms(message: Message) -> list[str]:
    """The translated forms: one, or one for each plural of the language."""
    return list(message.string) if isinstance(message.string, tuple) else [str(message.string)]


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
def test_the_catalogue_holds_exactly_the_texts_of_the_app(language: str) -> None:
    """`make messages` brings it up to date."""
    assert texts(catalogue.load(language)) == texts(catalogue.collect())


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
def test_every_text_is_translated(language: str) -> None:
    missing = [message.id for message in catalogue.load(language) if message.id and not all(forms(message))]
    unsure = [message.id for message in catalogue.load(language) if message.id and message.fuzzy]
    assert (missing, unsure) == ([], [])


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
def test_translations_keep_the_placeholders(language: str) -> None:
    """A plural form may drop the number (one person), never add or misspell a name."""
    wrong = []
    for message in catalogue.load(language):
        if not message.id:
            continue
        originals = message.id if isinstance(message.id, tuple) else (message.id,)
        allowed = set().union(*(PLACEHOLDER.findall(text) for text in originals))
        for form in forms(message):
            found = set(PLACEHOLDER.findall(form))
            if found != allowed and not (message.pluralizable and found < allowed):
                wrong.append(message.id)
    assert wrong == []


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
def test_no_english_is_left_over(language: str) -> None:
    left = [
        form
        for message in catalogue.load(language)
        if message.id
        for form in forms(message)
        if (form in (message.id if isinstance(message.id, tuple) else (message.id,)) and form not in NAMES | COMMON[language])
        or ENGLISH.search(form)
    ]
    assert left == []


def test_templates_are_read_whatever_their_indentation() -> None:
    source = (
        b"<p>\n      {% translate 'One' %}\n   {% blocktranslate count n=x %}{{ n }} row{% plural %}{{ n }} rows{% endblocktranslate %}\n"
    )
    found = [row[2] for row in catalogue.extract_template(BytesIO(source), catalogue.KEYWORDS, [], {})]
    assert found == ["One", ("%(n)s row", "%(n)s rows", None)]
