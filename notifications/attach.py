"""The ATTACH of a notification as plain blocks that templates render.

Blocks: pages chat-bots-v2/imbot.v2/messages/attachments (index and block-collections) of the REST documentation.
An attachment comes as an object with BLOCKS, as a list of blocks, or as a list of such objects; each block has one key, its kind.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from django.utils.html import strip_tags

from b24app.pictures import picture
from notifications.bbcode import safe_link
from notifications.shapes import integer, mapping, members, text


@dataclass(frozen=True, slots=True)
class Message:
    """A paragraph; `text` may hold BB codes."""

    kind: ClassVar[str] = "message"
    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link with its caption, a note (BB codes) and a preview picture; `address` and `preview` are safe or empty."""

    kind: ClassVar[str] = "link"
    name: str
    address: str
    note: str
    preview: str


@dataclass(frozen=True, slots=True)
class Person:
    """A person's or chat's card; `address` and `picture` are safe or empty."""

    kind: ClassVar[str] = "person"
    name: str
    address: str
    picture: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A named value of a grid; `value` may hold BB codes, `address` is safe or empty."""

    name: str
    value: str
    address: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of named values; `display` is block, line, row or table."""

    kind: ClassVar[str] = "grid"
    display: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: `preview` is what to show, `address` where it leads; both are safe, or empty where nothing can be shown or opened."""

    kind: ClassVar[str] = "picture"
    name: str
    address: str
    preview: str


@dataclass(frozen=True, slots=True)
class File:
    """A file to open; `size` in bytes, 0 when it was not told."""

    kind: ClassVar[str] = "file"
    name: str
    address: str
    size: int


@dataclass(frozen=True, slots=True)
class Divider:
    kind: ClassVar[str] = "divider"


Block = Message | Link | Person | Grid | Picture | File | Divider


def read(attach: Any, origin: str = "") -> tuple[Block, ...]:
    """All readable blocks of an ATTACH in any of its shapes; unknown kinds and broken blocks are left out.

    `origin` (scheme and host of the portal) makes paths of the portal absolute.
    """
    return tuple(block for raw in _raw_blocks(attach) for kind, value in raw.items() for block in _blocks(kind, value, origin))


def _raw_blocks(attach: Any) -> Iterator[dict[str, Any]]:
    for part in [attach] if "BLOCKS" in mapping(attach) else members(attach):
        for block in members(mapping(part)["BLOCKS"]) if "BLOCKS" in mapping(part) else [part]:
            yield mapping(block)


def _blocks(kind: str, value: Any, origin: str) -> Iterator[Block]:
    if kind == "MESSAGE" and text(value):
        yield Message(text(value))
    elif kind == "DELIMITER":
        yield Divider()
    elif kind == "GRID":
        cells = [mapping(cell) for cell in members(value)]
        if cells:
            yield Grid(text(cells[0].get("DISPLAY")).lower() or "block", tuple(_cell(cell, origin) for cell in cells))
    elif kind in _READERS:
        # One block may hold a single thing or a list of them.
        single = any(name in mapping(value) for name in ("LINK", "NAME"))
        yield from (_READERS[kind](mapping(one), origin) for one in ([value] if single else members(value)))


def _cell(cell: dict[str, Any], origin: str) -> Cell:
    return Cell(text(cell.get("NAME")), text(cell.get("VALUE")), safe_link(text(cell.get("LINK")), origin))


def _link(value: dict[str, Any], origin: str) -> Link:
    address = text(value.get("LINK"))
    return Link(
        name=text(value.get("NAME")) or address,
        address=safe_link(address, origin),
        note=strip_tags(text(value.get("HTML"))) or text(value.get("DESC")),
        preview=picture(text(value.get("PREVIEW")), origin),
    )


def _person(value: dict[str, Any], origin: str) -> Person:
    return Person(text(value.get("NAME")), safe_link(text(value.get("LINK")), origin), picture(text(value.get("AVATAR")), origin))


def _picture(value: dict[str, Any], origin: str) -> Picture:
    address = text(value.get("LINK"))
    return Picture(
        text(value.get("NAME")), safe_link(address, origin), picture(text(value.get("PREVIEW")), origin) or picture(address, origin)
    )


def _file(value: dict[str, Any], origin: str) -> File:
    address = text(value.get("LINK"))
    return File(text(value.get("NAME")) or address, safe_link(address, origin), max(integer(value.get("SIZE")), 0))


_READERS: dict[str, Callable[[dict[str, Any], str], Block]] = {"LINK": _link, "USER": _person, "IMAGE": _picture, "FILE": _file}
