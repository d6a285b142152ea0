"""The log: one object or line per event, what it is about, and no secret in it at any level."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from huey.contrib.djhuey import db_task

from b24app import health, logs, opening
from b24app.models import Portal
from devportal.server import Stand
from devportal.world import App
from devportal.world import Portal as StandPortal
from tests.b24app.conftest import Browser
from tests.processes import queue_at
from tests.test_settings import GOOD, ROOT

Lines = Callable[[], list[dict[str, object]]]


class Book(logging.Handler):
    """Keeps what a formatter makes of each record, at the moment of the record as a stream would."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.written: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.written.append(self.format(record))


@pytest.fixture
def books() -> Iterator[tuple[Book, Book]]:
    """Everything that is logged, as JSON and as lines, with every logger of ours, Django's and Huey's at DEBUG."""
    pair = Book(logs.JsonFormatter()), Book(logs.LineFormatter())
    ours = [logging.getLogger(name) for name in ("b24app", "notifications", "django.request", "django.security", "huey")]
    before = [(logger, logger.level, logger.propagate) for logger in ours]
    root = logging.getLogger()
    for logger in ours:
        logger.setLevel(logging.DEBUG)
        logger.propagate = True
    for book in pair:
        root.addHandler(book)
    yield pair
    for book in pair:
        root.removeHandler(book)
    for logger, level, propagate in before:
        logger.setLevel(level)
        logger.propagate = propagate


@pytest.fixture
def lines(books: tuple[Book, Book]) -> Lines:
    """The JSON lines so far."""
    return lambda: [json.loads(text) for text in books[0].written]


def requests_of(told: list[dict[str, object]]) -> list[dict[str, object]]:
    return [line for line in told if line["logger"] == "b24app.middleware"]


# --- Requests ---


def test_a_request_is_one_line_with_its_figures(client: Client, lines: Lines) -> None:
    response = client.get("/nothing/here/?auth=secret")
    (line,) = requests_of(lines())
    assert line.pop("time", "").endswith("+00:00")
    assert isinstance(line.pop("milliseconds"), int)
    assert line == {
        "level": "INFO",
        "logger": "b24app.middleware",
        "message": "Request",
        "request_id": response.headers["X-Request-ID"],
        "method": "GET",
        "path": "/nothing/here/",
        "status": 404,
    }


@pytest.mark.parametrize(
    ("offered", "kept"),
    [("0123abcd-EF.gh_", True), ("short", False), ("x" * 65, False), ("with space", False), ("inject\nlines", False), ("", False)],
)
def test_the_request_id_is_the_proxys_when_it_is_well_formed(offered: str, kept: bool, client: Client) -> None:
    answered = client.get("/healthz", headers={"X-Request-ID": offered} if offered else {}).headers["X-Request-ID"]
    assert (answered == offered) is kept
    assert logs.request_id(answered) == answered


def test_two_requests_have_two_ids(client: Client) -> None:
    assert client.get("/healthz").headers["X-Request-ID"] != client.get("/healthz").headers["X-Request-ID"]


@pytest.mark.django_db
def test_what_machines_ask_all_the_time_is_told_of_when_it_fails(client: Client, lines: Lines) -> None:
    client.get("/healthz")
    client.get("/metrics")
    assert [(line["path"], line["level"]) for line in requests_of(lines())] == [("/healthz", "DEBUG"), ("/metrics", "INFO")]


@pytest.mark.django_db
def test_lines_name_the_portal_and_the_person(installed: StandPortal, browser_of: Browser, app: App, lines: Lines) -> None:
    browser_of.open(installed.launch(app, installed.person))
    (line,) = requests_of(lines())[-1:]
    portal = Portal.objects.get()
    assert (line["path"], line["portal"], line["person"]) == ("/app/", portal.pk, installed.person.id)
    installed.uninstall(app, clean=False)
    browser_of.deliver()
    (line,) = requests_of(lines())[-1:]
    assert (line["path"], line["portal"]) == ("/events/", portal.pk)
    assert "person" not in line


def test_a_request_knows_nothing_of_the_one_before(client: Client, lines: Lines) -> None:
    with logs.request("a-request-before"):
        logs.note(portal=7, person=1)
    client.get("/nothing/")
    assert "portal" not in requests_of(lines())[-1]


def test_another_portals_person_is_not_kept(lines: Lines) -> None:
    with logs.request("some-request"):
        logs.note(portal=7, person=1)
        logs.note(portal=7)
        logging.getLogger("b24app").info("same")
        logs.note(portal=8)
        logging.getLogger("b24app").info("other")
    same, other = lines()
    assert (same["portal"], same["person"]) == (7, 1)
    assert (other["portal"], other.get("person")) == (8, None)


# --- Tasks ---


@db_task()
def _inner() -> None:
    logging.getLogger("b24app").info("inside")


@db_task()
def _outer() -> None:
    _inner()
    raise ZeroDivisionError("auth=not-to-be-seen")


def test_a_task_has_its_name_and_id_and_a_line_at_its_end(lines: Lines) -> None:
    with logs.request("some-request"):
        _outer()
        logging.getLogger("b24app").info("after")
    told = {line["message"]: line for line in lines()}
    outer, inner = told["Task _outer ended"], told["Task _inner ended"]
    assert (outer["task"], outer["outcome"], inner["task"], inner["outcome"]) == ("_outer", "ZeroDivisionError", "_inner", "done")
    assert told["inside"]["task_id"] == inner["task_id"] != outer["task_id"]
    assert {line["request_id"] for line in (outer, inner, told["inside"], told["after"])} == {"some-request"}
    assert "task" not in told["after"]
    trace = next(line for line in lines() if "exception" in line)
    assert trace["task"] == "_outer"
    assert "ZeroDivisionError" in str(trace["exception"])
    assert "not-to-be-seen" not in str(trace)


def test_a_request_tells_which_tasks_it_has_enqueued(lines: Lines, tmp_path: Path) -> None:
    with queue_at(f"sqlite:///{tmp_path / 'queue.sqlite3'}"):
        with logs.request("some-request"):
            _inner()
        _inner()
        first, _second = django_settings.HUEY.pending()
    (line,) = [line for line in lines() if line["message"] == "Task _inner enqueued"]
    assert (line["request_id"], line["enqueued"]) == ("some-request", first.id)


# --- Forms ---


def test_a_line_cannot_be_forged(books: tuple[Book, Book]) -> None:
    logging.getLogger("b24app").info("Path %s", "/a\n2026-01-01 ERROR forged\x1b[31m\u2028x", extra={"fields": {"path": "/b\r\nforged"}})
    (line,) = books[1].written
    assert len(line.splitlines()) == 1
    assert "\\n2026" in line
    assert "\x1b" not in line
    assert len(books[0].written[0].splitlines()) == 1


@pytest.mark.parametrize("told", ["half \ud800 surrogate", "NUL \x00", float("inf")], ids=["surrogate", "NUL", "infinity"])
def test_what_cannot_be_written_is_replaced(told: object) -> None:
    # A record of our own: pytest itself keeps logged ones, and cannot pass these on.
    record = logging.makeLogRecord({"msg": "Told: %s", "args": (told,), "fields": {"value": told}})
    for formatter in (logs.JsonFormatter(), logs.LineFormatter()):
        assert "Told: " in formatter.format(record).encode().decode()
    json.loads(logs.JsonFormatter().format(record), parse_constant=pytest.fail)


def test_what_looks_like_a_secret_is_masked_even_in_a_traceback(books: tuple[Book, Book]) -> None:
    try:
        raise ValueError("https://romashka.example/rest/1/webhooksecret/x.json?auth=tokensecret&AUTH_ID=launchsecret&refresh_id=other")
    except ValueError:
        logging.getLogger("b24app").exception("No use: %s", "/rest/17/webhooksecret/")
    for book in books:
        for secret in ("webhooksecret", "tokensecret", "launchsecret", "=other"):
            assert secret not in book.written[0]
        assert "Traceback" in book.written[0]


@pytest.mark.parametrize(("form", "level", "name"), [("xml", "INFO", "LOG_FORMAT"), ("json", "LOUD", "LOG_LEVEL")])
def test_an_unknown_format_or_level_stops_the_start(form: str, level: str, name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=name):
        logs.configuration(form, level)


@pytest.mark.django_db
def test_a_failed_request_is_told_of_once(client: Client, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Django's own line about a 503 that the app meant comes without the request's id."""
    monkeypatch.setattr(health, "_ask_queue", lambda: 1 / 0)
    assert client.get("/readyz").status_code == 503
    assert [(line["level"], line["message"]) for line in lines() if line["level"] != "DEBUG"] == [
        ("ERROR", "Not ready: ZeroDivisionError"), ("WARNING", "Request"),
    ]  # fmt: skip


def test_libraries_that_print_tokens_below_info_never_do() -> None:
    told = logs.configuration("json", "DEBUG")["loggers"]
    assert [told[name]["level"] for name in ("requests_oauthlib", "oauthlib", "urllib3", "django")] == ["INFO"] * 4
    assert logs.configuration("json", "ERROR")["loggers"]["urllib3"]["level"] == "ERROR"


# --- Secrets ---


@pytest.mark.django_db
def test_no_secret_of_a_launch_reaches_the_log_at_any_level(
    installed: StandPortal,
    install: Callable[..., str],
    browser_of: Browser,
    app: App,
    stand: Stand,
    other_portal: StandPortal,
    books: tuple[Book, Book],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Everything a portal sends, proven, forged, refused and broken: neither format shows a token, an address with one, or a code."""
    client = browser_of.client
    client.raise_request_exception = False
    token = install(other_portal)
    launch = installed.launch(app, installed.admin)
    webhook = installed.webhook(installed.admin)
    browser_of.open(launch)
    browser_of.open(launch, AUTH_ID="forged-auth-id-0123456789", REFRESH_ID="forged-refresh-id")
    browser_of.post("/frame/session/", "AUTH_ID=forged-auth-id-0123456789&DOMAIN=x.example&member_id=abc")
    browser_of.frame("/frame/senders/add/", token, {"name": "Robot", "client_id": "robot", "webhook_url": webhook})
    client.get("/oauth/callback/", {"code": "code-of-full-oauth", "state": "state-of-full-oauth", "domain": installed.domain})
    browser_of.post("/events/", "event=ONAPPUNINSTALL&auth[member_id]=x&auth[application_token]=forged-application-token")
    stand.faults.order(kind="html", times=3)
    browser_of.open(installed.launch(app, installed.person))
    monkeypatch.setattr(opening, "session", None)
    broken = browser_of.open(installed.launch(app, installed.admin))
    assert broken.status_code == 500
    monkeypatch.undo()
    installed.uninstall(app, clean=True)
    assert browser_of.deliver()
    fields = launch.fields
    secrets = {
        fields["AUTH_ID"], fields["REFRESH_ID"], fields["APPLICATION_TOKEN"], "forged-auth-id-0123456789", "forged-refresh-id",
        "forged-application-token", webhook.rstrip("/").rsplit("/", 1)[1], "code-of-full-oauth", "state-of-full-oauth",
        app.client_secret, token,
    }  # fmt: skip
    for book in books:
        text = "\n".join(book.written)
        assert [secret for secret in secrets if secret in text] == []
    assert "Traceback" in text, "the broken opening must have left one"
    assert len(books[0].written) > 8


# --- gunicorn ---


def test_every_line_of_the_web_server_is_an_object_and_shows_no_query(tmp_path: Path) -> None:
    """The master's own lines come before the app's settings are read."""
    log = tmp_path / "log"
    command = [sys.executable, "-m", "gunicorn", "b24app.wsgi", "--bind", "127.0.0.1:0", "--threads", "2"]
    environment = os.environ | GOOD | {"APP_URL": "http://127.0.0.1", "LOG_FORMAT": "json", "DJANGO_SETTINGS_MODULE": "tests.settings"}
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    try:
        end = time.monotonic() + 30
        while "Booting worker" not in log.read_text():
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        listening = next(line for line in log.read_text().splitlines() if "Listening at" in line)
        address = json.loads(listening)["message"].split()[2]
        assert requests.get(f"{address}/events/?auth=seen-by-nobody", timeout=20).status_code == 405
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=20) == 0
    told = [json.loads(line) for line in log.read_text().splitlines() if not line.startswith(("/", " "))]
    (line,) = requests_of(told)
    assert (line["path"], line["status"]) == ("/events/", 405)
    assert "seen-by-nobody" not in log.read_text()
