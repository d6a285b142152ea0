"""What our logs look like: a line for people or a JSON object for machines, and what each line is about (request, task, portal, person).

Secrets never reach them: nothing of ours logs one, and both formatters mask what looks like one all the same, tracebacks included.
"""

import json
import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from django.core.exceptions import ImproperlyConfigured
from huey import Huey
from huey.api import Task
from huey.signals import SIGNAL_ENQUEUED

from b24app.rest import masking

logger = logging.getLogger(__name__)

FORMATS = ("json", "line")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


@dataclass(slots=True)
class _Work:
    """What is being done now in this thread, and the work that waits until it is done (a request whose tasks run at once)."""

    request_id: str = ""
    task: str = ""
    task_id: str = ""
    portal: int | None = None
    person: int | None = None
    outer: "_Work | None" = None
    started: float = field(default_factory=time.monotonic)


_work: ContextVar[_Work | None] = ContextVar("work", default=None)


def request_id(offered: str) -> str:
    """The id of a request: the one that a proxy has `offered` when it is well-formed (8 to 64 of A-Z a-z 0-9 . _ -), else a new one."""
    return offered if _WELL_FORMED.fullmatch(offered) else uuid4().hex


@contextmanager
def request(identity: str) -> Iterator[None]:
    """Let every line inside bear the request's id, and what `note` adds to it."""
    token = _work.set(_Work(request_id=identity))
    try:
        yield
    finally:
        _work.reset(token)


def note(*, portal: int | None = None, person: int | None = None) -> None:
    """What further lines of this request or task are about: the number of a portal's row, and a person's number on the portal."""
    work = _work.get()
    if work is not None:
        # Another portal's person is unknown until somebody tells.
        kept = work.person if portal in (None, work.portal) else None
        work.portal, work.person = portal or work.portal, person or kept


def milliseconds() -> int:
    """How long the work of now has taken."""
    work = _work.get()
    return round((time.monotonic() - work.started) * 1000) if work else 0


def follow(queue: Huey) -> None:
    """Let every line of a task bear its name and id, and write one line when it is enqueued by us and one when it has ended."""
    queue.pre_execute("b24app.logs")(_begin)
    queue.post_execute("b24app.logs")(_end)
    queue.signal(SIGNAL_ENQUEUED)(_enqueued)


def _begin(task: Task) -> None:
    outer = _work.get()
    _work.set(_Work(request_id=outer.request_id if outer else "", task=task.name, task_id=task.id, outer=outer))


def _end(task: Task, value: object, error: Exception | None) -> None:
    # The traceback, if there is one, was logged by Huey.
    outcome = type(error).__name__ if error else "done"
    logger.info("Task %s ended", task.name, extra={"fields": {"outcome": outcome, "milliseconds": milliseconds()}})
    work = _work.get()
    _work.set(work.outer if work else None)


def _enqueued(signal: str, task: Task) -> None:
    if _work.get() is not None:
        logger.info("Task %s enqueued", task.name, extra={"fields": {"enqueued": task.id}})


def configuration(form: str, level: str) -> dict[str, Any]:
    """A logging.config dictionary: `form` is "json" or "line", `level` the lowest that is written.

    Raises ImproperlyConfigured for any other. Needs no settings: gunicorn's master process uses it as well (gunicorn.conf.py).
    """
    if form not in FORMATS:
        raise ImproperlyConfigured(f"LOG_FORMAT must be one of: {', '.join(FORMATS)}.")
    if level not in LEVELS:
        raise ImproperlyConfigured(f"LOG_LEVEL must be one of: {', '.join(LEVELS)}.")
    # Below INFO these print addresses, bodies and statements, which hold tokens.
    talkative = ("requests_oauthlib", "oauthlib", "urllib3", "django")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "b24app.logs.JsonFormatter"}, "line": {"()": "b24app.logs.LineFormatter"}},
        "filters": {"traceback": {"()": "b24app.logs.HasTraceback"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": form}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            **{name: {"handlers": [], "level": _at_least("INFO", level)} for name in talkative},
            # Refused and failed requests have their line already (b24app.middleware.logged); from here come the tracebacks.
            "django.request": {"level": "ERROR", "filters": ["traceback"]},
            # The development server's own lines show queries.
            "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
            # Each task's beginning and end is told by `follow`. With a handler here, the worker adds none of its own.
            "huey": {"handlers": ["console"], "level": _at_least("WARNING", level), "propagate": False},
            "huey.consumer": {"level": _at_least("INFO", level)},
            "gunicorn.error": {"handlers": [], "propagate": True},
            # Shows queries, and says nothing that our own line does not.
            "gunicorn.access": {"handlers": [], "level": "CRITICAL", "propagate": False},
        },
    }


def _at_least(lowest: str, level: str) -> str:
    return max(lowest, level, key=LEVELS.index)


class HasTraceback(logging.Filter):
    """Lets through what comes with a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        return bool(record.exc_info)


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time (UTC), level, logger, message, what the line is about, its own figures, and the traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": _moment(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_about(record),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        # What some programs take for the end of a line is escaped as well; JSON itself does so below U+0020.
        return _CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", json.dumps(masking.mask(told), ensure_ascii=False))


class LineFormatter(logging.Formatter):
    """One line for people, the traceback below it. What a stranger typed cannot begin a new line."""

    def format(self, record: logging.LogRecord) -> str:
        about = " ".join(f"{name}={value}" for name, value in _about(record).items())
        line = _CONTROL.sub(_escaped, f"{_moment(record)} {record.levelname} {record.name} {record.getMessage()} {about}".rstrip())
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return masking.text(line + trace)


def _about(record: logging.LogRecord) -> Mapping[str, Any]:
    """What the line is about, without what is not known, and the line's own `fields`."""
    work = _work.get() or _Work()
    about = {
        "request_id": work.request_id,
        "task": work.task,
        "task_id": work.task_id,
        "portal": work.portal,
        "person": work.person,
    }
    return {name: value for name, value in about.items() if value} | getattr(record, "fields", {})


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _escaped(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode()
