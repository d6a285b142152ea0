"""An ATTACH that a person writes: its JSON text read, measured, and refused where it breaks the documented shapes.

Pages chat-bots-v2/imbot.v2/messages/attachments (index, block-collections/*): an object with BLOCKS or a list of blocks, kinds, required
parameters, colours, and that links are http, https or paths of the portal.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from notifications.bbcode import safe_link
from notifications.errors import InvalidInput
from notifications.shapes import mapping, text

COLOUR_TOKENS = ("primary", "secondary", "alert", "base")

_KINDS = frozenset({"MESSAGE", "LINK", "RICH_LINK", "IMAGE", "FILE", "GRID", "DELIMITER", "USER"})
_WITH_ADDRESS = frozenset({"LINK", "RICH_LINK", "IMAGE", "FILE"})
# A LINK block may lead to a person or a chat of the portal instead.
_INTERNAL = ("USER_ID", "CHAT_ID", "NETWORK_ID")
_HEX = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", re.ASCII | re.IGNORECASE)


def serialise(attach: Any) -> str:
    """The JSON text that is measured and sent. ValueError for what JSON cannot hold."""
    return json.dumps(attach, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def size(attach: Any) -> int:
    """The characters of an ATTACH as the portal counts them: its JSON escapes every slash (observed in server source)."""
    serialised = serialise(attach)
    return len(serialised) + serialised.count("/")


def parse(typed: str) -> Any:
    """The value of the typed JSON, None for blank text. Raises InvalidInput("attach")."""
    if not typed.strip():
        return None
    try:
        value = json.loads(typed)
        storable = "\\u0000" not in serialise(value) and bool(serialise(value).encode())
    except json.JSONDecodeError as error:
        _refuse(_("This is not JSON: look at line %(line)d, character %(column)d."), line=error.lineno, column=error.colno)
    except (ValueError, RecursionError):
        storable = False
    if not storable:
        _refuse(_("This JSON holds something that Bitrix24 cannot store."))
    return value


def read(typed: str) -> list[Any] | dict[str, Any] | None:
    """The ATTACH of the typed JSON, None for blank text. Raises InvalidInput("attach") naming the block that is wrong."""
    value = parse(typed)
    if value is None:
        return None
    blocks = value.get("BLOCKS") if isinstance(value, dict) else value
    if not isinstance(blocks, list):
        _refuse(_("An attachment is a list of blocks, or an object with a list named BLOCKS."))
    if not blocks:
        _refuse(_("The attachment has no blocks. Add one, or empty the field."))
    _check_colours(mapping(value))
    for number, block in enumerate(blocks, start=1):
        _check_block(number, block)
    attach: list[Any] | dict[str, Any] = value
    return attach


def colours(attach: Any) -> tuple[str, str]:
    """The colour token and the #RRGGBB colour of an attachment; empty where it has none that is documented."""
    fields = attach if isinstance(attach, dict) else {}
    token, colour = text(fields.get("COLOR_TOKEN")), text(fields.get("COLOR"))
    return token if token in COLOUR_TOKENS else "", colour if _HEX.fullmatch(colour) else ""


def _check_colours(fields: dict[str, Any]) -> None:
    token, colour = colours(fields)
    if fields.get("COLOR_TOKEN") and not token:
        _refuse(_("COLOR_TOKEN has to be one of %(tokens)s."), tokens=", ".join(COLOUR_TOKENS))
    if fields.get("COLOR") and not colour:
        _refuse(_("COLOR has to look like #29619b."))


def _check_block(number: int, block: Any) -> None:
    if not isinstance(block, dict) or not block:
        _refuse(_('Block %(number)d is empty. A block looks like {"MESSAGE": "text"}.'), number=number)
    for kind, value in block.items():
        if kind not in _KINDS:
            _refuse(_("Block %(number)d: Bitrix24 knows no block %(kind)s."), number=number, kind=kind)
        if kind == "MESSAGE" and not text(value).strip():
            _refuse(_("Block %(number)d: the text is empty. Write something or remove the block."), number=number)
        if kind in _WITH_ADDRESS:
            for thing in _things(value):
                _check_address(number, thing, required=True)
        if kind == "GRID":
            _check_rows(number, value)


def _check_rows(number: int, value: Any) -> None:
    rows = list(_things(value))
    if not rows:
        _refuse(_("Block %(number)d: the table has no rows. Add one or remove the block."), number=number)
    for row in rows:
        if not text(row.get("NAME")).strip() and not text(row.get("VALUE")).strip():
            _refuse(_("Block %(number)d: a row has neither name nor value. Fill it in or remove it."), number=number)
        _check_address(number, row, required=False)


def _check_address(number: int, thing: dict[str, Any], *, required: bool) -> None:
    address = text(thing.get("LINK")).strip()
    if not address and required and not any(thing.get(name) for name in _INTERNAL):
        _refuse(_("Block %(number)d: the address is missing."), number=number)
    if address and not _is_address(address):
        _refuse(_("Block %(number)d: the address has to begin with https://, http:// or /."), number=number)


def _is_address(address: str) -> bool:
    return address.lower().startswith(("https://", "http://", "/")) and bool(safe_link(address, "https://portal"))


def _things(value: Any) -> Iterator[dict[str, Any]]:
    """A block's content as objects: it may hold one or a list of them."""
    for one in value if isinstance(value, list) else [value]:
        yield one if isinstance(one, dict) else {}


def _refuse(message: Promise | str, **values: object) -> NoReturn:
    raise InvalidInput("attach", str(message) % values)
