"""The im.notify.* family. Numbers are those of the rules in bitrix24.md 6."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import requests

from devportal.feed import Button
from devportal.server import Stand
from devportal.world import Installation, Person, Portal
from tests.devportal.conftest import CLIENT_ID, Rest

As = Callable[[Person], Rest]
PREFIX = "MP|" + hashlib.md5(CLIENT_ID.encode(), usedforsecurity=False).hexdigest()[:5]


@pytest.fixture
def anna(portal: Portal) -> Person:
    """An ordinary person who receives things."""
    return portal.person


@pytest.fixture
def hers(as_person: As, anna: Person) -> Rest:
    """REST in that person's name."""
    return as_person(anna)


def send(rest: Rest, person: Person, **params: object) -> int:
    return int(rest.result("im.notify", USER_ID=person.id, MESSAGE="Lamp oil", **params))


def texts(portal: Portal, person: Person) -> list[str]:
    return [item.text for item in portal.feed(person)]


class TestSending:
    def test_kinds(self, rest: Rest, portal: Portal, anna: Person) -> None:
        """Rules 4 and 11: REST makes types 2 and 4 only; a system notification begins with the app's name."""
        rest.result("im.notify", user_id=str(anna.id), Message="personal")
        rest.result("im.notify.personal.add", USER_ID=anna.id, MESSAGE="personal too")
        rest.result("im.notify", USER_ID=anna.id, MESSAGE="system", TYPE="SYSTEM")
        rest.result("im.notify.system.add", USER_ID=anna.id, MESSAGE="system too")
        feed = list(reversed(portal.feed(anna)))
        assert [(item.notify_type, item.author_id) for item in feed] == [(2, 1), (2, 1), (4, 0), (4, 0)]
        assert feed[2].text == "Lamp Post\nsystem"

    def test_tags_are_stored_in_the_apps_namespace(self, rest: Rest, hers: Rest, anna: Person) -> None:
        """Rule 2."""
        send(rest, anna, TAG="order|7", SUB_TAG="orders")
        item = hers.result("im.notify.get")["notifications"][0]
        assert (item["notify_tag"], item["notify_sub_tag"]) == (f"{PREFIX}|order|7", f"{PREFIX}|orders")

    def test_webhook_namespace(self, hooked: Rest, portal: Portal, anna: Person) -> None:
        """Rule 2: `custom` and CLIENT_ID are hashed; without CLIENT_ID a tag cannot be deleted."""
        send(hooked, anna, TAG="a", CLIENT_ID="mine")
        digest = hashlib.md5(b"custommine", usedforsecurity=False).hexdigest()[:5]
        assert portal.feed(anna)[0].tag == f"MP|{digest}|a"
        assert hooked.error("im.notify.delete", TAG="a") == (403, "ACCESS_DENIED")
        assert hooked.result("im.notify.delete", TAG="a", CLIENT_ID="other") is True
        assert len(portal.feed(anna)) == 1
        assert hooked.result("im.notify.delete", TAG="a", CLIENT_ID="mine") is True
        assert portal.feed(anna) == []

    @pytest.mark.parametrize(
        ("params", "code"),
        [
            ({"MESSAGE": "x"}, "USER_ID_EMPTY"),
            ({"USER_ID": -1, "MESSAGE": "x"}, "USER_ID_EMPTY"),
            ({"USER_ID": 3, "MESSAGE": "  "}, "MESSAGE_EMPTY"),
            ({"USER_ID": 3, "MESSAGE": "x", "ATTACH": "{no json"}, "ATTACH_ERROR"),
            ({"USER_ID": 3, "MESSAGE": "x", "ATTACH": [{"NOSUCH": 1}]}, "ATTACH_ERROR"),
        ],
    )
    def test_refusals(self, rest: Rest, portal: Portal, anna: Person, params: dict[str, object], code: str) -> None:
        """doc: im.notify, own errors."""
        assert rest.error("im.notify", **params) == (400, code)
        assert portal.feed(anna) == []

    def test_attach_comes_back_in_params(self, rest: Rest, hers: Rest, anna: Person) -> None:
        send(rest, anna, ATTACH={"ID": 1, "BLOCKS": [{"LINK": {"NAME": "x", "LINK": "https://x.example/"}}]})
        assert hers.result("im.notify.get")["notifications"][0]["params"]["ATTACH"][0]["BLOCKS"][0]["LINK"]["NAME"] == "x"

    @pytest.mark.parametrize("letter", ["y", "ы", "/"])
    def test_attach_is_measured_as_php_writes_it(self, rest: Rest, anna: Person, letter: str) -> None:
        """doc: im.notify (60,000 characters); observed in server source: no spaces, "/" escaped, letters not, and under the limit."""
        frame = len('[{"MESSAGE":"y"},{"DELIMITER":{"SIZE":200,"COLOR":"#ffffff"}}]') - 1
        room = (59_999 - frame) // (2 if letter == "/" else 1)

        def send_with(letters: int) -> dict[str, object]:
            blocks = [{"MESSAGE": letter * letters}, {"DELIMITER": {"SIZE": 200, "COLOR": "#ffffff"}}]
            return {"USER_ID": anna.id, "MESSAGE": "x", "ATTACH": blocks}

        assert rest("im.notify", **send_with(room))[0] == 200
        assert rest.error("im.notify", **send_with(room + 1)) == (400, "ATTACH_OVERSIZE")

    def test_unknown_blocks_are_skipped(self, rest: Rest, hers: Rest, anna: Person) -> None:
        """Observed in server source: an attachment is wrong only when no block of it can be used."""
        send(rest, anna, ATTACH=[{"NOSUCH": 1}, {"MESSAGE": "seen"}])
        assert hers.result("im.notify.get")["notifications"][0]["params"]["ATTACH"] == [{"MESSAGE": "seen"}]

    def test_muted_app_stores_nothing(self, stand: Stand, rest: Rest, portal: Portal, anna: Person, installation: Installation) -> None:
        """Rule 12: the "id" is the current time."""
        portal.mute(anna, installation.app)
        assert abs(send(rest, anna) - stand.clock.now()) < 5
        assert portal.feed(anna) == []

    def test_dismissed_external_and_unknown_get_false(self, rest: Rest, portal: Portal) -> None:
        """Rule 12."""
        portal.dismiss(portal.people[4])
        portal.people[5].external = True
        assert [rest.result("im.notify", USER_ID=user_id, MESSAGE="x") for user_id in (4, 5, 999)] == [False, False, False]

    def test_browser_session_may_not_send(self, http: requests.Session, portal: Portal) -> None:
        """Rule 13; nor delete by tag."""
        session = {"sessid": portal.session_id(portal.admin)}
        rest = Rest(http, portal.client_endpoint)
        assert rest.error("im.notify", USER_ID=3, MESSAGE="x", **session) == (403, "WRONG_AUTH_TYPE")
        assert rest.error("im.notify.delete", TAG="x", **session) == (403, "WRONG_AUTH_TYPE")
        assert rest.result("im.notify.read.all", **session)["result"] is True


class TestReplacing:
    """Rule 3, under all three readings of how far TAG reaches."""

    @pytest.mark.parametrize(("rule", "left"), [("recipient", (1, 1)), ("application", (0, 1)), ("confirmations", (2, 1))])
    def test_same_tag_again(self, rest: Rest, portal: Portal, anna: Person, rule: str, left: tuple[int, int]) -> None:
        portal.tag_rule = rule  # type: ignore[assignment]
        other = portal.people[4]
        for person in (anna, anna, other):
            send(rest, person, TAG="t")
        assert (len(portal.feed(anna)), len(portal.feed(other))) == left

    def test_confirmation_with_the_tag_goes(self, rest: Rest, portal: Portal, anna: Person, installation: Installation) -> None:
        portal.tag_rule = "confirmations"
        portal.place_confirmation(anna, tag="t", app=installation.app)
        send(rest, anna, TAG="t")
        assert [item.notify_type for item in portal.feed(anna)] == [2]


class TestDeleting:
    def test_only_ones_own_by_id(self, rest: Rest, hers: Rest, portal: Portal, anna: Person) -> None:
        """Rule 1."""
        item_id = send(rest, anna)
        assert rest.result("im.notify.delete", ID=item_id) is False
        assert hers.result("im.notify.delete", ID=item_id) is True
        assert portal.feed(anna) == []

    def test_by_tag_for_every_recipient(self, rest: Rest, portal: Portal, anna: Person) -> None:
        """Rules 1 and 7: everyone's, and true even where nothing matched."""
        other = portal.people[4]
        send(rest, anna, TAG="a|3", SUB_TAG="s")
        send(rest, other, TAG="a|4", SUB_TAG="s")
        send(rest, other, TAG="b")
        assert rest.result("im.notify.delete", SUB_TAG="s") is True
        assert (len(portal.feed(anna)), len(portal.feed(other))) == (0, 1)
        assert rest.result("im.notify.delete", TAG="nothing") is True

    def test_id_before_tag_before_sub_tag(self, rest: Rest, portal: Portal) -> None:
        """Rule 7."""
        kept = send(rest, portal.admin, TAG="t", SUB_TAG="s")
        other = send(rest, portal.admin)
        rest.result("im.notify.delete", ID=other, TAG="t")
        rest.result("im.notify.delete", TAG="x", SUB_TAG="s")
        assert [item.id for item in portal.feed(portal.admin)] == [kept]
        assert rest.error("im.notify.delete") == (400, "PARAMS_ERROR")

    def test_erased_after_sixty_days(self, stand: Stand, rest: Rest, portal: Portal, anna: Person) -> None:
        """Rule 10."""
        send(rest, anna)
        stand.clock.advance(60 * 86400 + 1)
        assert portal.feed(anna) == []


class TestConfirming:
    def test_buttons_are_json_text(self, hers: Rest, portal: Portal, anna: Person) -> None:
        """Rule 5."""
        placed = portal.place_confirmation(anna)
        item = hers.result("im.notify.get")["notifications"][0]
        buttons = json.loads(item["notify_buttons"])
        assert [(button["COMMAND"], button["COMMAND_PARAMS"]) for button in buttons] == [
            ("notifyConfirm", f"{placed.id}|Y"),
            ("notifyConfirm", f"{placed.id}|N"),
        ]
        assert item["notify_type"] == 1

    @pytest.mark.parametrize(
        ("kind", "value", "said"),
        [
            ("group", "Y", "You are now a member of the workgroup."),
            ("calendar", "N", "You declined the invitation to the meeting."),
            ("rest_confirm", "Y", "You allowed the application's request."),
        ],
    )
    def test_module_answers_and_the_item_goes(self, hers: Rest, portal: Portal, anna: Person, kind: str, value: str, said: str) -> None:
        """Rule 6."""
        placed = portal.place_confirmation(anna, kind=kind)  # type: ignore[arg-type]
        assert hers.result("im.notify.confirm", NOTIFY_ID=placed.id, NOTIFY_VALUE=value) == {"result_message": [said]}
        assert portal.feed(anna) == []

    def test_opaque_value_without_a_module_text(self, hers: Rest, portal: Portal, anna: Person) -> None:
        """Rules 5 and 6."""
        placed = portal.place_confirmation(anna, buttons=[Button("Later", "snooze|15")])
        assert hers.result("im.notify.confirm", ID=placed.id, NOTIFY_VALUE="Y") == {"result_message": False}
        assert hers.result("im.notify.confirm", ID=placed.id, NOTIFY_VALUE="snooze|15") == {"result_message": ["Selected: Later"]}

    def test_others_and_ordinary_ones_cannot_be_confirmed(self, rest: Rest, hers: Rest, portal: Portal, anna: Person) -> None:
        """Rules 1 and 4."""
        placed = portal.place_confirmation(anna)
        assert rest.result("im.notify.confirm", NOTIFY_ID=placed.id, NOTIFY_VALUE="Y") == {"result_message": False}
        ordinary = send(rest, anna)
        assert hers.result("im.notify.confirm", NOTIFY_ID=ordinary, NOTIFY_VALUE="Y") == {"result_message": False}
        assert len(portal.feed(anna)) == 2

    def test_errors(self, hers: Rest) -> None:
        """doc: im.notify.confirm; rule 5: "0" counts as empty."""
        assert hers.error("im.notify.confirm", NOTIFY_VALUE="Y") == (400, "ID_ERROR")
        assert hers.error("im.notify.confirm", ID=1, NOTIFY_VALUE="0") == (400, "NOTIFY_VALUE_ERROR")

    def test_confirmation_in_the_apps_namespace(self, portal: Portal, anna: Person, installation: Installation) -> None:
        placed = portal.place_confirmation(anna, tag="t", sub_tag="s", app=installation.app)
        assert (placed.tag, placed.sub_tag) == (f"{PREFIX}|t", f"{PREFIX}|s")
        asked = portal.place_confirmation(anna, kind="rest_confirm", app=installation.app)
        assert asked.tag.startswith(f"rest|REST_CONFIRM|{CLIENT_ID}|")


def test_answering(rest: Rest, hers: Rest, portal: Portal, anna: Person) -> None:
    """doc: im.notify.answer."""
    comment = portal.store.add(anna.id, author_id=4, notify_type=2, module="tasks", event="comment", text="Ready?", answerable=True)
    assert hers.result("im.notify.answer", NOTIFY_ID=comment.id, ANSWER_TEXT="Yes") == {"result_message": ["Your reply has been sent."]}
    assert hers.result("im.notify.answer", ID=send(rest, anna), ANSWER_TEXT="Yes") == {"result_message": False}
    assert comment.answer == "Yes"
    assert hers.error("im.notify.answer", ANSWER_TEXT="Yes") == (400, "ID_ERROR")
    assert hers.error("im.notify.answer", ID=1, ANSWER_TEXT="") == (400, "ANSWER_TEXT_ERROR")


class TestReading:
    def test_that_one_and_all_newer(self, rest: Rest, hers: Rest, portal: Portal, anna: Person) -> None:
        """Rule 8."""
        first, second, third = (send(rest, anna) for _ in range(3))
        hers.result("im.notify.read", ID=first, ONLY_CURRENT="Y")
        assert unread(portal, anna) == [second, third]
        hers.result("im.notify.read", ID=first, ACTION="N", ONLY_CURRENT="Y")
        hers.result("im.notify.read", ID=second)
        assert unread(portal, anna) == [first]

    def test_confirmations_stay_unread(self, rest: Rest, hers: Rest, portal: Portal, anna: Person) -> None:
        """Rule 8."""
        placed = portal.place_confirmation(anna)
        send(rest, anna)
        hers.result("im.notify.read", ID=placed.id)
        hers.result("im.notify.read.list", IDS=[placed.id])
        assert hers.result("im.notify.read.all") == {"result": True, "newCounter": 1}
        assert unread(portal, anna) == [placed.id]

    def test_list_stops_at_the_first_bad_id(self, rest: Rest, hers: Rest, portal: Portal, anna: Person) -> None:
        """Rule 8."""
        first, second = send(rest, anna), send(rest, anna)
        assert hers.result("im.notify.read.list", IDS=[first, 0, second], ACTION="Y") is True
        assert unread(portal, anna) == [second]
        assert hers.error("im.notify.read.list", IDS="5") == (400, "PARAMS_ERROR")

    def test_only_ones_own(self, rest: Rest, portal: Portal, anna: Person) -> None:
        """Rule 1."""
        item_id = send(rest, anna)
        rest.result("im.notify.read", ID=item_id)
        assert unread(portal, anna) == [item_id]

    def test_older_portals_answer_true(self, rest: Rest, portal: Portal) -> None:
        portal.old_answers = True
        assert rest.result("im.notify.read.all") is True


def unread(portal: Portal, person: Person) -> list[int]:
    return sorted(item.id for item in portal.feed(person) if not item.read)


class TestFeed:
    def test_confirmations_first_then_the_rest(self, rest: Rest, hers: Rest, portal: Portal, anna: Person) -> None:
        """Rule 9."""
        sent = [send(rest, anna) for _ in range(3)]
        placed = [portal.place_confirmation(anna, tag=str(number)).id for number in range(3)]
        first = hers.result("im.notify.get", LIMIT=2)
        assert (first["total_count"], first["total_unread_count"], ids(first)) == (6, 6, placed[:0:-1])
        second = hers.result("im.notify.get", LIMIT=2, LAST_ID=placed[1], LAST_TYPE=1)
        assert ids(second) == [placed[0], sent[2]]
        assert ids(hers.result("im.notify.get", LIMIT=9, LAST_ID=sent[2], LAST_TYPE=3)) == sent[1::-1]

    def test_shape(self, rest: Rest, hers: Rest, anna: Person) -> None:
        """doc: im.notify.get."""
        send(rest, anna)
        page = hers.result("im.notify.get")
        item = page["notifications"][0]
        assert (item["setting_name"], item["notify_read"], item["params"], item["notify_title"]) == ("rest|rest_notify", "N", None, "")
        assert "notify_buttons" not in item
        assert item["date"].endswith("+00:00")
        assert page["users"][0] | {} == page["users"][0]
        assert (page["users"][0]["id"], page["users"][0]["name"], page["users"][0]["phones"]) == (1, "Marta Quellenbach", False)

    def test_convert_text(self, rest: Rest, hers: Rest, anna: Person) -> None:
        rest.result("im.notify", USER_ID=anna.id, MESSAGE="[B]a[/B]\n<i>")
        assert hers.result("im.notify.get", CONVERT_TEXT="Y")["notifications"][0]["text"] == "<b>a</b><br />&lt;i&gt;"
        assert hers.result("im.notify.get")["notifications"][0]["text"] == "[B]a[/B]\n<i>"

    def test_empty(self, hers: Rest, portal: Portal) -> None:
        """Rule 9: two shapes."""
        assert hers.result("im.notify.get") == {"notifications": [], "users": []}
        portal.empty_feed_is_list = True
        assert hers.result("im.notify.get") == []

    def test_errors(self, hers: Rest) -> None:
        """doc: im.notify.get."""
        assert hers.error("im.notify.get", LAST_ID=5) == (400, "LAST_ID_AND_LAST_TYPE")
        assert hers.error("im.notify.get", LAST_ID="five", LAST_TYPE=3) == (400, "LAST_ID_STRING")

    def test_never_more_than_fifty(self, rest: Rest, hers: Rest, anna: Person) -> None:
        rest.result("batch", cmd={f"c{number}": f"im.notify?USER_ID={anna.id}&MESSAGE={number}" for number in range(50)})
        rest.result("batch", cmd=[f"im.notify?USER_ID={anna.id}&MESSAGE=more"])
        assert len(hers.result("im.notify.get", LIMIT=200)["notifications"]) == 50


class TestSearch:
    def test_by_text_type_author_and_tag(self, rest: Rest, hers: Rest, portal: Portal, anna: Person) -> None:
        """doc: im.notify.history.search."""
        wanted = rest.result("im.notify", USER_ID=anna.id, MESSAGE="Winter catalogue", SUB_TAG="s")
        portal.place_confirmation(anna)
        assert found(hers, SEARCH_TEXT="CATALOGUE") == [wanted]
        assert found(hers, SEARCH_TYPE="rest") == [wanted]
        assert found(hers, SEARCH_TYPES=["rest|rest_notify", "tasks"]) == [wanted]
        assert found(hers, SEARCH_TEXT="winter", SEARCH_AUTHORS=[2]) == []
        assert found(hers, SEARCH_TEXT="winter", GROUP_TAG=f"{PREFIX}|s") == [wanted]

    def test_by_date(self, rest: Rest, hers: Rest, portal: Portal, anna: Person) -> None:
        old, new = send(rest, anna), send(rest, anna)
        for item_id, day in ((old, 20), (new, 21)):
            item = portal.store.find(anna.id, item_id)
            assert item is not None
            item.created_at = datetime(2026, 11, day, 12, tzinfo=UTC).timestamp()
        assert found(hers, SEARCH_DATE="2026-11-20T01:00:00+00:00") == [old]
        assert found(hers, SEARCH_DATE_FROM="2026-11-21T00:00:00+00:00", SEARCH_DATE_TO="2026-11-22T00:00:00+00:00") == [new]

    def test_total_on_the_first_page_only(self, rest: Rest, hers: Rest, anna: Person) -> None:
        first, second = send(rest, anna), send(rest, anna)
        page = hers.result("im.notify.history.search", SEARCH_TEXT="lamp", LIMIT=1)
        assert (page["total_results"], ids(page)) == (2, [second])
        page = hers.result("im.notify.history.search", SEARCH_TEXT="lamp", LAST_ID=second)
        assert "total_results" not in page
        assert ids(page) == [first]

    @pytest.mark.parametrize("half", [None, "SEARCH_DATE_FROM", "SEARCH_DATE_TO"])
    def test_short_text_with_nothing_else(self, hers: Rest, half: str | None) -> None:
        """doc: im.notify.history.search: half a period narrows nothing."""
        period = {half: "2026-11-21T00:00:00+00:00"} if half else {}
        status, body = hers("im.notify.history.search", SEARCH_TEXT="ab", **period)
        assert (status, body["error"], body["error_description"]) == (400, "SEARCH_TEXT_ERROR", "SEARCH_TEXT can't be less then 3 symbols")

    @pytest.mark.parametrize(
        "narrowed",
        [
            {"SEARCH_TYPE": "rest"},
            {"SEARCH_TYPES": ["rest"]},
            {"SEARCH_AUTHORS": [1]},
            {"SEARCH_DATE": "2026-11-21T00:00:00+00:00"},
            {"SEARCH_DATE_FROM": "2026-11-20T00:00:00+00:00", "SEARCH_DATE_TO": "2026-11-22T00:00:00+00:00"},
        ],
        ids=lambda narrowed: next(iter(narrowed)),
    )
    def test_anything_else_makes_up_for_a_short_text(
        self, rest: Rest, hers: Rest, portal: Portal, anna: Person, narrowed: dict[str, object]
    ) -> None:
        """doc: im.notify.history.search."""
        wanted = send(rest, anna)
        portal.feed(anna)[0].created_at = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
        assert found(hers, SEARCH_TEXT="la", **narrowed) == [wanted]

    def test_last_id_is_a_number(self, hers: Rest) -> None:
        assert hers.error("im.notify.history.search", SEARCH_TEXT="abc", LAST_ID="x") == (400, "LAST_ID_STRING")


def test_schema(hers: Rest) -> None:
    """doc: im.notify.schema.get."""
    schema = hers.result("im.notify.schema.get")
    assert schema["tasks"]["MODULE_ID"] == "tasks"
    assert {"ID": "rest|rest_notify", "NAME": "Notifications of applications"} in schema["rest"]["LIST"]


def ids(page: dict[str, list[dict[str, int]]]) -> list[int]:
    return [item["id"] for item in page["notifications"]]


def found(rest: Rest, **params: object) -> list[int]:
    return ids(rest.result("im.notify.history.search", **params))
