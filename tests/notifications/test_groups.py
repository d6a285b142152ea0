"""Groups of the ledger: counted exactly, newest first, page by page, and only of what the person may see."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from b24app.models import PortalUser, Sender
from devportal import world
from notifications import counts, groups, ledger
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
    assert (news.count, news.dispatches, news.is_revocable) == (4, 2, True)
    assert news.latest == last
    assert (order.count, order.dispatches) == (1, 1)


def test_closed_groups_are_not_live(admin: PortalUser, post: Send) -> None:
    post([3], tag="gone")
    Notification.objects.update(state=State.CONFIRMED)
    [group] = groups.page(admin, "tag", Filters(), None).groups
    assert not group.is_revocable


def test_a_sub_tag_gathers_several_tags(admin: PortalUser, post: Send) -> None:
    post([3], tag="a", sub_tag="common")
    post([3, 4], tag="b", sub_tag="common")
    [group] = groups.page(admin, "sub_tag", Filters(), None).groups
    assert (group.value, group.count, group.dispatches) == ("common", 3, 2)


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


# Which groups and the groups, and whether all is counted; with words, who bears them and which dispatches have them.
@pytest.mark.parametrize(("filters", "queries"), [(Filters(), 3), (Filters(words="Hello"), 5), (Filters(state=State.SENT), 3)])
def test_newest_first_page_by_page_in_few_queries(
    admin: PortalUser, post: Send, filters: Filters, queries: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(7):
        post([3, 4], tag=f"t{number}")
    post([5], tag="t2")
    counts.catch_up(admin.portal)
    seen: list[str] = []
    before: int | None = None
    while True:
        with django_assert_num_queries(queries):
            page = groups.page(admin, "tag", filters, before, size=3)
        seen += [group.value for group in page.groups]
        before = page.next_before
        if before is None:
            break
        # What comes meanwhile is on the first page, not doubled on the next.
        post([6], tag=seen[0])
        counts.catch_up(admin.portal)
    assert seen == ["t2", "t6", "t5", "t4", "t3", "t1", "t0"]


@pytest.mark.parametrize("most_told", [groups.MOST_TOLD, 0])
def test_a_group_is_shown_whole_when_it_holds_what_is_looked_for(
    admin: PortalUser, post: Send, webhook_sender: Sender, portal: world.Portal, monkeypatch: pytest.MonkeyPatch, most_told: int
) -> None:
    monkeypatch.setattr(groups, "MOST_TOLD", most_told)
    monkeypatch.setattr(groups, "MOST_RECEIVED", most_told)
    post([3, 4], tag="a", sub_tag="s")
    post([4], tag="b", message="Special")
    post([5], tag="c", sender=webhook_sender)
    post([6], tag="c", message="The app's own")
    Notification.objects.filter(tag="a", recipient__user_id=3).update(state=State.FAILED)
    [failed] = groups.page(admin, "tag", Filters(state=State.FAILED), None).groups
    assert (failed.value, failed.states) == ("a", ((State.SENT, 1), (State.FAILED, 1)))
    name = portal.people[4].full_name
    for filters in (Filters(person="4"), Filters(person=name), Filters(words=name)):
        assert values(admin, filters=filters) == ["b", "a"]
    assert values(admin, filters=Filters(person="4", state=State.FAILED)) == []
    assert values(admin, filters=Filters(person="3", state=State.FAILED)) == ["a"]
    assert values(admin, filters=Filters(words="special")) == ["b"]
    assert values(admin, filters=Filters(words=f"special {name}")) == ["b"]
    assert values(admin, filters=Filters(words=f"hello {name}", state=State.SENT)) == ["a"]
    assert values(admin, filters=Filters(sub_tag="s")) == ["a"]
    assert values(admin, "sub_tag", Filters(tag="a")) == ["s"]
    assert values(admin, filters=Filters(tag="b")) == ["b"]
    [by_hook] = groups.page(admin, "tag", Filters(words="hello", sender=webhook_sender.pk), None).groups
    assert (by_hook.value, by_hook.latest.sender) == ("c", webhook_sender)
    assert len(values(admin, filters=Filters(sender=webhook_sender.pk))) == 1
    [own] = groups.page(admin, "tag", Filters(words="own"), None).groups
    assert own.latest.sender.kind == Sender.Kind.APP
    assert values(admin, filters=Filters(tag="none")) == []


def test_what_changed_since_is_counted(admin: PortalUser, post: Send) -> None:
    post([3, 4], tag="a")
    assert values(admin) == ["a"]
    ledger.close(ledger.for_portal(admin.portal).filter(recipient__user_id=3), State.DELETED)
    [group] = groups.page(admin, "tag", Filters(), None).groups
    assert group.states == ((State.SENT, 1), (State.DELETED, 1))


def test_whoever_does_not_see_all_gets_groups_of_their_own(admin: PortalUser, colleague: PortalUser, post: Send) -> None:
    post([colleague.user_id, 5], tag="both")
    post([5], tag="others")
    post([7, 8], tag="own", author=colleague, message="Special")
    own, both = groups.page(colleague, "tag", Filters(), None).groups
    assert (own.value, own.count, own.dispatches) == ("own", 2, 1)
    assert (both.value, both.count, both.dispatches) == ("both", 1, 1)
    Notification.objects.filter(tag="own", recipient__user_id=7).update(state=State.FAILED)
    [failed] = groups.page(colleague, "tag", Filters(state=State.FAILED), None).groups
    assert (failed.value, failed.count) == ("own", 2)
    assert values(colleague, filters=Filters(words="special")) == ["own"]
    assert values(colleague, filters=Filters(person=str(colleague.user_id))) == ["both"]
    assert values(colleague, filters=Filters(person="7")) == ["own"]


def test_another_portals_groups_are_never_seen(admin: PortalUser, stranger: PortalUser, post: Send) -> None:
    post([3], tag="secret")
    sender = Sender.objects.get(portal=admin.portal)
    assert values(stranger) == []
    assert values(stranger, filters=Filters(sender=sender.pk)) == []


def test_the_latest_tells_when(admin: PortalUser, post: Send) -> None:
    post([3], tag="a")
    [group] = groups.page(admin, "tag", Filters(), None).groups
    assert timezone.now() - group.latest.created_at < timedelta(minutes=1)
