"""One HTTP exchange: sent through the guard, no redirect followed, ended in time, and no address left in what it raises."""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Never, TypeVar

import requests
from django.conf import settings

from b24app.rest import hosts, masking
from b24app.rest.errors import RestError

T = TypeVar("T")

CONNECT_SECONDS = 4.0
_LARGEST_BODY = 16 * 1024 * 1024
_CHUNK = 64 * 1024
_SHOWN = 2000


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the status, the JSON of the body (None for any other body), the beginning of its text, the Location header."""

    status: int
    content: Any
    text: str
    location: str


def _hide_secrets(record: logging.LogRecord) -> bool:
    """A filter that lets every record through, without what its addresses carry."""
    record.msg, record.args = masking.text(record.getMessage()), ()
    return True


# urllib3 names whole addresses, at WARNING when headers cannot be parsed: a webhook's secret, a token in app.info's query.
for _logger in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_logger).addFilter(_hide_secrets)


def post_json(url: str, body: Mapping[str, Any], *, seconds: float) -> Reply:
    """POST a JSON body. Raises RestError TIMEOUT, CONNECTION_BROKEN, HOST_REFUSED or BAD_ANSWER (a body beyond 16 MB)."""
    return _exchange("POST", url, seconds, json=dict(body))


def get(url: str, params: Mapping[str, str], *, seconds: float) -> Reply:
    """GET with a query. Raises as post_json does."""
    return _exchange("GET", url, seconds, params=dict(params))


def parse(body: bytes) -> Any:
    """The JSON of a body, or None for anything else (HTML, half JSON, NaN, nesting without end)."""
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def timeouts(seconds: float) -> tuple[float, float]:
    """Connect and read timeouts for an exchange that may take `seconds` in all."""
    return min(CONNECT_SECONDS, max(seconds, 0.01)), max(seconds, 0.01)


def within(seconds: float, work: Callable[[], T]) -> T:
    """The value of `work()`, or RestError("TIMEOUT") of unknown outcome after `seconds`.

    Timeouts of sockets count from one packet to the next and none covers the resolving of names, so a slow or hostile server could
    hold the caller for ever: the exchange runs beside the caller, who leaves it behind when the time is over.
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except Exception as error:
            done.set_exception(error)

    threading.Thread(target=copy_context().run, args=(run,), daemon=True, name="exchange").start()
    try:
        failure = done.exception(timeout=seconds)
    except TimeoutError:
        failure = RestError("TIMEOUT", unknown_outcome=True)
    if failure is not None:
        raise failure
    return done.result()


def broken(error: requests.RequestException) -> RestError:
    """The RestError for an exchange that requests gave up. The request may have arrived: failures to connect never get here (hosts.py)."""
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema | requests.exceptions.MissingSchema):
        return RestError("HOST_REFUSED")
    timed_out = isinstance(error, requests.Timeout) or "timed out" in str(error).lower()
    return RestError("TIMEOUT" if timed_out else "CONNECTION_BROKEN", unknown_outcome=True)


def _exchange(method: str, url: str, seconds: float, **content: Any) -> Reply:
    return within(seconds, lambda: _send(method, url, seconds, **content))


def _send(method: str, url: str, seconds: float, **content: Any) -> Reply:
    session = _session(settings.B24_CA_FILE, settings.B24_ALLOW_PRIVATE_HOSTS)
    try:
        with session.request(method, url, timeout=timeouts(seconds), allow_redirects=False, stream=True, **content) as response:
            body = _read(response)
            text = body[:_SHOWN].decode(errors="replace")
            return Reply(response.status_code, parse(body), text, response.headers.get("Location", ""))
    except requests.RequestException as error:
        raise broken(error) from None


def _read(response: requests.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(_CHUNK):
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise RestError("BAD_ANSWER", "The answer is too large.", http_status=response.status_code, unknown_outcome=True)
    return bytes(body)


def _refuse_constant(name: str) -> Never:
    raise ValueError(name)


@lru_cache(maxsize=4)
def _session(ca_file: str, private_hosts: bool) -> requests.Session:
    """One session per process: opening a connection per call costs 20 times a pooled one (libraries.md). The arguments key the cache."""
    session = requests.Session()
    hosts.guard(session)
    return session
