"""The portal's budget: one copy of its bucket for all callers, and the stand-in as the judge of what arrives."""

import threading
import time
from collections.abc import Iterator

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from b24app.models import Bucket, MethodPause, Portal, PortalUser
from b24app.rest import budget, client
from b24app.rest.client import as_person
from b24app.rest.deadline import Deadline
from b24app.rest.errors import RestError
from devportal import world
from devportal.server import Stand
from tests.b24app.floor import meet, plain


@pytest.fixture
def row(db: None) -> Portal:
    return Portal.objects.create(member_id="m", domain="d.example", client_endpoint="https://d.example/rest/")


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


def take(portal: Portal, *, background: bool = False) -> None:
    """Take a slot if there is one right now."""
    budget.take_slot(portal, background=background, deadline=Deadline(0))


def takes(portal: Portal, *, background: bool = False) -> int:
    """How many slots there are right now."""
    return sum(1 for _ in iter(lambda: is_taken(portal, background), False))


def is_taken(portal: Portal, background: bool) -> bool:
    try:
        take(portal, background=background)
    except RestError:
        return False
    return True


@pytest.mark.parametrize(("family", "capacity", "drain"), [("", 50, 2), ("pro", 50, 2), ("ent", 250, 5), ("ENT", 250, 5)])
def test_fills_and_drains_as_the_plan_says(row: Portal, clock: time_machine.Traveller, family: str, capacity: int, drain: int) -> None:
    """doc: limits (X = 50, Y = 2; Enterprise 250 and 5), app.info (LICENSE_FAMILY "ent"). A little less than X: see budget._MARGIN."""
    row.license_family = family
    assert capacity - 2 <= takes(row) <= capacity
    clock.shift(3)
    assert takes(row) == 3 * drain
    clock.shift(3600)
    assert capacity - 2 <= takes(row) <= capacity


def test_background_work_leaves_ten_slots_for_clicks(row: Portal, clock: time_machine.Traveller) -> None:
    """design.md 5. Of the portal's 50, background work takes 40: no further margin, as what clicks are left with is more than that."""
    assert takes(row, background=True) == 40
    assert takes(row) == 8
    clock.shift(3)
    assert takes(row, background=True) == 0
    assert takes(row) == 6


def test_however_small_the_bucket_is_something_goes_out(row: Portal, clock: time_machine.Traveller) -> None:
    row.bucket_capacity, row.bucket_drain = 5, 1
    assert takes(row, background=True) == 1
    clock.shift(1)
    assert takes(row, background=True) == 1


def test_limits_set_for_a_portal_go_before_its_plans(row: Portal, clock: time_machine.Traveller) -> None:
    row.bucket_capacity, row.bucket_drain = 100, 20
    assert takes(row, background=True) == 90
    clock.shift(1)
    assert takes(row, background=True) == 20


def test_a_slot_that_is_given_back_is_free_again(row: Portal, clock: time_machine.Traveller) -> None:
    takes(row)
    budget.give_back(Bucket.objects.get())
    assert takes(row) == 1


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_jumps_holds_nobody_up(row: Portal, clock: time_machine.Traveller, hours: int) -> None:
    takes(row)
    clock.shift(hours * 3600)
    takes(row)
    clock.shift(3)
    assert takes(row) >= 6


def test_says_when_there_will_be_room(row: Portal, clock: time_machine.Traveller) -> None:
    takes(row)
    with pytest.raises(RestError) as caught:
        take(row)
    assert caught.value.retry_at == pytest.approx(time.time() + 0.5)
    with pytest.raises(RestError) as caught:
        take(row, background=True)
    assert caught.value.retry_at == pytest.approx(time.time() + 4.5)


def test_waits_for_room_within_the_deadline(row: Portal) -> None:
    takes(row)
    started = time.monotonic()
    budget.take_slot(row, background=False, deadline=Deadline(3))
    assert 0.2 < time.monotonic() - started < 2


def test_a_503_fills_our_copy(row: Portal) -> None:
    take(row)
    budget.fill(row)
    assert takes(row) == 0


def test_portals_have_buckets_of_their_own(row: Portal) -> None:
    other = Portal.objects.create(member_id="n", domain="e.example", client_endpoint="https://e.example/rest/")
    takes(row)
    take(other)


def test_a_self_hosted_portal_is_not_counted_until_it_answers_503(row: Portal) -> None:
    """doc: limits. Only the cloud limits; its answers carry `operating`, those of a self-hosted portal do not."""
    bucket = budget.take_slot(row, background=False, deadline=Deadline(0))
    budget.learn(bucket, {"start": 1.0, "finish": 2.0})
    for _ in range(60):
        take(row)
    budget.fill(row)
    assert takes(row) == 0
    budget.learn(Bucket.objects.get(), {"start": 1.0})
    assert takes(row) == 0


def test_a_cloud_portal_stays_counted(row: Portal) -> None:
    bucket = budget.take_slot(row, background=False, deadline=Deadline(0))
    budget.learn(bucket, {"operating": 0, "operating_reset_at": 1})
    assert Bucket.objects.get().counted is True
    assert takes(row) < 50


@pytest.mark.parametrize(
    ("block", "seconds"),
    [(None, None), ([], None), ({}, None), ({"operating_reset_at": "17"}, 17), ({"operating_reset_at": 17.5}, 17.5),
     ({"operating_reset_at": None}, None), ({"operating_reset_at": "x"}, None), ({"operating_reset_at": 1e400}, None)],
)  # fmt: skip
def test_reading_the_reset_time(block: object, seconds: float | None) -> None:
    assert budget.reset_time(block) == seconds


def test_a_pause_without_a_time_lasts_ten_minutes(row: Portal, clock: time_machine.Traveller) -> None:
    """doc: error-codes."""
    budget.pause_method(row, "im.notify", None)
    budget.raise_if_paused(row, "profile")
    clock.shift(599)
    with pytest.raises(RestError) as caught:
        budget.raise_if_paused(row, "im.notify")
    assert caught.value.retry_at == pytest.approx(time.time() + 1)
    clock.shift(2)
    budget.raise_if_paused(row, "im.notify")


def test_a_pause_ends_at_the_time_the_last_answer_named(row: Portal, clock: time_machine.Traveller) -> None:
    """doc: limits. The 429 itself names none."""
    budget.note_operating(row, "profile", {"operating": 1, "operating_reset_at": time.time() + 60})
    assert not MethodPause.objects.exists(), "only what comes near the limit is worth a row"
    budget.note_operating(row, "im.notify", {"operating": 470, "operating_reset_at": time.time() + 60})
    budget.raise_if_paused(row, "im.notify")
    assert budget.pause_method(row, "im.notify", None) == pytest.approx(time.time() + 60)
    assert budget.pause_method(row, "im.notify", time.time() + 90) == pytest.approx(time.time() + 90)
    clock.shift(61)
    assert budget.pause_method(row, "im.notify", None) == pytest.approx(time.time() + 600)


# Against the stand-in


@pytest.fixture
def person(db: None, portal: world.Portal, app: world.App) -> PortalUser:
    return meet(portal, app, portal.person)


def test_calls_wait_instead_of_running_into_503(stand: Stand, person: PortalUser) -> None:
    """The stand-in counts for itself; it never has to refuse."""
    for _ in range(54):
        as_person(person).run(plain("profile"))
    assert {entry.status for entry in stand.log.calls("profile")} == {200}


def test_one_batch_is_one_slot(stand: Stand, person: PortalUser) -> None:
    """doc: limits."""
    for _ in range(3):
        as_person(person).run_batch({str(n): plain("profile") for n in range(50)})
    assert Bucket.objects.get().level <= 3


def test_a_slot_that_is_held_already_is_not_counted_twice(stand: Stand, person: PortalUser) -> None:
    caller = as_person(person, background=True)
    caller.hold(budget.take_slot(person.portal, background=True, deadline=Deadline(0)))
    caller.run(plain("profile"))
    assert Bucket.objects.get().level <= 1
    caller.run(plain("profile"))
    assert Bucket.objects.get().level > 1


def test_background_work_that_a_page_waits_for_gives_up_soon(stand: Stand, person: PortalUser) -> None:
    takes(person.portal, background=True)
    started = time.monotonic()
    with pytest.raises(RestError) as caught:
        as_person(person, background=True, seconds=0.2).run(plain("profile"))
    assert time.monotonic() - started < 1
    assert caught.value.code == "BUDGET_EXHAUSTED"
    assert as_person(person).run(plain("profile"))["ID"], "room for a click"


def test_a_click_gives_up_in_time_when_others_use_up_the_limit(
    stand: Stand, portal: world.Portal, person: PortalUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CLICK_SECONDS", 1.0)
    budget.take_slot(person.portal, background=False, deadline=Deadline(1))
    Bucket.objects.update(level=200)
    started = time.monotonic()
    with pytest.raises(RestError) as caught:
        as_person(person).run(plain("profile"))
    assert time.monotonic() - started < 1
    assert caught.value.code == "BUDGET_EXHAUSTED"
    assert caught.value.message
    assert stand.log.count("profile") == 0


def test_a_503_that_comes_anyway_is_waited_out(stand: Stand, portal: world.Portal, person: PortalUser) -> None:
    """Others on our address can use the portal's bucket up: their calls are not in our copy."""
    as_person(person).run(plain("profile"))
    remote = stand.log.calls("profile")[0].remote
    portal.bucket.fill(remote)
    assert as_person(person).run(plain("profile"))["ID"]
    statuses = [entry.status for entry in stand.log.calls("profile")]
    assert statuses[0] == statuses[-1] == 200
    assert set(statuses[1:-1]) == {503}
    assert len(statuses) <= 4


def test_a_self_hosted_portal_is_called_without_a_limit(stand: Stand, portal: world.Portal, person: PortalUser) -> None:
    portal.limits = "self-hosted"
    started = time.monotonic()
    for _ in range(60):
        as_person(person).run(plain("profile"))
    assert stand.log.count("profile") == 60
    assert Bucket.objects.get().counted is False
    assert time.monotonic() - started < 5


@pytest.mark.django_db(transaction=True)
def test_parallel_callers_never_take_a_slot_twice(stand: Stand, portal: world.Portal, app: world.App) -> None:
    row = meet(portal, app, portal.person).portal
    taken: list[int] = []

    def run() -> None:
        try:
            for _ in range(12):
                take(row)
                taken.append(1)
        except RestError:
            pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(8)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    drained = 2 * (time.monotonic() - started) + 1
    assert 48 <= len(taken) <= 48 + drained
