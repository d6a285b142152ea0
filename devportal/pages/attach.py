"""The ATTACH of a notification as readable HTML (blocks MESSAGE, LINK, USER, GRID, IMAGE, FILE, DELIMITER)."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from markupsafe import Markup

from devportal.pages.richtext import link, render_text, safe_href


def _members(value: Any) -> list[Any]:
    """The members of a list, of PHP's index-keyed map, or the single thing itself."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and value and all(str(key).isdigit() for key in value):
        return list(value.values())
    return [value]


def _blocks(attach: Any) -> Iterator[dict[str, Any]]:
    """Every block of an attachment: it may be JSON text, a list of blocks, an object with BLOCKS, or a list of such objects."""
    if isinstance(attach, str):
        try:
            attach = json.loads(attach)
        except ValueError:
            return
    for member in _members(attach):
        if isinstance(member, dict) and "BLOCKS" in member:
            yield from _blocks(member["BLOCKS"])
        elif isinstance(member, dict):
            yield member


def _field(value: dict[str, Any], *names: str) -> str:
    return next((str(value[name]) for name in names if value.get(name) not in (None, "")), "")


def _message(value: Any) -> Markup:
    return Markup("<div>{}</div>").format(render_text(str(value)))


def _link(value: Any) -> Markup:
    address = _field(value, "LINK")
    title = link(address, _field(value, "NAME", "TITLE") or address)
    note = _field(value, "DESC", "HTML")
    return Markup("<div>{}{}</div>").format(title, Markup('<div class="attach-note">{}</div>').format(render_text(note)) if note else "")


def _user(value: Any) -> Markup:
    return Markup('<div class="attach-user">{}</div>').format(link(_field(value, "LINK"), _field(value, "NAME")))


def _image(value: Any) -> Markup:
    source = safe_href(_field(value, "PREVIEW", "LINK"))
    name = _field(value, "NAME") or "Picture"
    if source is None:
        return Markup("<div>{}</div>").format(name)
    return Markup('<img src="{}" alt="{}" loading="lazy">').format(source, name)


def _file(value: Any) -> Markup:
    return Markup("<div>{}</div>").format(link(_field(value, "LINK"), _field(value, "NAME") or "File"))


def _grid(rows: list[Any]) -> Markup:
    row = Markup("<dt>{}</dt><dd>{}</dd>")
    cells = [
        row.format(
            _field(cell, "NAME"), link(cell["LINK"], _field(cell, "VALUE")) if cell.get("LINK") else render_text(_field(cell, "VALUE"))
        )
        for cell in rows
        if isinstance(cell, dict)
    ]
    return Markup('<dl class="attach-grid">{}</dl>').format(Markup("").join(cells))


_RENDERERS: dict[str, Callable[[Any], Markup]] = {"LINK": _link, "USER": _user, "IMAGE": _image, "FILE": _file}


def _block(block: dict[str, Any]) -> Iterator[Markup]:
    for kind, value in block.items():
        if kind == "MESSAGE":
            yield _message(value)
        elif kind == "GRID":
            yield _grid(_members(value))
        elif kind == "DELIMITER":
            yield Markup("<hr>")
        elif kind in _RENDERERS:
            yield from (_RENDERERS[kind](one) for one in _members(value) if isinstance(one, dict))


def render_attach(attach: Any) -> Markup:
    """HTML of an attachment in any of the forms the messenger accepts; empty when there is nothing readable in it."""
    return Markup("").join(html for block in _blocks(attach) for html in _block(block))
