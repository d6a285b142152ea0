"""Dispatches, as the page asks for them: the history, one dispatch's figures, and what a click does, once."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from b24app.models import Portal, PortalUser
from devportal.server import Stand
from notifications import ledger
from notifications.ask import default_buttons, write
from notifications.models import ConfirmationRequest, Dispatch, Notification
from tests.notifications.browse import Browse
from tests.notifications.conftest import Send
from tests.notifications.dispatched import plant
from tests.processes import queue_at

State, Row = Dispatch.State, Notification.State


@pytest.fixture
def browse(client: Client) -> Browse:
    return Browse(client)


@pytest.fixture(autouse=True)
def tasks_wait(tmp_path: Path) -> Iterator[None]:
    """What a click enqueues stays in the queue: these tests look at the click."""
    with queue_at(f"sqlite:///{tmp_path / 'queue.sqlite3'}"):
        yield


def enqueued() -> int:
    return int(settings.HUEY.pending_count())


def told(response: HttpResponse) -> str:
    """The toast of an answer; empty without one."""
    return str(json.loads(response.headers.get("HX-Trigger", "{}")).get("toast", {}).get("text", ""))


def history(browse: Browse, person: PortalUser, **params: object) -> str:
    return browse.get(person, "sent/", target="sent-list", view="dispatches", **params)


class TestHistory:
    def test_one_line_for_each_dispatch(self, browse: Browse, admin: PortalUser) -> None:
        sent = {Row.SENT: 1200, Row.FAILED: 40}
        plant(admin, sent, state=State.DONE, message="[b]All[/b] hands", tag="hands", sub_tag="company", audience={"everyone": True})
        plant(admin, {Row.QUEUED: 1}, message="Later <one>", state=State.PAUSED)
        page = history(browse, admin)
        assert page.index("Later &lt;one&gt;") < page.index("All hands")
        for text in ("1,240 people", ">Everyone<", "Sent 1,200", "Failed 40", ">hands<", ">company<", ">Paused<", admin.name):
            assert text in page
        assert 'class="bar-failed" x="96.774%"' in page

    def test_the_switch_and_the_filter_know_it(self, browse: Browse, admin: PortalUser) -> None:
        page = browse.get(admin, "sent/", view="dispatches")
        assert 'value="dispatches" form="sent-filter" checked' in page
        assert "No dispatches yet" in page
        assert 'name="dispatch_state"' in page

    @pytest.mark.parametrize(
        ("params", "found"),
        [
            ({"words": "canteen"}, "The CANTEEN"),
            ({"words": "КОМАНДА"}, "Вся команда"),
            ({"words": "matter"}, "The CANTEEN"),
            ({"tag": "matter-1"}, "The CANTEEN"),
            ({"sub_tag": "sub"}, "Вся команда"),
            ({"dispatch_state": "paused"}, "Вся команда"),
            ({"dispatch_state": "unsent"}, "Wait for it"),
        ],
    )
    def test_narrowed(self, browse: Browse, admin: PortalUser, params: dict[str, str], found: str) -> None:
        plant(admin, {Row.SENT: 1}, message="The CANTEEN", tag="matter-1", state=State.DONE)
        plant(admin, {Row.SENT: 1}, message="Вся команда", sub_tag="sub", state=State.PAUSED)
        plant(admin, {}, message="Wait for it", state=State.READY, total=5)
        page = history(browse, admin, **params)
        assert [text for text in ("The CANTEEN", "Вся команда", "Wait for it") if f">{text}<" in page] == [found]
        assert page.count("Remove filter") == len(set(params) - {"words"})

    def test_by_author(self, browse: Browse, admin: PortalUser, colleague: PortalUser) -> None:
        plant(admin, {Row.SENT: 1}, message="Mine")
        plant(colleague, {Row.SENT: 1}, message="Theirs")
        page = history(browse, admin, words=colleague.name.split()[0].upper())
        assert ">Theirs<" in page
        assert ">Mine<" not in page

    def test_nothing_matches(self, browse: Browse, admin: PortalUser) -> None:
        plant(admin, {Row.SENT: 1})
        assert "No dispatch fits this filter" in history(browse, admin, words="no such thing")

    def test_load_more(self, browse: Browse, admin: PortalUser) -> None:
        for number in range(51):
            plant(admin, {Row.SENT: 1}, message=f"Matter {number}.")
        page = history(browse, admin)
        assert "Matter 0." not in page
        rows = history(browse, admin, before=page.split("?before=")[1].split('"')[0])
        assert rows.count("<tr") == 1
        assert "Matter 0." in rows
        assert "<table" not in rows

    def test_queries_do_not_grow(self, browse: Browse, admin: PortalUser) -> None:
        """The person, the page, its counts, what of the person's own is under way and that one's counts."""
        for _ in range(4):
            plant(admin, {Row.SENT: 3}, state=State.DONE)
        history(browse, admin)
        with CaptureQueriesContext(connection) as few:
            history(browse, admin)
        for _ in range(20):
            plant(admin, {Row.SENT: 3}, state=State.DONE)
        history(browse, admin)
        with CaptureQueriesContext(connection) as many:
            history(browse, admin)
        assert len(few) == len(many) == 4

    def test_not_sent_yet_is_for_its_author_and_who_sees_all(self, browse: Browse, admin: PortalUser, colleague: PortalUser) -> None:
        plant(admin, {}, message="Admin's", state=State.READY, total=7)
        plant(colleague, {}, message="Colleague's", state=State.PREPARING)
        assert "Not sent yet" in history(browse, admin)
        assert "Colleague&#x27;s" in history(browse, admin)
        theirs = history(browse, colleague)
        assert "Colleague&#x27;s" in theirs
        assert "Admin&#x27;s" not in theirs

    def test_a_recipient_sees_that_they_got_it_and_no_more(self, browse: Browse, admin: PortalUser, colleague: PortalUser) -> None:
        plant(admin, {Row.SENT: 30, Row.FAILED: 3}, message="For many", recipients=[colleague])
        plant(admin, {Row.SENT: 30}, message="For others")
        page = history(browse, colleague)
        assert ">For many<" in page
        assert ">You<" in page
        for text in ("For others", "33 people", "Sent 30", "Failed"):
            assert text not in page

    def test_another_portal_is_another_world(self, browse: Browse, admin: PortalUser, stranger: PortalUser) -> None:
        plant(admin, {Row.SENT: 1}, message="Ours")
        assert "Ours" not in history(browse, stranger)


class TestUnderWay:
    """A quiet line over every view of Sent."""

    @pytest.mark.parametrize("view", ["list", "tag", "sub_tag", "dispatches"])
    def test_leads_to_ones_own(self, browse: Browse, admin: PortalUser, view: str) -> None:
        dispatch = plant(admin, {Row.SENT: 480, Row.QUEUED: 760})
        page = browse.get(admin, "sent/", view=view)
        assert "Sending to 1,240 people: 38 %" in page
        assert f'hx-get="/frame/dispatches/{dispatch.pk}/"' in page

    @pytest.mark.parametrize("state", [State.READY, State.PAUSED, State.DONE, State.CANCELLED])
    def test_not_once_it_rests(self, browse: Browse, admin: PortalUser, state: str) -> None:
        plant(admin, {Row.SENT: 1}, state=state)
        assert "Sending to" not in browse.get(admin, "sent/")

    def test_not_anothers(self, browse: Browse, admin: PortalUser, colleague: PortalUser) -> None:
        plant(colleague, {Row.QUEUED: 1})
        assert "Sending to" not in browse.get(admin, "sent/")


class TestPage:
    def test_what_was_sent_and_what_became_of_it(self, browse: Browse, admin: PortalUser, stand: Stand) -> None:
        dispatch = plant(
            admin,
            {Row.SENT: 20, Row.QUEUED: 1000, Row.FAILED: 2},
            message="[b]Due[/b] <i>now</i>",
            tag="t1",
            attach=[{"MESSAGE": "Attached"}],
            audience={"everyone": True},
        )
        page = browse.get(admin, f"dispatches/{dispatch.pk}/")
        for text in (
            "<b>Due</b> &lt;i&gt;now&lt;/i&gt;",
            "Attached",
            ">t1<",
            "1,022 people",
            "Everyone",
            ">Running<",
            "Any state",
            admin.name,
        ):
            assert text in page
        for figure in (
            "<b>22</b> of 1,022",
            "2 %",
            "Queued <b>1,000</b>",
            '<th scope="row">Queued</th><td>1,000</td>',
            'aria-valuenow="22"',
        ):
            assert figure in page
        assert "cannot receive notifications" in page
        assert 'data-under="sent"' in page
        assert not stand.log.entries

    @pytest.mark.parametrize(
        ("state", "numbers", "offered"),
        [
            (State.QUEUED, {Row.QUEUED: 2}, {"pause", "cancel"}),
            (State.RUNNING, {Row.QUEUED: 2, Row.SENT: 1, Row.FAILED: 1}, {"pause", "cancel", "take-back"}),
            (State.PAUSED, {Row.QUEUED: 2, Row.SENT: 1}, {"resume", "cancel", "take-back"}),
            (State.DONE, {Row.SENT: 2}, {"take-back"}),
            (State.DONE, {Row.SENT: 2, Row.FAILED: 1}, {"take-back", "resend"}),
            (State.DONE, {Row.DELETED: 2}, set()),
            (State.CANCELLED, {Row.CANCELLED: 2, Row.FAILED: 1}, {"resend"}),
        ],
    )
    def test_offers_what_can_be_done(
        self, browse: Browse, admin: PortalUser, state: str, numbers: dict[str, int], offered: set[str]
    ) -> None:
        page = browse.get(admin, f"dispatches/{plant(admin, numbers, state=state).pk}/")
        acts = {"pause", "resume", "cancel", "resend", "take-back"}
        assert {act for act in acts if f'id="act-{act}"' in page} == offered

    @pytest.mark.parametrize("state", [State.PREPARING, State.READY])
    def test_before_it_is_sent_the_audience_is_shown(self, browse: Browse, admin: PortalUser, state: str) -> None:
        dispatch = plant(admin, {}, state=state, total=3)
        page = browse.get(admin, f"dispatches/{dispatch.pk}/")
        assert f'hx-get="/frame/dispatches/{dispatch.pk}/audience/"' in page
        assert "dispatch-live" not in page

    def test_a_confirmation_request_has_its_report_here(self, browse: Browse, admin: PortalUser) -> None:
        dispatch = plant(admin, {Row.SENT: 1}, state=State.DONE)
        assert "/frame/requests/" not in browse.get(admin, f"dispatches/{dispatch.pk}/")
        ConfirmationRequest.objects.create(dispatch=dispatch, buttons=write(default_buttons()))
        assert f'hx-get="/frame/requests/{dispatch.pk}/"' in browse.get(admin, f"dispatches/{dispatch.pk}/")
        assert "not answered" in browse.get(admin, f"dispatches/{dispatch.pk}/take-back/")

    def test_what_it_waits_for(self, browse: Browse, admin: PortalUser) -> None:
        dispatch = plant(admin, {Row.QUEUED: 2})
        Portal.objects.filter(pk=admin.portal_id).update(
            state=Portal.State.SUSPENDED, suspended_code="OVERLOAD_LIMIT", suspended_at=timezone.now()
        )
        page = browse.get(admin, f"dispatches/{dispatch.pk}/")
        assert "has let the app do nothing since today" in page
        assert "because of overload" in page

    def test_paused_by_itself(self, browse: Browse, admin: PortalUser) -> None:
        dispatch = plant(admin, {Row.QUEUED: 2}, state=State.PAUSED, error_code="INVALID_GRANT")
        page = browse.get(admin, f"dispatches/{dispatch.pk}/")
        assert "The app paused this dispatch by itself." in page
        assert "no longer accepts your sign-in" in page

    def test_ended_before_everybody_got_it(self, browse: Browse, admin: PortalUser) -> None:
        """The app was removed meanwhile, and is installed again."""
        dispatch = plant(admin, {Row.SENT: 1, Row.FAILED: 1}, state=State.DONE, error_code="NOT_INSTALLED", codes=["NOT_INSTALLED"])
        page = browse.get(admin, f"dispatches/{dispatch.pk}/")
        assert "It ended before everybody got it." in page
        assert "Everything has been handed" not in page

    def test_what_came_of_taking_back(self, browse: Browse, admin: PortalUser) -> None:
        numbers = {"which": "unread", "deleted": 1200, "read": 3, "unknown": 1, "failed": 2, "error": "OVERLOAD_LIMIT"}
        dispatch = plant(admin, {Row.DELETED: 2}, state=State.DONE, taken_back=numbers)
        page = browse.get(admin, f"dispatches/{dispatch.pk}/")
        for text in ("Taken back from 1,200 people.", "3 people have read it", "1 person keeps it", "For 2 people Bitrix24", "overload"):
            assert text in page
        Dispatch.objects.update(taking_back="unread")
        assert "gone from 1,200 people so far" in browse.get(admin, f"dispatches/{dispatch.pk}/figures/")


class TestRights:
    PATHS = ("", "figures/", "rows/", "cancel/", "resend/", "take-back/", "discard/")
    ACTS = ("start/", "pause/", "resume/", "cancel/", "resend/", "take-back/")

    def test_another_portal_gets_404_everywhere(self, browse: Browse, admin: PortalUser, stranger: PortalUser) -> None:
        dispatch = plant(admin, {Row.QUEUED: 2})
        path = f"dispatches/{dispatch.pk}/"
        assert {browse.status(stranger, path + each) for each in self.PATHS} == {404}
        assert {browse.post(stranger, path + each, which="all").status_code for each in self.ACTS} == {404}
        # What does not exist counts as discarded already.
        assert browse.post(stranger, path + "discard/").status_code == 204
        assert (Dispatch.objects.get().state, enqueued()) == (State.RUNNING, 0)

    def test_who_got_nothing_of_it_gets_404(self, browse: Browse, admin: PortalUser, colleague: PortalUser) -> None:
        path = f"dispatches/{plant(admin, {Row.QUEUED: 2}).pk}/"
        assert {browse.status(colleague, path + each) for each in self.PATHS} == {404}

    def test_a_recipient_sees_their_own_copy(self, browse: Browse, admin: PortalUser, colleague: PortalUser) -> None:
        path = f"dispatches/{plant(admin, {Row.SENT: 30, Row.FAILED: 2}, message='Read me', recipients=[colleague]).pk}/"
        page = browse.get(colleague, path)
        assert "Read me" in page
        assert page.count("<tr") == 2, "the heading and their own row"
        assert colleague.name in page
        for text in ("dispatch-live", "act-", "32 people", "Person 5", 'id="rows-filter"'):
            assert text not in page
        assert browse.get(colleague, path + "rows/").count("<tr") == 2
        assert {browse.status(colleague, path + each) for each in self.PATHS if each not in ("", "rows/")} == {404}
        statuses = {each: browse.post(colleague, path + each, which="all").status_code for each in self.ACTS}
        assert statuses.pop("start/") == 403
        assert set(statuses.values()) == {404}

    def test_who_sees_all_but_may_not_send_can_only_stop_it(self, browse: Browse, admin: PortalUser, colleague: PortalUser) -> None:
        Portal.objects.filter(pk=admin.portal_id).update(who_may_see_all=Portal.Who.EVERYONE)
        dispatch = plant(admin, {Row.QUEUED: 2, Row.SENT: 3})
        page = browse.get(colleague, f"dispatches/{dispatch.pk}/")
        assert "Sent <b>3</b>" in page
        assert 'id="act-pause"' in page
        browse.post(colleague, f"dispatches/{dispatch.pk}/pause/")
        assert Dispatch.objects.get().state == State.PAUSED
        assert 'id="act-resume"' not in browse.get(colleague, f"dispatches/{dispatch.pk}/")
        assert "may not send" in told(browse.post(colleague, f"dispatches/{dispatch.pk}/resume/"))

    def test_an_author_who_may_no_longer_send_can_still_stop_it(self, browse: Browse, colleague: PortalUser) -> None:
        dispatch = plant(colleague, {Row.QUEUED: 2})
        page = browse.get(colleague, f"dispatches/{dispatch.pk}/")
        assert 'id="act-pause"' in page
        browse.post(colleague, f"dispatches/{dispatch.pk}/pause/")
        assert 'id="act-resume"' not in browse.get(colleague, f"dispatches/{dispatch.pk}/")
        assert "may not send" in told(browse.post(colleague, f"dispatches/{dispatch.pk}/resume/"))

    @pytest.mark.parametrize("may", [True, False])
    def test_an_author_takes_it_back_while_they_may_send(self, browse: Browse, colleague: PortalUser, may: bool) -> None:
        Portal.objects.update(who_may_send=Portal.Who.EVERYONE if may else Portal.Who.ADMINS)
        dispatch = plant(colleague, {Row.SENT: 2})
        assert ('id="act-take-back"' in browse.get(colleague, f"dispatches/{dispatch.pk}/")) == may
        said = told(browse.post(colleague, f"dispatches/{dispatch.pk}/take-back/", which="all"))
        assert ("may not take back" in said) != may
        assert Dispatch.objects.get().taking_back == ("all" if may else "")


class TestFigures:
    def test_are_asked_for_again_only_while_they_can_change(self, browse: Browse, admin: PortalUser) -> None:
        dispatch = plant(admin, {Row.QUEUED: 2})
        assert 'data-again="2000"' in browse.get(admin, f"dispatches/{dispatch.pk}/figures/")
        Dispatch.objects.update(state=State.PAUSED)
        assert 'data-again="10000"' in browse.get(admin, f"dispatches/{dispatch.pk}/figures/")
        Dispatch.objects.update(state=State.DONE)
        assert "data-again" not in browse.get(admin, f"dispatches/{dispatch.pk}/figures/")

    def test_cost_the_same_few_queries_and_no_call(self, browse: Browse, admin: PortalUser, stand: Stand) -> None:
        """The person, the dispatch, others under way, the counts, bucket, pauses, lane, speed, reasons."""
        small = plant(admin, {Row.SENT: 2, Row.QUEUED: 2, Row.FAILED: 1})
        large = plant(admin, {Row.SENT: 300, Row.QUEUED: 300, Row.FAILED: 20})
        Dispatch.objects.update(started_at=timezone.now() - timedelta(seconds=30))
        spent = []
        for dispatch in (small, large):
            path = f"dispatches/{dispatch.pk}/figures/"
            browse.get(admin, path)
            with CaptureQueriesContext(connection) as queries:
                browse.get(admin, path)
            spent.append(len(queries))
        assert spent == [9, 9]
        assert not stand.log.entries

    def test_change_with_the_rows(self, browse: Browse, admin: PortalUser) -> None:
        dispatch = plant(admin, {Row.QUEUED: 4})
        path = f"dispatches/{dispatch.pk}/figures/"
        assert "<b>0</b> of 4" in browse.get(admin, path)
        first = dispatch.notifications.order_by("id")[:3].values_list("pk", flat=True)
        Notification.objects.filter(pk__in=list(first)).update(state=Row.SENT, sent_at=timezone.now())
        ledger.changed([dispatch.pk])
        page = browse.get(admin, path)
        assert "<b>3</b> of 4" in page
        assert "75 %" in page


class TestRows:
    def test_page_by_page_in_the_order_of_writing(self, browse: Browse, admin: PortalUser) -> None:
        dispatch = plant(admin, {Row.SENT: 51})
        path = f"dispatches/{dispatch.pk}/rows/"
        page = browse.get(admin, path)
        assert page.count('class="person"') == 50
        rest = browse.get(admin, path, after=page.split("?after=")[1].split('"')[0])
        assert rest.count("<tr") == 1
        assert "Person 50050" in rest
        assert "Load more" not in rest

    def test_of_one_state(self, browse: Browse, admin: PortalUser) -> None:
        path = f"dispatches/{plant(admin, {Row.SENT: 2, Row.FAILED: 1}).pk}/rows/"
        assert browse.get(admin, path, state="failed").count('class="person"') == 1
        assert "Nobody is in this state." in browse.get(admin, path, state="queued")
        assert browse.get(admin, path, state="no such").count('class="person"') == 3

    def test_who_failed_for_a_reason(self, browse: Browse, admin: PortalUser) -> None:
        dispatch = plant(admin, {Row.FAILED: 103}, codes=("ACCESS_ERROR", "RECIPIENT_UNAVAILABLE"))
        path = f"dispatches/{dispatch.pk}/rows/"
        page = browse.get(admin, path, reason="ACCESS_ERROR")
        assert page.count('class="person"') == 50
        assert "Person 50001" not in page
        after = page.split("after=")[1].split('"')[0]
        assert browse.get(admin, path, reason="ACCESS_ERROR", after=after).count('class="person"') == 2


Ask = Callable[..., HttpResponse]


class TestActs:
    """Each does its work once, whatever is clicked twice, and answers with how things stand."""

    @pytest.fixture
    def click(self, browse: Browse, admin: PortalUser) -> Ask:
        def click(dispatch: Dispatch, act: str, **form: Any) -> HttpResponse:
            return browse.post(admin, f"dispatches/{dispatch.pk}/{act}/", **form)

        return click

    def test_start(self, click: Ask, admin: PortalUser, colleague: PortalUser) -> None:
        dispatch = plant(admin, {}, state=State.READY, total=2, started_at=None)
        Dispatch.objects.update(recipients=[admin.pk, colleague.pk])
        page = click(dispatch, "start").content.decode()
        assert "dispatch-live" in page
        assert "<b>0</b> of 2" in page
        assert enqueued() == 1
        click(dispatch, "start")
        assert dispatch.notifications.count() == 2

    def test_start_of_what_is_not_ready(self, click: Ask, admin: PortalUser) -> None:
        dispatch = plant(admin, {}, state=State.PREPARING)
        assert "not ready yet" in told(click(dispatch, "start"))
        assert enqueued() == 0

    def test_pause_and_resume(self, click: Ask, admin: PortalUser) -> None:
        dispatch = plant(admin, {Row.QUEUED: 2})
        answer = click(dispatch, "pause")
        assert "Paused." in told(answer)
        assert 'id="act-resume"' in answer.content.decode()
        assert Dispatch.objects.get().state == State.PAUSED
        click(dispatch, "pause")
        answer = click(dispatch, "resume")
        assert 'id="act-pause"' in answer.content.decode()
        assert Dispatch.objects.get().state == State.RUNNING
        assert enqueued() >= 1

    def test_cancel(self, browse: Browse, click: Ask, admin: PortalUser) -> None:
        dispatch = plant(admin, {Row.QUEUED: 2, Row.SENT: 1})
        assert "cannot be undone" in browse.get(admin, f"dispatches/{dispatch.pk}/cancel/")
        answer = click(dispatch, "cancel")
        assert json.loads(answer["HX-Trigger"])["close-dialog"] == {}
        assert "Cancelled <b>2</b>" in answer.content.decode()
        click(dispatch, "cancel")
        assert sorted(dispatch.notifications.values_list("state", flat=True)) == [Row.CANCELLED, Row.CANCELLED, Row.SENT]

    def test_too_late_says_so_and_shows_how_it_is(self, click: Ask, admin: PortalUser) -> None:
        dispatch = plant(admin, {Row.SENT: 2}, state=State.DONE)
        answer = click(dispatch, "cancel")
        assert "finished already" in told(answer)
        assert ">Done<" in answer.content.decode()
        assert enqueued() == 0

    @pytest.mark.parametrize("state", [State.PREPARING, State.READY])
    @pytest.mark.parametrize("act", ["pause", "resume", "cancel", "resend", "take-back"])
    def test_too_early_says_so(self, click: Ask, admin: PortalUser, act: str, state: str) -> None:
        dispatch = plant(admin, {}, state=state, total=2, started_at=None)
        assert "has not been started" in told(click(dispatch, act, which="all"))
        assert Dispatch.objects.get().state == state

    def test_send_again(self, browse: Browse, click: Ask, admin: PortalUser) -> None:
        dispatch = plant(admin, {Row.SENT: 2, Row.FAILED: 3}, state=State.DONE)
        assert "Send again to 3 people?" in browse.get(admin, f"dispatches/{dispatch.pk}/resend/")
        answer = click(dispatch, "resend")
        assert "Queued <b>3</b>" in answer.content.decode()
        assert enqueued() == 1
        click(dispatch, "resend")
        assert sorted(dispatch.notifications.values_list("state", flat=True)) == [Row.QUEUED] * 3 + [Row.SENT] * 2
        assert "Nobody to send to again" in browse.get(admin, f"dispatches/{dispatch.pk}/resend/")

    def test_take_back(self, browse: Browse, click: Ask, admin: PortalUser, post: Send) -> None:
        dispatch = post([3, 4], tag="t")
        question = browse.get(admin, f"dispatches/{dispatch.pk}/take-back/")
        assert "2 people" in question
        assert "only about people who have opened this app" in question
        assert "not answered" not in question
        answer = click(dispatch, "take-back", which="all")
        assert "Taken back from 2 people." in answer.content.decode()
        assert set(dispatch.notifications.values_list("state", flat=True)) == {Row.DELETED}

    @pytest.mark.parametrize("which", ["", "everything"])
    def test_take_back_of_what(self, click: Ask, admin: PortalUser, which: str) -> None:
        dispatch = plant(admin, {Row.SENT: 2, Row.QUEUED: 2})
        assert "Choose what to take back" in told(click(dispatch, "take-back", which=which))
        assert (Dispatch.objects.get().state, enqueued()) == (State.RUNNING, 0)

    def test_discard(self, browse: Browse, click: Ask, admin: PortalUser) -> None:
        dispatch = plant(admin, {}, state=State.READY, total=2)
        assert "thrown away" in browse.get(admin, f"dispatches/{dispatch.pk}/discard/")
        answer = click(dispatch, "discard")
        assert json.loads(answer["HX-Trigger"])["dispatch-discarded"] == {"show": "/frame/sent/?view=dispatches"}
        assert not Dispatch.objects.exists()

    def test_discard_of_what_was_started(self, click: Ask, admin: PortalUser) -> None:
        dispatch = plant(admin, {Row.QUEUED: 2})
        assert "started already" in told(click(dispatch, "discard"))
        assert Dispatch.objects.get().state == State.RUNNING
