"""Text in columns, for people at a terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime

NOTHING = "-"


def columns(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lines of aligned columns under their names."""
    texts = [list(head), *([_plain(cell) for cell in row] for row in rows)]
    widths = [max(len(line[number]) for line in texts) for number in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in texts)


def facts(pairs: Sequence[tuple[str, object]]) -> str:
    """Lines of a name and what is known under it."""
    width = max(len(name) for name, _ in pairs)
    return "\n".join(f"{name.ljust(width)}  {_plain(value)}" for name, value in pairs)


def moment(at: datetime | None) -> str:
    """A time in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if at else NOTHING


def _plain(value: object) -> str:
    # Names and codes come from portals: nothing of theirs may steer the terminal.
    text = "".join(character if character.isprintable() else "?" for character in str(value))
    return text or NOTHING
