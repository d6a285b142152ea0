"""The cloud's limits: the portal's leaky bucket and each method's operating budget (doc: performance/limits)."""

from collections import deque
from dataclasses import dataclass
from typing import Literal

from devportal.clock import Clock

LimitKind = Literal["cloud", "enterprise", "self-hosted"]

RATES: dict[LimitKind, tuple[float, float]] = {"cloud": (50, 2), "enterprise": (250, 5), "self-hosted": (0, 0)}
"""Per kind of portal: how much the bucket holds (X) and how much drains each second (Y)."""

BUDGET_SECONDS = 480.0
WINDOW_SECONDS = 600.0
MINUTE = 60.0


class LeakyBucket:
    """One level per calling address. `capacity` is X, `leak` is Y per second; both may be changed at any time."""

    def __init__(self, clock: Clock, capacity: float, leak: float) -> None:
        self._clock = clock
        self.capacity = capacity
        self.leak = leak
        self._levels: dict[str, tuple[float, float]] = {}

    def take(self, address: str) -> bool:
        """Count one request from `address`; False when the bucket is full and the request must be refused."""
        level = self.level(address)
        if level + 1 > self.capacity:
            return False
        self._levels[address] = (level + 1, self._clock.now())
        return True

    def level(self, address: str) -> float:
        """How full the bucket of `address` is now."""
        level, at = self._levels.get(address, (0.0, 0.0))
        return max(0.0, level - (self._clock.now() - at) * self.leak)

    def fill(self, address: str = "127.0.0.1") -> None:
        """Make the bucket of `address` full now, as other callers of the portal would."""
        self._levels[address] = (self.capacity, self._clock.now())

    def clear(self) -> None:
        """Empty all buckets."""
        self._levels.clear()


@dataclass
class _Minute:
    """Seconds used within the minute that began with the first call at `start`."""

    start: float
    seconds: float


class OperatingBudget:
    """Seconds a method may run per application within the window, kept in minutes; `limit` and `window` are seconds."""

    def __init__(self, clock: Clock, limit: float = BUDGET_SECONDS, window: float = WINDOW_SECONDS) -> None:
        self._clock = clock
        self.limit = limit
        self.window = window
        self._used: dict[tuple[str, str], deque[_Minute]] = {}

    def exhausted(self, application: str, method: str) -> bool:
        """True when the method has used up its seconds."""
        return self.operating(application, method) >= self.limit

    def charge(self, application: str, method: str, seconds: float) -> None:
        """Add the time a call took."""
        minutes, now = self._recent(application, method), self._clock.now()
        if not minutes or now >= minutes[-1].start + MINUTE:
            minutes.append(_Minute(now, 0.0))
        minutes[-1].seconds += seconds

    def operating(self, application: str, method: str) -> float:
        """Seconds used within the window."""
        return sum(minute.seconds for minute in self._recent(application, method))

    def resets_at(self, application: str, method: str) -> float:
        """Epoch second when the oldest minute is given back."""
        minutes = self._recent(application, method)
        return (minutes[0].start if minutes else self._clock.now()) + self.window

    def clear(self) -> None:
        """Forget everything used."""
        self._used.clear()

    def _recent(self, application: str, method: str) -> deque[_Minute]:
        minutes = self._used.setdefault((application, method), deque())
        while minutes and minutes[0].start <= self._clock.now() - self.window:
            minutes.popleft()
        return minutes
