"""What a test orders to go wrong."""

import threading
from dataclasses import dataclass, field
from typing import Any, Literal

FaultKind = Literal["error", "slow", "cut_before", "cut_after", "html", "half_json", "wrong_shape", "moved"]

ON_COMMANDS: frozenset[FaultKind] = frozenset({"error", "slow"})
"""What can happen to one command of a batch: it has no answer of its own on the wire."""

ON_AUTHORIZE_PAGE: frozenset[FaultKind] = frozenset({"error", "slow", "html", "cut_before"})
"""What can happen to the authorize page, which is no JSON."""

DOCUMENTED: dict[str, tuple[int, str]] = {
    "INTERNAL_SERVER_ERROR": (500, "Internal server error"),
    "ERROR_UNEXPECTED_ANSWER": (500, "Server returned an unexpected response"),
    "QUERY_LIMIT_EXCEEDED": (503, "Too many requests"),
    "ERROR_BATCH_METHOD_NOT_ALLOWED": (405, "Method is not allowed for batch usage"),
    "ERROR_BATCH_LENGTH_EXCEEDED": (400, "Max batch length exceeded"),
    "NO_AUTH_FOUND": (401, "Wrong authorization data"),
    "INVALID_REQUEST": (400, "Https required"),
    "OVERLOAD_LIMIT": (503, "REST API is blocked due to overload"),
    "ACCESS_DENIED": (403, "REST API is available only on commercial plans"),
    "INVALID_CREDENTIALS": (403, "Invalid request credentials"),
    "ERROR_MANIFEST_IS_NOT_AVAILABLE": (404, "Manifest is not available"),
    "insufficient_scope": (403, "The request requires higher privileges than provided by the access token"),
    "expired_token": (401, "The access token provided has expired"),
    "user_access_error": (403, "The user does not have access to the application"),
    "PORTAL_DELETED": (410, "Portal was deleted"),
    "OPERATION_TIME_LIMIT": (429, "Method is blocked due to operation time limit"),
    "ERROR_METHOD_NOT_FOUND": (404, "Method not found!"),
    "invalid_token": (401, "Unable to get application by token"),
    "APPLICATION_NOT_FOUND": (401, "Application not found"),
    "PAYMENT_REQUIRED": (402, "Payment required"),
    "ERROR_OAUTH": (403, "Application not installed"),
    "authorization_error": (401, "Unable to authorize user"),
    "METHOD_CONFIRM_WAITING": (401, "Waiting for confirmation"),
    "METHOD_CONFIRM_DENIED": (403, "Method call denied"),
    "invalid_request": (400, "Invalid request"),
    "invalid_client": (401, "Invalid client"),
    "invalid_grant": (400, "Invalid grant"),
    "invalid_scope": (400, "Invalid scope"),
    "WRONG_CLIENT": (401, "Wrong client"),
    "NOT_INSTALLED": (400, "Application is not installed"),
}
"""HTTP status and text of the system's own error codes (doc: error-codes, oauth/error-codes). Statuses of the codes that only the SDKs
know (from invalid_token on) are a guess."""

AUTHORIZE = "oauth.authorize"
METHOD_ERROR_STATUS = 400
"""Errors of a method's own, as each method's page shows."""


@dataclass
class Fault:
    """One order. `times` is how many requests it still hits (None: all), `released` ends the waiting of a slow answer."""

    kind: FaultKind
    method: str | None
    portal: str | None
    code: str | None
    status: int | None
    times: int | None
    seconds: float
    inside_batch: bool
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def answer(self) -> tuple[int, str, str]:
        """HTTP status, code and text of an ordered error."""
        code = self.code or "INTERNAL_SERVER_ERROR"
        status, text = DOCUMENTED.get(code, (METHOD_ERROR_STATUS, code))
        return self.status or status, code, text

    def wait(self) -> None:
        """Hold a slow answer back for its seconds (for ever with 0) or until released."""
        self.released.wait(self.seconds or None)


class Faults:
    """Ordered faults, oldest first; thread safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ordered: list[Fault] = []
        self._waiting: list[Fault] = []

    def order(
        self,
        *,
        method: str | None = None,
        portal: Any = None,
        code: str | None = None,
        status: int | None = None,
        times: int | None = 1,
        kind: FaultKind = "error",
        seconds: float = 0.0,
        inside_batch: bool = False,
    ) -> Fault:
        """Let the next `times` requests (None: all, until cleared) of `method` to `portal` (Portal or member_id) go wrong.

        kind "error" answers `code` with its documented status unless `status` is given; "slow" works, then waits `seconds` (0: until
        release()); "cut_before" and "cut_after" close the connection before or after the work; "html" answers a page with `status`
        (502 without); "half_json" and "wrong_shape" break the answer; "moved" redirects as a renamed portal does.
        `method` may be "batch", "oauth.token", "oauth.app_info" or "oauth.authorize"; inside_batch=True hits commands in batches.
        ValueError: a fault of this kind could have no effect there.
        """
        if inside_batch and kind not in ON_COMMANDS:
            raise ValueError(f"{kind} cannot happen to a command inside a batch")
        if method == AUTHORIZE and kind not in ON_AUTHORIZE_PAGE:
            raise ValueError(f"{kind} cannot happen to the authorize page")
        fault = Fault(
            kind, method.lower() if method else None, getattr(portal, "member_id", portal), code, status, times, seconds, inside_batch
        )
        with self._lock:
            self._ordered.append(fault)
        return fault

    def take(self, method: str, portal: str | None, *, inside_batch: bool = False) -> Fault | None:
        """The first fault that hits this request, counted down; None when nothing was ordered for it."""
        with self._lock:
            for fault in self._ordered:
                if self._hits(fault, method, portal, inside_batch):
                    self._count_down(fault)
                    return fault
        return None

    def release(self) -> None:
        """Let every slow answer go now."""
        with self._lock:
            for fault in self._waiting + self._ordered:
                fault.released.set()
            self._waiting.clear()

    def clear(self) -> None:
        """Take back all orders and release what waits."""
        self.release()
        with self._lock:
            self._ordered.clear()

    @staticmethod
    def _hits(fault: Fault, method: str, portal: str | None, inside_batch: bool) -> bool:
        return (
            fault.inside_batch == inside_batch
            and fault.method in (None, method.lower())
            and (method != AUTHORIZE or fault.kind in ON_AUTHORIZE_PAGE)
            and (fault.portal is None or fault.portal == portal)
        )

    def _count_down(self, fault: Fault) -> None:
        if fault.kind == "slow":
            self._waiting.append(fault)
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times <= 0:
            self._ordered.remove(fault)
