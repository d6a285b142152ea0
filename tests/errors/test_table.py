"""The table against the lists of bitrix24.md 4, 5 and 6, and its sentences."""

import re

import pytest
from django.conf import settings
from django.utils import translation

from b24app.rest.errors import RULES, UNLISTED, UNLISTED_SERVER_FAULT, RestError
from tests.errors import codes

JARGON = re.compile(r"\b(JSON|HTML|batch|parameter|exception|manifest|bucket|token|endpoint|payload|null)\b", re.IGNORECASE)


@pytest.mark.parametrize("code", codes.ALL)
@pytest.mark.parametrize("written", [str.upper, str.lower])
def test_every_code_has_a_row_of_its_own(code: str, written: type[str]) -> None:
    """bitrix24.md 5: codes come in either case."""
    rule = RestError(written(code), http_status=403 if code == "ACCESS_DENIED" else None).rule
    assert rule is RULES[code]
    assert rule not in (UNLISTED, UNLISTED_SERVER_FAULT)


@pytest.mark.parametrize("rule", [*RULES.values(), UNLISTED, UNLISTED_SERVER_FAULT], ids=[*RULES, "unlisted", "unlisted server fault"])
def test_a_sentence_says_what_happened_and_what_to_do_in_plain_words(rule: object) -> None:
    with translation.override("en"):
        text = str(rule.message)  # type: ignore[attr-defined]
    assert len(re.findall(r"[.!?](?:\s|$)", text)) >= 2, "what happened, and what to do"
    assert text[0].isupper()
    assert text.endswith(".")
    assert not JARGON.search(text)
    assert len(text) <= 200, "a toast is read in a few seconds"


@pytest.mark.parametrize("code", [*codes.ALL, "NEVER_HEARD_OF"])
@pytest.mark.parametrize("language", dict(settings.LANGUAGES))
def test_a_sentence_that_speaks_of_the_code_shows_it(code: str, language: str) -> None:
    """Whoever is asked to tell support a code has to see it, wherever the sentence stands."""
    with translation.override(language):
        error = RestError(code)
        assert "%(" not in error.message
        assert ("%(code)s" in str(error.rule.message)) == (code in error.message)
    with translation.override("en"):
        assert ("support" in error.message and "code" in error.message) <= (code in error.message)
