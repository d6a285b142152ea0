"""The ledger: who sees what, filters, pages."""

import itertools

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from b24app.models import Portal, PortalUser
from devportal import world
from notifications import ledger
from notifications.ledger import Filters
from notifications.models import Notification
from tests.notifications.conftest import Send

State = Notification.State


def seen(person: PortalUser, filters: Filters = Filters()) -> list[tuple[int, str]]:  # noqa: B008 - frozen
    return [(row.recipient.user_id, row.message) for row in ledger.page(person, filters, None).rows]


def test_newest_first_page_by_page_in_few_queries(admin: PortalUser, post: Send, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(3):
        post([3, 4, 5], message=f"m{number}")
    found: list[tuple[str, str, str]] = []
    before = None
    for _page in range(5):
        # Which rows, and the rows; on a further page, where the one before it ended.
        with django_assert_num_queries(2 if before is None else 3):
            page = ledger.page(admin, Filters(), before, size=2)
            found += [(row.message, row.recipient.name, row.sender.name) for row in page.rows]
            assert all(row.author.name and row.dispatch.created_at for row in page.rows)
        # What arrives meanwhile belongs before the first page.
        post([6], message="new")
        before = page.next_before
    assert before is None
    assert [message for message, _recipient, _sender in found] == ["m2"] * 3 + ["m1"] * 3 + ["m0"] * 3


def test_a_last_page_that_is_exactly_full_has_no_next(admin: PortalUser, post: Send) -> None:
    post([3, 4])
    assert ledger.page(admin, Filters(), None, size=2).next_before is None


def test_filters(portal: world.Portal, admin: PortalUser, post: Send) -> None:
    post([3], message="Свежая НОВОСТЬ [b]дня[/b]", tag="news", sub_tag="daily")
    post([4], message="100% sure_thing (really)", tag="news2")
    post([5], message="gone", tag="news")
    Notification.objects.filter(dispatch__message="gone").update(state=State.DELETED)
    name = portal.people[4].full_name

    assert seen(admin, Filters(tag="news")) == [(5, "gone"), (3, "Свежая НОВОСТЬ [b]дня[/b]")]
    assert [user for user, _message in seen(admin, Filters(sub_tag="daily"))] == [3]
    assert [user for user, _message in seen(admin, Filters(state=State.DELETED))] == [5]
    assert [user for user, _message in seen(admin, Filters(person="4"))] == [4]
    assert [user for user, _message in seen(admin, Filters(person=name.upper()))] == [4]
    assert seen(admin, Filters(person=str(10**30))) == []
    assert [user for user, _message in seen(admin, Filters(words="новость свежая"))] == [3]
    assert [user for user, _message in seen(admin, Filters(words="100% SURE_ (real"))] == [4]
    assert [user for user, _message in seen(admin, Filters(words="news2"))] == [4]
    assert [user for user, _message in seen(admin, Filters(words=name.split()[0].lower()))] == [4]
    assert seen(admin, Filters(words=".*")) == []
    assert [user for user, _message in seen(admin, Filters(tag="news", words="gone", state=State.DELETED))] == [5]


def test_words_may_be_spread_over_text_tags_and_name(portal: world.Portal, admin: PortalUser, post: Send) -> None:
    post([3, 4], message="The [b]parcel[/b] is here", tag="Post", sub_tag="Straße")
    post([4], message="Nothing else")
    third, fourth = (portal.people[number].full_name.split()[0] for number in (3, 4))
    assert [user for user, _message in seen(admin, Filters(words=f"PARCEL {fourth} post"))] == [4]
    assert [user for user, _message in seen(admin, Filters(words=f"{third.lower()} strasse"))] == [3]
    assert [user for user, _message in seen(admin, Filters(words="parcel"))] == [4, 3]
    assert [message for _user, message in seen(admin, Filters(words=fourth))] == ["Nothing else", "The [b]parcel[/b] is here"]
    assert seen(admin, Filters(words=f"{third} {fourth}")) == []
    assert seen(admin, Filters(words="[b]")) == []


def test_filters_hold_page_by_page(portal: world.Portal, admin: PortalUser, colleague: PortalUser, post: Send) -> None:
    for number in range(3):
        post([3, colleague.user_id], message=f"matter {number}", tag="t")
        post([colleague.user_id, 4], author=colleague, message=f"matter {number}", tag="t")
        post([5], message="nothing", tag="t")
    name = portal.person.full_name.split()[0]
    for person, filters in itertools.product(
        (admin, colleague), (Filters(), Filters(words="matter"), Filters(words=name), Filters(words=f"matter {name}"), Filters(person=name))
    ):
        whole = [row.pk for row in ledger.page(person, filters, None).rows]
        paged: list[int] = []
        before = None
        while not paged or before is not None:
            page = ledger.page(person, filters, before, size=2)
            paged += [row.pk for row in page.rows]
            before = page.next_before
        assert paged == whole
        assert whole


def test_a_page_goes_on_where_a_row_was_erased(admin: PortalUser, post: Send) -> None:
    post([3, 4, 5, 6])
    first = ledger.page(admin, Filters(), None, size=2)
    Notification.objects.filter(pk=first.next_before).delete()
    assert len(ledger.page(admin, Filters(), first.next_before, size=2).rows) == 2
    Notification.objects.all().delete()
    assert ledger.page(admin, Filters(), first.next_before, size=2).rows == []


def test_people_too_many_to_be_numbered_are_found_too(
    portal: world.Portal, admin: PortalUser, post: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    post([3, 4], message="Hello")
    name = portal.people[4].full_name
    asked = [Filters(person=name), Filters(words=name), Filters(words=f"{name} hello"), Filters(words="hello"), Filters(words=f"{name} no")]
    numbered = [seen(admin, filters) for filters in asked]
    monkeypatch.setattr(ledger, "MOST_NAMED", 0)
    assert [seen(admin, filters) for filters in asked] == numbered
    assert [len(rows) for rows in numbered] == [1, 1, 1, 2, 0]


def test_an_ordinary_person_sees_what_they_sent_or_received(admin: PortalUser, colleague: PortalUser, post: Send) -> None:
    post([colleague.user_id, 5], message="from the admin")
    post([6], author=colleague, message="from the colleague")
    assert seen(colleague) == [(6, "from the colleague"), (colleague.user_id, "from the admin")]
    assert len(seen(admin)) == 3
    Portal.objects.update(who_may_see_all=Portal.Who.EVERYONE)
    colleague.portal.refresh_from_db()
    assert len(seen(colleague)) == 3


def test_another_portal_is_never_seen(admin: PortalUser, stranger: PortalUser, post: Send) -> None:
    post([3], author=stranger, tag="order")
    assert seen(admin) == []
    assert seen(admin, Filters(tag="order")) == []
    assert seen(stranger) == [(3, "Hello")]


@pytest.mark.parametrize("state", [state for state in State if state not in Notification.LIVE])
def test_a_closed_row_stays_as_it_is(admin: PortalUser, post: Send, state: Notification.State) -> None:
    post([3])
    closed_at = timezone.now()
    Notification.objects.update(state=state, closed_at=closed_at)
    assert ledger.close(ledger.for_portal(admin.portal), State.DELETED) == 0
    assert Notification.objects.get().state == state
    assert ledger.revocable_by(admin).count() == 0
