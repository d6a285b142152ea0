"""Notification texts as safe HTML: the messenger's BB codes, links and line breaks; everything else is plain text."""

import re
from urllib.parse import urlsplit

from markupsafe import Markup, escape

_ELEMENTS = {"b": "strong", "i": "em", "u": "u", "s": "s"}
# A link's address may hold brackets in pairs, as in `params[tag]=x`.
_TOKEN = re.compile(
    r"\[url\](?P<bare>.*?)\[/url\]"
    r"|\[(?P<close>/?)(?P<tag>b|i|u|s|url|user|chat|size|color|send|put|call)(?:=(?P<value>(?:[^\[\]]|\[[^\[\]]*\])*))?\]"
    r"|(?P<address>https?://[^\s\[\]<>\"']+)"
    r"|(?P<line>\[br\]|#br#|\r?\n)",
    re.IGNORECASE,
)


def safe_href(address: str) -> str | None:
    """The address if a link may lead there: http, https, or a path of this portal; None for anything else."""
    address = address.strip()
    if address.startswith("/") and not address.startswith(("//", "/\\")):
        return address
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme.lower() in {"http", "https"} and parts.netloc else None


def opening_link(address: str) -> Markup | None:
    """The opening `a` tag of a link; other sites open in a new tab. None when the address is not allowed."""
    href = safe_href(address)
    if href is None:
        return None
    if href.startswith("/"):
        return Markup('<a href="{}">').format(href)
    return Markup('<a href="{}" target="_blank" rel="noopener noreferrer">').format(href)


def link(address: str, text: str) -> Markup:
    """A link with this text, or only the text when the address is not allowed."""
    opening = opening_link(address)
    return escape(text) if opening is None else Markup("{}{}</a>").format(opening, text)


class _Writer:
    """Collects HTML and keeps the elements balanced whatever the BB codes were."""

    def __init__(self) -> None:
        self._parts: list[Markup] = []
        self._open: list[str] = []

    def text(self, text: str) -> None:
        self._parts.append(escape(text))

    def line(self) -> None:
        self._parts.append(Markup("<br>"))

    def address(self, address: str) -> None:
        self._parts.append(escape(address) if "a" in self._open else link(address, address))

    def start(self, tag: str, value: str | None) -> None:
        if tag in _ELEMENTS:
            self._push(_ELEMENTS[tag], Markup("<{}>").format(_ELEMENTS[tag]))
        elif tag in {"url", "user"} and value and "a" not in self._open:
            opening = opening_link(value if tag == "url" else f"/company/personal/user/{value}/")
            if opening is not None:
                self._push("a", opening)

    def end(self, tag: str) -> None:
        element = "a" if tag in {"url", "user"} else _ELEMENTS.get(tag)
        if element not in self._open:
            return
        while self._open:
            closed = self._open.pop()
            self._parts.append(Markup("</{}>").format(closed))
            if closed == element:
                return

    def finish(self) -> Markup:
        while self._open:
            self._parts.append(Markup("</{}>").format(self._open.pop()))
        return Markup("").join(self._parts)

    def _push(self, element: str, opening: Markup) -> None:
        self._open.append(element)
        self._parts.append(opening)


def render_text(text: str) -> Markup:
    """HTML of a notification's text. BB codes that only decorate (size, colour, chat) leave their inner text."""
    writer = _Writer()
    position = 0
    for token in _TOKEN.finditer(text):
        writer.text(text[position : token.start()])
        position = token.end()
        if token["line"]:
            writer.line()
        elif token["address"] or token["bare"] is not None:
            writer.address(token["address"] or token["bare"])
        elif token["close"]:
            writer.end(token["tag"].lower())
        else:
            writer.start(token["tag"].lower(), token["value"])
    writer.text(text[position:])
    return writer.finish()
