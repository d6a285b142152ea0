"""The end of a request: closed early, or by itself, when the sender is told once."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from b24app.models import Portal, PortalUser
from b24app.rest import repeating
from devportal import world
from devportal.faults import FaultKind
from devportal.server import Stand
from notifications import answering, closing, inbox, lane, ledger, tasks
from notifications.ask import write
from notifications.models import ConfirmationRequest, Dispatch, Notification
from tests.conftest import APP_CODE
from tests.notifications.conftest import Join, states
from tests.notifications.many import started
from tests.notifications.requests import TWO, again, answer, ask, of

State = Notification.State


@pytest.fixture
def second(join: Join, portal: world.Portal, admin: PortalUser) -> PortalUser:
    """Another ordinary person of the portal."""
    return join(portal, portal.people[5])


@pytest.fixture
def answered(admin: PortalUser, colleague: PortalUser, second: PortalUser) -> ConfirmationRequest:
    """A request that everybody has answered."""
    request = ask(admin, [colleague.user_id, second.user_id], tag="rules")
    answer(request, colleague)
    answer(request, second, "N", "No time")
    return again(request)


def told(portal: world.Portal) -> list[str]:
    """What the sender's feed has."""
    return [item.text for item in portal.feed(portal.admin)]


def to_tell() -> list[int]:
    return [request_id for portal_id in closing.portals_to_tell() for request_id in closing.to_tell(portal_id)]


def past_deadline(request: ConfirmationRequest) -> None:
    ConfirmationRequest.objects.filter(pk=request.pk).update(deadline=timezone.now())


def test_a_closed_request_takes_no_more_answers(admin: PortalUser, colleague: PortalUser) -> None:
    request = ask(admin, [colleague.user_id])
    assert closing.close(admin, request)
    assert (request.closed_by, request.reminding_since) == (admin, None)
    assert answering.answer(colleague, request.key, "Y").status is answering.Status.CLOSED
    assert not closing.close(colleague, request)
    assert request.closed_by == admin


def test_what_is_still_to_be_sent_is_not_sent_any_more(portal: world.Portal, admin: PortalUser) -> None:
    """Its recipients could not answer it."""
    dispatch = started(admin, [3, 4], message="Read the rules")
    ConfirmationRequest.objects.create(dispatch=dispatch, buttons=write(TWO))
    assert closing.close(admin, of(admin, dispatch.pk))
    assert lane.portals_with_work() == []
    dispatch.refresh_from_db()
    assert dispatch.state == Dispatch.State.CANCELLED
    assert states(dispatch) == {3: State.CANCELLED, 4: State.CANCELLED}


def test_when_everybody_has_answered(portal: world.Portal, stand: Stand, answered: ConfirmationRequest) -> None:
    stand.log.clear()
    tasks.tell_senders.call_local()
    [text] = told(portal)
    assert "Everybody has answered your request." in text
    assert "“Read the rules”" in text
    assert "1 confirmed · 1 declined" in text
    assert "no answer" not in text
    [call] = stand.log.entries
    assert call.method == "im.notify.system.add"
    # No row of the ledger: nobody asked to send it.
    assert Notification.objects.count() == 2
    tasks.tell_senders.call_local()
    assert len(told(portal)) == 1


def test_its_link_leads_to_the_answers(portal: world.Portal, answered: ConfirmationRequest) -> None:
    """bitrix24.md 8."""
    tasks.tell_senders.call_local()
    link = urlsplit(told(portal)[0].partition("[url=")[2].partition("]")[0])
    assert link.path == f"/marketplace/view/{APP_CODE}/"
    assert parse_qs(link.query) == {"params[tab]": ["request"], "params[number]": [str(answered.dispatch_id)]}


def test_in_the_inbox_it_is_the_portals_own(portal: world.Portal, admin: PortalUser, answered: ConfirmationRequest) -> None:
    """It is in no row, and yet nothing that other code sent and somebody might want to take back."""
    tasks.tell_senders.call_local()
    [item] = inbox.page(admin).items
    assert (item.origin, item.sender) == (inbox.Origin.PORTAL, None)


def test_at_the_deadline(portal: world.Portal, admin: PortalUser, colleague: PortalUser) -> None:
    request = ask(admin, [colleague.user_id, 4, 6])
    answer(request, colleague)
    assert to_tell() == []
    past_deadline(request)
    assert to_tell() == [request.pk]
    tasks.tell_senders.call_local()
    [text] = told(portal)
    assert "The time for answering your request is over." in text
    assert "1 confirmed · 0 declined · 2 gave no answer" in text
    tasks.tell_senders.call_local()
    assert len(told(portal)) == 1


def test_one_message_per_request(portal: world.Portal, answered: ConfirmationRequest) -> None:
    """Whoever knows that all have answered learns nothing at the deadline."""
    tasks.tell_senders.call_local()
    past_deadline(answered)
    assert to_tell() == []


@pytest.mark.parametrize("state", [*Notification.LIVE, State.EXPIRED])
def test_not_while_somebody_may_still_answer(answered: ConfirmationRequest, state: State) -> None:
    row = answered.dispatch.notifications.first()
    assert row is not None
    row.pk, row.state = None, state
    row.save()
    assert to_tell() == []


@pytest.mark.parametrize("state", [State.FAILED, State.DELETED, State.REPLACED, State.CANCELLED])
def test_who_has_it_no_more_is_not_waited_for(answered: ConfirmationRequest, state: State) -> None:
    row = answered.dispatch.notifications.first()
    assert row is not None
    row.pk, row.state = None, state
    row.save()
    assert to_tell() == [answered.pk]


def test_not_when_all_of_it_was_taken_back(admin: PortalUser) -> None:
    request = ask(admin, [3])
    ledger.close(request.dispatch.notifications.all(), State.DELETED)
    assert to_tell() == []


def test_not_before_all_is_sent(answered: ConfirmationRequest) -> None:
    Dispatch.objects.update(state=Dispatch.State.RUNNING)
    assert to_tell() == []


@pytest.mark.parametrize(
    "change",
    [{"tells_author": False}, {"closed_at": timezone.now()}, {"told_all_at": timezone.now()}, {"told_deadline_at": timezone.now()}],
)
def test_by_choice_once_and_not_when_it_was_closed(answered: ConfirmationRequest, change: dict[str, object]) -> None:
    past_deadline(answered)
    ConfirmationRequest.objects.update(**change)
    assert to_tell() == []
    assert not closing.tell(answered.pk)


def test_two_workers_tell_once(portal: world.Portal, stand: Stand, answered: ConfirmationRequest) -> None:
    """The second has found the request before the first one claimed it."""
    found = again(answered)
    assert closing.tell(answered.pk)
    assert not closing._tell(found, "all")
    assert len(told(portal)) == 1


def test_a_busy_portal_is_told_later(portal: world.Portal, stand: Stand, answered: ConfirmationRequest) -> None:
    stand.faults.order(method="im.notify.system.add", code="OPERATION_TIME_LIMIT", times=1)
    assert not closing.tell(answered.pk)
    assert told(portal) == []
    assert to_tell() == [answered.pk]


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
def test_what_may_have_arrived_is_told_again_at_once(
    portal: world.Portal, stand: Stand, answered: ConfirmationRequest, kind: FaultKind
) -> None:
    """Its TAG lets the second take the place of the first (bitrix24.md 6.3)."""
    stand.faults.order(method="im.notify.system.add", kind=kind)
    assert closing.tell(answered.pk)
    assert len(told(portal)) == 1


def test_a_silent_portal_is_asked_once_in_a_run(stand: Stand, admin: PortalUser, answered: ConfirmationRequest) -> None:
    """Any call there may take a minute, and whoever waits for this worker waits for each of them."""
    past_deadline(ask(admin, [3]))
    stand.faults.order(method="im.notify.system.add", code="INTERNAL_SERVER_ERROR", times=None)
    stand.log.clear()
    tasks.tell_senders.call_local()
    assert stand.log.count("im.notify.system.add") == repeating._MOST_TRIES
    assert len(to_tell()) == 2


def test_what_may_have_arrived_is_not_told_for_ever(portal: world.Portal, stand: Stand, answered: ConfirmationRequest) -> None:
    stand.faults.order(method="im.notify.system.add", kind="cut_after", times=None)
    assert not closing.tell(answered.pk)
    assert len(told(portal)) == 1
    assert to_tell() == []


def test_a_portal_that_refuses_is_not_asked_for_ever(stand: Stand, answered: ConfirmationRequest) -> None:
    stand.faults.order(method="im.notify.system.add", code="insufficient_scope")
    assert not closing.tell(answered.pk)
    assert to_tell() == []


def test_a_portal_that_is_kept_out_is_told_when_it_is_back(portal: world.Portal, answered: ConfirmationRequest) -> None:
    Portal.objects.update(state=Portal.State.SUSPENDED)
    assert to_tell() == []
    Portal.objects.update(state=Portal.State.ACTIVE)
    assert to_tell() == [answered.pk]


def test_a_portal_that_has_moved(portal: world.Portal, answered: ConfirmationRequest) -> None:
    portal.move()
    tasks.tell_senders.call_local()
    assert len(told(portal)) == 1


def test_in_the_portals_language_and_shortened(portal: world.Portal, admin: PortalUser) -> None:
    Portal.objects.update(interface_language="en")
    request = ask(admin, [3], message="[B]Read[/B] " + "the rules " * 30)
    ConfirmationRequest.objects.update(deadline=timezone.now() - timedelta(days=1))
    assert closing.tell(request.pk)
    [text] = told(portal)
    assert "“Read the rules the rules" in text
    assert "…”" in text
