"""The notification feed of one portal: the rules of im.notify.*, without HTTP.

The rules are those of the messenger server's source and of the im.notify.* pages of the REST documentation.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from devportal.clock import Clock

CONFIRM = 1
FROM_USER = 2
SYSTEM = 4

LIFETIME = 60 * 86400
"""Seconds after which the portal erases a notification (observed in server source)."""

TagRule = Literal["recipient", "application", "confirmations"]


@dataclass(frozen=True)
class Button:
    """A button of a confirmation: what it says, the opaque value it sends, and its colours as the portal stores them."""

    text: str
    value: str
    background: str = "#8bc84b"
    color: str = "#fff"


ACCEPT_COLORS = ("#8bc84b", "#fff")
REFUSE_COLORS = ("#ef4b57", "#fff")


@dataclass
class FeedItem:
    """One notification in one person's feed. `tag` and `sub_tag` are the stored (namespaced) forms, `created_at` epoch seconds,
    `answer` what the person answered last.
    """

    id: int
    recipient_id: int
    author_id: int
    created_at: float
    notify_type: int
    module: str
    event: str
    text: str
    title: str = ""
    tag: str = ""
    sub_tag: str = ""
    read: bool = False
    buttons: tuple[Button, ...] = ()
    attach: Any = None
    client_id: str = ""
    answers: dict[str, str] = field(default_factory=dict)
    answerable: bool = False
    answer: str = ""

    @property
    def confirmation(self) -> bool:
        """True for the type that has buttons."""
        return self.notify_type == CONFIRM


def namespaced(client_id: str, tag: str) -> str:
    """The stored form of an application's TAG or SUB_TAG: `MP|<five hex of md5(client_id)>|<tag>`; empty stays empty."""
    return f"MP|{hashlib.md5(client_id.encode(), usedforsecurity=False).hexdigest()[:5]}|{tag}" if tag else ""


class Feed:
    """All notifications of a portal, by person and by tag. The caller holds the world's lock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next_id = 1001
        self._items: dict[int, FeedItem] = {}
        self._by_person: dict[int, dict[int, FeedItem]] = {}
        self._by_tag: dict[str, dict[int, FeedItem]] = {}
        self._by_sub_tag: dict[str, dict[int, FeedItem]] = {}
        self.tag_rule: TagRule = "recipient"

    def add(self, recipient_id: int, **fields: Any) -> FeedItem:
        """Store a notification and return it; one that had the same TAG goes first, as far as `tag_rule` says."""
        replaced = [item for item in self._by_tag.get(fields.get("tag", ""), {}).values() if self._replaces(recipient_id, item)]
        for item in replaced:
            self._remove(item)
        fields.setdefault("created_at", self._clock.now())
        added = FeedItem(id=self._next_id, recipient_id=recipient_id, **fields)
        self._next_id += 1
        self._items[added.id] = added
        for index, key in self._indexes(added):
            index.setdefault(key, {})[added.id] = added
        return added

    def of(self, person_id: int) -> list[FeedItem]:
        """The person's notifications, newest first; those past their lifetime are erased on the way."""
        mine = self._by_person.get(person_id, {})
        oldest = self._clock.now() - LIFETIME
        for item in [item for item in mine.values() if item.created_at < oldest]:
            self._remove(item)
        return sorted(mine.values(), key=lambda item: item.id, reverse=True)

    def find(self, person_id: int, item_id: int) -> FeedItem | None:
        """The item if it is in that person's own feed."""
        return self._by_person.get(person_id, {}).get(item_id)

    def delete(self, person_id: int, item_id: int) -> bool:
        """Delete one of the person's own notifications; False when it is not theirs or is gone."""
        item = self.find(person_id, item_id)
        if item is None:
            return False
        self._remove(item)
        return True

    def delete_tag(self, tag: str) -> None:
        """Delete by stored TAG, whoever received it."""
        for item in list(self._by_tag.get(tag, {}).values()):
            self._remove(item)

    def delete_sub_tag(self, sub_tag: str) -> None:
        """Delete by stored SUB_TAG, whoever received it."""
        for item in list(self._by_sub_tag.get(sub_tag, {}).values()):
            self._remove(item)

    def mark(self, person_id: int, item_ids: Iterable[int], *, read: bool) -> None:
        """Mark the person's own notifications; confirmations are never marked as read."""
        for item_id in item_ids:
            item = self.find(person_id, item_id)
            if item is not None and not item.confirmation:
                item.read = read

    def mark_from(self, person_id: int, first_id: int, *, read: bool) -> None:
        """Mark `first_id` and everything newer."""
        self.mark(person_id, [item.id for item in self.of(person_id) if item.id >= first_id], read=read)

    def mark_all_read(self, person_id: int) -> None:
        """Mark all of the person's notifications but confirmations as read."""
        self.mark_from(person_id, 0, read=True)

    def unread(self, person_id: int) -> int:
        """How many of the person's notifications are unread."""
        return sum(not item.read for item in self.of(person_id))

    def confirm(self, person_id: int, item_id: int, value: str) -> str | None:
        """Press a button: the item goes, and what its module said comes back; None when there is no such confirmation or value."""
        item = self.find(person_id, item_id)
        if item is None or not item.confirmation:
            return None
        button = next((button for button in item.buttons if button.value == value), None)
        if button is None:
            return None
        self._remove(item)
        return item.answers.get(value, f"Selected: {button.text}")

    def answer(self, person_id: int, item_id: int, text: str) -> str | None:
        """Answer a notification that takes answers: what its module said, or None. The item stays and keeps the answer."""
        item = self.find(person_id, item_id)
        if item is None or not item.answerable:
            return None
        item.answer = text
        return "Your reply has been sent."

    def page(self, person_id: int, last_id: int | None, last_type: int | None, limit: int) -> list[FeedItem]:
        """One page: confirmations first, then the rest, each newest first, going on after the cursor."""
        everything = self.of(person_id)
        confirmations = [item for item in everything if item.confirmation]
        others = [item for item in everything if not item.confirmation]
        if last_id is not None and last_type == CONFIRM:
            confirmations = [item for item in confirmations if item.id < last_id]
        elif last_id is not None:
            confirmations = []
            others = [item for item in others if item.id < last_id]
        return (confirmations + others)[:limit]

    def __iter__(self) -> Iterator[FeedItem]:
        return iter(list(self._items.values()))

    def _replaces(self, recipient_id: int, older: FeedItem) -> bool:
        if not older.tag:
            return False
        if self.tag_rule == "application":
            return True
        return older.recipient_id == recipient_id and (self.tag_rule == "recipient" or older.confirmation)

    def _remove(self, item: FeedItem) -> None:
        self._items.pop(item.id, None)
        for index, key in self._indexes(item):
            index.get(key, {}).pop(item.id, None)
            if not index.get(key):
                index.pop(key, None)

    def _indexes(self, item: FeedItem) -> list[tuple[dict[Any, dict[int, FeedItem]], Any]]:
        found: list[tuple[dict[Any, dict[int, FeedItem]], Any]] = [(self._by_person, item.recipient_id)]
        if item.tag:
            found.append((self._by_tag, item.tag))
        if item.sub_tag:
            found.append((self._by_sub_tag, item.sub_tag))
        return found
