"""The ledger's background work."""

import tracemalloc
from datetime import timedelta

import pytest
from django.utils import timezone

from b24app.models import Portal, PortalUser
from devportal import world
from devportal.server import Stand
from notifications import erasing, tasks
from notifications.models import Answer, ConfirmationRequest, Dispatch, Notification, TagGroup
from tests.notifications.conftest import Join, Send, states
from tests.notifications.dispatched import plant

State = Notification.State


def test_rows_of_unknown_fate_are_settled(stand: Stand, admin: PortalUser, post: Send) -> None:
    stand.faults.order(method="batch", kind="cut_after")
    dispatch = post([3])
    Notification.objects.update(lease_until=timezone.now())
    tasks.settle.call_local()
    assert states(dispatch) == {3: State.SENT}


def test_what_the_portal_has_erased_expires(post: Send) -> None:
    """bitrix24.md 6.10: after 60 days."""
    old, younger, deleted, lost = post([3]), post([4]), post([5]), post([6])
    old.notifications.update(sent_at=timezone.now() - timedelta(days=60, minutes=1))
    younger.notifications.update(sent_at=timezone.now() - timedelta(days=59, hours=23))
    deleted.notifications.update(sent_at=timezone.now() - timedelta(days=90), state=State.DELETED)
    lost.notifications.update(sent_at=None, created_at=timezone.now() - timedelta(days=61), state=State.UNKNOWN)
    assert tasks.expire.call_local() == 2
    assert (states(old), states(younger), states(deleted)) == ({3: State.EXPIRED}, {4: State.SENT}, {5: State.DELETED})
    assert states(lost) == {6: State.EXPIRED}


def test_retention_is_each_portals_own(admin: PortalUser, stranger: PortalUser, post: Send) -> None:
    Portal.objects.filter(pk=admin.portal.pk).update(retention_days=30)
    for author in (admin, stranger):
        dispatch = post([3], author=author)
        dispatch.notifications.update(created_at=timezone.now() - timedelta(days=31))
        Dispatch.objects.filter(pk=dispatch.pk).update(created_at=timezone.now() - timedelta(days=31))
    post([4])
    assert tasks.keep_retention.call_local() == 1
    assert list(Dispatch.objects.values_list("portal__member_id", flat=True).order_by("created_at")) == [
        stranger.portal.member_id,
        admin.portal.member_id,
    ]


def test_what_retention_erases_leaves_its_groups(admin: PortalUser, post: Send) -> None:
    Portal.objects.update(retention_days=30)
    gone, partly, stays = post([3], tag="a"), post([3, 4], tag="a", sub_tag="s"), post([3], tag="a")
    tasks.count.call_local()
    Dispatch.objects.exclude(pk=stays.pk).update(created_at=timezone.now() - timedelta(days=31))
    old = Notification.objects.filter(dispatch__in=(gone, partly)).exclude(recipient__user_id=4)
    old.update(created_at=timezone.now() - timedelta(days=31))
    tasks.keep_retention.call_local()
    tasks.count.call_local()
    groups = {group.value: (group.counts, group.dispatches) for group in TagGroup.objects.all()}
    assert groups == {"a": ({"sent": 2}, 2), "s": ({"sent": 1}, 1)}


def test_a_full_batch_leaves_the_names_to_the_background(stand: Stand, join: Join, post: Send) -> None:
    large = stand.portals[2]
    author = join(large, large.admin)
    post(list(range(3, 53)), author=author)
    assert PortalUser.objects.filter(portal=author.portal, name="").count() == 50
    tasks.name_people.call_local()
    assert not PortalUser.objects.filter(portal=author.portal, name="").exists()
    assert PortalUser.objects.get(portal=author.portal, user_id=52).name == large.people[52].full_name
    stand.log.clear()
    tasks.name_people.call_local()
    assert not stand.log.entries


def test_names_that_cannot_be_had_are_left_for_later(stand: Stand, portal: world.Portal, join: Join, post: Send) -> None:
    large = stand.portals[2]
    post(list(range(3, 53)), author=join(large, large.admin))
    stand.faults.order(method="user.get", code="INSUFFICIENT_SCOPE")
    tasks.name_people.call_local()
    assert PortalUser.objects.filter(name="").count() == 50
    tasks.name_people.call_local()
    assert not PortalUser.objects.filter(name="").exists()


def test_old_rows_are_erased_without_being_read(admin: PortalUser) -> None:
    """A portal that keeps less from now on may have a million too many."""
    Portal.objects.update(retention_days=30)
    admin.portal.refresh_from_db()
    dispatch = plant(admin, {State.CONFIRMED: 3000}, state=Dispatch.State.DONE)
    request = ConfirmationRequest.objects.create(dispatch=dispatch, buttons=[])
    now = timezone.now()
    Answer.objects.bulk_create(
        Answer(request=request, notification=row, value="Y", label="Confirm", answered_at=now) for row in dispatch.notifications.all()
    )
    Dispatch.objects.update(created_at=now - timedelta(days=31))
    Notification.objects.update(created_at=now - timedelta(days=31))
    tracemalloc.start()
    try:
        erased = tasks.keep_retention.call_local()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000
    assert erased == 3000
    for model in (Dispatch, Notification, ConfirmationRequest, Answer):
        assert not model.objects.exists()


def test_old_dispatches_are_erased_some_at_a_time(admin: PortalUser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "AT_ONCE", 2)
    for _dispatch in range(5):
        plant(admin, {State.SENT: 1}, state=Dispatch.State.DONE)
    Dispatch.objects.update(created_at=timezone.now() - timedelta(days=400))
    Notification.objects.update(created_at=timezone.now() - timedelta(days=400))
    assert tasks.keep_retention.call_local() == 5
    assert not Dispatch.objects.exists()
