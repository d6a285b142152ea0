"""Values as PHP sends them, read tolerantly: numbers as text, Y/N for booleans, maps as lists and lists as maps (bitrix24.md 5)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

LARGEST_ID = 2**63 - 1
"""The largest id that our tables hold."""


def integer(value: Any) -> int:
    """A whole number sent as number or text; 0 for anything else, booleans included."""
    try:
        return 0 if isinstance(value, bool) else int(value)
    except (TypeError, ValueError, OverflowError):
        return 0


def flag(value: Any) -> bool:
    """A boolean sent as true, 1, "1", "Y" or "true"."""
    return value is True or str(value).lower() in {"1", "y", "true"}


def text(value: Any) -> str:
    """Text or a number as text; empty for null, false and anything structured."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def members(value: Any) -> list[Any]:
    """The members of a list, also of one that arrives as a map; empty for anything else."""
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, list) else []


def mapping(value: Any) -> dict[str, Any]:
    """A map with text keys, also where its keys 0, 1, 2… made it a list; empty for anything else."""
    if isinstance(value, Mapping):
        return {str(key): member for key, member in value.items()}
    return {str(index): member for index, member in enumerate(value)} if isinstance(value, list) else {}


def moment(value: Any) -> datetime | None:
    """A time in ISO 8601, aware; None when it is missing or unreadable."""
    try:
        read = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
