"""Where the parts of a bar and the columns of a chart stand: text in per cent, an attribute of SVG as it is.

A template would put the active language's decimal comma into an attribute that wants a point.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LEAST_HEIGHT = 2
"""Pixels of a part that is not empty: even a single one is seen."""

ROOM_ABOVE = 18
"""Pixels for the number above the highest column."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column stands: its left edge, its width and its middle."""

    x: str
    width: str
    middle: str


def percent(part: float, whole: float) -> str:
    """`part` of `whole`, e.g. `12.500%`."""
    return f"{part * 100 / whole:.3f}%"


def stretches(numbers: Sequence[int]) -> list[tuple[str, str]]:
    """Where each part of a bar begins and how long it is; all of them nothing where there is nothing."""
    whole, begun, found = sum(numbers) or 1, 0, []
    for number in numbers:
        found.append((percent(begun, whole), percent(number, whole)))
        begun += number
    return found


def place(slot: int, slots: int) -> Place:
    """The column in this one of so many slots, with room between it and its neighbours."""
    return Place(percent(slot + 0.18, slots), percent(0.64, slots), percent(slot + 0.5, slots))


def pile(numbers: Iterable[int], highest: int, height: int) -> list[tuple[int, int]]:
    """The parts of a column of a chart `height` pixels high, one on the other: the top of each and its height, 0 for an empty one.

    A column of `highest` leaves just the room for the number above it.
    """
    top, parts = height, []
    for number in numbers:
        part = max(LEAST_HEIGHT, number * (height - ROOM_ABOVE) // highest) if number else 0
        top -= part
        parts.append((top, part))
    return parts
