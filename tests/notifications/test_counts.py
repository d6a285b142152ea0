"""Counts per dispatch: right, cheap, and never wrongly fresh while others write."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from b24app.models import PortalUser, Sender
from notifications import counts, ledger
from notifications.models import Dispatch, DispatchCount, HourCount, Notification, TagGroup
from tests.notifications.conftest import Send

State = Notification.State


def elsewhere(act: Callable[[], Any]) -> None:
    """Do it with a database connection of its own, to the end."""

    def run() -> None:
        try:
            act()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def fail_one(dispatch: Dispatch) -> None:
    with transaction.atomic():
        row = dispatch.notifications.filter(state=State.SENT).order_by("id")[:1]
        Notification.objects.filter(pk__in=list(row.values_list("pk", flat=True))).update(state=State.FAILED)
        ledger.changed([dispatch.pk])


def test_counts_are_of_now(admin: PortalUser, post: Send) -> None:
    first, second = post([3, 4, 5]), post([6])
    assert counts.of([first, second]) == {first.pk: {State.SENT: 3}, second.pk: {State.SENT: 1}}
    fail_one(first)
    assert list(counts.of([first])[first.pk].items()) == [(State.SENT, 2), (State.FAILED, 1)]
    ledger.close(ledger.for_portal(admin.portal), State.DELETED)
    assert counts.of([first, second]) == {first.pk: {State.FAILED: 1, State.DELETED: 2}, second.pk: {State.DELETED: 1}}


def test_a_dispatch_without_notifications_has_no_counts(admin: PortalUser, post: Send) -> None:
    dispatch = post([3])
    dispatch.notifications.all().delete()
    ledger.changed([dispatch.pk])
    assert counts.of([dispatch]) == {dispatch.pk: {}}
    assert counts.of([dispatch]) == {dispatch.pk: {}}


def test_what_is_counted_already_costs_one_query(admin: PortalUser, post: Send, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    dispatches = [post([3, 4]) for _ in range(5)]
    counts.of(dispatches)
    with django_assert_num_queries(1):
        counts.of(dispatches)


def test_counting_anew_costs_the_same_however_many_there_are(admin: PortalUser, post: Send) -> None:
    counts.of([post([3])])  # the hour has its row
    dispatches = [post([3, 4], tag=f"t{number}", sub_tag="s") for number in range(6)]
    costs = []
    for some in (dispatches[:2], dispatches[2:]):
        with CaptureQueriesContext(connection) as queries:
            counts.of(some)
        costs.append(len(queries))
    assert costs[0] == costs[1]


def groups() -> dict[tuple[str, str], tuple[dict[str, int], int, int]]:
    """What the database keeps of each group."""
    return {(group.by, group.value): (group.counts, group.dispatches, group.latest_id) for group in TagGroup.objects.all()}


def test_a_group_is_the_sum_of_its_dispatches(admin: PortalUser, post: Send) -> None:
    first, second, other = post([3, 4], tag="a", sub_tag="s"), post([5], tag="a"), post([3], tag="b", sub_tag="s")
    assert counts.catch_up(admin.portal) == 3
    assert counts.catch_up(admin.portal) == 0
    assert groups() == {
        ("tag", "a"): ({"sent": 3}, 2, second.pk),
        ("tag", "b"): ({"sent": 1}, 1, other.pk),
        ("sub_tag", "s"): ({"sent": 3}, 2, other.pk),
    }
    fail_one(first)
    assert counts.catch_up(admin.portal) == 1
    assert groups()["tag", "a"] == ({"sent": 2, "failed": 1}, 2, second.pk)
    assert groups()["sub_tag", "s"] == ({"sent": 2, "failed": 1}, 2, other.pk)


def test_what_is_forgotten_is_in_no_group(admin: PortalUser, post: Send) -> None:
    first, second = post([3, 4], tag="a", sub_tag="s"), post([5], tag="a", sub_tag="only here")
    counts.catch_up(admin.portal)
    with transaction.atomic():
        second.notifications.all().delete()
        counts.forget([second])
        second.delete()
    assert groups() == {("tag", "a"): ({"sent": 2}, 1, first.pk), ("sub_tag", "s"): ({"sent": 2}, 1, first.pk)}


def hours() -> list[dict[str, int]]:
    """What the database keeps of each hour, the oldest first."""
    return list(HourCount.objects.order_by("hour").values_list("counts", flat=True))


def test_an_hour_is_the_sum_of_the_dispatches_made_in_it(admin: PortalUser, post: Send, stranger: PortalUser) -> None:
    with time_machine.travel("2026-05-04T10:59:00Z", tick=False):
        first = post([3, 4], tag="a")
        post([3], author=stranger)
    with time_machine.travel("2026-05-04T11:00:00Z", tick=False):
        second = post([5])
    for portal in (admin.portal, stranger.portal):
        counts.catch_up(portal)
    assert sorted(map(str, hours())) == ["{'sent': 1}", "{'sent': 1}", "{'sent': 2}"]
    fail_one(first)
    counts.catch_up(admin.portal)
    of_portal = HourCount.objects.filter(portal=admin.portal).order_by("hour").values_list("hour__hour", "counts")
    assert list(of_portal) == [(10, {"sent": 1, "failed": 1}), (11, {"sent": 1})]
    with transaction.atomic():
        second.notifications.all().delete()
        counts.forget([second])
        second.delete()
    assert list(of_portal.all()) == [(10, {"sent": 1, "failed": 1})]


def test_groups_of_two_senders_are_two(admin: PortalUser, webhook_sender: Sender, post: Send) -> None:
    post([3], tag="a")
    post([4, 5], tag="a", sender=webhook_sender)
    counts.catch_up(admin.portal)
    assert sorted(group.counts["sent"] for group in TagGroup.objects.all()) == [1, 2]


@pytest.mark.django_db(transaction=True)
def test_many_readers_at_once_add_nothing_twice(admin: PortalUser, post: Send) -> None:
    for number in range(6):
        post([3, 4], tag=f"t{number % 2}", sub_tag="s")
    readers = [threading.Thread(target=lambda: (counts.catch_up(admin.portal), connection.close())) for _ in range(4)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    counts.catch_up(admin.portal)
    assert {key: numbers for key, (numbers, _dispatches, _latest) in groups().items()} == {
        ("tag", "t0"): {"sent": 2, "replaced": 4},
        ("tag", "t1"): {"sent": 2, "replaced": 4},
        ("sub_tag", "s"): {"sent": 4, "replaced": 8},
    }
    assert hours() == [{"sent": 4, "replaced": 8}]


@pytest.mark.django_db(transaction=True)
def test_who_writes_between_the_number_and_the_count_makes_it_stale(admin: PortalUser, post: Send) -> None:
    """The count then holds the change already, but is not kept as if it had been taken after it."""
    dispatch = post([3, 4])

    def writer_first(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if "GROUP BY" in sql:
            elsewhere(lambda: fail_one(dispatch))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(writer_first):
        assert counts.of([dispatch]) == {dispatch.pk: {State.SENT: 1, State.FAILED: 1}}
    dispatch.refresh_from_db()
    assert dispatch.counted_change is not None
    assert dispatch.counted_change < dispatch.change
    DispatchCount.objects.update(number=77)
    assert counts.of([dispatch]) == {dispatch.pk: {State.SENT: 1, State.FAILED: 1}}


@pytest.mark.django_db(transaction=True)
def test_a_reader_neither_waits_for_a_writer_nor_keeps_what_was_before(admin: PortalUser, post: Send) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time and no locks on rows.")
    dispatch = post([3, 4])
    read: list[Any] = []
    with transaction.atomic():
        fail_one(dispatch)
        elsewhere(lambda: read.append(counts.of([dispatch])))
    assert read == [{dispatch.pk: {State.SENT: 2}}]
    assert counts.of([dispatch]) == {dispatch.pk: {State.SENT: 1, State.FAILED: 1}}


@pytest.mark.django_db(transaction=True)
def test_what_another_reader_keeps_at_this_moment_is_in_the_groups_too(admin: PortalUser, post: Send) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time and no locks on rows.")
    dispatch = post([3, 4], tag="invoice")
    counts.of([dispatch])
    fail_one(dispatch)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            list(Dispatch.objects.select_for_update(no_key=True).filter(pk=dispatch.pk))
            held.set()
            release.wait(10)
        connection.close()

    def let_go(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        answer = execute(sql, params, many, context)
        if "SKIP LOCKED" in sql:
            release.set()
        return answer

    other = threading.Thread(target=hold)
    other.start()
    assert held.wait(10)
    with connection.execute_wrapper(let_go):
        counts.catch_up(admin.portal)
    other.join()
    assert TagGroup.objects.get().counts == {State.SENT: 1, State.FAILED: 1}


@pytest.mark.django_db(transaction=True)
def test_the_later_count_stays_when_an_earlier_one_comes_after_it(admin: PortalUser, post: Send) -> None:
    dispatch = post([3, 4])

    def others_first(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        answer = execute(sql, params, many, context)
        if "GROUP BY" in sql:
            elsewhere(lambda: (fail_one(dispatch), counts.of([dispatch])))
        return answer

    with connection.execute_wrapper(others_first):
        assert counts.of([dispatch]) == {dispatch.pk: {State.SENT: 2}}
    assert counts.of([dispatch]) == {dispatch.pk: {State.SENT: 1, State.FAILED: 1}}
    dispatch.refresh_from_db()
    assert dispatch.counted_change == dispatch.change
