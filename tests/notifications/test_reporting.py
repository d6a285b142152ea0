"""What became of a request: figures, days, people, and who may see them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from b24app.models import Portal, PortalUser
from devportal import world
from notifications import ledger, reporting, revoking
from notifications.ask import Ask
from notifications.models import Answer, ConfirmationRequest, Dispatch, Notification
from notifications.reporting import Figures
from tests.notifications.conftest import Join, Send
from tests.notifications.requests import THREE, again, answer, ask

State = Notification.State
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def second(join: Join, portal: world.Portal, admin: PortalUser) -> PortalUser:
    """Another ordinary person of the portal."""
    return join(portal, portal.people[5])


def at(request: ConfirmationRequest, person: PortalUser, moment: datetime) -> None:
    Answer.objects.filter(request=request, notification__recipient=person).update(answered_at=moment)


def names(request: ConfirmationRequest, *args: str) -> list[str]:
    return [row.recipient.name for row in reporting.people(request, *args).rows]


def test_figures(portal: world.Portal, admin: PortalUser, colleague: PortalUser, second: PortalUser) -> None:
    portal.dismiss(portal.people[6])
    request = ask(admin, [colleague.user_id, second.user_id, admin.user_id, 6], tag="rules")
    answer(request, colleague)
    answer(request, second, "N", "No time")
    report = reporting.report(again(request), BERLIN)
    assert report.figures == Figures(confirmed=1, declined=1, waiting=1, gone=1)
    assert (report.figures.total, report.figures.answered) == (4, 2)
    assert [person.user_id for person in report.unavailable] == [6]
    revoking.delete(admin, "tag", "rules")
    assert reporting.figures(again(request)) == Figures(confirmed=1, declined=1, waiting=0, gone=2)


@pytest.mark.parametrize("state", [State.REPLACED, State.FAILED, State.CANCELLED, State.DELETED, State.EXPIRED])
def test_who_has_it_no_more_is_gone(admin: PortalUser, state: State) -> None:
    request = ask(admin, [3])
    ledger.close(request.dispatch.notifications.all(), state)
    assert reporting.figures(again(request)) == Figures(0, 0, 0, 1)


def test_who_has_muted_the_app_waits_and_is_counted(portal: world.Portal, admin: PortalUser, colleague: PortalUser) -> None:
    """bitrix24.md 6.12: the id is then a time."""
    portal.people[colleague.user_id].muted.add(admin.portal.client_id)
    request = ask(admin, [colleague.user_id, 4])
    report = reporting.report(request, BERLIN)
    assert (report.figures.waiting, report.muted) == (2, 1)


def test_days_are_the_readers_and_none_is_left_out(admin: PortalUser, colleague: PortalUser, second: PortalUser) -> None:
    request = ask(admin, [admin.user_id, colleague.user_id, second.user_id], wanted=Ask(THREE))
    assert reporting.days(request, BERLIN) == ()
    answer(request, admin)
    answer(request, colleague, "later", "Ill")
    answer(request, second, "N")
    at(request, admin, datetime(2026, 11, 20, 23, 30, tzinfo=UTC))
    at(request, colleague, datetime(2026, 11, 21, 8, tzinfo=UTC))
    at(request, second, datetime(2026, 11, 23, 8, tzinfo=UTC))
    assert reporting.days(request, BERLIN) == (
        reporting.Day(date(2026, 11, 21), 1, 1),
        reporting.Day(date(2026, 11, 22), 0, 0),
        reporting.Day(date(2026, 11, 23), 0, 1),
    )
    assert [each.total for each in reporting.days(request, ZoneInfo("UTC"))] == [1, 1, 0, 1]


def test_people_by_answer_and_by_name(portal: world.Portal, admin: PortalUser, colleague: PortalUser, second: PortalUser) -> None:
    request = ask(admin, [admin.user_id, colleague.user_id, second.user_id])
    answer(request, second)
    answer(request, admin)
    assert reporting.answers(request) == [
        ("confirmed", "Confirmed"),
        ("declined", "Declined"),
        ("waiting", "Waiting"),
        ("gone", "Gone"),
    ]
    # Who answered last comes first.
    assert names(request, "confirmed") == [admin.name, second.name]
    assert names(request, "waiting") == [colleague.name]
    assert names(request, "gone") == []
    assert names(request, "nonsense") == names(request) == [admin.name, colleague.name, second.name]
    assert names(request, "", colleague.name.split()[-1].upper()) == [colleague.name]
    [row] = reporting.people(request, "confirmed", second.name).rows
    assert row.answer.label == "Confirm"


def test_of_more_buttons_each_has_its_people(admin: PortalUser, colleague: PortalUser) -> None:
    request = ask(admin, [admin.user_id, colleague.user_id], wanted=Ask(THREE))
    answer(request, colleague, "later", "Ill")
    assert [name for _value, name in reporting.answers(request)] == ["Confirm", "Decline", "Not now", "Waiting", "Gone"]
    assert names(request, "=later") == [colleague.name]
    assert names(request, "=N") == []


def test_pages_of_fifty(join: Join, portal: world.Portal, admin: PortalUser) -> None:
    request = ask(admin, [3])
    people = [PortalUser(portal=admin.portal, user_id=1000 + number, name=f"Person {number:03}") for number in range(70)]
    row = request.dispatch.notifications.get()
    copies = []
    for person in PortalUser.objects.bulk_create(people):
        row.pk, row.recipient = None, person
        copies.append(Notification(**{name: value for name, value in vars(row).items() if not name.startswith("_") and name != "id"}))
    Notification.objects.bulk_create(copies)
    first, last = reporting.people(request), reporting.people(request, page=99)
    assert (len(first.rows), first.count, first.page, first.pages) == (50, 71, 1, 2)
    assert (len(last.rows), last.page) == (21, 2)
    assert reporting.people(request, "confirmed", page=0).pages == 1


def test_a_row_confirmed_by_the_portal_itself_has_no_answer_of_ours(admin: PortalUser) -> None:
    request = ask(admin, [3])
    ledger.close(request.dispatch.notifications.all(), State.CONFIRMED)
    assert reporting.figures(again(request)).confirmed == 1
    assert len(reporting.people(request, "confirmed").rows) == 1


def test_who_waits_after_the_end_gave_no_answer(admin: PortalUser) -> None:
    request = ask(admin, [3])
    ConfirmationRequest.objects.update(deadline=timezone.now() - timedelta(seconds=1))
    over = again(request)
    assert not reporting.is_open(over)
    assert dict(reporting.answers(over))["waiting"] == "No answer"
    assert reporting.version(over) != reporting.version(request)


def test_the_version_tells_of_every_change(admin: PortalUser, colleague: PortalUser) -> None:
    request = ask(admin, [colleague.user_id, 4])
    before = reporting.version(again(request))
    assert reporting.version(again(request)) == before
    answer(request, colleague)
    assert reporting.version(again(request)) != before


def test_who_may_see_it(admin: PortalUser, colleague: PortalUser, second: PortalUser, stranger: PortalUser) -> None:
    Portal.objects.update(who_may_send=Portal.Who.EVERYONE)
    colleague.portal.refresh_from_db()
    request = ask(colleague, [second.user_id])
    for person, may in ((admin, True), (colleague, True), (second, False), (stranger, False)):
        assert reporting.visible_to(person).filter(pk=request.pk).exists() is may


def test_more_people_cost_no_more_queries(
    admin: PortalUser, colleague: PortalUser, post: Send, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Counts are kept per dispatch: the second look takes none of them anew."""
    request = ask(admin, [colleague.user_id, 4, 6])
    answer(request, colleague)
    request = again(request)
    reporting.report(request, BERLIN)
    with django_assert_num_queries(4):
        reporting.report(request, BERLIN)
    with django_assert_num_queries(2):
        reporting.people(request, "waiting")
    assert Dispatch.objects.get().counts.exists()
