"""Inbox, as the page asks for it."""

import json
import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from b24app.models import PortalUser, Sender
from devportal import world
from devportal.feed import SYSTEM, namespaced
from devportal.server import Stand
from tests.conftest import CLIENT_ID
from tests.devportal.pages_app import notify
from tests.notifications.browse import Browse
from tests.notifications.conftest import Send


def triggers(response: HttpResponse) -> dict[str, Any]:
    """What the answer tells the page."""
    told: dict[str, Any] = json.loads(response["HX-Trigger"])
    return told


@pytest.fixture
def browse(client: Client) -> Browse:
    return Browse(client)


def test_confirmations_first_then_the_rest(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
    notify(portal, text="News")
    portal.place_confirmation(portal.admin)
    page = browse.get(admin, "inbox/")
    assert page.index("Waiting for your answer") < page.index("Accept") < page.index("Notifications</h3>") < page.index("News")
    assert stand.log.count() == 1


def test_everything_from_the_portal_is_text(browse: Browse, admin: PortalUser, portal: world.Portal) -> None:
    notify(
        portal,
        text="[url=javascript:alert(1)]x[/url] <img src=x onerror=alert(1)>",
        attach=[
            {"MESSAGE": "<script>"},
            {"LINK": {"NAME": "<b>", "LINK": "javascript:alert(1)"}},
            {"GRID": [{"NAME": "<i>", "VALUE": "<u>"}]},
        ],
    )
    page = browse.get(admin, "inbox/")
    assert "javascript:" not in page
    assert "<img" not in page
    for escaped in ("&lt;img", "&lt;script&gt;", "&lt;b&gt;", "&lt;i&gt;", "&lt;u&gt;"):
        assert escaped in page


def test_pages_by_cursor(browse: Browse, admin: PortalUser, portal: world.Portal) -> None:
    for number in range(60):
        notify(portal, text=f"Number {number}.", notify_type=SYSTEM)
    first = browse.get(admin, "inbox/")
    cursor = first.split("?cursor=")[1].split('"')[0]
    second = browse.get(admin, "inbox/", cursor=cursor)
    assert first.count("<article") + second.count("<article") == 60
    assert "Number 0." in second
    assert "feed-heading" not in second
    assert "Load more" not in second


def test_headings_once_whatever_the_pages(browse: Browse, admin: PortalUser, portal: world.Portal) -> None:
    """Confirmations that fill the first page and a part of the second; news need both headings to be put under."""
    for number in range(60):
        portal.place_confirmation(portal.admin, tag=f"t{number}")
    first = browse.get(admin, "inbox/")
    assert first.count("Waiting for your answer") == 1
    assert "Notifications</h3>" not in first
    second = browse.get(admin, "inbox/", cursor=first.split("?cursor=")[1].split('"')[0])
    assert "Waiting for your answer" not in second
    assert second.count("Notifications</h3>") == 1
    notify(portal)
    second = browse.get(admin, "inbox/", cursor=first.split("?cursor=")[1].split('"')[0])
    assert second.count("Notifications</h3>") == 1


def shown(page: str) -> list[int]:
    return [int(part.split('"')[0]) for part in page.split('data-id="')[1:]]


def test_news_are_what_came_since(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
    old_question, old = portal.place_confirmation(portal.admin, tag="a"), notify(portal)
    assert browse.get(admin, "inbox/news/", confirmation=old_question.id, other=old.id).strip() == ""
    new, question = notify(portal, text="Fresh"), portal.place_confirmation(portal.admin, tag="b")
    stand.log.clear()
    page = browse.get(admin, "inbox/news/", confirmation=old_question.id, other=old.id)
    assert shown(page) == [question.id, new.id]
    assert "2 new notifications" in page
    assert [entry.method for entry in stand.log.entries] == ["im.notify.get"]


def test_news_behind_a_page_of_confirmations(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
    """bitrix24.md 6.9: confirmations come first, so what is new among the rest stands behind all of them."""
    asked = [portal.place_confirmation(portal.admin, tag=f"t{number}").id for number in range(60)]
    old, new = notify(portal), notify(portal)
    assert shown(browse.get(admin, "inbox/news/", confirmation=max(asked), other=old.id)) == [new.id]
    assert stand.log.count() == 2
    assert shown(browse.get(admin, "inbox/news/", confirmation=max(asked), other="")) == [], "the page has not come to them yet"
    assert stand.log.count() == 3


def test_more_news_than_a_page(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
    old = notify(portal)
    ids = [notify(portal).id for _number in range(70)]
    assert shown(browse.get(admin, "inbox/news/", confirmation=0, other=old.id)) == ids[::-1]
    assert stand.log.count() == 2


def test_news_that_cannot_be_had_are_no_error(browse: Browse, client: Client, admin: PortalUser, stand: Stand) -> None:
    """Nobody asked: no toast, no red line in the console, only a sign for the page to ask later."""
    stand.faults.order(method="im.notify.get", code="OVERLOAD_LIMIT")
    response = browse.answer(admin, "inbox/news/", confirmation=1, other=1)
    assert response.status_code == 204
    assert triggers(response) == {"inbox-news-failed": {}}


def test_a_cursor_that_is_none(browse: Browse, admin: PortalUser, stand: Stand) -> None:
    assert "does not exist" in browse.get(admin, "inbox/", target="inbox-list", cursor="x")
    assert stand.log.count() == 0


def test_where_an_item_comes_from(browse: Browse, admin: PortalUser, portal: world.Portal, post: Send) -> None:
    """bitrix24.md 6.2: the namespace tells the app's own notifications."""
    post([admin.user_id], message="Ours", tag="ours")
    notify(portal, text="Ours too", tag=namespaced(CLIENT_ID, "script"))
    notify(portal, text="Somebody's", tag=namespaced("another", "script"))
    page = browse.get(admin, "inbox/")
    assert page.count("sent by this app elsewhere") == 1
    assert "/frame/sent/delete/?sender=" in page
    assert re.search(r"/frame/inbox/delete-elsewhere/\?sender=\d+&amp;tag=script", page)
    assert page.count("Delete by TAG") == 2


def test_marking(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
    item = notify(portal)
    for read, letter in ((True, "Y"), (False, "N")):
        answer = browse.post(admin, f"inbox/read/?id={item.id}&read={letter}")
        assert triggers(answer) == {"inbox-marked": {"ids": [item.id], "read": read}}
        assert item.read is read
    assert stand.log.count() == 2
    assert triggers(browse.post(admin, "inbox/read/?id=0&read=Y"))["toast"]["kind"] == "bad"
    assert stand.log.count() == 2


def test_reading_thirty_at_once_is_one_call(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
    items = [notify(portal) for _number in range(30)]
    asked = [portal.place_confirmation(portal.admin, tag=f"t{number}") for number in range(2)]
    ids = [item.id for item in items]
    answer = browse.post(admin, "inbox/read/?read=Y", ids=ids, confirmations=[item.id for item in asked])
    assert [entry.method for entry in stand.log.entries] == ["im.notify.read.list"]
    assert all(item.read for item in items)
    assert triggers(answer)["inbox-marked"] == {"ids": ids, "read": True}
    text = triggers(answer)["toast"]["text"]
    assert text.startswith("30 notifications are marked as read. 2 confirmations were not marked: they stay unread until you answer them")


def test_confirmations_alone_are_not_sent_to_be_marked(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
    """bitrix24.md 6.8: the portal never marks them."""
    item = portal.place_confirmation(portal.admin)
    answer = browse.post(admin, "inbox/read/?read=Y", confirmations=item.id)
    assert triggers(answer)["toast"]["text"].startswith("1 confirmation was not marked")
    assert stand.log.count() == 0


@pytest.mark.parametrize("wrong", ["x", "0", "-5", "9223372036854775808"])
def test_one_wrong_number_marks_nothing(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand, wrong: str) -> None:
    """bitrix24.md 6.8: the portal would stop at the first id below 1 and say true."""
    item = notify(portal)
    assert triggers(browse.post(admin, "inbox/read/?read=Y", ids=[item.id, wrong]))["toast"]["kind"] == "bad"
    assert not item.read
    assert stand.log.count() == 0


def test_this_and_newer(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
    """bitrix24.md 6.8."""
    older, this, newer = (notify(portal) for _number in range(3))
    asked = portal.place_confirmation(portal.admin)
    answer = browse.post(admin, f"inbox/read-newer/?id={this.id}&read=Y")
    assert triggers(answer)["inbox-marked"] == {"from": this.id, "read": True}
    assert [item.read for item in (older, this, newer, asked)] == [False, True, True, False]
    browse.post(admin, f"inbox/read-newer/?id={newer.id}&read=N")
    assert [item.read for item in (older, this, newer, asked)] == [False, True, False, False]
    assert stand.log.count() == 2
    assert triggers(browse.post(admin, "inbox/read-newer/?id=x&read=Y"))["toast"]["kind"] == "bad"
    assert stand.log.count() == 2


def test_marking_all_says_that_confirmations_stay(browse: Browse, admin: PortalUser, portal: world.Portal) -> None:
    """bitrix24.md 6.8."""
    notify(portal)
    portal.place_confirmation(portal.admin)
    said = triggers(browse.post(admin, "inbox/read-all/"))
    assert said["toast"]["text"] == "Marked as read. 1 confirmation stays until you answer it."
    assert said["unread"] == {"total": 1}
    portal.old_answers = True
    said = triggers(browse.post(admin, "inbox/read-all/"))
    assert "Confirmations stay until you answer them." in said["toast"]["text"]
    assert "unread" not in said


def test_pressing_a_button(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
    item = portal.place_confirmation(portal.admin)
    answer = browse.post(admin, "inbox/confirm/", id=item.id, value="Y")
    assert "You are now a member" in answer.content.decode()
    assert stand.log.count() == 1
    assert "Nothing waited there any more" in browse.post(admin, "inbox/confirm/", id=item.id, value="Y").content.decode()


def test_somebody_elses_button_cannot_be_pressed(browse: Browse, colleague: PortalUser, portal: world.Portal) -> None:
    """bitrix24.md 6.1."""
    item = portal.place_confirmation(portal.admin)
    assert "Nothing waited there" in browse.post(colleague, "inbox/confirm/", id=item.id, value="Y").content.decode()
    assert portal.feed(portal.admin) == [item]


def test_answering(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
    item = notify(portal, answerable=True)
    assert browse.post(admin, "inbox/answer/", id=item.id, text=" ").status_code == 204
    assert stand.log.count() == 0
    assert "Your reply has been sent." in browse.post(admin, "inbox/answer/", id=item.id, text="Yes").content.decode()


def test_an_answer_that_failed_is_not_taken_from_the_page(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
    item = notify(portal, answerable=True)
    stand.faults.order(method="im.notify.answer", code="OVERLOAD_LIMIT")
    assert browse.post(admin, "inbox/answer/", id=item.id, text="Yes")["HX-Reswap"] == "none"


def test_deleting_from_the_own_feed(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
    item = notify(portal)
    assert "from your own notification centre only" in browse.get(admin, "inbox/delete/", id=item.id)
    said = triggers(browse.post(admin, "inbox/delete/", ids=item.id))
    assert set(said) == {"close-dialog", "inbox-deleted", "toast"}
    assert said["inbox-deleted"] == {"ids": [item.id]}
    assert portal.feed(portal.admin) == []
    assert stand.log.count() == 1
    gone = triggers(browse.post(admin, "inbox/delete/", ids=item.id))
    assert gone["toast"]["kind"] == "info"
    assert gone["inbox-deleted"] == {"ids": [item.id]}


@pytest.mark.parametrize("wrong", [{}, {"id": "x"}, {"ids": ["1", "0"]}, {"ids": "9223372036854775808"}])
def test_deleting_nothing_that_exists(browse: Browse, admin: PortalUser, stand: Stand, wrong: dict[str, object]) -> None:
    assert browse.status(admin, "inbox/delete/", **wrong) == 400
    assert browse.post(admin, "inbox/delete/", **wrong).status_code == 400
    assert stand.log.count() == 0


def test_deleting_several_is_one_batch(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
    ids = [notify(portal).id for _number in range(30)]
    asked = portal.place_confirmation(portal.admin)
    assert "Delete 31 notifications?" in browse.get(admin, "inbox/delete/", ids=ids, confirmations=asked.id)
    said = triggers(browse.post(admin, "inbox/delete/", ids=[*ids, asked.id]))
    assert [entry.method for entry in stand.log.entries] == ["batch"]
    assert said["toast"] == {"kind": "ok", "text": "31 notifications deleted."}
    assert portal.feed(portal.admin) == []
    assert triggers(browse.post(admin, "inbox/delete/", ids=list(range(1, 52))))["toast"]["kind"] == "bad"
    assert stand.log.count() == 1


def test_deleting_where_some_fail(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
    """What failed stays on the page, with the reason; when all failed it is an error."""
    kept, gone = notify(portal), notify(portal)
    stand.faults.order(method="im.notify.delete", code="PARAMS_ERROR", inside_batch=True)
    said = triggers(browse.post(admin, "inbox/delete/", ids=[kept.id, gone.id]))
    assert said["inbox-deleted"] == {"ids": [gone.id]}
    assert said["toast"]["kind"] == "bad"
    assert said["toast"]["text"].startswith("1 notification deleted. 1 could not be deleted: ")
    stand.faults.order(method="im.notify.delete", code="PARAMS_ERROR", inside_batch=True)
    assert browse.post(admin, "inbox/delete/", ids=kept.id).status_code == 502
    assert portal.feed(portal.admin) == [kept]


def test_deleting_what_was_sent_elsewhere(browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand) -> None:
    for user_id in (1, 3):
        notify(portal, user_id=user_id, tag=namespaced(CLIENT_ID, f"s{user_id}"), sub_tag=namespaced(CLIENT_ID, "all"))
    assert "cannot say how many people" in browse.get(admin, "inbox/delete-elsewhere/", sub_tag="all")
    browse.post(admin, "inbox/delete-elsewhere/", sub_tag="all")
    assert portal.feed(portal.admin) == portal.feed(portal.people[3]) == []
    assert stand.log.count() == 1


def test_deleting_what_a_webhook_sent_elsewhere(
    browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand, webhook_sender: Sender, stranger: PortalUser
) -> None:
    """bitrix24.md 6.2: the namespace of a webhook's tags is its CLIENT_ID's, so the deletion goes through that webhook."""
    notify(portal, text="Robot's", tag=namespaced("customrobot", "r1"))
    page = browse.get(admin, "inbox/")
    assert f"/frame/inbox/delete-elsewhere/?sender={webhook_sender.pk}&amp;tag=r1" in page
    assert f'name="sender" value="{webhook_sender.pk}"' in browse.get(admin, "inbox/delete-elsewhere/", tag="r1", sender=webhook_sender.pk)
    assert browse.post(stranger, "inbox/delete-elsewhere/", tag="r1", sender=webhook_sender.pk).status_code == 404
    assert [item.text for item in portal.feed(portal.admin)] == ["Robot's"]
    browse.post(admin, "inbox/delete-elsewhere/", tag="r1", sender=webhook_sender.pk)
    assert portal.feed(portal.admin) == []
