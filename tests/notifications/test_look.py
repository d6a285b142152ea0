"""Times, initials and colours as the page shows them (look.md 2)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone, translation

from notifications.models import Dispatch, Notification
from notifications.templatetags import look

NOW = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOW, "today, 2:05 pm"),
        (NOW.replace(hour=0, minute=0), "today, 12:00 am"),
        (NOW - timedelta(days=1), "yesterday, 2:05 pm"),
        (NOW - timedelta(days=2), "November 20, 2:05 pm"),
        (datetime(2025, 12, 31, 14, 5, tzinfo=UTC), "December 31, 2025, 2:05 pm"),
        (None, ""),
    ],
)
def test_times_as_the_portal_writes_them(moment: datetime | None, text: str) -> None:
    """look.md 2, "Date and time"."""
    with time_machine.travel(NOW, tick=False):
        assert look.when(moment) == text


def test_the_day_is_the_persons() -> None:
    """23:30 UTC is tomorrow in Tokyo."""
    with time_machine.travel(NOW.replace(hour=23, minute=30), tick=False), timezone.override(ZoneInfo("Asia/Tokyo")):
        assert look.when(NOW) == "yesterday, 11:05 pm"


@pytest.mark.parametrize(
    ("name", "letters"), [("Anna Lindqvist", "AL"), ("Юлия Соколова Первая", "ЮС"), ("eva", "E"), ("(Ltd) Öz", "Ö"), ("", "?"), ("  ", "?")]
)
def test_initials(name: str, letters: str) -> None:
    assert look.initials(name) == letters


def test_the_colour_of_a_person_is_the_last_digit_of_the_id() -> None:
    """look.md 2, "Avatars"."""
    assert look.avatar_class(2147) == "ava-7"
    assert look.avatar_class(10) == "ava-0"
    assert look.avatar_class(0) == look.avatar_class(None) == "ava-none"


def test_a_tag_keeps_its_colour_and_all_colours_are_used() -> None:
    assert look.tag_class("invoice") == look.tag_class("invoice")
    assert {look.tag_class(f"tag {number}") for number in range(200)} == {f"tag-{number}" for number in range(1, 9)}


@pytest.mark.parametrize("state", Notification.State.values)
def test_every_state_has_a_look(state: str) -> None:
    assert look.state_class(state) == "" or look.state_class(state).startswith("badge-")


@pytest.mark.parametrize("state", Dispatch.State.values)
def test_every_state_of_a_dispatch_has_a_look(state: str) -> None:
    assert look.dispatch_class(state) == "" or look.dispatch_class(state).startswith("badge-")


def test_the_parts_of_a_bar_follow_one_another_and_fill_it() -> None:
    states = Notification.State
    with translation.override("ru"):
        found = look.segments([(states.SENT, 2), (states.FAILED, 1), (states.QUEUED, 5)])
    assert found == [("sent", "0.000%", "25.000%"), ("failed", "25.000%", "12.500%"), ("queued", "37.500%", "62.500%")]
    assert look.segments([]) == []


def test_numbers_have_their_thousands_apart() -> None:
    assert look.grouped(1240) == "1,240"
    with translation.override("ru"):
        assert look.grouped(1240) == "1\xa0240"


def test_whom_a_dispatch_was_meant_for() -> None:
    assert look.chosen(Dispatch(audience={})) == look.chosen(Dispatch(audience={"people": [3, 4]})) == ""
    audience = {"everyone": True, "except_branches": [{"id": 4, "name": "Warehouse", "below": False}]}
    assert look.chosen(Dispatch(audience=audience)) == "Everyone, except: Warehouse"


def test_reasons() -> None:
    sent_at = NOW
    muted = Notification(state="sent", portal_notification_id=int(NOW.timestamp()), sent_at=sent_at)
    assert "muted" in look.reason(muted)
    assert look.reason(Notification(state="sent", portal_notification_id=77, sent_at=sent_at)) == ""
    assert "dismissed" in look.reason(Notification(state="failed", error_code="RECIPIENT_UNAVAILABLE"))
    assert "asks again by itself" in look.reason(Notification(state="unknown", error_code="TIMEOUT"))
    assert look.reason(Notification(state="deleted", error_code="TIMEOUT")) == ""
