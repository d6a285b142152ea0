"""Processes of the app beside a test: on the test's own database, its queue, its secrets and its stand-in."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection

from b24app.queue import make_queue
from devportal.server import Stand

ROOT = Path(__file__).resolve().parent.parent
LONGEST_WAIT = 30.0


@dataclass(frozen=True)
class Worker:
    """A running `manage.py run_huey` and the file of what it says."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self, text: str) -> bool:
        return text in self.log.read_text()

    def ended(self) -> bool:
        return self.process.poll() is not None


def database_url() -> str:
    """The address of the database that the tests made."""
    given = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{given['NAME']}"
    account = f"{given['USER']}:{given['PASSWORD']}" if given["PASSWORD"] else given["USER"]
    return f"postgres://{account}@{given['HOST']}:{given['PORT'] or 5432}/{given['NAME']}"


def environment(stand: Stand, **more: str) -> dict[str, str]:
    """What a process of ours needs to work with this test's database and stand-in."""
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": database_url(),
        "APP_URL": settings.APP_URL,
        "B24_OAUTH_SERVERS": stand.auth_url,
        "B24_ALLOW_HTTP": "1",
        "B24_ALLOW_PRIVATE_HOSTS": "1",
        **more,
    }


def start_worker(stand: Stand, queue_url: str, log: Path, *options: str, **more: str) -> Worker:
    """Start a worker; it ends when told to, or with `end`. `options` are the command's, `more` goes into its environment."""
    command = [sys.executable, "manage.py", "run_huey", *options]
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(stand, HUEY_URL=queue_url, **more), stdout=file, stderr=subprocess.STDOUT
        )
    return Worker(process, log)


def end(*workers: Worker) -> None:
    """Kill what still runs."""
    for worker in workers:
        worker.process.kill()
        worker.process.wait()


@contextmanager
def queue_at(url: str) -> Iterator[None]:
    """Inside, tasks are enqueued at `url` instead of being run at once."""
    huey = settings.HUEY
    huey.immediate = False
    huey.storage.close()
    huey.storage = make_queue(url, immediate=False).storage
    try:
        yield
    finally:
        huey.storage.close()
        huey.immediate = True


def until(condition: Callable[[], object], seconds: float = LONGEST_WAIT) -> None:
    """Return when `condition` is true: what another process does can only be looked for. AssertionError when it does not come true."""
    over = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < over, "It did not happen."
        time.sleep(0.02)
