"""The stand-in's own clock: real time plus an offset that tests move."""

import threading
import time


class Clock:
    """Epoch seconds for limits, tokens and feed times. Runs like the real clock, shifted by what was ordered; thread safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offset = 0.0

    def now(self) -> float:
        """Current time of the stand-in, epoch seconds."""
        with self._lock:
            return time.time() + self._offset

    def advance(self, seconds: float) -> None:
        """Move forward (or back, with a negative number) by `seconds`."""
        with self._lock:
            self._offset += seconds

    def travel_to(self, epoch: float) -> None:
        """Make it `epoch` seconds now; time keeps running from there."""
        with self._lock:
            self._offset = epoch - time.time()

    def reset(self) -> None:
        """Back to real time."""
        with self._lock:
            self._offset = 0.0
