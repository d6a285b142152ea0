"""The report of a confirmation request, as its page asks for it: who sees what, what a click does, what the sheet holds."""

import csv
import io
import json
import re
from datetime import timedelta

import pytest
from django.http import StreamingHttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from b24app.models import Portal, PortalUser
from devportal import world
from devportal.server import Stand
from notifications import closing
from notifications.ask import Ask
from notifications.models import ConfirmationRequest, Notification
from tests.notifications.browse import Browse
from tests.notifications.conftest import Join, states
from tests.notifications.requests import THREE, TWO, again, answer, ask

State = Notification.State


@pytest.fixture
def browse(client: Client) -> Browse:
    return Browse(client)


@pytest.fixture
def second(join: Join, portal: world.Portal, admin: PortalUser) -> PortalUser:
    """Another ordinary person of the portal."""
    return join(portal, portal.people[5])


@pytest.fixture
def request_(admin: PortalUser, colleague: PortalUser, second: PortalUser) -> ConfirmationRequest:
    """One has confirmed, one waits."""
    request = ask(admin, [colleague.user_id, second.user_id], tag="rules")
    answer(request, colleague)
    return again(request)


def path(request: ConfirmationRequest, part: str = "") -> str:
    return f"requests/{request.dispatch_id}/{part}"


def seen(page: str) -> str:
    found = re.search(r'name="seen" id="request-seen" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def triggers(response: object) -> dict[str, dict[str, str]]:
    return json.loads(response.headers["HX-Trigger"])  # type: ignore[attr-defined]


def test_the_report(browse: Browse, admin: PortalUser, colleague: PortalUser, second: PortalUser, request_: ConfirmationRequest) -> None:
    page = browse.get(admin, path(request_))
    assert "<b>1</b> of 2 people have answered" in page
    for name in (colleague.name, second.name, "Remind", "Close the request", "Save as CSV", "Printable sheet", "without a deadline"):
        assert name in page
    assert 'data-again="4000"' in page
    # style-src is 'self': no attribute of that name may be anywhere.
    assert "style=" not in page


def test_who_was_asked_sees_no_report(
    browse: Browse, admin: PortalUser, colleague: PortalUser, stranger: PortalUser, request_: ConfirmationRequest
) -> None:
    Portal.objects.update(who_may_send=Portal.Who.EVERYONE)
    for person in (colleague, stranger):
        person.portal.refresh_from_db()
        for part in ("", "live/", "people/", "close/", "sheet/", "file/"):
            assert browse.status(person, path(request_, part)) == 404
        for part in ("remind/", "close/"):
            assert browse.post(person, path(request_, part)).status_code == 404
    assert browse.status(admin, "requests/999999/") == 404


def test_who_may_not_send_reads_only(browse: Browse, colleague: PortalUser, second: PortalUser, stand: Stand) -> None:
    """An author who was an administrator when they sent it."""
    Portal.objects.update(who_may_send=Portal.Who.EVERYONE)
    colleague.portal.refresh_from_db()
    request = ask(colleague, [second.user_id])
    Portal.objects.update(who_may_send=Portal.Who.ADMINS)
    stand.log.clear()
    page = browse.get(colleague, path(request))
    assert "Waiting" in page
    assert "act-remind" not in page
    for part in ("remind/", "close/"):
        assert browse.post(colleague, path(request, part)).status_code == 403
    assert not stand.log.entries


def test_a_dispatch_that_asks_nothing_has_no_report(browse: Browse, admin: PortalUser, request_: ConfirmationRequest) -> None:
    ConfirmationRequest.objects.all().delete()
    assert browse.status(admin, path(request_)) == 404


def test_only_a_change_is_answered(
    browse: Browse, admin: PortalUser, second: PortalUser, request_: ConfirmationRequest, stand: Stand
) -> None:
    known = seen(browse.get(admin, path(request_)))
    stand.log.clear()
    assert browse.status(admin, path(request_, "live/"), seen=known) == 204
    answer(request_, second, "N", "No time")
    stand.log.clear()
    parts = browse.get(admin, path(request_, "live/"), seen=known, answer="declined")
    for part in ("request-now", "request-days", "request-people"):
        assert f'id="{part}"' in parts
    assert "Complete" in parts
    assert "No time" in parts
    # Nobody is left to answer: nothing is asked for any more.
    assert "data-again" not in parts
    # It reads our own database alone.
    assert not stand.log.entries


def test_looking_for_a_change_costs_next_to_nothing(
    browse: Browse, admin: PortalUser, request_: ConfirmationRequest, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    known = seen(browse.get(admin, path(request_)))
    with django_assert_max_num_queries(2):
        browse.status(admin, path(request_, "live/"), seen=known)


def test_the_people_are_narrowed(browse: Browse, admin: PortalUser, colleague: PortalUser, second: PortalUser) -> None:
    request = ask(admin, [colleague.user_id, second.user_id], wanted=Ask(THREE))
    answer(request, colleague, "later", "<i>Ill</i>")
    page = browse.get(admin, path(request, "people/"), answer="=later")
    assert "&lt;i&gt;Ill&lt;/i&gt;" in page
    assert second.name not in page
    assert "Nobody fits this filter." in browse.get(admin, path(request, "people/"), answer="=N")
    assert colleague.name in browse.get(admin, path(request, "people/"), name=colleague.name.split()[0], answer="nonsense", page="x")


def test_notes_on_those_who_cannot_answer(browse: Browse, portal: world.Portal, admin: PortalUser, colleague: PortalUser) -> None:
    portal.dismiss(portal.people[6])
    portal.people[colleague.user_id].muted.add(admin.portal.client_id)
    page = browse.get(admin, path(ask(admin, [colleague.user_id, 6])))
    assert "1 of those who wait has probably muted this app" in page
    assert "Bitrix24 does not reach these people" in page
    assert "The recipient has probably muted this app." in page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"deadline": timedelta(minutes=-1)}, "Time over"),
        ({"deadline": timedelta(days=2)}, "until "),
        ({"remind_at": timedelta(days=1)}, "reminder by itself: "),
        ({"reminding_since": timedelta(0)}, "are being reminded in the background"),
    ],
)
def test_how_it_stands(browse: Browse, admin: PortalUser, request_: ConfirmationRequest, change: dict[str, timedelta], said: str) -> None:
    ConfirmationRequest.objects.update(**{name: timezone.now() + distance for name, distance in change.items()})
    page = browse.get(admin, path(request_))
    assert said in page
    assert ("act-close" in page) is (said != "Time over")
    assert ("No answer" in page) is (said == "Time over")


def test_the_chart_and_its_table(browse: Browse, admin: PortalUser, request_: ConfirmationRequest) -> None:
    page = browse.get(admin, path(request_))
    assert 'class="part-confirmed" x="1.800%" width="6.400%" y="18" height="78"' in page
    assert re.search(r'<th scope="row">[^<]+</th><td>1</td><td>0</td>', page)


def test_no_chart_without_answers(browse: Browse, admin: PortalUser) -> None:
    assert "chart" not in browse.get(admin, path(ask(admin, [3])))


def test_numbers_in_attributes_stay_numbers_in_russian(browse: Browse, admin: PortalUser, request_: ConfirmationRequest) -> None:
    Portal.objects.update(interface_language="ru")
    page = browse.get(admin, path(request_))
    for attribute in ("x", "width", "y", "height"):
        assert not re.search(rf' {attribute}="[^"]*,', page)


def test_remind(browse: Browse, admin: PortalUser, second: PortalUser, request_: ConfirmationRequest) -> None:
    said = triggers(browse.post(admin, path(request_, "remind/")))
    assert said["toast"] == {"kind": "ok", "text": "1 person was reminded."}
    assert "request-changed" in said
    said = triggers(browse.post(admin, path(request_, "remind/")))
    assert said["toast"] == {"kind": "info", "text": "1 person was not, because they had a reminder within the last hour."}
    answer(request_, second)
    assert triggers(browse.post(admin, path(request_, "remind/")))["toast"]["text"] == "Nobody is left to be reminded."
    closing.close(admin, request_)
    assert triggers(browse.post(admin, path(request_, "remind/")))["toast"]["kind"] == "bad"


def test_remind_many_in_the_background(browse: Browse, stand: Stand, join: Join) -> None:
    portal = stand.portals[2]
    author = join(portal, portal.admin)
    people = [person.id for person in portal.people.values() if person.active][:80]
    request = ask(author, people[:40])
    Notification.objects.filter(dispatch=ask(author, people[40:]).dispatch_id).update(dispatch=request.dispatch_id)
    said = triggers(browse.post(author, path(request, "remind/")))
    assert said["toast"] == {"kind": "ok", "text": "80 people are being reminded."}
    assert Notification.objects.filter(reminded_at=None).count() == 0
    assert again(request).reminding_since is None


def test_a_failing_reminder_is_said(browse: Browse, admin: PortalUser, stand: Stand, request_: ConfirmationRequest) -> None:
    stand.faults.order(method="batch", code="OVERLOAD_LIMIT")
    response = browse.post(admin, path(request_, "remind/"))
    assert response.status_code in (502, 503)
    assert triggers(response)["toast"]["kind"] == "bad"


def test_a_reminder_of_unknown_fate_is_said(browse: Browse, admin: PortalUser, stand: Stand, request_: ConfirmationRequest) -> None:
    """It may have arrived, and is made certain by itself."""
    stand.faults.order(method="batch", kind="cut_after")
    said = triggers(browse.post(admin, path(request_, "remind/")))["toast"]
    assert "could not be reminded" not in said["text"]
    assert "The portal did not say whether 1 person was reminded" in said["text"]


def test_close(browse: Browse, admin: PortalUser, second: PortalUser, request_: ConfirmationRequest, stand: Stand) -> None:
    assert "1 person has not answered." in browse.get(admin, path(request_, "close/"))
    stand.log.clear()
    said = triggers(browse.post(admin, path(request_, "close/")))
    assert said["toast"]["text"] == "The request is closed: it takes no more answers."
    assert {"close-dialog", "request-changed"} <= set(said)
    assert again(request_).closed_by == admin
    assert states(request_.dispatch)[second.user_id] == State.SENT
    assert not stand.log.entries
    assert "closed already" in browse.get(admin, path(request_, "close/"))
    assert triggers(browse.post(admin, path(request_, "close/")))["toast"]["kind"] == "info"
    page = browse.get(admin, path(request_))
    assert "by Marta Quellenbach, today" in page
    assert "No answer" in page
    assert "act-remind" not in page


@pytest.mark.django_db(transaction=True)
def test_close_and_take_back(
    browse: Browse, portal: world.Portal, admin: PortalUser, second: PortalUser, request_: ConfirmationRequest
) -> None:
    browse.post(admin, path(request_, "close/"), take_back="1")
    assert states(request_.dispatch)[second.user_id] == State.DELETED
    assert portal.feed(portal.people[second.user_id]) == []
    assert State.CONFIRMED in states(request_.dispatch).values()


def test_the_sheet_as_a_page(browse: Browse, admin: PortalUser, colleague: PortalUser, request_: ConfirmationRequest) -> None:
    page = browse.get(admin, path(request_, "sheet/"))
    for text in ("Acknowledgement sheet", "Read the rules", admin.name, colleague.name, "Confirmed", "data-print", "rules"):
        assert text in page
    assert "style=" not in page


def test_the_sheet_as_a_file(browse: Browse, admin: PortalUser, colleague: PortalUser, request_: ConfirmationRequest) -> None:
    PortalUser.objects.filter(pk=admin.pk).update(time_zone="Asia/Tokyo")
    response = browse.answer(admin, path(request_, "file/"))
    assert isinstance(response, StreamingHttpResponse)
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == f'attachment; filename="answers-{request_.dispatch_id}.csv"'
    content = b"".join(response.streaming_content)  # type: ignore[arg-type]
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert ["Time zone", "Asia/Tokyo"] in rows
    assert [row[2:4] for row in rows if row[:1] == [colleague.name]] == [["Confirmed", "Confirm"]]


def test_the_sheet_in_the_portals_language(browse: Browse, admin: PortalUser, request_: ConfirmationRequest) -> None:
    """Rows are read after the view has returned, when the request's language and zone hold no longer."""
    Portal.objects.update(interface_language="ru")
    response = browse.answer(admin, path(request_, "file/"))
    content = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    assert len(next(csv.reader(io.StringIO(content), delimiter=";"))) == 2


def test_of_two_buttons_the_meanings_are_the_filter(browse: Browse, admin: PortalUser) -> None:
    page = browse.get(admin, path(ask(admin, [3], wanted=Ask(TWO))))
    assert re.findall(r'name="answer" value="([^"]*)"', page) == ["", "confirmed", "declined", "waiting", "gone"]


def test_rows_of_the_sent_list_say_how_they_stand(
    browse: Browse, admin: PortalUser, colleague: PortalUser, second: PortalUser, request_: ConfirmationRequest
) -> None:
    """Who was asked sees their own row without the way to everybody's answers."""
    page = browse.get(admin, "sent/")
    assert re.findall(r'<span class="badge badge-(?:violet|wait)">([^<]+)</span>', page) == ["Waiting", "Confirmed"]
    assert page.count(f'hx-get="/frame/dispatches/{request_.dispatch_id}/"') == 2
    assert "All answers" not in browse.get(second, "sent/")
    assert "All answers" in browse.get(admin, "sent/", view="tag")
    assert "All answers" not in browse.get(second, "sent/", view="tag")
    closing.close(admin, request_)
    assert re.findall(r'<span class="badge badge-wait">([^<]+)</span>', browse.get(second, "sent/")) == ["No answer"]
