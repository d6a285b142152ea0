"""The acknowledgement sheet agrees with the records, and does no harm in a spreadsheet."""

import csv
import io
from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from b24app.models import PortalUser
from devportal import world
from notifications import closing, ledger
from notifications.ask import Ask
from notifications.models import Answer, ConfirmationRequest, Dispatch, Notification
from notifications.reporting import Group
from notifications.sheet import Sheet
from tests.notifications.conftest import Join
from tests.notifications.requests import THREE, again, answer, ask

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def second(join: Join, portal: world.Portal, admin: PortalUser) -> PortalUser:
    """Another ordinary person of the portal."""
    return join(portal, portal.people[5])


@pytest.fixture
def request_(portal: world.Portal, admin: PortalUser, colleague: PortalUser, second: PortalUser) -> ConfirmationRequest:
    """One has confirmed, one declined, one waits, one was dismissed."""
    portal.dismiss(portal.people[6])
    request = ask(
        admin, [admin.user_id, colleague.user_id, second.user_id, 6], wanted=Ask(THREE), message="=HYPERLINK() [B]rules[/B]", tag="rules"
    )
    answer(request, colleague)
    answer(request, second, "later", '=cmd|"/c calc"!A1\nand; more, "text"')
    Answer.objects.update(answered_at=datetime(2026, 7, 1, 22, 30, tzinfo=UTC))
    return again(request)


def table(request: ConfirmationRequest, language: str = "en", delimiter: str = ",") -> list[list[str]]:
    text = "".join(Sheet(request, language, BERLIN).csv())
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:], newline=""), delimiter=delimiter))


def test_the_file_agrees_with_the_records(request_: ConfirmationRequest, colleague: PortalUser, second: PortalUser) -> None:
    rows = table(request_)
    facts = {row[0]: row[1] for row in rows if len(row) == 2}
    assert facts["Sent by"] == request_.dispatch.author.name
    assert (facts["TAG"], facts["State"], facts["Time zone"]) == ("rules", "Open", "Europe/Berlin")
    assert "SUB_TAG" not in facts
    assert "Deadline" not in facts
    people = {row[1]: row for row in rows if len(row) == 7}
    assert people.pop("User ID")[4] == "Answered at (Europe/Berlin)"
    assert people[str(colleague.user_id)] == [colleague.name, str(colleague.user_id), "Confirmed", "Confirm", "2026-07-02 00:30", "", ""]
    declined = people[str(second.user_id)]
    assert declined[2:5] == ["Declined", "Not now", "2026-07-02 00:30"]
    assert people[str(request_.dispatch.author.user_id)][2:] == ["Waiting", "", "", "", ""]
    assert people["6"][2] == "Gone"
    assert "dismissed" in people["6"][6]
    assert len(people) == Notification.objects.count()
    assert [row for row in rows if row[:1] in (["Confirmed"], ["Declined"], ["Waiting"], ["Gone"], ["Asked in all"])] == [
        ["Confirmed", "1"],
        ["Declined", "1"],
        ["Waiting", "1"],
        ["Gone", "1"],
        ["Asked in all", "4"],
    ]


def test_no_cell_is_a_formula(request_: ConfirmationRequest, second: PortalUser) -> None:
    PortalUser.objects.filter(pk=second.pk).update(name="@SUM(A1)")
    Dispatch.objects.update(tag="+1", sub_tag="-1")
    Answer.objects.update(label=" =1+1", reason="\tx")
    cells = [cell for row in table(again(request_)) for cell in row]
    assert {"'@SUM(A1)", "'+1", "'-1", "' =1+1", "'\tx", "'=HYPERLINK() rules"} <= set(cells)
    assert not [cell for cell in cells if cell.strip(" ").startswith(("=", "+", "-", "@", "\t"))]


def test_what_people_typed_comes_back_whole(request_: ConfirmationRequest) -> None:
    assert any('\'=cmd|"/c calc"!A1\nand; more, "text"' in row for row in table(request_))


def test_separators_are_the_languages(request_: ConfirmationRequest) -> None:
    """Where a comma divides a number, spreadsheets expect semicolons between cells."""
    assert len([row for row in table(request_, "ru", ";") if len(row) == 7]) == 5


def test_its_language_is_the_readers_and_holds_for_no_one_else(request_: ConfirmationRequest) -> None:
    with translation.override("en"):
        for _piece in Sheet(request_, "ru", BERLIN).csv():
            assert translation.get_language() == "en"


def test_the_end_is_named(admin: PortalUser, request_: ConfirmationRequest) -> None:
    closing.close(admin, request_)
    state = dict(Sheet(request_, "en", BERLIN).facts())["State"]
    assert state.startswith(f"Closed by {admin.name}, 20")
    assert ["No answer", "1"] in table(request_)


def test_totals_are_those_of_the_lines(request_: ConfirmationRequest) -> None:
    sheet = Sheet(request_, "en", BERLIN)
    groups = Counter(line.group for line in sheet.lines())
    assert groups == Counter(Group)
    assert dict(sheet.totals(groups))["Asked in all"] == 4


def test_people_are_in_the_order_of_their_names(request_: ConfirmationRequest) -> None:
    names = list(request_.dispatch.notifications.order_by("recipient__name").values_list("recipient__name", flat=True))
    assert [line.name for line in Sheet(request_, "en", BERLIN).lines()] == names


def test_what_became_of_the_gone_is_named(admin: PortalUser) -> None:
    request = ask(admin, [3])
    ledger.close(request.dispatch.notifications.all(), Notification.State.DELETED)
    [line] = Sheet(again(request), "en", BERLIN).lines()
    assert (line.result, line.remark, line.answered_at) == ("Gone", "Deleted", "")
