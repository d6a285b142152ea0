"""TAG and SUB_TAG: what a person types, what is sent (wire), and what the portal stores (namespace and wire).

Every notification gets a wire TAG of its own per recipient, because how far the uniqueness of a TAG reaches is not certain
(bitrix24.md 6.3): so it is right under all three readings, and a send of unknown fate can be repeated without doubling.
"""

import re
from typing import Literal
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from b24app.models import Sender
from notifications.errors import InvalidInput

LONGEST_STORED = 255
"""Characters the portal stores, namespace included (bitrix24.md 6.3, observed in server source)."""

LONGEST_WIRE = 199
"""Our own limit for what is sent: bitrix24.md 6.3 asks for less than 200."""

LONGEST_TYPED = LONGEST_WIRE - len("|") - len(str(2**63 - 1))
"""Characters of a typed TAG or SUB_TAG, so that the largest possible user id still fits behind a TAG."""

_REPORT = re.compile(r"[0-9a-f]{32}:report")
_WARNING = re.compile(r"warning:(dispatch|access):\d+")
_GENERATED = re.compile(rf"[0-9a-f]{{32}}:\d*|{_REPORT.pattern}|{_WARNING.pattern}")


def clean(field: str, typed: str) -> str:
    """The typed TAG or SUB_TAG without surrounding spaces. InvalidInput for `field` when it is too long or has control characters."""
    trimmed = typed.strip()
    if len(trimmed) > LONGEST_TYPED:
        raise InvalidInput(field, _("A tag can have %(limit)d characters at most. Shorten it.") % {"limit": LONGEST_TYPED})
    if not trimmed.isprintable():
        raise InvalidInput(field, _("A tag cannot contain line breaks or control characters. Remove them."))
    return trimmed


def wire_tag(tag: str, recipient_id: int, dispatch_key: UUID) -> str:
    """The TAG to send: `<tag>|<user id>`.

    Without a typed tag it is made of the dispatch's key: with no `|` in it, it never equals one that was typed.
    """
    return f"{tag}|{recipient_id}" if tag else f"{dispatch_key.hex}:{recipient_id}"


def wire_sub_tag(tag: str, sub_tag: str) -> str:
    """The SUB_TAG to send, common to all recipients: the typed SUB_TAG, else the typed TAG, else none."""
    return sub_tag or tag


def generated_sub_tag(dispatch_key: UUID) -> str:
    """The SUB_TAG of a dispatch to many without a typed tag, so that all of it can be taken back in one call."""
    return f"{dispatch_key.hex}:"


def report_tag(request_key: UUID) -> str:
    """The TAG to send with what the sender of a confirmation request is told: like none that was typed or made for a recipient."""
    return f"{request_key.hex}:report"


def warning_tag(about: Literal["dispatch", "access"], number: int) -> str:
    """The TAG to send with what admins are told of this dispatch or person: with no `|` in it, it is like none that was typed."""
    return f"warning:{about}:{number}"


def is_report(stored: str, sender: Sender) -> bool:
    """Whether a stored TAG is a `report_tag` or a `warning_tag` of this sender: what the app says by itself."""
    wire = strip(stored, sender)
    return in_namespace(stored, sender) and bool(_REPORT.fullmatch(wire) or _WARNING.fullmatch(wire))


def stored(wire: str, sender: Sender) -> str:
    """The form in which the portal stores and returns a wire TAG or SUB_TAG; empty stays empty."""
    return f"{sender.namespace}{wire}" if wire else ""


def in_namespace(stored: str, sender: Sender) -> bool:
    """Whether a stored TAG or SUB_TAG is of this sender (other code of the same application included)."""
    return stored.startswith(sender.namespace)


def strip(stored: str, sender: Sender) -> str:
    """The wire form of a stored TAG or SUB_TAG; one outside the sender's namespace stays as it is."""
    return stored.removeprefix(sender.namespace)


def typed(stored: str, sender: Sender, recipient_id: int) -> str:
    """What a person would type for a stored TAG in the feed of `recipient_id`: without namespace and user id, empty for a generated one."""
    wire = strip(stored, sender)
    return "" if _GENERATED.fullmatch(wire) else wire.removesuffix(f"|{recipient_id}")
