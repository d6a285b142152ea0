"""Sending to many as operators run it: web, worker and stand-in, each a process of its own, on an empty database."""

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import requests
from cryptography.fernet import Fernet

from benchmarks._rig import ROOT, free_port, wait
from benchmarks._stand import Remote, started

CAPACITY, DRAIN, BATCH_SECONDS, BATCH, RESERVED = 50, 20, 0.25, 50, 10
"""The portal of these benchmarks, and what we leave of it to people's clicks."""


@dataclass(frozen=True)
class Many:
    """A running app whose portal has many people. `database` says what it runs on."""

    stand: Remote
    url: str
    worker: "subprocess.Popen[bytes]"
    database: str
    launch: dict[str, Any]


@contextmanager
def many(people: int, *, tls: bool = False, web_processes: int = 1) -> Iterator[Many]:
    """Start everything, open the app as the portal's admin, and let Django of this process see the same database."""
    url = f"http://127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as folder, _database(Path(folder)) as (address, queue), started(people, url, tls=tls) as stand:
        env = os.environ | _environment(stand, url, address, queue)
        for step in (["migrate"], ["collectstatic", "--noinput"]):
            subprocess.run([sys.executable, "manage.py", *step, "--verbosity", "0"], cwd=ROOT, env=env, check=True)
        web = [
            sys.executable,
            "-m",
            "gunicorn",
            "b24app.wsgi",
            "--bind",
            url.removeprefix("http://"),
            "--no-control-socket",
            "--workers",
            str(web_processes),
            "--threads",
            "8",
        ]
        processes = [
            subprocess.Popen([*web, "--threads", "8", "--log-level", "warning"], cwd=ROOT, env=env, stderr=subprocess.DEVNULL),
            subprocess.Popen([sys.executable, "manage.py", "run_huey", "--quiet"], cwd=ROOT, env=env, stderr=subprocess.DEVNULL),
        ]
        try:
            wait(f"{url}/healthz")
            launch = stand.ask("launch")
            requests.post(launch["url"], data=launch["fields"], timeout=30).raise_for_status()
            os.environ.update(env)
            _set_up(stand)
            stand.ask("limits", capacity=CAPACITY, drain=DRAIN, batch_seconds=BATCH_SECONDS)
            yield Many(stand, url, processes[1], urlsplit(address).scheme, launch)
        finally:
            _leave()
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(timeout=90)


def dispatch(tag: str, count: int) -> int:
    """A started dispatch of the portal's admin to `count` of its people; its number. No worker knows of it yet."""
    from b24app.models import PortalUser
    from notifications import dispatching, people
    from notifications.models import Dispatch, Notification

    author = PortalUser.objects.select_related("portal").get(is_admin=True)
    known = people.rows(author.portal, range(1, count + 1))
    ready = Dispatch.objects.create(
        portal=author.portal, sender=author.portal.senders.get(), author=author, state=Dispatch.State.READY, key=uuid4(), tag=tag,
        type=Notification.Type.SYSTEM, message="Please read the new rules of the house.", total=count,
        recipients=[known[number].pk for number in range(1, count + 1)],
    )  # fmt: skip
    return dispatching.start(author, ready.pk).pk


def send(number: int) -> None:
    """Let the worker begin, as the view does after the click."""
    from notifications import tasks
    from notifications.models import Dispatch

    tasks.run_lane(Dispatch.objects.values_list("portal_id", flat=True).get(pk=number))


def wait_until_done(number: int, seconds: float) -> float:
    """Epoch seconds of when the dispatch was done."""
    from notifications.models import Dispatch

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        finished_at = Dispatch.objects.values_list("finished_at", flat=True).get(pk=number)
        if finished_at:
            return float(finished_at.timestamp())
        time.sleep(0.2)
    raise SystemExit("The dispatch did not come to its end.")


def _set_up(stand: Remote) -> None:
    import django

    django.setup()
    from b24app.models import Portal

    # What nobody is told by the portal: its limits are not a plan's.
    Portal.objects.filter(member_id=stand.facts["member_id"]).update(bucket_capacity=CAPACITY, bucket_drain=DRAIN)


def _leave() -> None:
    from django.conf import settings
    from django.db import connections

    if settings.configured:
        connections.close_all()
        settings.HUEY.storage.close()


@contextmanager
def _database(folder: Path) -> Iterator[tuple[str, str]]:
    """Addresses of an empty database and of a queue: on PostgreSQL where there is one, else SQLite."""
    server = os.environ.get("DATABASE_URL") or _postgres()
    if not server.startswith("postgres"):
        yield f"sqlite:///{folder / 'db.sqlite3'}", f"sqlite:///{folder / 'huey.sqlite3'}"
        return
    name = f"benchmark_{secrets.token_hex(4)}"
    address = urlsplit(server)._replace(path=f"/{name}").geturl()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield address, address
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _postgres() -> str:
    found = subprocess.run(["sh", "scripts/postgres.sh"], cwd=ROOT, capture_output=True, text=True, check=False)
    return found.stdout.strip() if found.returncode == 0 else ""


def _environment(stand: Remote, url: str, database: str, queue: str) -> dict[str, str]:
    facts = stand.facts
    return {
        "DJANGO_SETTINGS_MODULE": "b24app.settings",
        "DATABASE_URL": database,
        "HUEY_URL": queue,
        "DJANGO_DEBUG": "off",
        "DJANGO_SECRET_KEY": secrets.token_urlsafe(60),
        "TOKEN_KEYS": Fernet.generate_key().decode(),
        "APP_URL": url,
        "B24_CLIENT_ID": facts["client_id"],
        "B24_CLIENT_SECRET": facts["client_secret"],
        "B24_APP_CODE": "tagged.notifications",
        "B24_OAUTH_SERVERS": facts["auth_url"],
        "B24_ALLOW_HTTP": "on",
        "B24_ALLOW_PRIVATE_HOSTS": "on",
        "B24_CA_FILE": facts["ca_file"],
    }
