"""The figures at the top of Sent: right, of the reader's own days, of their own portal, and the same price for a long ledger."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from b24app.models import Portal, PortalUser
from notifications import figures
from notifications.figures import Part
from notifications.models import Dispatch, Notification
from tests.notifications.browse import Browse
from tests.notifications.conftest import Send

State = Notification.State


@pytest.fixture
def browse(client: Client) -> Browse:
    return Browse(client)


def of(person: PortalUser, zone: str = "UTC") -> figures.Figures:
    return figures.of_portal(person.portal, ZoneInfo(zone))


def test_each_notification_counts_once_by_what_has_become_of_it(admin: PortalUser, stranger: PortalUser, post: Send) -> None:
    for state in (State.CONFIRMED, State.DECLINED, State.DELETED, State.FAILED, State.QUEUED, State.CANCELLED, State.REPLACED):
        dispatch = post([3], tag=f"{state}")
        dispatch.notifications.update(state=state)
        Dispatch.objects.filter(pk=dispatch.pk).update(tag="a")
    post([3, 4], tag="b")
    post([3, 4, 5], author=stranger, tag="theirs")
    found = of(admin)
    assert found.numbers == {Part.SENT: 3, Part.CONFIRMED: 1, Part.DECLINED: 1, Part.DELETED: 1, Part.FAILED: 1}
    assert (found.total, len(found.days), found.days[-1].total) == (7, 30, 7)
    assert found.tags == (("a", 7), ("b", 2))


def test_a_day_is_one_of_the_readers_zone_and_30_of_them_are_shown(admin: PortalUser, post: Send) -> None:
    for moment in ("2026-03-02T20:30:00Z", "2026-03-31T20:30:00Z", "2026-03-01T20:30:00Z"):
        Dispatch.objects.filter(pk=post([3], tag=moment).pk).update(created_at=datetime.fromisoformat(moment))
    with time_machine.travel("2026-03-31T21:00:00Z", tick=False):
        utc, east = of(admin), of(admin, "Asia/Tokyo")
    assert [(day.day.isoformat(), day.total) for day in utc.days if day.total] == [("2026-03-02", 1), ("2026-03-31", 1)]
    assert [(day.day.isoformat(), day.total) for day in east.days if day.total] == [("2026-03-03", 1), ("2026-04-01", 1)]
    assert len(utc.tags) == 2


def test_what_waits_for_its_author_is_no_tag_and_what_runs_is_counted(admin: PortalUser, post: Send) -> None:
    post([3], tag="done")
    for state in (Dispatch.State.READY, Dispatch.State.RUNNING, Dispatch.State.PAUSED):
        Dispatch.objects.filter(pk=post([3], tag=state).pk).update(state=state, finished_at=None)
    found = of(admin)
    assert found.running == 1
    assert "ready" not in dict(found.tags)


def test_a_long_ledger_costs_as_many_queries(admin: PortalUser, post: Send) -> None:
    portal, costs = Portal.objects.get(pk=admin.portal_id), []
    for _round in range(2):
        for number in range(5):
            post([3, 4], tag=f"t{number}")
        of(admin)
        with CaptureQueriesContext(connection) as queries:
            figures.of_portal(portal, ZoneInfo("UTC"))
        costs.append(len(queries))
    assert costs == [4, 4]


def test_the_tab_asks_for_them_later_and_they_stay_folded(browse: Browse, admin: PortalUser, post: Send) -> None:
    assert "sent-figures" not in browse.get(admin, "sent/")  # nothing was sent yet
    post([3, 4], tag="invoice")
    assert 'hx-get="/frame/sent/figures/"' in browse.get(admin, "sent/")
    page = browse.get(admin, "sent/figures/")
    assert '<svg class="chart"' in page
    assert page.count("<title>") == 30
    assert 'data-filter="tag" data-value="invoice"' in page
    folded = browse.post(admin, "sent/figures/", fold="1").content.decode()
    assert '<svg class="chart"' not in folded
    assert '<svg class="chart"' not in browse.get(PortalUser.objects.get(pk=admin.pk), "sent/figures/")
    assert 'class="sent-figures folded"' in browse.get(admin, "sent/")
    assert '<svg class="chart"' in browse.post(admin, "sent/figures/").content.decode()


def test_nothing_in_30_days_says_so(browse: Browse, admin: PortalUser, post: Send) -> None:
    post([3], tag="old")
    Dispatch.objects.update(created_at=timezone.now() - timedelta(days=40))
    assert "Nothing was sent in these days." in browse.get(admin, "sent/figures/")


def test_they_are_for_those_who_may_see_all(browse: Browse, admin: PortalUser, colleague: PortalUser, post: Send) -> None:
    post([colleague.user_id], tag="a")
    assert "sent-figures" not in browse.get(colleague, "sent/")
    assert browse.status(colleague, "sent/figures/") == 403
    assert browse.post(colleague, "sent/figures/", fold="1").status_code == 403
    Portal.objects.update(who_may_see_all="everyone")
    assert "sent-figures" in browse.get(colleague, "sent/")
