"""The vocabulary between the floors: a call to make, its answer, and what came of each call of a batch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from b24app.rest.errors import RestError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer of the portal: `result` as sent, with the paging figures where the method pages."""

    result: Any
    total: int | None = None
    next: int | None = None


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One REST call: the method, its parameters without any credential, and how its answer reads.

    `parse` gets the Answer and returns the typed value; it raises RestError("BAD_ANSWER") for a shape it does not know.
    A `repeatable` call does no harm when it is made twice, so it may be made again when no answer tells what became of it.
    """

    method: str
    params: Mapping[str, Any]
    parse: Callable[[Answer], T]
    repeatable: bool = False


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What one call of a batch came to: a value, or the error that it ended with."""

    value: T | None = None
    error: RestError | None = None
