"""The app as its operators run it, against a stand-in in this process: what every benchmark starts from."""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from cryptography.fernet import Fernet

from devportal.server import Stand
from devportal.world import App

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30


@dataclass(frozen=True)
class Rig:
    """A running web process of the app, the stand-in it talks to, and the app as the stand-in knows it.

    `environment` is the web process's: another process with it works on the same database.
    """

    stand: Stand
    app: App
    url: str
    environment: dict[str, str]


@contextmanager
def rig(processes: int = 1, threads: int = 8) -> Iterator[Rig]:
    """Gunicorn on an empty database (DATABASE_URL, else SQLite in a folder of its own) beside a fresh stand-in; both stop at the end."""
    stand = Stand.start()
    with tempfile.TemporaryDirectory() as folder:
        url = f"http://127.0.0.1:{free_port()}"
        app = _register(stand, url)
        env = _environment(stand, app, url, Path(folder))
        for step in (["migrate"], ["collectstatic", "--noinput"]):
            subprocess.run([sys.executable, "manage.py", *step, "--verbosity", "0"], cwd=ROOT, env=env, check=True)
        command = [sys.executable, "-m", "gunicorn", "b24app.wsgi", "--bind", url.removeprefix("http://"), "--no-control-socket"]
        command += ["--workers", str(processes), "--threads", str(threads), "--log-level", "warning"]
        web = subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.DEVNULL)
        try:
            wait(f"{url}/healthz")
            yield Rig(stand, app, url, env)
        finally:
            web.terminate()
            web.wait(timeout=20)
            stand.stop()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _register(stand: Stand, url: str) -> App:
    return stand.register_app(
        client_id="app.benchmark",
        client_secret=secrets.token_urlsafe(20),
        code="tagged.notifications",
        app_url=f"{url}/app/",
        install_url=f"{url}/install/",
        events_url=f"{url}/events/",
    )


def _environment(stand: Stand, app: App, url: str, folder: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        **os.environ,
        "HUEY_URL": f"sqlite:///{folder / 'huey.sqlite3'}",
        "DJANGO_DEBUG": "off",
        "DJANGO_SECRET_KEY": secrets.token_urlsafe(60),
        "TOKEN_KEYS": Fernet.generate_key().decode(),
        "APP_URL": url,
        "B24_CLIENT_ID": app.client_id,
        "B24_CLIENT_SECRET": app.client_secret,
        "B24_OAUTH_SERVERS": stand.auth_url,
        "B24_ALLOW_HTTP": "on",
        "B24_ALLOW_PRIVATE_HOSTS": "on",
    }


def wait(address: str) -> None:
    """Return when the address answers; SystemExit when it does not within START_SECONDS."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            requests.get(address, timeout=1).raise_for_status()
        except requests.RequestException:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("The app did not start.")
