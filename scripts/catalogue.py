"""Collects the texts people see into locale/<language>/LC_MESSAGES/django.po: `make messages`.

Babel does the work, so that no system gettext is needed; only Django's templates need a word of help to be read.
"""

from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir, extract_python
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("de", "es", "pt_BR", "ru")
SOURCES = [("b24app/**.py", "python"), ("notifications/**.py", "python"), ("templates/**.html", "scripts.catalogue:extract_template")]
KEYWORDS = DEFAULT_KEYWORDS | {
    "gettext_lazy": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
FOLDERS = ("b24app", "notifications", "templates")


def extract_template(file: IO[bytes], keywords: Any, tags: Any, options: Any) -> Iterator[Any]:
    """Babel's extraction method for Django templates: their texts as Python calls, without the indentation of HTML."""
    calls = templatize(file.read().decode())
    flat = "\n".join(line.lstrip() for line in calls.splitlines())
    yield from extract_python(BytesIO(flat.encode()), keywords, tags, options)


def collect() -> Catalog:
    """Every text of the app, in the order of files."""
    found = Catalog(fuzzy=False)
    for folder in FOLDERS:
        methods = [(pattern.removeprefix(f"{folder}/"), method) for pattern, method in SOURCES if pattern.startswith(folder)]
        for name, _line, message, comments, context in extract_from_dir(str(ROOT / folder), methods, keywords=KEYWORDS):
            found.add(message, locations=[(f"{folder}/{name}", 0)], auto_comments=comments, context=context)
    return found


def path_of(language: str) -> Path:
    return ROOT / "locale" / language / "LC_MESSAGES" / "django.po"


def load(language: str) -> Catalog:
    """The language's catalogue as committed, or a new one."""
    path = path_of(language)
    if not path.exists():
        return Catalog(
            locale=language,
            project="Tagged Notifications",
            version="1.0",
            header_comment="# Texts of Tagged Notifications. `make messages` brings this file up to date.",
            msgid_bugs_address="support@notifications.example",
            last_translator="Tagged Notifications",
            language_team="Tagged Notifications",
            revision_date=None,
            fuzzy=False,
        )
    with path.open("rb") as file:
        return read_po(file, locale=language)


def update(languages: Iterable[str] = LANGUAGES) -> None:
    """Bring each catalogue up to the sources: new texts come empty, texts that are gone are dropped."""
    template = collect()
    for language in languages:
        catalogue = load(language)
        catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
        catalogue.obsolete.clear()
        path = path_of(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(file, catalogue, width=120, sort_by_file=True, include_lineno=False, ignore_obsolete=True)


if __name__ == "__main__":
    update()
