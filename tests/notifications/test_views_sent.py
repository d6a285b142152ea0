"""Sent, as the page asks for it: what is shown to whom, and what a click costs the portal."""

import json
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from b24app.models import Portal, PortalUser, Sender
from devportal import world
from devportal.feed import Button
from devportal.server import Stand
from notifications import counts, revoking, sending
from notifications.models import Notification
from tests.notifications.browse import Browse
from tests.notifications.conftest import Send


@pytest.fixture
def browse(client: Client) -> Browse:
    return Browse(client)


def test_the_tab_shows_what_was_sent(browse: Browse, admin: PortalUser, post: Send) -> None:
    post([3], message="[b]Due[/b] <i>now</i>", tag="invoice", sub_tag="finance")
    page = browse.get(admin, "sent/")
    assert "Due &lt;i&gt;now&lt;/i&gt;" in page
    for name in ("Delete by TAG", "Delete by SUB_TAG", "Confirm by TAG", "Confirm by SUB_TAG"):
        assert f'aria-label="{name}"' in page
    assert 'id="sent-filter"' in page


def test_a_row_without_sub_tag_offers_nothing_by_sub_tag(browse: Browse, admin: PortalUser, post: Send) -> None:
    post([3], tag="invoice")
    assert "by SUB_TAG" not in browse.get(admin, "sent/")


def test_a_row_without_tags_can_be_deleted_alone(browse: Browse, admin: PortalUser, post: Send, stand: Stand) -> None:
    dispatch = post([3, 4])
    first = dispatch.notifications.earliest("id")
    assert f"/frame/sent/delete/?row={first.id}" in browse.get(admin, "sent/")
    assert "Delete 1 notification?" in browse.get(admin, "sent/delete/", row=first.id)
    browse.post(admin, "sent/delete/", row=first.id)
    assert sorted(dispatch.notifications.values_list("state", flat=True)) == ["deleted", "sent"]


def test_one_view_serves_tab_list_and_rows(browse: Browse, admin: PortalUser, post: Send) -> None:
    for number in range(51):
        post([3], message=f"Matter {number}")
    whole, part = browse.get(admin, "sent/"), browse.get(admin, "sent/", target="sent-list")
    assert 'id="sent-filter"' in whole
    assert 'id="sent-filter"' not in part
    assert 'hx-swap-oob="true"' in part
    assert "Matter 0<" not in whole
    before = whole.split("?before=")[1].split('"')[0]
    rows = browse.get(admin, "sent/", before=before)
    assert rows.count("<tr") == 1
    assert "Matter 0<" in rows
    assert "Load more" not in rows


def test_the_number_of_queries_does_not_grow(
    browse: Browse, admin: PortalUser, post: Send, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """One for the person, two for the page, one for its confirmation requests, one for what the person has under way."""
    for _ in range(3):
        post(list(range(2, 12)), tag="many")
    with django_assert_max_num_queries(5):
        browse.get(admin, "sent/")


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"tag": "a"}, "One"),
        ({"sub_tag": "s"}, "Two"),
        ({"words": "two"}, "Two"),
        ({"state": "sent", "words": "one"}, "One"),
        ({"person": "3", "tag": "a"}, "One"),
    ],
)
def test_filters_narrow_and_are_shown_as_chips(browse: Browse, admin: PortalUser, post: Send, params: dict[str, str], found: str) -> None:
    post([3], message="One", tag="a")
    post([4], message="Two", tag="b", sub_tag="s")
    page = browse.get(admin, "sent/", **params)
    assert [text for text in ("One", "Two") if f">{text}<" in page] == [found]
    assert page.count('aria-label="Remove filter') == len({name for name in params if name != "words"})


@pytest.mark.parametrize(
    "params",
    [
        {"sender": "x"},
        {"view": "no such"},
        {"opened": "no such"},
        {"before": "x"},
        {"before": "-1"},
        {"state": "no such"},
        {"before": "9" * 30},
    ],
)
def test_unreadable_filters_narrow_nothing(browse: Browse, admin: PortalUser, post: Send, params: dict[str, str]) -> None:
    post([3], message="One")
    assert ">One<" in browse.get(admin, "sent/", **params)


def test_empty_states(browse: Browse, admin: PortalUser, colleague: PortalUser) -> None:
    assert "Nothing sent yet" in browse.get(admin, "sent/")
    assert "Nothing matches" in browse.get(admin, "sent/", words="nothing")
    assert "No groups yet" in browse.get(admin, "sent/", view="tag")
    assert "New notification" not in browse.get(colleague, "sent/")


def test_an_ordinary_person_sees_their_own_without_buttons(browse: Browse, colleague: PortalUser, post: Send) -> None:
    post([colleague.user_id], message="For you", tag="t", sub_tag="s")
    post([5], message="For another", tag="t")
    page = browse.get(colleague, "sent/")
    assert ">For you<" in page
    assert "For another" not in page
    assert "Delete by" not in page
    assert "Confirm by" not in page
    assert 'type="checkbox"' not in page
    groups = browse.get(colleague, "sent/", view="tag")
    assert ">For you<" in groups
    assert "Sent 1" in groups
    assert "Delete by" not in groups
    assert "Confirm by" not in groups


def test_who_may_send_is_offered_to_delete_what_they_sent_alone(browse: Browse, colleague: PortalUser, post: Send) -> None:
    Portal.objects.update(who_may_send="everyone")
    post([colleague.user_id], message="For you", tag="t", sub_tag="s")
    post([colleague.user_id], message="Without", tag="")
    for path in ("sent/", "inbox/"):
        page = browse.get(colleague, path)
        assert ">For you<" in page
        assert "Delete by" not in page
        assert "/frame/sent/delete/?" not in page
    assert "Delete by" not in browse.get(colleague, "sent/", view="tag")
    post([5], author=colleague, message="By you", tag="t", sub_tag="s")
    assert browse.get(colleague, "sent/").count('aria-label="Delete by TAG"') == 1
    assert 'aria-label="Delete by TAG"' in browse.get(colleague, "sent/", view="tag")


def test_another_portal_is_another_world(browse: Browse, admin: PortalUser, stranger: PortalUser, post: Send, stand: Stand) -> None:
    dispatch = post([3], message="Ours", tag="secret", sub_tag="common")
    row = dispatch.notifications.get()
    sender = Sender.objects.get(portal=admin.portal)
    assert "Ours" not in browse.get(stranger, "sent/")
    assert "Nothing to delete" in browse.get(stranger, "sent/delete/", tag="secret")
    assert "Nothing to delete" in browse.get(stranger, "sent/delete/", row=row.id)
    assert browse.status(stranger, "sent/delete/", tag="secret", sender=sender.pk) == 404
    browse.post(stranger, "sent/delete/", row=row.id)
    row.refresh_from_db()
    assert row.state == Notification.State.SENT
    assert stand.log.count() == 0


@pytest.mark.parametrize("path", ["sent/delete/", "new/", "inbox/delete-elsewhere/"])
def test_whoever_may_not_send_gets_403(browse: Browse, colleague: PortalUser, path: str, stand: Stand) -> None:
    assert browse.status(colleague, path, tag="t") == 403
    assert browse.post(colleague, path, tag="t").status_code == 403
    assert stand.log.count() == 0


def test_everyone_may_send_where_the_portal_says_so(browse: Browse, colleague: PortalUser) -> None:
    Portal.objects.filter(pk=colleague.portal_id).update(who_may_send=Portal.Who.EVERYONE)
    assert browse.status(colleague, "new/") == 200


class TestDelete:
    def test_says_exactly_what_goes_and_from_whom(self, browse: Browse, admin: PortalUser, post: Send, portal: world.Portal) -> None:
        people = [person.id for person in portal.people.values() if person.active]
        post(people, tag="t")
        page = browse.get(admin, "sent/delete/", tag="t")
        assert f"Delete {len(people)} notifications?" in page
        for user_id in people[:10]:
            assert portal.people[user_id].full_name in page
        assert (f"and {len(people) - 10} more" in page) == (len(people) > 10)
        assert ">Delete by TAG</button>" in page

    def test_is_one_portal_call_and_shows_each_answer(self, browse: Browse, admin: PortalUser, post: Send, stand: Stand) -> None:
        post([3, 4], tag="t")
        response = browse.post(admin, "sent/delete/", tag="t")
        assert "2 notifications deleted" in response.content.decode()
        assert json.loads(response["HX-Trigger"]) == {"ledger-changed": {}}
        assert stand.log.count() == 1

    def test_shows_what_the_portal_refused(self, browse: Browse, admin: PortalUser, post: Send, stand: Stand) -> None:
        post([3, 4], tag="t", sub_tag="s")
        post([5], tag="u", sub_tag="s")
        stand.faults.order(method="im.notify.delete", code="ACCESS_ERROR", inside_batch=True)
        page = browse.post(admin, "sent/delete/", tag="t").content.decode()
        assert "1 of 2 deleted" in page
        assert "Failed" in page

    def test_what_is_left_goes_with_another_click(
        self, browse: Browse, admin: PortalUser, post: Send, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(revoking, "MOST_IN_CLICK", 2)
        post([3, 4, 5], tag="t", sub_tag="s")
        post([6], tag="u", sub_tag="s")
        page = browse.post(admin, "sent/delete/", tag="t").content.decode()
        assert "2 of 3 deleted" in page
        assert "1 notification is left" in page
        assert ">Delete by TAG</button>" in page
        assert "1 notification deleted" in browse.post(admin, "sent/delete/", tag="t").content.decode()

    def test_a_failed_call_leaves_all_as_it_was(self, browse: Browse, admin: PortalUser, post: Send, stand: Stand) -> None:
        dispatch = post([3], tag="t")
        stand.faults.order(method="im.notify.delete", code="OVERLOAD_LIMIT")
        response = browse.post(admin, "sent/delete/", tag="t")
        assert response.status_code == 502
        assert response["HX-Reswap"] == "none"
        assert json.loads(response["HX-Trigger"])["toast"]["kind"] == "bad"
        assert dispatch.notifications.get().state == Notification.State.SENT

    @pytest.mark.parametrize("params", [{}, {"tag": "a", "sub_tag": "b"}, {"row": "x"}, {"tag": "a", "sender": "x"}])
    def test_exactly_one_target(self, browse: Browse, admin: PortalUser, params: dict[str, str], stand: Stand) -> None:
        assert browse.status(admin, "sent/delete/", **params) == 400
        assert browse.post(admin, "sent/delete/", **params).status_code == 400
        assert stand.log.count() == 0


class TestConfirm:
    def test_asks_when_nothing_is_named(self, browse: Browse, admin: PortalUser, stand: Stand) -> None:
        page = browse.get(admin, "sent/confirm/")
        assert 'name="tag"' in page
        assert 'name="sub_tag"' in page
        assert "one of the two." in browse.get(admin, "sent/confirm/", asked=1)
        assert stand.log.count() == 0

    def test_shows_buttons_by_name_and_presses_the_chosen_in_one_call(
        self, browse: Browse, admin: PortalUser, portal: world.Portal, stand: Stand
    ) -> None:
        item = portal.place_confirmation(portal.admin, tag="t<b>", buttons=[Button('Yes "sure"', "Y|<1>"), Button("No", "N")])
        page = browse.get(admin, "sent/confirm/", tag="t<b>")
        assert "Yes &quot;sure&quot;" in page
        assert 'value="Y|&lt;1&gt;"' in page
        assert stand.log.count() == 1
        stand.log.clear()
        response = browse.post(admin, "sent/confirm/", **{f"choice-{item.id}": "Y|<1>", f"text-{item.id}": "Join & see"})
        assert "Join &amp; see" in response.content.decode()
        assert "Confirmed" in response.content.decode()
        assert stand.log.count() == 1
        assert portal.feed(portal.admin) == []

    @pytest.mark.parametrize("form", [{}, {"choice-7": ""}, {"choice-7": "0"}, {"choice-x": "Y"}])
    def test_nothing_chosen_costs_no_call(self, browse: Browse, admin: PortalUser, form: dict[str, str], stand: Stand) -> None:
        response = browse.post(admin, "sent/confirm/", **form)
        assert response.status_code == 204
        assert json.loads(response["HX-Trigger"])["toast"]["kind"] == "bad"
        assert stand.log.count() == 0

    def test_an_ordinary_person_confirms_in_their_own_feed(self, browse: Browse, colleague: PortalUser, portal: world.Portal) -> None:
        portal.place_confirmation(portal.person, tag="t")
        assert "1 confirmation waits for you" in browse.get(colleague, "sent/confirm/", tag="t")


class TestGroups:
    def test_one_row_for_each_tag(self, browse: Browse, admin: PortalUser, post: Send) -> None:
        post([3, 4], tag="news", sub_tag="s")
        page = browse.get(admin, "sent/", target="sent-list", view="tag")
        assert page.count('data-open="tag"') == 1
        assert "Sent 2" in page
        assert "1 time<" in page
        assert 'aria-label="Delete by TAG"' in page
        assert 'aria-label="Confirm by TAG"' in page
        assert 'aria-label="Delete by SUB_TAG"' in browse.get(admin, "sent/", target="sent-list", view="sub_tag")

    def test_a_closed_group_offers_no_deletion(self, browse: Browse, admin: PortalUser, post: Send) -> None:
        post([3], tag="news")
        Notification.objects.update(state=Notification.State.DELETED)
        assert "Delete by TAG" not in browse.get(admin, "sent/", view="tag")

    def test_more_groups_come_as_rows(
        self, browse: Browse, admin: PortalUser, post: Send, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        """Three queries for the groups, one each for the person, for open dispatches and for requests, however many groups there are."""
        for number in range(51):
            post([3], tag=f"matter {number}.")
        counts.catch_up(admin.portal)
        with django_assert_max_num_queries(6):
            page = browse.get(admin, "sent/", view="tag")
        before = page.split("?before=")[1].split('"')[0]
        rows = browse.get(admin, "sent/", view="tag", before=before)
        assert rows.count("<tr") == 1
        assert ">matter 0.<" in rows

    def test_an_opened_group_is_its_rows_with_the_way_back(
        self, browse: Browse, admin: PortalUser, post: Send, webhook_sender: Sender
    ) -> None:
        post([3], message="By the app", tag="news")
        post([4], message="By the robot", tag="news", sender=webhook_sender)
        page = browse.get(admin, "sent/", target="sent-list", opened="tag", tag="news", sender=webhook_sender.pk)
        assert ">By the robot<" in page
        assert "By the app" not in page
        assert "All TAGs" in page
        assert f"?tag=news&amp;sender={webhook_sender.pk}" in page

    def test_senders_of_other_portals_find_nothing(self, browse: Browse, admin: PortalUser, stranger: PortalUser, post: Send) -> None:
        post([3], message="Ours", tag="news")
        sender = Sender.objects.get(portal=admin.portal)
        page = browse.get(stranger, "sent/", opened="tag", tag="news", sender=sender.pk)
        assert "Ours" not in page
        assert "Nothing matches" in page


class TestWebhookSender:
    """A tag is deleted with the CLIENT_ID of the webhook that sent it (bitrix24.md 6.2)."""

    def test_is_named_in_its_rows(self, browse: Browse, admin: PortalUser, post: Send, webhook_sender: Sender) -> None:
        post([3], tag="t", sender=webhook_sender)
        assert "Robot" in browse.get(admin, "sent/")

    @pytest.mark.parametrize("by", ["tag", "row"])
    def test_what_it_sent_is_deleted_by_it(
        self, browse: Browse, admin: PortalUser, post: Send, webhook_sender: Sender, stand: Stand, portal: world.Portal, by: str
    ) -> None:
        row = post([3], tag="t", sender=webhook_sender).notifications.get()
        target = {"tag": "t", "sender": webhook_sender.pk} if by == "tag" else {"row": row.pk}
        assert "1 notification deleted" in browse.post(admin, "sent/delete/", **target).content.decode()
        [command] = stand.log.commands("im.notify.delete")
        assert command.params["CLIENT_ID"] == "robot"
        assert portal.feed(portal.people[3]) == []

    def test_the_apps_own_of_the_same_tag_stay(
        self, browse: Browse, admin: PortalUser, post: Send, webhook_sender: Sender, portal: world.Portal
    ) -> None:
        post([3], message="By the app", tag="t")
        post([4], message="By the robot", tag="t", sender=webhook_sender)
        browse.post(admin, "sent/delete/", tag="t", sender=webhook_sender.pk)
        assert [item.text for item in portal.feed(portal.people[3])] == ["By the app"]
        assert portal.feed(portal.people[4]) == []


class TestChosenRows:
    def test_says_how_many_whose_and_what_stays(self, browse: Browse, admin: PortalUser, post: Send, portal: world.Portal) -> None:
        rows = list(post([3, 4, 5]).notifications.order_by("id"))
        Notification.objects.filter(pk=rows[2].pk).update(state=Notification.State.EXPIRED)
        page = browse.get(admin, "sent/delete/", row=[row.pk for row in rows])
        assert "Delete 2 notifications?" in page
        assert "1 chosen notification stays as it is:" in page
        assert "Already closed" in page
        assert all(portal.people[user_id].full_name in page for user_id in (3, 4, 5))
        assert page.count('name="row"') == 3

    def test_only_those_go_and_each_answer_is_shown(
        self, browse: Browse, admin: PortalUser, post: Send, stand: Stand, portal: world.Portal
    ) -> None:
        rows = list(post([3, 4, 5], tag="t", sub_tag="s").notifications.order_by("id"))
        Notification.objects.filter(pk=rows[1].pk).update(state=Notification.State.REPLACED)
        response = browse.post(admin, "sent/delete/", row=[rows[0].pk, rows[1].pk])
        page = response.content.decode()
        assert "1 of 2 deleted" in page
        assert "Replaced" in page
        assert json.loads(response["HX-Trigger"]) == {"ledger-changed": {}}
        assert stand.log.count() == 1
        assert (portal.feed(portal.people[3]), len(portal.feed(portal.people[5]))) == ([], 1)

    def test_one_batch_for_fifty(self, browse: Browse, admin: PortalUser, post: Send, stand: Stand) -> None:
        rows: list[int] = []
        for number in range(6):
            dispatch = post(list(range(2, 12)), tag=f"t{number}")
            rows += dispatch.notifications.values_list("pk", flat=True)
        browse.post(admin, "sent/delete/", row=rows)
        assert stand.log.count("batch") == stand.log.count() == 2
        assert set(Notification.objects.values_list("state", flat=True)) == {"deleted"}

    def test_too_many_are_refused_before_any_call(self, browse: Browse, admin: PortalUser, stand: Stand) -> None:
        response = browse.post(admin, "sent/delete/", row=list(range(1, 252)))
        assert response.status_code == 204
        assert "250" in json.loads(response["HX-Trigger"])["toast"]["text"]
        assert stand.log.count() == 0

    def test_other_portals_rows_are_neither_named_nor_touched(
        self, browse: Browse, admin: PortalUser, stranger: PortalUser, post: Send, stand: Stand
    ) -> None:
        rows = list(post([3, 4]).notifications.values_list("pk", flat=True))
        assert "Nothing to delete" in browse.get(stranger, "sent/delete/", row=rows)
        assert "Nothing was left to delete" in browse.post(stranger, "sent/delete/", row=rows).content.decode()
        assert stand.log.count() == 0
        assert set(Notification.objects.values_list("state", flat=True)) == {"sent"}

    def test_what_others_sent_is_named_as_theirs(self, browse: Browse, colleague: PortalUser, post: Send, stand: Stand) -> None:
        Portal.objects.filter(pk=colleague.portal_id).update(who_may_send=Portal.Who.EVERYONE)
        row = post([colleague.user_id]).notifications.get()
        page = browse.get(colleague, "sent/delete/", row=row.pk)
        assert "Nothing to delete" in page
        assert "Somebody else sent it" in page
        browse.post(colleague, "sent/delete/", row=row.pk)
        assert stand.log.count() == 0


class TestDetails:
    def test_everything_that_is_known(self, browse: Browse, admin: PortalUser, webhook_sender: Sender, portal: world.Portal) -> None:
        attach = [{"MESSAGE": "In the [b]attachment[/b]"}]
        draft = sending.Draft("personal", "Read [b]this[/b] <i>", "t", "s", message_out="For e-mail", attach=attach)
        row = sending.send(admin, [3], draft, uuid4(), webhook_sender).notifications.get()
        page = browse.get(admin, f"sent/{row.pk}/")
        for part in ("Read <b>this</b> &lt;i&gt;", "In the <b>attachment</b>", "For e-mail", "Accepted by Bitrix24", "Robot"):
            assert part in page
        assert portal.people[3].full_name in page
        assert admin.name in page
        assert f"<dd>{row.portal_notification_id}</dd>" in page

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"state": "failed", "error_code": "RECIPIENT_UNAVAILABLE"}, "dismissed"),
            ({"state": "expired"}, "after 60 days"),
            ({"state": "replaced"}, "newer notification with the same TAG"),
            ({"state": "unknown", "error_code": "TIMEOUT"}, "asks again by itself"),
        ],
    )
    def test_states_are_explained_here_and_in_the_list(
        self, browse: Browse, admin: PortalUser, post: Send, changes: dict[str, str], sentence: str
    ) -> None:
        row = post([3]).notifications.get()
        Notification.objects.update(**changes)
        assert sentence in browse.get(admin, f"sent/{row.pk}/")
        assert sentence in browse.get(admin, "sent/")

    def test_a_muted_recipient_shows(self, browse: Browse, admin: PortalUser, post: Send, portal: world.Portal, app: world.App) -> None:
        """The "id" is then the present Unix time (bitrix24.md 6.12)."""
        portal.mute(portal.people[3], app)
        post([3])
        assert "Probably muted" in browse.get(admin, "sent/")

    def test_only_of_what_the_person_may_see(
        self, browse: Browse, admin: PortalUser, colleague: PortalUser, stranger: PortalUser, post: Send
    ) -> None:
        theirs, others = (post([user_id]).notifications.get() for user_id in (colleague.user_id, 5))
        assert browse.status(colleague, f"sent/{theirs.pk}/") == 200
        assert browse.status(colleague, f"sent/{others.pk}/") == 404
        assert browse.status(stranger, f"sent/{theirs.pk}/") == 404
        assert browse.status(admin, f"sent/{10**30}/") == 404
