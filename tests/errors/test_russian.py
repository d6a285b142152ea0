"""The same sentences in Russian."""

import re

import pytest
from django.utils import translation

from b24app.models import Portal
from b24app.rest.errors import RULES, UNLISTED, UNLISTED_SERVER_FAULT
from devportal.server import Stand
from notifications.models import Notification
from tests.errors import codes
from tests.errors.conftest import Frame, Waits
from tests.errors.said import sentence, toast, visible

ROWS = {**RULES, "unlisted": UNLISTED, "unlisted server fault": UNLISTED_SERVER_FAULT}


@pytest.mark.parametrize("row", ROWS)
def test_every_sentence_has_a_russian_translation(row: str) -> None:
    with translation.override("en"):
        english = str(ROWS[row].message)
    with translation.override("ru"):
        russian = str(ROWS[row].message)
    assert russian
    assert russian != english
    assert re.search("[а-яё]{3}", russian.lower())
    assert english.count("%(code)s") == russian.count("%(code)s")


def test_different_sentences_stay_different() -> None:
    """A translation copied to a wrong row would tell the wrong thing."""
    told: dict[str, set[str]] = {}
    for row in ROWS.values():
        with translation.override("ru"):
            russian = str(row.message)
        with translation.override("en"):
            told.setdefault(russian, set()).add(str(row.message))
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
