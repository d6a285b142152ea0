"""The messenger's BB codes as safe HTML: a fixed set of elements, links to safe addresses only, everything else is escaped text.

Codes: pages chat-bots-v2/imbot.v2/messages/message-formatting and chats/messages/formatting of the REST documentation.
`#BR#` is a line break in texts of older portals (observed in server source).
"""

import html
import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

from django.utils import formats, timezone
from django.utils.html import format_html, format_html_join, strip_tags
from django.utils.safestring import SafeString

_TOKEN = re.compile(
    r"(?P<code>\[code\])"
    r"|\[url\](?P<bare>[^\[\]]*)\[/url\]"
    r"|(?P<line>\[br\]|\#br\#|\r?\n)"
    r"|\[(?P<close>/)?(?P<name>[a-z]+|\*)(?:[=\ ](?P<value>[^\[\]]*))?\]"
    r"|(?P<address>https?://[^\s\[\]<>\"']*[^\s\[\]<>\"'.,;:!?)])"
    r"|^(?P<quote>>>)"
    r"|^(?P<fence>-{6,}[ \t]*(?:\r?\n|\Z))",
    re.IGNORECASE | re.MULTILINE,
)
_FENCE = re.compile(r"^-{6,}[ \t]*(?:\r?\n|\Z)", re.MULTILINE)
_END_OF_CODE = "[/code]"
_PHONE = re.compile(r"\+?[\d\s().-]+")

_OPENING = {
    "b": SafeString("<b>"),
    "i": SafeString("<i>"),
    "u": SafeString("<u>"),
    "s": SafeString("<s>"),
    "quote": SafeString("<blockquote>"),
    "list": SafeString("<ul>"),
    "*": SafeString("<li>"),
}
_CLOSING = {
    "b": SafeString("</b>"),
    "i": SafeString("</i>"),
    "u": SafeString("</u>"),
    "s": SafeString("</s>"),
    "quote": SafeString("</blockquote>"),
    "quoted line": SafeString("</blockquote>"),
    "list": SafeString("</ul>"),
    "*": SafeString("</li>"),
    "a": SafeString("</a>"),
}
_LINKS = {"url", "user", "call"}
# Their inner text is shown; colours, sizes and actions of the messenger mean nothing outside it.
_DROPPED = {"size", "color", "chat", "context", "put", "send", "img", "icon", "disk"}
_BREAK = SafeString("<br>")


def safe_link(address: str, origin: str = "") -> str:
    """The absolute address a link may lead to, or empty: http, https, mailto, tel, and paths of the portal whose `origin` is given."""
    address = address.strip()
    if not address.isprintable():
        return ""
    if address.startswith("/"):
        return f"{origin}{address}" if origin and not address.startswith(("//", "/\\")) else ""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    allowed = parts.netloc if parts.scheme in {"http", "https"} else parts.scheme in {"mailto", "tel"} and parts.path
    return address if allowed else ""


def render(text: str, origin: str = "") -> SafeString:
    """HTML of a notification's text.

    `origin` (scheme and host of the portal) makes links of portal paths and people; without it they stay plain text.
    """
    return _Renderer(text, origin).html()


def plain(text: str) -> str:
    """The text in one line without any code, for lists and titles."""
    spaced = re.sub(r"</?(?:br|li|blockquote|pre)>", " ", render(text))
    return " ".join(html.unescape(strip_tags(spaced)).split())


class _Renderer:
    """Walks through the codes of one text and keeps the elements balanced, however the codes were nested."""

    def __init__(self, text: str, origin: str) -> None:
        self._text = text
        self._origin = origin
        self._parts: list[SafeString] = []
        self._open: list[str] = []

    def html(self) -> SafeString:
        position = 0
        while token := _TOKEN.search(self._text, position):
            self._write(self._text[position : token.start()])
            position = self._token(token)
        self._write(self._text[position:])
        while self._open:
            self._close_last()
        return format_html_join("", "{}", ((part,) for part in self._parts))

    def _token(self, token: re.Match[str]) -> int:
        """Handle one token; returns where to go on."""
        if token["code"]:
            return self._code(token)
        if token["line"]:
            self._break(token)
        elif token["quote"]:
            if "quoted line" not in self._open:
                self._start("quoted line", _OPENING["quote"])
        elif token["fence"]:
            self._fence(token)
        elif token["name"]:
            self._tag(token)
        else:
            self._link(token["bare"] or token["address"] or "")
        return token.end()

    def _tag(self, token: re.Match[str]) -> None:
        name, value = token["name"].lower(), token["value"] or ""
        if name in _LINKS:
            self._link_tag(name, value, closes=bool(token["close"]))
        elif name == "timestamp":
            self._write(_local_time(value) or token[0])
        elif name == "*":
            self._list_item()
        elif name in _OPENING and token["close"]:
            self._end(name)
        elif name in _OPENING:
            self._start(name, _OPENING[name])
        elif name not in _DROPPED:
            self._write(token[0])

    def _link_tag(self, name: str, value: str, *, closes: bool) -> None:
        if closes:
            self._end("a")
            return
        address = self._address(name, value)
        if address and "a" not in self._open:
            self._start("a", _opening_link(address))

    def _address(self, name: str, value: str) -> str:
        if name == "user":
            return safe_link(f"/company/personal/user/{value}/", self._origin) if value.isdecimal() else ""
        if name == "call":
            return safe_link(f"tel:{value}") if _PHONE.fullmatch(value) else ""
        return safe_link(value, self._origin)

    def _link(self, address: str) -> None:
        href = safe_link(address, self._origin)
        if href and "a" not in self._open:
            self._start("a", _opening_link(href))
            self._write(address)
            self._end("a")
        else:
            self._write(address)

    def _code(self, token: re.Match[str]) -> int:
        end = self._text.lower().find(_END_OF_CODE, token.end())
        if end < 0:
            self._write(token[0])
            return token.end()
        self._parts.append(format_html("<pre><code>{}</code></pre>", self._text[token.end() : end].strip("\r\n")))
        return end + len(_END_OF_CODE)

    def _fence(self, token: re.Match[str]) -> None:
        if "quote" in self._open:
            self._end("quote")
        elif _FENCE.search(self._text, token.end()):
            self._start("quote", _OPENING["quote"])
        else:
            self._write(token[0])

    def _break(self, token: re.Match[str]) -> None:
        if "quoted line" in self._open and not self._text.startswith(">>", token.end()):
            self._end("quoted line")
        elif self._open[-1:] != ["list"]:
            self._parts.append(_BREAK)

    def _list_item(self) -> None:
        if "list" in self._open:
            while self._open[-1] != "list":
                self._close_last()
            self._start("*", _OPENING["*"])

    def _start(self, name: str, opening: SafeString) -> None:
        self._open.append(name)
        self._parts.append(opening)

    def _end(self, name: str) -> None:
        if name in self._open:
            while self._open[-1] != name:
                self._close_last()
            self._close_last()

    def _close_last(self) -> None:
        self._parts.append(_CLOSING[self._open.pop()])

    def _write(self, text: str) -> None:
        if self._open[-1:] == ["list"]:
            if not text.strip():
                return
            self._start("*", _OPENING["*"])
        self._parts.append(format_html("{}", text))


def _opening_link(address: str) -> SafeString:
    return format_html('<a href="{}" target="_blank" rel="noopener noreferrer">', address)


def _local_time(value: str) -> str:
    """The person's local time of `<epoch seconds> format=…`; empty when there is no such time."""
    try:
        moment = datetime.fromtimestamp(int(value.split(maxsplit=1)[0]), UTC)
    except (IndexError, ValueError, OverflowError, OSError):
        return ""
    return formats.date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")
