"""The same sentences in the other languages."""

import re

import pytest
from django.conf import settings
from django.utils import translation

from b24app.models import Portal
from b24app.rest.errors import RULES, UNLISTED, UNLISTED_SERVER_FAULT
from devportal.server import Stand
from notifications.models import Notification
from tests.errors import codes
from tests.errors.conftest import Frame, Waits
from tests.errors.said import sentence, toast, visible

ROWS = {**RULES, "unlisted": UNLISTED, "unlisted server fault": UNLISTED_SERVER_FAULT}


LANGUAGES = [code for code, _name in settings.LANGUAGES if code != "en"]


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_translated(language: str, row: str) -> None:
    with translation.override("en"):
        english = str(ROWS[row].message)
    with translation.override(language):
        translated = str(ROWS[row].message)
    assert translated
    assert translated != english
    assert translated.endswith(".")
    assert len(re.findall(r"[.!?](?:\s|$)", translated)) >= 2, "what happened, and what to do"
    assert language != "ru" or re.search("[а-яё]{3}", translated.lower())
    assert english.count("%(code)s") == translated.count("%(code)s")


@pytest.mark.parametrize("language", LANGUAGES)
def test_different_sentences_stay_different(language: str) -> None:
    """A translation copied to a wrong row would tell the wrong thing."""
    told: dict[str, set[str]] = {}
    for row in ROWS.values():
        with translation.override(language):
            translated = str(row.message)
        with translation.override("en"):
            told.setdefault(translated, set()).add(str(row.message))
    assert all(len(english) == 1 for english in told.values())


@pytest.mark.django_db
@pytest.mark.parametrize("code", codes.ANY_METHOD)
def test_a_click_is_answered_in_the_persons_language(stand: Stand, frame: Frame, sent: Notification, waits: Waits, code: str) -> None:
    Portal.objects.update(interface_language="ru")
    stand.faults.order(method="im.notify.delete", code=code, times=None)
    answer = frame.delete_by_tag()
    rows = {"QUERY_LIMIT_EXCEEDED", "BUDGET_EXHAUSTED"} if code == "QUERY_LIMIT_EXCEEDED" else {code.upper()}
    assert toast(answer)["text"] in {sentence(row, "ru") for row in rows}
    assert not {sentence(row) for row in rows} & {toast(answer)["text"]}


@pytest.mark.django_db
@pytest.mark.parametrize("code", codes.SENDING)
def test_a_refused_sending_is_explained_in_the_persons_language(stand: Stand, frame: Frame, code: str) -> None:
    Portal.objects.update(interface_language="ru")
    stand.faults.order(method="im.notify.personal.add", code=code, inside_batch=True)
    shown = visible(frame.send(4))
    assert sentence(code, "ru") in shown
    assert sentence(code, "en") not in shown
