"""Search over the person's own history, as the page asks for it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from b24app.models import PortalUser
from devportal import world
from devportal.server import Stand
from tests.devportal.pages_app import notify
from tests.notifications.browse import Browse

SEARCH = "inbox/search/"


@pytest.fixture
def browse(client: Client) -> Browse:
    return Browse(client)


def shown(page: str) -> list[int]:
    return [int(part.split('"')[0]) for part in page.split('data-id="')[1:]]


def asked(stand: Stand) -> dict[str, Any]:
    """Parameters of the latest search that reached the portal."""
    params: dict[str, Any] = stand.log.calls("im.notify.history.search")[-1].params
    return params


def test_words(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
    lunch = notify(portal, text="Lunch at noon")
    notify(portal, text="Dinner at eight")
    page = browse.get(admin, SEARCH, words="lunch")
    assert shown(page) == [lunch.id]
    assert "Found: 1 notification" in page
    assert stand.log.count() == 1


@pytest.mark.parametrize(
    ("asked_for", "sentence"),
    [
        ({"words": "lu"}, "Type at least three letters, or choose a type, a date or an author."),
        ({"when": "day"}, "Choose the day."),
        ({"when": "period", "first": "2026-11-01"}, "A period needs both its first and its last day."),
        ({"when": "period", "first": "2026-11-02", "last": "2026-11-01"}, "The period ends before it begins."),
        ({"when": "day", "day": "2026-13-40"}, "This is no date."),
        ({"words": "lunch", "cursor": "x"}, "This page of the list does not exist."),
        ({"words": "lunch", "author_id": "-3"}, ""),
        ({"words": "lunch", "when": "never"}, ""),
        ({"author": "x", "authors": "9223372036854775808"}, "This is not a number that Bitrix24 gives out."),
    ],
)
def test_what_cannot_be_asked_is_said_and_not_sent(
    browse: Browse, admin: PortalUser, stand: Stand, asked_for: dict[str, str], sentence: str
) -> None:
    page = browse.get(admin, SEARCH, **asked_for)
    assert 'class="notice"' in page
    assert sentence in page
    assert stand.log.count() == 0


def test_an_empty_form_asks_for_the_feed_again(browse: Browse, admin: PortalUser, stand: Stand) -> None:
    response = browse.answer(admin, SEARCH, words=" ", type="", author="", when="")
    assert (response.status_code, response["HX-Trigger"]) == (204, '{"inbox-changed": {}}')
    assert stand.log.count() == 0


def test_by_type(browse: Browse, admin: PortalUser, portal: world.Portal) -> None:
    task = notify(portal, module="tasks", event="task_update")
    comment = notify(portal, module="tasks", event="comment")
    notify(portal, module="im", event="mention")
    assert shown(browse.get(admin, SEARCH, type="tasks")) == [comment.id, task.id]
    page = browse.get(admin, SEARCH, type="tasks|comment", type_name="Comments <b>")
    assert shown(page) == [comment.id]
    assert "Remove filter Comments &lt;b&gt;" in page


def test_the_types_of_the_portal_by_name(browse: Browse, admin: PortalUser, stand: Stand) -> None:
    for _time in range(2):
        page = browse.get(admin, "inbox/search/types/")
        assert '<option value="tasks|task_update">Changes of tasks</option>' in page
        assert '<optgroup label="Tasks">' in page
    assert [entry.method for entry in stand.log.entries] == ["im.notify.schema.get"]


def test_the_schema_is_not_asked_for_with_the_inbox(browse: Browse, admin: PortalUser, stand: Stand) -> None:
    assert 'hx-get="/frame/inbox/search/types/"' in browse.get(admin, "inbox/")
    assert stand.log.count("im.notify.schema.get") == 0


def test_one_day_is_the_persons_own(browse: Browse, admin: PortalUser, portal: world.Portal) -> None:
    """23:30 UTC on the 19th is the 20th in Berlin."""
    admin.time_zone = "Europe/Berlin"
    admin.save()
    night = datetime(2026, 11, 19, 23, 30, tzinfo=UTC)
    item = notify(portal, created_at=night.timestamp())
    notify(portal, created_at=(night - timedelta(hours=2)).timestamp())
    page = browse.get(admin, SEARCH, when="day", day="2026-11-20")
    assert shown(page) == [item.id]
    assert "Remove filter 11/20/2026" in page


def test_a_period_has_both_its_days(browse: Browse, admin: PortalUser, portal: world.Portal) -> None:
    noon = datetime(2026, 11, 10, 12, tzinfo=UTC)
    items = [notify(portal, created_at=(noon + timedelta(days=day)).timestamp()) for day in range(4)]
    page = browse.get(admin, SEARCH, when="period", first="2026-11-11", last="2026-11-12")
    assert shown(page) == [items[2].id, items[1].id]


def test_an_author_alone_comes_with_the_time_that_the_portal_keeps(
    browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand
) -> None:
    """Page im.notify.history.search lifts the three letters for types and dates only."""
    item = notify(portal, author_id=4)
    notify(portal, author_id=5)
    assert shown(browse.get(admin, SEARCH, author="Whoever", author_id=4)) == [item.id]
    assert datetime.fromisoformat(asked(stand)["SEARCH_DATE_FROM"]) < datetime.now(UTC) - timedelta(days=60)
    assert datetime.fromisoformat(asked(stand)["SEARCH_DATE_TO"]) > datetime.now(UTC)
    assert stand.log.count() == 1


def test_an_author_by_name(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
    author = portal.person
    item = notify(portal, author_id=author.id)
    notify(portal, author_id=portal.second_admin.id)
    assert shown(browse.get(admin, SEARCH, author=author.last_name)) == [item.id]
    assert [entry.method for entry in stand.log.entries] == ["user.search", "im.notify.history.search"]


def test_a_department_is_no_author(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
    """Page user/user-search: FIND looks through departments and positions too."""
    notify(portal, author_id=portal.person.id)
    department = portal.departments[portal.person.departments[0]].name
    assert "Nobody of this name" in browse.get(admin, SEARCH, author=department)
    assert [entry.method for entry in stand.log.entries] == ["user.search"]


def test_the_next_page_knows_the_authors(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
    author = portal.person
    for _number in range(60):
        notify(portal, text="Invoice", author_id=author.id)
    first = browse.get(admin, SEARCH, words="invoice", author=author.last_name)
    assert "Found: 60 notifications" in first
    address = first.split('feed-more"><button')[1].split('hx-get="')[1].split('"')[0].replace("&amp;", "&")
    stand.log.clear()
    second = browse.get(admin, SEARCH, **parse_qs(urlsplit(address).query))
    assert len(set(shown(first) + shown(second))) == 60
    assert "Load more" not in second
    assert "search-chips" not in second
    assert [entry.method for entry in stand.log.entries] == ["im.notify.history.search"]


def test_nothing_found_says_where_it_looked(browse: Browse, admin: PortalUser) -> None:
    page = browse.get(admin, SEARCH, words="nothing like this")
    assert "Nothing found" in page
    assert "those of the last 60 days" in page


def test_an_error_of_the_portal_is_a_sentence(browse: Browse, admin: PortalUser, stand: Stand) -> None:
    stand.faults.order(method="im.notify.history.search", code="SEARCH_TEXT_ERROR")
    response = browse.answer(admin, SEARCH, words="lunch")
    assert response.status_code == 502
    assert "at least three characters" in response.content.decode()


def test_somebody_elses_notifications_are_not_searched(browse: Browse, colleague: PortalUser, portal: world.Portal) -> None:
    notify(portal, text="Lunch at noon")
    assert "Nothing found" in browse.get(colleague, SEARCH, words="lunch")
