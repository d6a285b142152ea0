"""What reached the stand-in: every request to a portal's REST and to the authorization server, with secrets masked."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

MASK = "***"
SECRET_KEYS = frozenset({"auth", "access_token", "refresh_token", "client_secret", "code", "sessid", "auth_id", "refresh_id"})
KEPT = 50_000


@dataclass(frozen=True)
class Command:
    """One command of a batch: its name in `cmd`, the method and its parameters."""

    name: str
    method: str
    params: Mapping[str, Any]


@dataclass
class LogEntry:
    """One request and how it was answered. `at` is the stand-in's epoch seconds, `who` the acting person's id if known."""

    at: float
    server: Literal["portal", "oauth"]
    method: str
    params: Mapping[str, Any]
    http_method: str = "POST"
    portal: str | None = None
    commands: list[Command] = field(default_factory=list)
    status: int | None = None
    code: str | None = None
    who: int | None = None
    remote: str = ""


def masked(params: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `params` whose tokens and secrets are unreadable."""
    return {key: MASK if key.lower() in SECRET_KEYS else value for key, value in params.items()}


class RequestLog:
    """Thread-safe list of LogEntry, oldest first; keeps the newest 50,000."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[LogEntry] = deque(maxlen=KEPT)

    @property
    def entries(self) -> list[LogEntry]:
        """A copy of all entries."""
        with self._lock:
            return list(self._entries)

    def add(self, entry: LogEntry) -> None:
        """Remember one request."""
        with self._lock:
            self._entries.append(entry)

    def calls(self, method: str | None = None, portal: object = None) -> list[LogEntry]:
        """Requests of `method` (any without it) to `portal` (a Portal or a member_id; any without it)."""
        member_id = getattr(portal, "member_id", portal)
        return [
            entry
            for entry in self.entries
            if (method is None or entry.method == method.lower()) and (member_id is None or entry.portal == member_id)
        ]

    def count(self, method: str | None = None, portal: object = None) -> int:
        """How many requests `calls` would list."""
        return len(self.calls(method, portal))

    def commands(self, method: str, portal: object = None) -> list[Command]:
        """Calls of `method` inside batches and alone, in the order they came; a call alone has the name ''."""
        found: list[Command] = []
        for entry in self.calls(portal=portal):
            if entry.method == method.lower():
                found.append(Command("", entry.method, entry.params))
            found.extend(command for command in entry.commands if command.method == method.lower())
        return found

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
