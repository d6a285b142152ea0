"""What a person does with a dispatch to many, before any worker has touched it and after."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from django.utils import timezone

from b24app.models import Portal, PortalUser
from b24app.rest.errors import RestError
from devportal import world
from devportal.server import Stand
from notifications import dispatching
from notifications.errors import InvalidInput
from notifications.models import ConfirmationRequest, Dispatch, Lane, Notification
from tests.notifications.conftest import Join, Send, states
from tests.notifications.many import ready

State, Row = Dispatch.State, Notification.State
Prepare = Callable[..., Dispatch]
ACTS = [dispatching.start, dispatching.pause, dispatching.resume, dispatching.cancel, dispatching.resend_failed, dispatching.discard]


@pytest.fixture
def prepare(admin: PortalUser) -> Prepare:
    """prepare([3, 4]): a dispatch of the admin that is ready to be started."""

    def prepare(recipients: Sequence[int], *, author: PortalUser = admin, **columns: object) -> Dispatch:
        return ready(author, recipients, **columns)

    return prepare


def texts(portal: world.Portal, user_id: int) -> list[str]:
    return [item.text for item in portal.feed(portal.people[user_id])]


# Start


def test_starting_writes_one_row_per_recipient_in_their_order(stand: Stand, admin: PortalUser, prepare: Prepare) -> None:
    dispatch = dispatching.start(admin, prepare([5, 3, 4]).pk)
    rows = list(dispatch.notifications.order_by("id").select_related("recipient"))
    assert (dispatch.state, dispatch.total, dispatch.recipients) == (State.QUEUED, 3, None)
    assert [row.recipient.user_id for row in rows] == [5, 3, 4]
    assert [(row.state, row.wire_tag, row.wire_sub_tag, row.attempts) for row in rows[:1]] == [(Row.QUEUED, "news|5", "news", 0)]
    assert not stand.log.entries, "the portal is not asked for anything"


def test_without_a_tag_all_have_one_sub_tag_of_their_own(admin: PortalUser, prepare: Prepare) -> None:
    first, second = (dispatching.start(admin, prepare([3, 4], tag="").pk) for _ in range(2))
    used = [set(each.notifications.values_list("wire_sub_tag", flat=True)) for each in (first, second)]
    assert [len(sub_tags) for sub_tags in used] == [1, 1]
    assert used[0] != used[1]
    assert set(first.notifications.values_list("sub_tag", flat=True)) == {""}


def test_a_second_click_starts_nothing(admin: PortalUser, prepare: Prepare) -> None:
    dispatch = prepare([3, 4])
    dispatching.start(admin, dispatch.pk)
    assert dispatching.start(admin, dispatch.pk).notifications.count() == 2


def test_what_is_not_ready_cannot_be_started(admin: PortalUser, prepare: Prepare) -> None:
    with pytest.raises(InvalidInput):
        dispatching.start(admin, prepare([3], state=State.PREPARING).pk)
    assert not Notification.objects.exists()


@pytest.mark.parametrize("change", [{"deadline": timezone.now()}, {"closed_at": timezone.now()}])
def test_what_nobody_could_answer_any_more_is_not_sent(admin: PortalUser, change: dict[str, object]) -> None:
    """A dispatch may wait for a day between Send and its start, and paused for longer."""
    dispatch = ready(admin, [3])
    ConfirmationRequest.objects.create(dispatch=dispatch, buttons=[], **change)
    for state, act in (("ready", dispatching.start), ("paused", dispatching.resume), ("done", dispatching.resend_failed)):
        Dispatch.objects.update(state=state)
        with pytest.raises(InvalidInput) as refused:
            act(admin, dispatch.pk)
        assert "takes no answers any more" in str(refused.value.message)
        assert Dispatch.objects.get().state == state
    assert not Notification.objects.exists()


def test_starting_does_not_wait_for_a_portal_that_is_left_alone(admin: PortalUser, prepare: Prepare) -> None:
    later = timezone.now() + timedelta(minutes=5)
    Lane.objects.create(portal=admin.portal, resume_at=later, probe_at=later, failures=3)
    dispatching.start(admin, prepare([3]).pk)
    assert Lane.objects.values_list("resume_at", "probe_at", "failures").get() == (None, None, 0)


# Pause, resume, cancel


def test_pausing_and_resuming_twice_is_as_once(admin: PortalUser, prepare: Prepare) -> None:
    dispatch = dispatching.start(admin, prepare([3]).pk)
    assert [dispatching.pause(admin, dispatch.pk).state for _ in range(2)] == [State.PAUSED] * 2
    assert [dispatching.resume(admin, dispatch.pk).state for _ in range(2)] == [State.QUEUED] * 2
    Dispatch.objects.update(state=State.PAUSED, started_at=timezone.now(), error_code="NO_USABLE_TOKEN")
    resumed = dispatching.resume(admin, dispatch.pk)
    assert (resumed.state, resumed.error_code) == (State.RUNNING, "")


def test_resuming_with_nobody_left_finishes(admin: PortalUser, post: Send) -> None:
    dispatch = post([3])
    Dispatch.objects.update(state=State.PAUSED, finished_at=None)
    assert dispatching.resume(admin, dispatch.pk).state == State.DONE


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.PAUSED])
def test_cancelling_closes_what_was_not_sent_and_leaves_the_rest(admin: PortalUser, prepare: Prepare, state: str) -> None:
    dispatch = dispatching.start(admin, prepare([3, 4, 5, 6]).pk)
    now = timezone.now()
    dispatch.notifications.filter(recipient__user_id=4).update(state=Row.SENT, sent_at=now)
    dispatch.notifications.filter(recipient__user_id=5).update(state=Row.UNKNOWN, lease_until=now, attempts=1)
    dispatch.notifications.filter(recipient__user_id=6).update(state=Row.SENDING, lease_until=now, attempts=1)
    Dispatch.objects.update(state=state)
    cancelled = [dispatching.cancel(admin, dispatch.pk) for _ in range(2)][-1]
    assert (cancelled.state, cancelled.finished_at is None) == (State.CANCELLED, False)
    assert states(dispatch) == {3: Row.CANCELLED, 4: Row.SENT, 5: Row.UNKNOWN, 6: Row.SENDING}
    assert dispatch.notifications.get(state=Row.UNKNOWN).lease_until is None, "not sent again"


@pytest.mark.parametrize(
    ("act", "state"),
    [
        *((act, state) for act in (dispatching.pause, dispatching.resume, dispatching.cancel) for state in (State.PREPARING, State.READY)),
        *((dispatching.resend_failed, state) for state in (State.PREPARING, State.READY)),
        (dispatching.pause, State.DONE),
        (dispatching.pause, State.CANCELLED),
        (dispatching.cancel, State.DONE),
        (dispatching.resume, State.CANCELLED),
    ],
)
def test_what_a_state_does_not_allow_is_refused_with_a_sentence(
    admin: PortalUser, prepare: Prepare, act: Callable[[PortalUser, int], Dispatch], state: str
) -> None:
    dispatch = prepare([3], state=state)
    with pytest.raises(InvalidInput) as refused:
        act(admin, dispatch.pk)
    assert str(refused.value.message).endswith(".")
    dispatch.refresh_from_db()
    assert dispatch.state == state


# Rights


@pytest.mark.parametrize("act", ACTS)
def test_only_ones_own_or_for_those_who_see_all(
    admin: PortalUser, colleague: PortalUser, stranger: PortalUser, prepare: Prepare, act: Callable[[PortalUser, int], object]
) -> None:
    Portal.objects.update(who_may_send=Portal.Who.EVERYONE)
    for person in (colleague, stranger):
        person.refresh_from_db()
    dispatch = prepare([3])
    for person in (colleague, stranger):
        with pytest.raises(InvalidInput):
            act(person, dispatch.pk) if act is not dispatching.discard or person is colleague else dispatching.start(person, dispatch.pk)
    assert Dispatch.objects.get().state == State.READY


def test_an_author_who_may_not_send_any_more_can_stop_but_not_start(admin: PortalUser, colleague: PortalUser, prepare: Prepare) -> None:
    ready, running = prepare([3], author=colleague), prepare([3], author=colleague, state=State.RUNNING)
    with pytest.raises(InvalidInput):
        dispatching.start(colleague, ready.pk)
    assert dispatching.pause(colleague, running.pk).state == State.PAUSED
    with pytest.raises(InvalidInput):
        dispatching.resume(colleague, running.pk)
    assert dispatching.resume(admin, running.pk).state == State.DONE, "with nobody to send to"


# Discard


def test_discarding_is_for_what_never_started(admin: PortalUser, prepare: Prepare) -> None:
    ready, preparing = prepare([3]), prepare([3], state=State.PREPARING)
    for dispatch in (ready, preparing, ready):
        dispatching.discard(admin, dispatch.pk)
    assert not Dispatch.objects.exists()
    started = dispatching.start(admin, prepare([3]).pk)
    with pytest.raises(InvalidInput):
        dispatching.discard(admin, started.pk)
    assert started.notifications.count() == 1


# Send again


def test_sending_again_queues_who_failed_or_was_given_up(admin: PortalUser, prepare: Prepare) -> None:
    dispatch = dispatching.start(admin, prepare([3, 4, 5, 6]).pk)
    now = timezone.now()
    for user_id, changes in {
        3: {"state": Row.FAILED, "error_code": "ATTACH_ERROR", "closed_at": now, "attempts": 1},
        4: {"state": Row.UNKNOWN, "error_code": "TIMEOUT", "attempts": 8},
        5: {"state": Row.UNKNOWN, "error_code": "TIMEOUT", "attempts": 1, "lease_until": now},
        6: {"state": Row.SENT, "attempts": 1},
    }.items():
        dispatch.notifications.filter(recipient__user_id=user_id).update(**changes)
    Dispatch.objects.update(state=State.DONE, finished_at=now)
    again = [dispatching.resend_failed(admin, dispatch.pk) for _ in range(2)][-1]
    assert (again.state, again.finished_at) == (State.RUNNING, None)
    assert states(dispatch) == {3: Row.QUEUED, 4: Row.QUEUED, 5: Row.UNKNOWN, 6: Row.SENT}
    queued = dispatch.notifications.filter(state=Row.QUEUED).order_by("id")
    # An attempt stays with the one that may have arrived, so that no refusal afterwards passes for the whole truth.
    assert list(queued.values_list("attempts", "error_code", "closed_at")) == [(0, "", None), (1, "", None)]


def test_sending_again_with_nobody_failed_changes_nothing(admin: PortalUser, post: Send) -> None:
    dispatch = post([3])
    assert dispatching.resend_failed(admin, dispatch.pk).state == State.DONE


def test_an_older_text_is_not_sent_in_place_of_a_newer_one(admin: PortalUser, post: Send) -> None:
    older = post([3], tag="t")
    older.notifications.update(state=Row.FAILED)
    post([3], tag="t")
    assert not dispatching.failed(older).exists()
    assert dispatching.resend_failed(admin, older.pk).state == State.DONE
    assert states(older) == {3: Row.FAILED}


# Take back


def test_all_of_it_goes_in_one_call(stand: Stand, portal: world.Portal, admin: PortalUser, post: Send) -> None:
    dispatch = post([3, 4], tag="t")
    other = post([3], tag="u")
    taken = [dispatching.take_back(admin, dispatch.pk, "all") for _ in range(2)][-1]
    assert [entry.method for entry in stand.log.entries] == ["im.notify.delete"]
    assert states(dispatch) == {3: Row.DELETED, 4: Row.DELETED}
    assert (states(other), len(texts(portal, 3))) == ({3: Row.SENT}, 1)
    assert (taken.taking_back, taken.state) == ("", State.DONE)


def test_what_came_of_taking_back_is_told(admin: PortalUser, post: Send) -> None:
    dispatch = post([3, 4], tag="t")
    taken = [dispatching.take_back(admin, dispatch.pk, "all") for _ in range(2)][-1]
    assert taken.taken_back == {"which": "all", "deleted": 2, "failed": 0}


def test_a_sub_tag_that_covers_more_is_not_used(stand: Stand, portal: world.Portal, admin: PortalUser, post: Send) -> None:
    dispatch, _other = post([3, 4], sub_tag="s", tag="a"), post([3], sub_tag="s", tag="b")
    assert dispatching.take_back(admin, dispatch.pk, "all").taking_back == "all"
    assert not stand.log.entries, "left to the worker"
    assert set(states(dispatch).values()) == {Row.SENT}


def test_taking_back_ends_a_dispatch_that_still_runs(stand: Stand, admin: PortalUser, prepare: Prepare) -> None:
    dispatch = dispatching.start(admin, prepare([3, 4]).pk)
    taken = dispatching.take_back(admin, dispatch.pk, "unread")
    assert (taken.state, states(dispatch)) == (State.CANCELLED, {3: Row.CANCELLED, 4: Row.CANCELLED})
    assert not stand.log.entries
    assert taken.taking_back == ""


def test_a_call_that_fails_takes_nothing_back(stand: Stand, admin: PortalUser, post: Send) -> None:
    dispatch = post([3], tag="t")
    stand.faults.order(method="im.notify.delete", code="INTERNAL_SERVER_ERROR", times=None)
    with pytest.raises(RestError):
        dispatching.take_back(admin, dispatch.pk, "all")
    assert states(dispatch) == {3: Row.SENT}


def test_nothing_is_sent_while_it_is_taken_back(admin: PortalUser, post: Send) -> None:
    dispatch, _other = post([3], sub_tag="s", tag="a"), post([3], sub_tag="s", tag="b")
    dispatching.take_back(admin, dispatch.pk, "all")
    with pytest.raises(InvalidInput):
        dispatching.resend_failed(admin, dispatch.pk)


def test_an_unknown_choice_is_refused(admin: PortalUser, post: Send) -> None:
    with pytest.raises(InvalidInput):
        dispatching.take_back(admin, post([3]).pk, "some")  # type: ignore[arg-type]


def test_another_portals_rows_are_never_touched(admin: PortalUser, stranger: PortalUser, join: Join, post: Send) -> None:
    theirs = post([3], author=stranger, tag="t")
    ours = post([3], tag="t")
    dispatching.take_back(admin, ours.pk, "all")
    assert states(theirs) == {3: Row.SENT}
