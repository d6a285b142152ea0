"""Notifications as the portal returns them (pages im.notify.get and im.notify.history.search), read into plain values."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from notifications.shapes import flag, integer, mapping, members, moment, text

CONFIRMATION = 1
"""The notify_type that has buttons (bitrix24.md 6.4)."""

OTHERS = 3
"""LAST_TYPE once the confirmations are through (bitrix24.md 6.9)."""


@dataclass(frozen=True, slots=True)
class Button:
    """A button of a confirmation. `value` is opaque (bitrix24.md 6.5)."""

    text: str
    value: str


@dataclass(frozen=True, slots=True)
class FeedPerson:
    """An author of notifications; `avatar` is the address that the portal told, perhaps a path of its own."""

    id: int
    name: str
    avatar: str


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One notification in a person's feed.

    `type` is 1 for confirmations, 2 from a person, 4 from the system; `tag` and `sub_tag` are the stored forms (with namespace);
    `text` holds BB codes; `attach` is raw (notifications.attach reads it); `answerable` tells that a quick answer is offered.
    """

    id: int
    type: int
    module: str
    event: str
    tag: str
    sub_tag: str
    title: str
    text: str
    is_read: bool
    date: datetime | None
    author_id: int
    buttons: tuple[Button, ...]
    attach: Any
    answerable: bool

    @property
    def is_confirmation(self) -> bool:
        return self.type == CONFIRMATION


def items(result: dict[str, Any]) -> tuple[FeedItem, ...]:
    """The notifications of an answer, in its order; entries without an id are left out."""
    entries = (mapping(entry) for entry in members(result.get("notifications")))
    return tuple(_item(entry) for entry in entries if integer(entry.get("id")) > 0)


def people(result: dict[str, Any]) -> dict[int, FeedPerson]:
    """The authors named in an answer, by id."""
    entries = (mapping(entry) for entry in members(result.get("users")))
    return {
        integer(entry.get("id")): FeedPerson(integer(entry.get("id")), text(entry.get("name")), text(entry.get("avatar")))
        for entry in entries
    }


def _item(entry: dict[str, Any]) -> FeedItem:
    params = mapping(entry.get("params"))
    kind = integer(entry.get("notify_type"))
    return FeedItem(
        id=integer(entry.get("id")),
        type=kind,
        module=text(entry.get("notify_module")),
        event=text(entry.get("notify_event")),
        tag=text(entry.get("notify_tag")),
        sub_tag=text(entry.get("notify_sub_tag")),
        title=text(entry.get("notify_title")),
        text=text(entry.get("text")),
        is_read=flag(entry.get("notify_read")),
        date=moment(entry.get("date")),
        author_id=integer(entry.get("author_id")),
        buttons=tuple(_buttons(entry.get("notify_buttons"))) if kind == CONFIRMATION else (),
        attach=params.get("ATTACH"),
        # A guess: the documentation names no field for this; the messenger's own page is known to read one of these.
        answerable=flag(params.get("CAN_ANSWER")) or flag(params.get("canAnswer")),
    )


def _buttons(raw: Any) -> Iterator[Button]:
    """The pressable buttons of notify_buttons: JSON text, or already a list (bitrix24.md 6.5)."""
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except ValueError:
            return
    for entry in map(mapping, members(raw)):
        _, separator, value = text(entry.get("COMMAND_PARAMS")).partition("|")
        if text(entry.get("COMMAND")) == "notifyConfirm" and separator:
            yield Button(text(entry.get("TEXT")), value)
