"""The one door to a portal's REST: budget, token, call, log, and what each error asks for.

A call by a click ends within CLICK_SECONDS, whatever the portal does. Repeated are calls whose failure is certain, and such as may be
made twice (Call.repeatable); any other that may have reached the portal comes back as a RestError with `unknown_outcome`, and the caller
decides.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit, urlunsplit

from django.db import DatabaseError, connection
from django.db.models.functions import Coalesce
from django.utils import timezone

from b24app import call_log, logs
from b24app.models import Bucket, Portal, PortalUser, Sender
from b24app.rest import answers, budget, hosts, masking, transport
from b24app.rest.access import Access, AdminAccess, PersonAccess, WebhookAccess
from b24app.rest.calls import Answer, Call, Outcome
from b24app.rest.deadline import Deadline, of_request
from b24app.rest.errors import Policy, RestError
from b24app.rest.repeating import Tries

logger = logging.getLogger(__name__)

T = TypeVar("T")

LARGEST_BATCH = 50
# A person who clicked gets an answer within 10 s; the rest is for the page itself.
CLICK_SECONDS = 9.0
# doc: limits. One request may run 60 s; connecting, waiting for a slot and repeating come on top.
BACKGROUND_SECONDS = 90.0
_REQUEST_SECONDS = 62.0
_REDIRECTS = frozenset({301, 302, 307, 308})


def as_person(person: PortalUser, *, background: bool = False, seconds: float | None = None) -> "PortalClient":
    """A client that acts as that person with their own token, without a fallback.

    `seconds` is for background work that somebody's page waits for: all calls together end within them.
    """
    return PortalClient(person.portal, lambda: PersonAccess(person), background=background, seconds=seconds)


def as_portal(portal: Portal, *, background: bool = False) -> "PortalClient":
    """A client that acts as any admin whose token is valid; RestError("NO_USABLE_TOKEN") when there is none left."""
    return PortalClient(portal, lambda: AdminAccess(portal), background=background)


def as_webhook(sender: Sender, *, background: bool = False) -> "PortalClient":
    """A client that calls through a webhook sender's address."""
    return PortalClient(sender.portal, lambda: WebhookAccess(sender), background=background)


@dataclass(frozen=True, slots=True)
class _Request:
    """One call on its way: in whose name, the body without credentials, and that body as the log shows it."""

    access: Access
    method: str
    body: Mapping[str, Any]
    logged: Mapping[str, Any]
    deadline: Deadline


class PortalClient:
    """Calls one portal for one click, or for one task with background=True. All calls of a click share its time limit."""

    def __init__(self, portal: Portal, access: Callable[[], Access], *, background: bool, seconds: float | None = None) -> None:
        self.portal = portal
        self._access = access
        self._background = background
        self._slot: Bucket | None = None
        # Each call of a task has its own time; those of a click share what there is.
        self._shared = None if background and seconds is None else of_request(seconds or CLICK_SECONDS)

    def hold(self, slot: Bucket) -> None:
        """Use this slot, which the caller has taken (budget.take_slot), for the next request instead of taking one."""
        self._slot = slot

    def run(self, call: Call[T]) -> T:
        """Make one call and return its typed value. Raises RestError."""
        budget.raise_if_paused(self.portal, call.method)
        access = self._access()
        content = self._ask(access, call.method, dict(call.params), call.params, repeatable=call.repeatable)
        access.worked()
        return _read(call, answers.single(content))

    def run_batch(self, calls: Mapping[str, Call[T]], *, halt: bool = False) -> dict[str, Outcome[T]]:
        """Make up to 50 calls in one request and return what each came to, under its name.

        With `halt` the portal stops at the first error and the rest come back as BATCH_HALTED. Raises RestError only when the whole
        request failed; ValueError for more than 50 calls.
        """
        if len(calls) > LARGEST_BATCH:
            raise ValueError(f"A batch holds at most {LARGEST_BATCH} calls.")
        errors = budget.paused(self.portal, {call.method for call in calls.values()})
        if errors and halt:
            raise next(iter(errors.values()))
        outcomes: dict[str, Outcome[T]] = {
            name: Outcome(error=errors[call.method]) for name, call in calls.items() if call.method in errors
        }
        together = {name: call for name, call in calls.items() if name not in outcomes and (halt or not _is_substituted(call))}
        if together:
            outcomes |= self._run_together(together, halt)
        for name, call in calls.items():
            if name not in outcomes:
                outcomes[name] = self._run_alone(call)
        return {name: outcomes[name] for name in calls}

    def _run_together(self, calls: Mapping[str, Call[T]], halt: bool) -> dict[str, Outcome[T]]:
        body = {"halt": int(halt), "cmd": {name: answers.command(call.method, call.params) for name, call in calls.items()}}
        logged = {"halt": int(halt), "cmd": {name: {"method": call.method, "params": call.params} for name, call in calls.items()}}
        access = self._access()
        try:
            content = self._ask(access, "batch", body, logged, repeatable=all(call.repeatable for call in calls.values()))
        except RestError as error:
            if error.code == "OPERATION_TIME_LIMIT":
                # Of the batch as a whole, on which no page says anything: what was in it waits.
                for method in {call.method for call in calls.values()}:
                    error.retry_at = budget.pause_method(self.portal, method, error.retry_at)
            raise
        found = answers.batch(content, calls, halt=halt)
        access.worked(found.values())
        for name, block in answers.times(content).items():
            if name in calls:
                budget.note_operating(self.portal, calls[name].method, block)
        return {name: self._outcome(calls[name], answer) for name, answer in found.items()}

    def _run_alone(self, call: Call[T]) -> Outcome[T]:
        try:
            return Outcome(self.run(call))
        except RestError as error:
            return Outcome(error=error)

    def _outcome(self, call: Call[T], answer: Answer | RestError) -> Outcome[T]:
        if isinstance(answer, RestError):
            return Outcome(error=self._noted(call.method, answer))
        try:
            return Outcome(_read(call, answer))
        except RestError as error:
            return Outcome(error=error)

    def _ask(self, access: Access, method: str, body: Mapping[str, Any], logged: Mapping[str, Any], *, repeatable: bool) -> dict[str, Any]:
        """The content of a successful answer, after the repeats that its errors allow."""
        logs.note(portal=self.portal.pk)
        deadline = self._shared or Deadline(BACKGROUND_SECONDS)
        request = _Request(access, method, body, logged, deadline)
        tries = Tries(deadline, repeatable=repeatable)
        while True:
            try:
                content = self._attempt(request)
            except RestError as error:
                if not request.access.recover(self._noted(method, error)) and not tries.again(error):
                    raise
            else:
                self._lift_suspension()
                return content

    def _attempt(self, request: _Request) -> dict[str, Any]:
        """One call; at a portal that has moved, the same call once more at its new address."""
        credentials = _credentials(request)
        base = request.access.base()
        bucket = self._take_slot(request.deadline)
        reply = self._exchange(request, base, credentials)
        if reply.status in _REDIRECTS:
            base = _moved_base(base, request.method, reply.location)
            self._take_slot(request.deadline)
            reply = self._exchange(request, base, credentials)
            if answers.is_rest(reply):
                request.access.moved(base)
        failure = answers.failure(reply)
        if failure is not None:
            failure.description = masking.text(failure.description, request.access.secrets())
            raise failure
        content: dict[str, Any] = reply.content
        if request.method != "batch":
            budget.learn(bucket, content.get("time"))
            budget.note_operating(self.portal, request.method, content.get("time"))
        return content

    def _take_slot(self, deadline: Deadline) -> Bucket:
        held, self._slot = self._slot, None
        return held or budget.take_slot(self.portal, background=self._background, deadline=deadline)

    def _exchange(self, request: _Request, base: str, credentials: Mapping[str, str]) -> transport.Reply:
        """One HTTP request, and its row in the log. Raises RestError when there is no reply."""
        seconds = min(request.deadline.left(), _REQUEST_SECONDS)
        if not seconds:
            raise RestError("TIMEOUT")
        started = time.monotonic()
        try:
            reply = transport.post_json(base + request.method, {**request.body, **credentials}, seconds=seconds)
        except RestError as error:
            self._log(request, started, None, error)
            raise
        self._log(request, started, reply, answers.failure(reply))
        return reply

    def _log(self, request: _Request, started: float, reply: transport.Reply | None, failure: RestError | None) -> None:
        try:
            self._write_log(request, started, reply, failure)
        except DatabaseError:
            # The answer is worth more than its line in the log.
            if connection.in_atomic_block:
                raise
            logger.exception("A call of portal %s could not be logged", self.portal.pk)

    def _write_log(self, request: _Request, started: float, reply: transport.Reply | None, failure: RestError | None) -> None:
        call_log.record(
            self.portal,
            request.method,
            user_id=request.access.user_id,
            request=request.logged,
            response=_shown(reply),
            code=failure.code if failure else "",
            http_status=reply.status if reply else None,
            milliseconds=round((time.monotonic() - started) * 1000),
            secrets=request.access.secrets(),
        )

    def _noted(self, method: str, error: RestError) -> RestError:
        """The error, after what it means for all further calls of the portal has been stored."""
        if error.code == "QUERY_LIMIT_EXCEEDED":
            budget.fill(self.portal)
        elif error.code == "OPERATION_TIME_LIMIT":
            error.retry_at = budget.pause_method(self.portal, method, error.retry_at)
        elif error.policy is Policy.PORTAL_UNUSABLE:
            self._suspend(error.code)
        return error

    def _suspend(self, code: str) -> None:
        rows = Portal.objects.filter(pk=self.portal.pk, state__in=(Portal.State.ACTIVE, Portal.State.SUSPENDED))
        # Since when: of the first refusal, not of each that follows.
        since = Coalesce("suspended_at", timezone.now())
        if rows.update(state=Portal.State.SUSPENDED, suspended_code=code, suspended_at=since):
            self.portal.state, self.portal.suspended_code = Portal.State.SUSPENDED, code

    def _lift_suspension(self) -> None:
        if self.portal.state != Portal.State.SUSPENDED:
            return
        rows = Portal.objects.filter(pk=self.portal.pk, state=Portal.State.SUSPENDED)
        if rows.update(state=Portal.State.ACTIVE, suspended_code="", suspended_at=None):
            self.portal.state, self.portal.suspended_code = Portal.State.ACTIVE, ""


def _read(call: Call[T], answer: Answer) -> T:
    """The typed value. A shape that the call does not know comes after the work was done, so the outcome is unknown then."""
    try:
        return call.parse(answer)
    except RestError as error:
        error.unknown_outcome = True
        raise


def _is_substituted(call: Call[Any]) -> bool:
    """Whether a portal would put an earlier command's result into this one's text: in a batch `$result[…]` is a reference (doc: batch).

    There is no way to write it literally, so text that a person typed this way travels in a call of its own.
    """
    return "$result[" in json.dumps(call.params, default=str)


def _credentials(request: _Request) -> dict[str, str]:
    try:
        return request.access.credentials(request.deadline)
    except RestError as error:
        # Of unknown fate is at most the refresh of a token: the call itself has not left.
        error.unknown_outcome = False
        raise


def _moved_base(base: str, method: str, location: str) -> str:
    """The base address at the new host that a renamed portal's 302 names (doc: change-domen); RestError when it names something else.

    Only the host is taken over: the scheme must stay, and a path beyond REST (a login page, a proxy) is no portal that has moved.
    """
    old, new = urlsplit(base), urlsplit(urljoin(base + method, location))
    same_path = new.path.rstrip("/") in ("", "/rest", (old.path + method).rstrip("/"))
    if new.scheme != old.scheme or not new.netloc or new.netloc == old.netloc or not same_path:
        raise RestError("BAD_ANSWER", "Redirected to an address that is not the portal's REST.")
    moved = urlunsplit(old._replace(netloc=new.netloc.lower()))
    hosts.refuse_scheme(moved)
    return moved


def _shown(reply: transport.Reply | None) -> Any:
    """A reply as the log keeps it: its JSON, or the beginning of what came instead."""
    if reply is None or reply.content is not None:
        return reply and reply.content
    return {"text": reply.text, "location": reply.location}
