"""The im.notify.* family, one typed function per method: names and shapes of the platform end here.

Each function checks its input (InvalidInput: nothing leaves us), and returns a Call to be run by a client of b24app.rest.
Methods, parameters and answers: the pages api-reference/chats/notifications/* of the REST documentation and bitrix24.md 6.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

from django.utils.translation import gettext_lazy as _

from b24app.rest.calls import Answer, Call
from b24app.rest.errors import RestError
from notifications import attach_input, feed, tags
from notifications.errors import InvalidInput
from notifications.feed import FeedItem, FeedPerson
from notifications.shapes import LARGEST_ID, flag, integer, mapping, members, text

PAGE = 50
"""The largest page of im.notify.get and im.notify.history.search (bitrix24.md 6)."""

LONGEST_MESSAGE = 20_000
"""Our own limit in characters: the documentation names none for MESSAGE."""

LARGEST_ATTACH = 60_000
"""Characters of the serialised ATTACH (page im.notify, ATTACH_OVERSIZE)."""

SHORTEST_SEARCH = 3
"""Characters of SEARCH_TEXT when nothing else narrows the search (page im.notify.history.search)."""

T = TypeVar("T")
Attach = list[Any] | dict[str, Any]


@dataclass(frozen=True, slots=True)
class FeedPage:
    """One page of a person's feed: the counts of the whole feed, the items in the portal's order, their authors by id."""

    total: int
    unread: int
    items: tuple[FeedItem, ...]
    people: dict[int, FeedPerson]


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of a history search. `total` comes with the first page only."""

    total: int | None
    items: tuple[FeedItem, ...]
    people: dict[int, FeedPerson]


@dataclass(frozen=True, slots=True)
class Reaction:
    """What the portal did with a pressed button or an answer: `accepted` is false when it had nothing to react on."""

    accepted: bool
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EventType:
    """A type of notification that a search can be narrowed to; `id` is `module|event`."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the portal with its types of notifications."""

    id: str
    name: str
    events: tuple[EventType, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification to send, for the three sending methods. `tag` and `sub_tag` are wire forms; `client_id` is for webhooks only."""

    user_id: int
    message: str
    tag: str = ""
    sub_tag: str = ""
    message_out: str = ""
    attach: Attach | None = None
    client_id: str = ""


def notify(notice: Notice, kind: Literal["USER", "SYSTEM"] = "USER") -> Call[int | None]:
    """im.notify: the new notification's id; None when the recipient can receive nothing (bitrix24.md 6.12)."""
    return Call("im.notify", {**_notice(notice), "TYPE": kind}, _new_id)


def personal_add(notice: Notice) -> Call[int | None]:
    """im.notify.personal.add: as `notify`, from the person whose token makes the call."""
    return Call("im.notify.personal.add", _notice(notice), _new_id)


def system_add(notice: Notice) -> Call[int | None]:
    """im.notify.system.add: as `notify`, from the system, with the app's name as first line (bitrix24.md 6.11)."""
    return Call("im.notify.system.add", _notice(notice), _new_id)


def get(*, last_id: int | None = None, last_type: int | None = None, limit: int = PAGE) -> Call[FeedPage]:
    """im.notify.get: a page of the caller's own feed; `last_type` is 1 while the last item was a confirmation, else 3 (bitrix24.md 6.9)."""
    params: dict[str, Any] = {"LIMIT": _limit(limit)}
    if (last_id is None) != (last_type is None):
        raise InvalidInput("last_type", _("LAST_ID and LAST_TYPE belong together."))
    if last_id is not None:
        params |= {"LAST_ID": _id("last_id", last_id), "LAST_TYPE": last_type}
    return Call("im.notify.get", params, _feed_page, repeatable=True)


def schema_get() -> Call[tuple[Module, ...]]:
    """im.notify.schema.get: the modules of the portal and their types of notifications."""
    return Call("im.notify.schema.get", {}, _schema, repeatable=True)


def read(notification_id: int, *, is_read: bool = True, only_current: bool = True) -> Call[bool]:
    """im.notify.read: mark one notification of the caller's feed, or that one and all newer ones (bitrix24.md 6.8)."""
    params = {"ID": _id("id", notification_id), "ACTION": _yes_no(is_read), "ONLY_CURRENT": _yes_no(only_current)}
    return Call("im.notify.read", params, _boolean, repeatable=True)


def read_list(notification_ids: Sequence[int], *, is_read: bool = True) -> Call[bool]:
    """im.notify.read.list: mark these notifications of the caller's feed; the portal never marks confirmations (bitrix24.md 6.8)."""
    if not notification_ids:
        raise InvalidInput("ids", _("No notification was chosen. Choose at least one."))
    # The portal stops at the first id below 1 and leaves the rest unmarked.
    params = {"IDS": [_id("ids", each) for each in notification_ids], "ACTION": _yes_no(is_read)}
    return Call("im.notify.read.list", params, _boolean, repeatable=True)


def read_all() -> Call[int | None]:
    """im.notify.read.all: the new count of unread ones; None on older portals, which answer only true."""
    return Call("im.notify.read.all", {}, _new_counter, repeatable=True)


def answer(notification_id: int, answer_text: str) -> Call[Reaction]:
    """im.notify.answer: a quick answer to a notification of the caller's feed."""
    answer_text = answer_text.strip()
    if not answer_text:
        raise InvalidInput("text", _("The answer is empty. Write something."))
    return Call("im.notify.answer", {"NOTIFY_ID": _id("id", notification_id), "ANSWER_TEXT": answer_text}, _reaction)


def confirm(notification_id: int, value: str) -> Call[Reaction]:
    """im.notify.confirm: press a button of a confirmation in the caller's feed. "0" counts as empty on the server (bitrix24.md 6.5)."""
    if value in ("", "0"):
        raise InvalidInput("value", _("The portal cannot take this button's value from an app. Press it in Bitrix24 itself."))
    return Call("im.notify.confirm", {"NOTIFY_ID": _id("id", notification_id), "NOTIFY_VALUE": value}, _reaction)


def delete(notification_id: int | None = None, *, tag: str = "", sub_tag: str = "", client_id: str = "") -> Call[bool]:
    """im.notify.delete by exactly one of id, wire TAG or wire SUB_TAG.

    By id it reaches the caller's own feed only; by tag every recipient, and answers true even where nothing matched (bitrix24.md 6.1, 6.7).
    """
    if (notification_id is not None) + bool(tag) + bool(sub_tag) != 1:
        raise InvalidInput("id", _("Name a notification, a TAG or a SUB_TAG: exactly one of them."))
    params: dict[str, Any] = (
        {"ID": _id("id", notification_id)} if notification_id is not None else _filled({"TAG": tag, "SUB_TAG": sub_tag})
    )
    # By id a repetition would answer false, as if nothing had been deleted.
    return Call("im.notify.delete", params | _filled({"CLIENT_ID": client_id}), _boolean, repeatable=notification_id is None)


def history_search(
    words: str = "",
    *,
    types: Sequence[str] = (),
    date: datetime | None = None,
    date_from: datetime | None = None,
    date_to: datetime | None = None,
    authors: Sequence[int] = (),
    last_id: int | None = None,
    limit: int = PAGE,
) -> Call[SearchPage]:
    """im.notify.history.search in the caller's own feed. `types` are `module` or `module|event`; times are aware; `date` means its day."""
    words = words.strip()
    if (date_from is None) != (date_to is None):
        raise InvalidInput("date_to", _("A period needs both its first and its last day."))
    if len(words) < SHORTEST_SEARCH and not (types or date or date_from or authors):
        raise InvalidInput("words", _("Type at least three letters, or choose a type, a date or an author."))
    params = _filled(
        {
            "SEARCH_TEXT": words,
            "SEARCH_TYPES": list(types),
            "SEARCH_DATE": date and date.isoformat(),
            "SEARCH_DATE_FROM": date_from and date_from.isoformat(),
            "SEARCH_DATE_TO": date_to and date_to.isoformat(),
            "SEARCH_AUTHORS": [_id("authors", each) for each in authors],
            "LAST_ID": None if last_id is None else _id("last_id", last_id),
        }
    )
    return Call("im.notify.history.search", params | {"LIMIT": _limit(limit)}, _search_page, repeatable=True)


def _notice(notice: Notice) -> dict[str, Any]:
    message = notice.message.strip()
    if not message:
        raise InvalidInput("message", _("The message is empty. Write something."))
    for field, value in (("message", message), ("message_out", notice.message_out)):
        if len(value) > LONGEST_MESSAGE:
            raise InvalidInput(field, _("The message is longer than %(limit)d characters. Shorten it.") % {"limit": LONGEST_MESSAGE})
    for field, value in (("tag", notice.tag), ("sub_tag", notice.sub_tag)):
        if len(value) > tags.LONGEST_WIRE:
            raise InvalidInput(field, _("This tag is too long. Shorten it."))
    return {"USER_ID": _id("recipients", notice.user_id), "MESSAGE": message} | _filled(
        {
            "MESSAGE_OUT": notice.message_out,
            "TAG": notice.tag,
            "SUB_TAG": notice.sub_tag,
            "ATTACH": _attach(notice.attach),
            "CLIENT_ID": notice.client_id,
        }
    )


def _attach(attach: Attach | None) -> str:
    """The ATTACH as JSON text: the page im.notify takes it so, and one form is both measured and sent."""
    if not attach:
        return ""
    # The page allows 60,000, the server's source fewer than that: right under both.
    if attach_input.size(attach) >= LARGEST_ATTACH:
        raise InvalidInput("attach", _("The attachment is larger than %(limit)d characters. Shorten it.") % {"limit": LARGEST_ATTACH})
    return attach_input.serialise(attach)


def _id(field: str, value: int) -> int:
    if not 0 < value <= LARGEST_ID:
        raise InvalidInput(field, _("This is not a number that Bitrix24 gives out."))
    return value


def _limit(value: int) -> int:
    if not 0 < value <= PAGE:
        raise InvalidInput("limit", _("A page has between 1 and %(limit)d notifications.") % {"limit": PAGE})
    return value


def _yes_no(value: bool) -> str:
    return "Y" if value else "N"


def _filled(params: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value not in (None, "", [])}


def _new_id(answer: Answer) -> int | None:
    if answer.result is False:
        return None
    return _known(integer(answer.result), lambda value: 0 < value <= LARGEST_ID)


def _boolean(answer: Answer) -> bool:
    return flag(answer.result)


def _new_counter(answer: Answer) -> int | None:
    result = mapping(answer.result)
    return integer(result["newCounter"]) if "newCounter" in result else None


def _reaction(answer: Answer) -> Reaction:
    said = _known(mapping(answer.result), lambda result: "result_message" in result)["result_message"]
    texts = tuple(text(each) for each in (members(said) or [said]) if text(each))
    return Reaction(accepted=said is not False, texts=texts)


def _feed_page(answer: Answer) -> FeedPage:
    result = _feed_result(answer)
    return FeedPage(integer(result.get("total_count")), integer(result.get("total_unread_count")), feed.items(result), feed.people(result))


def _search_page(answer: Answer) -> SearchPage:
    result = _feed_result(answer)
    total = integer(result["total_results"]) if "total_results" in result else None
    return SearchPage(total, feed.items(result), feed.people(result))


def _feed_result(answer: Answer) -> dict[str, Any]:
    # An empty feed may be [] (bitrix24.md 6.9).
    return _known(mapping(answer.result), lambda result: "notifications" in result or answer.result == [])


def _schema(answer: Answer) -> tuple[Module, ...]:
    found = members(_known(answer.result, lambda result: isinstance(result, list | dict)))
    modules = [_known(mapping(module), lambda fields: "LIST" in fields) for module in found]
    return tuple(
        Module(text(module.get("MODULE_ID")), text(module.get("NAME")), tuple(_event_type(event) for event in members(module["LIST"])))
        for module in modules
    )


def _event_type(event: Any) -> EventType:
    fields = mapping(event)
    return EventType(text(fields.get("ID")), text(fields.get("NAME")))


def _known(value: T, is_known: Callable[[T], bool]) -> T:
    """The value, or RestError("BAD_ANSWER") for a shape that no page of the documentation shows."""
    if not is_known(value):
        raise RestError("BAD_ANSWER")
    return value
