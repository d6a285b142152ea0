"""A request's page and its entry in the Inbox, as the page asks for them; and the part of the form that asks."""

import json
from datetime import timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from b24app.models import Portal, PortalUser
from b24app.rest import budget
from devportal import world
from notifications import ask, inbox, wire
from notifications.models import Answer, ConfirmationRequest, Dispatch, Notification
from tests.notifications.browse import Browse
from tests.notifications.conftest import states
from tests.notifications.test_answering import BUTTONS, key_of, second
from tests.notifications.test_answering import ask as send
from tests.notifications.test_views_new import form

__all__ = ["second"]
State = Notification.State


@pytest.fixture
def browse(client: Client) -> Browse:
    return Browse(client)


def text(response: HttpResponse) -> str:
    return " ".join(unescape(response.content.decode()).split())


# The page


def test_the_page_asks(browse: Browse, admin: PortalUser, colleague: PortalUser) -> None:
    dispatch = send(admin, colleague, request=ask.Ask(BUTTONS, deadline=timezone.now() + timedelta(days=400)))
    page = browse.get(colleague, f"ask/{key_of(dispatch)}/")
    assert admin.name in page
    assert "Read the rules" in page
    assert "Answer by" in page
    assert [label in page for label in ("Confirm", "Decline", "Not now")] == [True] * 3
    assert page.count("<textarea") == 2


def test_an_answer_is_thanked_for_and_the_slider_closes(browse: Browse, admin: PortalUser, colleague: PortalUser) -> None:
    dispatch = send(admin, colleague)
    address = f"ask/{key_of(dispatch)}/answer/"
    thanks = text(browse.post(colleague, address, value="N", reason="Too late"))
    assert "Thank you" in thanks
    assert "data-closes-after" in thanks
    assert "“Decline” was recorded: today" in thanks
    again = text(browse.post(colleague, address, value="Y"))
    assert "You have answered already" in again
    assert "Your reason: Too late" in again
    assert "data-closes-after" not in again
    assert "You have answered already" in browse.get(colleague, f"ask/{key_of(dispatch)}/")


def test_what_is_missing_is_named_and_nothing_typed_is_lost(browse: Browse, admin: PortalUser, colleague: PortalUser) -> None:
    address = f"ask/{key_of(send(admin, colleague))}/answer/"
    assert "Give a reason" in text(browse.post(colleague, address, value="later", reason=" "))
    refused = text(browse.post(colleague, address, value="N", reason="y" * 2001))
    assert "Shorten it." in refused
    assert "y" * 2001 in refused
    assert "no such button" in text(browse.post(colleague, address, value=""))
    assert not Answer.objects.exists()


def test_who_was_not_asked_learns_nothing(
    browse: Browse, admin: PortalUser, colleague: PortalUser, second: PortalUser, stranger: PortalUser
) -> None:
    key = key_of(send(admin, colleague, tag="secret-tag"))
    for person, sentence in ((second, "sent to other people"), (stranger, "There is no such request")):
        for page in (browse.get(person, f"ask/{key}/"), text(browse.post(person, f"ask/{key}/answer/", value="Y"))):
            assert sentence in page
            for hidden in ("Read the rules", colleague.name, admin.name, "secret-tag"):
                assert hidden not in page
    assert not Answer.objects.exists()


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (State.DELETED, "was taken back"),
        (State.CANCELLED, "was taken back"),
        (State.REPLACED, "A newer notification"),
        (State.FAILED, "did not reach you"),
    ],
)
def test_a_plain_page_says_what_has_ended(browse: Browse, admin: PortalUser, colleague: PortalUser, state: State, sentence: str) -> None:
    dispatch = send(admin, colleague)
    dispatch.notifications.update(state=state)
    page = browse.get(colleague, f"ask/{key_of(dispatch)}/")
    assert sentence in page
    assert "Read the rules" not in page


def test_closed_late_and_preview(browse: Browse, admin: PortalUser, colleague: PortalUser) -> None:
    key = key_of(send(admin, colleague))
    ConfirmationRequest.objects.update(deadline=timezone.now())
    assert "The deadline has passed" in browse.get(colleague, f"ask/{key}/")
    ConfirmationRequest.objects.update(closed_at=timezone.now())
    assert "This request is closed" in browse.get(colleague, f"ask/{key}/")
    assert "belongs to a preview" in browse.get(colleague, f"ask/{wire.NO_KEY}/")


def test_texts_are_text(browse: Browse, admin: PortalUser, colleague: PortalUser) -> None:
    evil = (ask.Button('<b>"', "<i>'", ask.Means.DECLINE, ask.Reason.MAY),)
    key = key_of(send(admin, colleague, request=ask.Ask(evil)))
    page = browse.get(colleague, f"ask/{key}/")
    assert "<b>" not in page
    assert "<i>" not in page
    assert b"<script>" not in browse.post(colleague, f"ask/{key}/answer/", value="<i>'", reason="<script>").content


def test_a_press_costs_few_queries(
    browse: Browse, admin: PortalUser, colleague: PortalUser, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """The person, the row with its request, savepoint, row, answer, activity, dispatch (twice), row, and a look at the budget."""
    key = key_of(send(admin, colleague))
    budget.fill(admin.portal)
    with django_assert_max_num_queries(11):
        browse.post(colleague, f"ask/{key}/answer/", value="Y")
    assert Answer.objects.count() == 1


# The Inbox


def test_the_inbox_lists_what_waits_and_takes_the_answer(
    browse: Browse, portal: world.Portal, admin: PortalUser, colleague: PortalUser
) -> None:
    dispatch = send(admin, colleague, tag="rules")
    row = dispatch.notifications.get()
    page = browse.get(colleague, "inbox/")
    assert (
        page.index("Waiting for your answer") < page.index(f'id="request-{row.pk}"') < page.index(f'id="note-{row.portal_notification_id}"')
    )
    assert "waits for your answer above" in page
    assert f"{ask.link(key_of(dispatch))}" not in unescape(page)
    response = browse.post(colleague, f"ask/{key_of(dispatch)}/answer/", value="N", reason="Busy", place="inbox")
    assert "“Decline” was recorded" in text(response)
    assert json.loads(response["HX-Trigger"]) == {"request-over": {"note": row.portal_notification_id}}
    assert Answer.objects.get().reason == "Busy"
    assert "request-" not in browse.get(colleague, "inbox/")


def test_news_bring_what_waits_with_its_buttons(browse: Browse, admin: PortalUser, colleague: PortalUser) -> None:
    row = send(admin, colleague).notifications.get()
    news = browse.get(colleague, "inbox/news/", confirmation=0, other=0)
    assert "1 new notification" in news
    assert news.index(f'id="request-{row.pk}"') < news.index(f'id="note-{row.portal_notification_id}"')


def test_a_found_request_keeps_its_link(browse: Browse, admin: PortalUser, colleague: PortalUser) -> None:
    """In the search there is nothing above it."""
    dispatch = send(admin, colleague)
    found = unescape(browse.get(colleague, "inbox/search/", target="inbox-list", words="rules"))
    assert "waits for your answer above" not in found
    assert ask.link(key_of(dispatch)) in found


def test_an_entry_says_what_is_missing_and_what_has_ended(browse: Browse, admin: PortalUser, colleague: PortalUser) -> None:
    dispatch = send(admin, colleague)
    address = f"ask/{key_of(dispatch)}/answer/"
    assert "Give a reason" in text(browse.post(colleague, address, value="later", place="inbox"))
    dispatch.notifications.update(state=State.DELETED)
    assert "was taken back" in text(browse.post(colleague, address, value="Y", place="inbox"))


def test_the_inbox_shows_what_waits_when_the_feed_is_empty(
    browse: Browse, portal: world.Portal, admin: PortalUser, colleague: PortalUser
) -> None:
    dispatch = send(admin, colleague)
    portal.store.delete(colleague.user_id, dispatch.notifications.get().portal_notification_id or 0)
    page = browse.get(colleague, "inbox/")
    assert "request-" in page
    assert "is empty" not in page


def test_whoever_deletes_the_notification_is_still_asked(admin: PortalUser, colleague: PortalUser) -> None:
    dispatch = send(admin, colleague)
    plain = send(admin, colleague)
    plain.confirmation_request.delete()
    numbers = [each.notifications.get().portal_notification_id or 0 for each in (dispatch, plain)]
    inbox.delete(colleague, numbers)
    assert (states(dispatch), states(plain)) == ({colleague.user_id: State.SENT}, {colleague.user_id: State.DELETED})


# The form


def asking(**changed: object) -> dict[str, object]:
    return form(
        **{
            "ask-wanted": "on",
            "ask-label": ["Confirm", "Decline"],
            "ask-value": ["Y", "N"],
            "ask-means": ["confirm", "decline"],
            "ask-reason": ["no", "may"],
            "ask-tells": "on",
            **changed,
        }
    )


@pytest.fixture
def bound(admin: PortalUser) -> PortalUser:
    """The admin of a portal whose links open the app."""
    Portal.objects.filter(pk=admin.portal.pk).update(bound_version=admin.portal.version)
    return admin


def test_the_form_begins_with_two_buttons_and_is_off(browse: Browse, bound: PortalUser) -> None:
    page = browse.get(bound, "new/")
    assert 'id="ask-body" hidden' in page
    assert [f'value="{value}"' in page for value in ("Confirm", "Y", "Decline", "N")] == [True] * 4
    browse.post(bound, "new/", **form())
    assert not ConfirmationRequest.objects.exists()


def test_the_form_asks(browse: Browse, portal: world.Portal, bound: PortalUser) -> None:
    PortalUser.objects.filter(pk=bound.pk).update(time_zone="Europe/Berlin")
    day = (timezone.now() + timedelta(days=10)).date()
    deadline = {"ask-day": day.isoformat(), "ask-time": "18:00", "ask-reminds": "on", "ask-before": "2", "ask-unit": "hours"}
    response = browse.post(bound, "new/", **asking(**deadline))
    assert response.status_code == 204, response.content
    request = ConfirmationRequest.objects.get()
    assert ask.read(request.buttons) == (
        ask.Button("Confirm", "Y", ask.Means.CONFIRM),
        ask.Button("Decline", "N", ask.Means.DECLINE, ask.Reason.MAY),
    )
    assert request.deadline is not None
    assert request.deadline.astimezone(ZoneInfo("Europe/Berlin")).strftime("%Y-%m-%d %H:%M") == f"{day} 18:00"
    assert request.remind_at == request.deadline - timedelta(hours=2)
    assert request.tells_author
    assert ask.link(request.key) in portal.feed(portal.people[3])[0].text


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"ask-label": ["", "Decline"]}, "Type the button's text, or remove the button."),
        ({"ask-value": ["Y", " "]}, "Type the value that is recorded."),
        ({"ask-value": ["Y", "Y "]}, "Two buttons cannot have the same value."),
        ({"ask-label": ["Yes", "Yes"]}, "Two buttons cannot have the same text."),
        ({"ask-label": ["x" * 51, "Decline"]}, "Use 50 characters at most."),
        ({"ask-value": ["Y", "a\x07"]}, "Control characters"),
        ({"ask-means": ["maybe", "decline"]}, "Choose what this button counts as."),
        ({"ask-reason": ["no", "perhaps"]}, "Choose whether a reason is given."),
        (
            {name: [f"{number}" for number in range(5)] for name in ("ask-label", "ask-value")}
            | {"ask-means": ["confirm"] * 5, "ask-reason": ["no"] * 5},
            "4 buttons at most",
        ),
        ({"ask-day": "2000-01-01", "ask-time": "10:00"}, "This time has passed."),
        ({"ask-day": "9999-12-31", "ask-time": "10:00"}, "a year ahead at most"),
        ({"ask-day": "0001-01-01", "ask-time": "00:00"}, "This time has passed."),
        ({"ask-day": "soon", "ask-time": "10:00"}, "Enter a valid date."),
        ({"ask-day": "TOMORROW"}, "Choose a time as well"),
        ({"ask-time": "10:00"}, "Choose a day as well"),
        ({"ask-reminds": "on", "ask-before": "2"}, "A reminder needs a deadline."),
        ({"ask-day": "TOMORROW", "ask-time": "10:00", "ask-reminds": "on", "ask-before": "9", "ask-unit": "days"}, "has passed"),
        ({"ask-day": "TOMORROW", "ask-time": "10:00", "ask-reminds": "on", "ask-before": ""}, "Type how long before"),
        ({"ask-day": "TOMORROW", "ask-time": "10:00", "ask-reminds": "on", "ask-before": "0"}, "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_named_beside_it(browse: Browse, bound: PortalUser, changed: dict[str, object], sentence: str) -> None:
    tomorrow = (timezone.now() + timedelta(days=1)).date().isoformat()
    changed = {name: tomorrow if value == "TOMORROW" else value for name, value in changed.items()}
    page = text(browse.post(bound, "new/", **asking(**changed)))
    assert sentence in page
    assert "Due on Friday" in page
    assert 'id="ask-body" hidden' not in page
    assert not Dispatch.objects.exists()


def test_what_is_wrong_while_nothing_is_asked_does_not_matter(browse: Browse, bound: PortalUser) -> None:
    wrong = asking(**{"ask-label": ["", ""], "ask-day": "soon"})
    del wrong["ask-wanted"]
    assert browse.post(bound, "new/", **wrong).status_code == 204
    assert not ConfirmationRequest.objects.exists()


def test_a_portal_that_cannot_open_links_is_told_how_to_mend_it(browse: Browse, bound: PortalUser) -> None:
    Portal.objects.filter(pk=bound.portal.pk).update(bound_version=None)
    page = browse.get(bound, "new/")
    assert "press Check connection" in page
    assert "disabled" in page[page.index('name="ask-wanted"') : page.index('name="ask-wanted"') + 120]
    refused = browse.post(bound, "new/", **asking())
    assert refused.status_code == 200
    assert not Dispatch.objects.exists()
    assert browse.post(bound, "new/", **form()).status_code == 204


def test_the_preview_shows_what_people_will_see(browse: Browse, bound: PortalUser) -> None:
    page = text(browse.post(bound, "new/preview/", **asking(attach='[{"MESSAGE": "Own block"}]')))
    assert page.count("Answer the request") == 2
    assert str(wire.NO_KEY) in page
    assert "Own block" in page
    for unfinished in ('"x"', "{}", '{"BLOCKS": 3}', "[", "7"):
        assert browse.post(bound, "new/preview/", **asking(attach=unfinished)).status_code == 200
