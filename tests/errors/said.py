"""What a page tells the person who clicked."""

import html
import json
import re
from typing import Any

from django.http import HttpResponse
from django.utils import translation

from b24app.rest.errors import RULES
from devportal.faults import DOCUMENTED


def sentence(row: str, language: str = "en") -> str:
    """The table's sentence for a row of it; one that asks to tell support the code shows it."""
    with translation.override(language):
        return str(RULES[row].message).replace("%(code)s", row)


def toast(response: HttpResponse) -> dict[str, Any]:
    """The short message that the answer makes the page show: kind and text."""
    shown: dict[str, Any] = json.loads(response.headers["HX-Trigger"])["toast"]
    return shown


def problem(response: HttpResponse) -> str:
    """The sentence in the answer's body, which a tab that could not be loaded shows."""
    found = re.search(r"<p data-problem>(.*?)</p>", response.content.decode(), re.DOTALL)
    assert found, response.content.decode()
    return html.unescape(found[1])


def visible(response: HttpResponse) -> str:
    """All that the answer can make visible: its body, and the texts in its triggers."""
    return html.unescape(response.content.decode()) + str(json.loads(response.headers.get("HX-Trigger", "{}")))


def assert_no_raw_description(response: HttpResponse, code: str) -> None:
    """The portal's own English text is never shown (bitrix24.md 5: error_description)."""
    _status, description = DOCUMENTED.get(code, (0, code))
    assert description == code or description not in visible(response)


def assert_says(response: HttpResponse, row: str, *, language: str = "en") -> None:
    """The answer tells the table's sentence for `row`, in the toast and in the body, and nothing is put in place of what was typed."""
    assert toast(response) == {"kind": "bad", "text": sentence(row, language)}
    assert problem(response) == sentence(row, language)
    assert response.headers["HX-Reswap"] == "none"
