"""The ledger: who sees what, filters, pages."""

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


def test_newest_first_page_by_page_in_one_query(admin: PortalUser, post: Send, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(3):
        post([3, 4, 5], message=f"m{number}")
    found: list[tuple[str, str, str]] = []
    before = None
    for _page in range(5):
        with django_assert_num_queries(1):
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
