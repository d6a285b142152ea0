"""Groups of the ledger: counted exactly, newest first, page by page, and only of what the person may see."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from b24app.models import PortalUser, Sender
from notifications import groups
from notifications.ledger import By, Filters
from notifications.models import Notification
from tests.notifications.conftest import Send

State = Notification.State


def values(person: PortalUser, by: By = "tag", filters: Filters = Filters()) -> list[str]:  # noqa: B008 - frozen
    return [group.value for group in groups.page(person, by, filters, None).groups]


def test_one_group_for_each_tag_with_what_became_of_it(admin: PortalUser, post: Send) -> None:
    post([3, 4, 5], tag="news", message="First")
    post([6], tag="order")
    last = post([3], tag="news", message="Second")
    Notification.objects.filter(recipient__user_id=4).update(state=State.DELETED)
    Notification.objects.filter(recipient__user_id=5).update(state=State.EXPIRED)
    news, order = groups.page(admin, "tag", Filters(), None).groups
    assert (news.value, order.value) == ("news", "order")
    assert dict(news.states) == {State.SENT: 1, State.REPLACED: 1, State.DELETED: 1, State.EXPIRED: 1}
    assert (news.count, news.people, news.is_live) == (4, 3, True)
    assert news.latest == last.notifications.get()
    assert (order.count, order.people) == (1, 1)


def test_closed_groups_are_not_live(admin: PortalUser, post: Send) -> None:
    post([3], tag="gone")
    Notification.objects.update(state=State.CONFIRMED)
    [group] = groups.page(admin, "tag", Filters(), None).groups
    assert not group.is_live


def test_a_sub_tag_gathers_several_tags(admin: PortalUser, post: Send) -> None:
    post([3], tag="a", sub_tag="common")
    post([3, 4], tag="b", sub_tag="common")
    [group] = groups.page(admin, "sub_tag", Filters(), None).groups
    assert (group.value, group.count, group.people) == ("common", 3, 2)


def test_what_has_no_tag_is_in_no_group(admin: PortalUser, post: Send) -> None:
    post([3])
    post([3], tag="a")
    assert values(admin) == ["a"]
    assert values(admin, "sub_tag") == []


def test_the_same_tag_of_two_senders_is_two_groups(admin: PortalUser, post: Send, webhook_sender: Sender) -> None:
    """A tag belongs to the CLIENT_ID that sent it (bitrix24.md 6.2): what deletes one does not reach the other."""
    post([3], tag="news")
    post([4, 5], tag="news", sender=webhook_sender)
    by_hook, by_app = groups.page(admin, "tag", Filters(), None).groups
    assert (by_hook.latest.sender, by_hook.count) == (webhook_sender, 2)
    assert (by_app.latest.sender.kind, by_app.count) == (Sender.Kind.APP, 1)


@pytest.mark.parametrize("filters", [Filters(), Filters(words="Hello")])
def test_newest_first_page_by_page_in_three_queries(
    admin: PortalUser, post: Send, filters: Filters, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(7):
        post([3, 4], tag=f"t{number}")
    post([5], tag="t2")
    seen: list[str] = []
    before: int | None = None
    while True:
        with django_assert_num_queries(3):
            page = groups.page(admin, "tag", filters, before, size=3)
        seen += [group.value for group in page.groups]
        before = page.next_before
        if before is None:
            break
        # What comes meanwhile is on the first page, not doubled on the next.
        post([6], tag=seen[0])
    assert seen == ["t2", "t6", "t5", "t4", "t3", "t1", "t0"]


def test_filters_apply_before_grouping(admin: PortalUser, post: Send, webhook_sender: Sender) -> None:
    post([3, 4], tag="a", sub_tag="s")
    post([4], tag="b", message="Special")
    post([5], tag="c", sender=webhook_sender)
    Notification.objects.filter(tag="a", recipient__user_id=3).update(state=State.FAILED)
    [failed] = groups.page(admin, "tag", Filters(state=State.FAILED), None).groups
    assert (failed.value, failed.states, failed.people) == ("a", ((State.FAILED, 1),), 1)
    assert values(admin, filters=Filters(person="4")) == ["b", "a"]
    assert values(admin, filters=Filters(words="special")) == ["b"]
    assert values(admin, filters=Filters(sub_tag="s")) == ["a"]
    assert values(admin, filters=Filters(sender=webhook_sender.pk)) == ["c"]
    assert values(admin, filters=Filters(tag="none")) == []


def test_whoever_does_not_see_all_gets_groups_of_their_own(admin: PortalUser, colleague: PortalUser, post: Send) -> None:
    post([colleague.user_id, 5], tag="both")
    post([5], tag="others")
    [group] = groups.page(colleague, "tag", Filters(), None).groups
    assert (group.value, group.count, group.people) == ("both", 1, 1)


def test_another_portals_groups_are_never_seen(admin: PortalUser, stranger: PortalUser, post: Send) -> None:
    post([3], tag="secret")
    sender = Sender.objects.get(portal=admin.portal)
    assert values(stranger) == []
    assert values(stranger, filters=Filters(sender=sender.pk)) == []


def test_the_latest_tells_when(admin: PortalUser, post: Send) -> None:
    post([3], tag="a")
    [group] = groups.page(admin, "tag", Filters(), None).groups
    assert timezone.now() - group.latest.created_at < timedelta(minutes=1)
