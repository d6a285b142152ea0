"""The twelve calls: what they refuse, what they send, and how they read PHP's shapes."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from b24app.rest.calls import Answer, Call
from b24app.rest.errors import RestError
from notifications import api
from notifications.api import EventType, Module, Notice, Reaction
from notifications.errors import InvalidInput
from notifications.feed import Button, FeedItem, FeedPerson

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
HELLO = Notice(user_id=3, message="Hello")
ITEM = {
    "id": "1500",
    "chat_id": 77,
    "author_id": "1",
    "date": "2026-03-03T09:00:00+00:00",
    "notify_type": "2",
    "notify_module": "rest",
    "notify_event": "rest_notify",
    "notify_tag": "MP|12345|order|3",
    "notify_sub_tag": "",
    "notify_title": None,
    "setting_name": "rest|rest_notify",
    "text": "Hello",
    "notify_read": "N",
    "params": [],
}


def read(call: Call[Any], result: Any) -> Any:
    return call.parse(Answer(result))


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: api.notify(Notice(0, "x")), "recipients"),
        (lambda: api.personal_add(Notice(-1, "x")), "recipients"),
        (lambda: api.system_add(Notice(3, "   ")), "message"),
        (lambda: api.notify(Notice(3, "x" * 20_001)), "message"),
        (lambda: api.notify(Notice(3, "x", message_out="x" * 20_001)), "message_out"),
        (lambda: api.notify(Notice(3, "x", tag="x" * 200)), "tag"),
        (lambda: api.notify(Notice(3, "x", sub_tag="x" * 200)), "sub_tag"),
        (lambda: api.notify(Notice(3, "x", attach=[{"MESSAGE": "x" * 59_990}])), "attach"),
        (lambda: api.get(last_id=5), "last_type"),
        (lambda: api.get(last_type=1), "last_type"),
        (lambda: api.get(last_id=0, last_type=1), "last_id"),
        (lambda: api.get(limit=51), "limit"),
        (lambda: api.get(limit=0), "limit"),
        (lambda: api.read(0), "id"),
        (lambda: api.read_list([]), "ids"),
        (lambda: api.read_list([5, 0]), "ids"),
        (lambda: api.answer(5, " \n"), "text"),
        (lambda: api.answer(0, "Yes"), "id"),
        (lambda: api.confirm(5, ""), "value"),
        (lambda: api.confirm(5, "0"), "value"),
        (lambda: api.confirm(-5, "Y"), "id"),
        (api.delete, "id"),
        (lambda: api.delete(0), "id"),
        (lambda: api.delete(2**63), "id"),
        (lambda: api.delete(5, tag="x"), "id"),
        (lambda: api.delete(tag="x", sub_tag="y"), "id"),
        (lambda: api.history_search("ab"), "words"),
        (lambda: api.history_search("  ab  "), "words"),
        (lambda: api.history_search("abc", date_from=NOON), "date_to"),
        (lambda: api.history_search("abc", authors=[0]), "authors"),
        (lambda: api.history_search("abc", last_id=-1), "last_id"),
    ],
)
def test_what_is_known_to_be_wrong_is_refused(make: Callable[[], Call[Any]], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        make()
    assert refused.value.field == field
    assert str(refused.value.message)


@pytest.mark.parametrize(
    ("call", "method", "params"),
    [
        (api.notify(HELLO), "im.notify", {"USER_ID": 3, "MESSAGE": "Hello", "TYPE": "USER"}),
        (api.notify(HELLO, "SYSTEM"), "im.notify", {"USER_ID": 3, "MESSAGE": "Hello", "TYPE": "SYSTEM"}),
        (
            api.personal_add(Notice(3, " Hello ", "t", "s", "out", [{"MESSAGE": "ы"}], "robot")),
            "im.notify.personal.add",
            {
                "USER_ID": 3,
                "MESSAGE": "Hello",
                "TAG": "t",
                "SUB_TAG": "s",
                "MESSAGE_OUT": "out",
                "ATTACH": '[{"MESSAGE":"ы"}]',
                "CLIENT_ID": "robot",
            },
        ),
        (api.system_add(HELLO), "im.notify.system.add", {"USER_ID": 3, "MESSAGE": "Hello"}),
        (api.get(), "im.notify.get", {"LIMIT": 50}),
        (api.get(last_id=5, last_type=3, limit=10), "im.notify.get", {"LIMIT": 10, "LAST_ID": 5, "LAST_TYPE": 3}),
        (api.schema_get(), "im.notify.schema.get", {}),
        (api.read(5), "im.notify.read", {"ID": 5, "ACTION": "Y", "ONLY_CURRENT": "Y"}),
        (api.read(5, is_read=False, only_current=False), "im.notify.read", {"ID": 5, "ACTION": "N", "ONLY_CURRENT": "N"}),
        (api.read_list([5, 6], is_read=False), "im.notify.read.list", {"IDS": [5, 6], "ACTION": "N"}),
        (api.read_all(), "im.notify.read.all", {}),
        (api.answer(5, " Yes "), "im.notify.answer", {"NOTIFY_ID": 5, "ANSWER_TEXT": "Yes"}),
        (api.confirm(5, "Y|1"), "im.notify.confirm", {"NOTIFY_ID": 5, "NOTIFY_VALUE": "Y|1"}),
        (api.delete(5), "im.notify.delete", {"ID": 5}),
        (api.delete(tag="t"), "im.notify.delete", {"TAG": "t"}),
        (api.delete(sub_tag="s", client_id="robot"), "im.notify.delete", {"SUB_TAG": "s", "CLIENT_ID": "robot"}),
        (api.history_search(" abc "), "im.notify.history.search", {"SEARCH_TEXT": "abc", "LIMIT": 50}),
        (
            api.history_search(types=["tasks"], date=NOON, authors=[1], last_id=9, limit=5),
            "im.notify.history.search",
            {"SEARCH_TYPES": ["tasks"], "SEARCH_DATE": "2026-03-03T12:00:00+00:00", "SEARCH_AUTHORS": [1], "LAST_ID": 9, "LIMIT": 5},
        ),
        (
            api.history_search(date_from=NOON, date_to=NOON),
            "im.notify.history.search",
            {"SEARCH_DATE_FROM": "2026-03-03T12:00:00+00:00", "SEARCH_DATE_TO": "2026-03-03T12:00:00+00:00", "LIMIT": 50},
        ),
    ],
)
def test_names_and_parameters(call: Call[Any], method: str, params: dict[str, Any]) -> None:
    """Pages api-reference/chats/notifications/*; bitrix24.md 6."""
    assert (call.method, call.params) == (method, params)


@pytest.mark.parametrize(("result", "value"), [(12, 12), ("12", 12), (False, None)])
@pytest.mark.parametrize("call", [api.notify(HELLO), api.personal_add(HELLO), api.system_add(HELLO)])
def test_the_id_or_false_of_a_send(call: Call[int | None], result: Any, value: int | None) -> None:
    assert read(call, result) == value


@pytest.mark.parametrize("result", [True, None, 0, -5, "x", [], {}, 2**63, 1e300])
def test_an_answer_to_a_send_that_is_no_id_is_a_bad_answer(result: Any) -> None:
    with pytest.raises(RestError) as bad:
        read(api.notify(HELLO), result)
    assert bad.value.code == "BAD_ANSWER"


def test_a_feed_page_in_phps_shapes() -> None:
    buttons = (
        '[{"TEXT":"Yes","COMMAND":"notifyConfirm","COMMAND_PARAMS":"1501|Y|a"},{"TEXT":"Go","COMMAND":"open","COMMAND_PARAMS":"1|2"},null]'
    )
    confirmation = ITEM | {"id": 1501, "notify_type": 1, "notify_buttons": buttons, "notify_read": "Y", "params": None, "date": "broken"}
    answerable = ITEM | {"id": 1502, "params": {"CAN_ANSWER": "Y", "ATTACH": [{"BLOCKS": []}]}}
    page = read(
        api.get(),
        {
            "total_count": "120",
            "total_unread_count": 5,
            "notifications": {"0": ITEM, "5": confirmation, "6": answerable, "7": "broken", "8": {"text": "no id"}},
            "users": {"1": {"id": "1", "name": "Anna Berg", "avatar": False}},
        },
    )
    assert (page.total, page.unread) == (120, 5)
    assert page.people == {1: FeedPerson(1, "Anna Berg", "")}
    assert [item.id for item in page.items] == [1500, 1501, 1502]
    assert page.items[0] == FeedItem(
        id=1500, type=2, module="rest", event="rest_notify", tag="MP|12345|order|3", sub_tag="", title="", text="Hello", is_read=False,
        date=datetime(2026, 3, 3, 9, tzinfo=UTC), author_id=1, buttons=(), attach=None, answerable=False,
    )  # fmt: skip
    assert page.items[1].buttons == (Button("Yes", "Y|a"),)
    assert (page.items[1].is_read, page.items[1].is_confirmation, page.items[1].date) == (True, True, None)
    assert (page.items[2].answerable, page.items[2].attach) == (True, [{"BLOCKS": []}])


@pytest.mark.parametrize("raw", ["", "broken", "{}", None, 5, [], [5], [{"TEXT": "x", "COMMAND": "notifyConfirm", "COMMAND_PARAMS": "5"}]])
def test_buttons_that_cannot_be_pressed_are_none(raw: Any) -> None:
    page = read(api.get(), {"notifications": [ITEM | {"notify_type": 1, "notify_buttons": raw}], "users": []})
    assert page.items[0].buttons == ()


def test_buttons_as_a_list_already() -> None:
    raw = {"0": {"TEXT": "Yes", "COMMAND": "notifyConfirm", "COMMAND_PARAMS": "5|0"}}
    page = read(api.get(), {"notifications": [ITEM | {"notify_type": 1, "notify_buttons": raw}], "users": []})
    assert page.items[0].buttons == (Button("Yes", "0"),)


@pytest.mark.parametrize("result", [[], {"notifications": [], "users": []}])
def test_an_empty_feed_has_two_shapes(result: Any) -> None:
    """bitrix24.md 6.9."""
    page = read(api.get(), result)
    assert (page.total, page.unread, page.items, page.people) == (0, 0, (), {})


@pytest.mark.parametrize("call", [api.get(), api.history_search("abc")])
@pytest.mark.parametrize("result", [None, "", "<html>", True, 5, {"error": "x"}, ["x"]])
def test_something_else_is_no_feed(call: Call[Any], result: Any) -> None:
    with pytest.raises(RestError):
        read(call, result)


def test_a_search_counts_on_its_first_page_only() -> None:
    assert read(api.history_search("abc"), {"total_results": "7", "notifications": [ITEM], "users": []}).total == 7
    assert read(api.history_search("abc", last_id=5), {"notifications": [], "users": []}).total is None


@pytest.mark.parametrize(
    ("said", "reaction"),
    [
        (["Accepted", "twice"], Reaction(True, ("Accepted", "twice"))),
        ({"0": "Accepted"}, Reaction(True, ("Accepted",))),
        ("Accepted", Reaction(True, ("Accepted",))),
        ([], Reaction(True, ())),
        (False, Reaction(False, ())),
    ],
)
@pytest.mark.parametrize("call", [api.confirm(5, "Y"), api.answer(5, "Yes")])
def test_what_the_portal_said(call: Call[Reaction], said: Any, reaction: Reaction) -> None:
    assert read(call, {"result_message": said}) == reaction


def test_a_reaction_without_message_is_a_bad_answer() -> None:
    with pytest.raises(RestError):
        read(api.confirm(5, "Y"), True)


@pytest.mark.parametrize(("result", "value"), [(True, True), ("Y", True), (1, True), (False, False), ("N", False), (None, False)])
@pytest.mark.parametrize("call", [api.delete(5), api.read(5), api.read_list([5])])
def test_booleans(call: Call[bool], result: Any, value: bool) -> None:
    assert read(call, result) is value


@pytest.mark.parametrize(("result", "value"), [({"result": True, "newCounter": "3"}, 3), (True, None)])
def test_read_all_of_newer_and_older_portals(result: Any, value: int | None) -> None:
    assert read(api.read_all(), result) == value


def test_the_schema() -> None:
    module = {"NAME": "Tasks", "MODULE_ID": "tasks", "LIST": {"0": {"ID": "tasks|comment", "NAME": "Comments"}}}
    assert read(api.schema_get(), {"tasks": module}) == (Module("tasks", "Tasks", (EventType("tasks|comment", "Comments"),)),)
    assert read(api.schema_get(), []) == ()
    for broken in (None, "html", {"tasks": "x"}):
        with pytest.raises(RestError):
            read(api.schema_get(), broken)


def test_the_attachment_limit_counts_what_the_portal_counts() -> None:
    """Page im.notify: ATTACH_OVERSIZE above 60,000 characters; the server's source allows fewer than that and escapes every slash."""
    frame = len('[{"MESSAGE":""}]')
    fits = api.notify(Notice(3, "x", attach=[{"MESSAGE": "ы" * (59_999 - frame)}]))
    assert len(fits.params["ATTACH"]) == 59_999
    for too_long in ("ы" * (60_000 - frame), "/" * (30_000 - frame // 2)):
        with pytest.raises(InvalidInput):
            api.notify(Notice(3, "x", attach=[{"MESSAGE": too_long}]))
