"""How long a piece of work may still take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Deadline:
    """A moment `seconds` from now. Shared by every step of one click, so that their sum stays within it."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that remain, 0 when it has passed."""
        return max(0.0, self._at - time.monotonic())

    def pause(self, seconds: float) -> bool:
        """Sleep and return True; or, when that would reach past the deadline, return False at once."""
        if seconds >= self.left():
            return False
        time.sleep(seconds)
        return True


_request: ContextVar[Deadline | None] = ContextVar("request", default=None)


@contextmanager
def request_limit(seconds: float) -> Iterator[None]:
    """Let everything inside, however many calls it makes, be over in `seconds`: every deadline from `of_request` ends by then."""
    token = _request.set(Deadline(seconds))
    try:
        yield
    finally:
        _request.reset(token)


def of_request(seconds: float) -> Deadline:
    """A deadline `seconds` from now, and no later than the limit of the request that is being answered, if one is."""
    request = _request.get()
    return Deadline(min(seconds, request.left()) if request else seconds)
