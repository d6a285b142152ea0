"""How far a dispatch has come: its figures against the rows, and the time left against the portal's budget."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from b24app.models import Bucket, MethodPause, Portal, PortalUser, Sender
from b24app.rest import budget
from notifications import history, ledger, progress
from notifications.models import Dispatch, Lane, Notification
from notifications.progress import Wait
from tests.notifications.dispatched import plant

State = Notification.State
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def noon(admin: PortalUser) -> Iterator[time_machine.Traveller]:
    """The clock stands still, so that what is left can be told to the second."""
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def bucket(admin: PortalUser) -> Bucket:
    """The usual bucket, empty: 50 requests, 2 per second drain, 10 of them are kept for clicks."""
    bucket, _created = Bucket.objects.update_or_create(
        portal=admin.portal, defaults={"counted": True, "level": 0.0, "measured_at": budget.now()}
    )
    return bucket


def of(dispatch: Dispatch) -> progress.Progress:
    return progress.of(history.visible_to(dispatch.author).get(pk=dispatch.pk))


def test_figures_are_those_of_the_rows(admin: PortalUser) -> None:
    numbers = {State.QUEUED: 5, State.SENDING: 2, State.SENT: 20, State.FAILED: 3, State.CONFIRMED: 1}
    found = of(plant(admin, numbers))
    assert found.number == numbers
    assert (found.entry.over, found.entry.percent) == (24, 77)
    in_order = [State.CONFIRMED, State.SENT, State.FAILED, State.SENDING, State.QUEUED]
    assert [state for state, _number in found.entry.states or ()] == in_order


def test_hundred_per_cent_are_all(admin: PortalUser) -> None:
    assert of(plant(admin, {State.SENT: 999, State.QUEUED: 1})).entry.percent == 99
    assert of(plant(admin, {State.SENT: 2, State.CANCELLED: 1}, state=Dispatch.State.CANCELLED)).entry.percent == 100


def test_reasons_the_most_frequent_first(admin: PortalUser) -> None:
    codes = ("RECIPIENT_UNAVAILABLE", "ACCESS_ERROR", "RECIPIENT_UNAVAILABLE")
    first, second = of(plant(admin, {State.FAILED: 6}, codes=codes)).failures
    assert [(each.code, each.number) for each in (first, second)] == [("RECIPIENT_UNAVAILABLE", 4), ("ACCESS_ERROR", 2)]
    assert "cannot receive notifications" in first.text
    assert "does not give you access" in second.text


def test_a_change_of_states_is_seen_at_once(admin: PortalUser) -> None:
    dispatch = plant(admin, {State.QUEUED: 2})
    assert of(dispatch).number == {State.QUEUED: 2}
    dispatch.notifications.filter(pk=dispatch.notifications.earliest("id").pk).update(state=State.SENT)
    ledger.changed([dispatch.pk])
    assert of(dispatch).number == {State.SENT: 1, State.QUEUED: 1}


class TestSpeed:
    def test_is_that_of_the_last_minute(self, admin: PortalUser) -> None:
        dispatch = plant(admin, {State.SENT: 30, State.QUEUED: 1}, sent_at=NOON - timedelta(seconds=30))
        Dispatch.objects.update(started_at=NOON - timedelta(minutes=10))
        assert of(dispatch).per_minute == 30
        Notification.objects.update(sent_at=NOON - timedelta(seconds=61))
        assert of(dispatch).per_minute == 0

    def test_of_a_young_dispatch_is_that_since_its_beginning(self, admin: PortalUser) -> None:
        dispatch = plant(admin, {State.SENT: 30, State.QUEUED: 1}, sent_at=NOON - timedelta(seconds=1))
        Dispatch.objects.update(started_at=NOON - timedelta(seconds=20))
        assert of(dispatch).per_minute == 90

    @pytest.mark.parametrize("started", [None, NOON - timedelta(seconds=2)])
    def test_takes_a_moment_to_be_known(self, admin: PortalUser, started: datetime | None) -> None:
        assert of(plant(admin, {State.SENT: 50, State.QUEUED: 50}, started_at=started)).per_minute is None

    def test_is_not_told_once_it_is_over(self, admin: PortalUser) -> None:
        found = of(plant(admin, {State.SENT: 5}, state=Dispatch.State.DONE, started_at=NOON - timedelta(minutes=1)))
        assert (found.per_minute, found.seconds_left, found.is_moving) == (None, None, False)


class TestTimeLeft:
    """50 to a request; 40 requests fit at once beside the clicks' ten, each further one waits half a second."""

    @pytest.mark.parametrize(("queued", "seconds"), [(50, 0), (2000, 0), (2001, 0.5), (2100, 1), (4000, 20)])
    def test_is_that_of_the_budget(self, admin: PortalUser, bucket: Bucket, queued: int, seconds: float) -> None:
        dispatch = plant(admin, {State.QUEUED: 1})
        count_as(dispatch, queued)
        assert of(dispatch).seconds_left == seconds

    def test_counts_what_is_in_the_bucket(self, admin: PortalUser, bucket: Bucket, noon: time_machine.Traveller) -> None:
        Bucket.objects.update(level=45)
        dispatch = plant(admin, {State.QUEUED: 100})
        found = of(dispatch)
        assert (found.seconds_left, found.wait) == (3.5, Wait.LIMIT)
        noon.shift(5)
        found = of(dispatch)
        assert (found.seconds_left, found.wait) == (0, None)

    def test_counts_the_limits_set_for_the_portal(self, admin: PortalUser, bucket: Bucket) -> None:
        Portal.objects.update(bucket_capacity=20, bucket_drain=10)
        dispatch = plant(admin, {State.QUEUED: 1})
        count_as(dispatch, 50 * 110)
        assert of(dispatch).seconds_left == 10

    def test_counts_the_turns_of_other_dispatches(self, admin: PortalUser, stranger: PortalUser, bucket: Bucket) -> None:
        """Each dispatch of a portal has its turn, a batch each: a long one costs a short one no more than the short one's own length."""
        short, long = plant(admin, {State.QUEUED: 1}), plant(admin, {State.QUEUED: 1})
        elsewhere = plant(stranger, {State.QUEUED: 1})
        paused = plant(admin, {State.QUEUED: 1}, state=Dispatch.State.PAUSED)
        for dispatch, queued in ((short, 50 * 30), (long, 50 * 400), (elsewhere, 50 * 400), (paused, 50 * 400)):
            count_as(dispatch, queued)
        assert of(short).seconds_left == (30 + 30 - 40) / 2
        assert of(long).seconds_left == (400 + 30 - 40) / 2

    def test_is_by_speed_where_the_portal_is_slower_than_its_budget(self, admin: PortalUser, bucket: Bucket) -> None:
        dispatch = plant(admin, {State.SENT: 10, State.QUEUED: 20}, started_at=NOON - timedelta(minutes=5))
        assert of(dispatch).seconds_left == 120

    def test_a_portal_that_does_not_count_has_no_limit(self, admin: PortalUser, bucket: Bucket) -> None:
        Bucket.objects.update(counted=False, level=50)
        dispatch = plant(admin, {State.QUEUED: 1})
        count_as(dispatch, 50 * 400)
        found = of(dispatch)
        assert (found.seconds_left, found.wait) == (0, None)


class TestWaits:
    def test_for_the_end_of_a_methods_pause(self, admin: PortalUser, bucket: Bucket) -> None:
        until = NOON + timedelta(minutes=7)
        MethodPause.objects.create(portal=admin.portal, method="im.notify.personal.add", until=until)
        found = of(plant(admin, {State.QUEUED: 1}))
        assert (found.wait, found.wait_until, found.seconds_left) == (Wait.METHOD, until, 420)
        assert of(plant(admin, {State.QUEUED: 1}, type=Notification.Type.SYSTEM)).wait is None

    def test_a_webhook_has_its_own_method(self, admin: PortalUser, webhook_sender: Sender) -> None:
        MethodPause.objects.create(portal=admin.portal, method="im.notify", until=NOON + timedelta(minutes=1))
        assert of(plant(admin, {State.QUEUED: 1}, sender=webhook_sender)).wait is Wait.METHOD
        assert of(plant(admin, {State.QUEUED: 1})).wait is None

    def test_for_a_portal_that_cannot_be_used(self, admin: PortalUser) -> None:
        Portal.objects.update(state=Portal.State.SUSPENDED, suspended_code="OVERLOAD_LIMIT", suspended_at=NOON - timedelta(hours=1))
        found = of(plant(admin, {State.QUEUED: 1}))
        assert (found.wait, found.wait_since, found.seconds_left) == (Wait.PORTAL, NOON - timedelta(hours=1), None)
        assert "overload" in found.reason

    def test_for_a_portal_that_is_silent(self, admin: PortalUser) -> None:
        until = NOON + timedelta(seconds=40)
        Lane.objects.create(portal=admin.portal, resume_at=until)
        found = of(plant(admin, {State.QUEUED: 1}))
        assert (found.wait, found.wait_until, found.seconds_left) == (Wait.SILENCE, until, 40)

    def test_a_dispatch_that_paused_by_itself_says_why(self, admin: PortalUser) -> None:
        found = of(plant(admin, {State.QUEUED: 1}, state=Dispatch.State.PAUSED, error_code="INVALID_GRANT"))
        assert "sign-in" in found.reason
        assert (found.wait, found.seconds_left, found.is_moving) == (None, None, False)


@pytest.mark.parametrize(
    ("state", "numbers", "columns", "moving"),
    [
        (Dispatch.State.QUEUED, {State.QUEUED: 1}, {}, True),
        (Dispatch.State.PAUSED, {State.QUEUED: 1}, {}, False),
        (Dispatch.State.PAUSED, {State.QUEUED: 1, State.SENDING: 1}, {}, True),
        (Dispatch.State.DONE, {State.SENT: 1}, {}, False),
        (Dispatch.State.CANCELLED, {State.SENT: 1}, {"taking_back": "all"}, True),
    ],
)
def test_moves_while_something_can_still_change(
    admin: PortalUser, state: str, numbers: dict[str, int], columns: dict[str, str], moving: bool
) -> None:
    assert of(plant(admin, numbers, state=state, **columns)).is_moving is moving


def count_as(dispatch: Dispatch, queued: int) -> None:
    """As if so many of its notifications were waiting: rows by the thousand would only make the tests slow."""
    history.counts.of([dispatch])
    dispatch.counts.filter(state=State.QUEUED).update(number=queued)


def test_the_numbers_above_hold_until_something_changes(admin: PortalUser) -> None:
    """What `count_as` stands on, and where it ends."""
    dispatch = plant(admin, {State.QUEUED: 1})
    count_as(dispatch, 7)
    assert of(dispatch).number == {State.QUEUED: 7}
    ledger.changed([dispatch.pk])
    assert of(dispatch).number == {State.QUEUED: 1}
    assert timezone.now() == NOON
