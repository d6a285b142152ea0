"""Starts the app, its worker and the stand-in portals with nothing to set up: `make demo`.

The web and the worker run on production settings with secrets made for this run. The portals forget
everything when they stop, so the demo's database begins anew with them.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var" / "demo"
BIN = Path(sys.executable).parent
APP_PORT = int(os.environ.get("DEMO_PORT", "8000"))
PORTALS_PORT = int(os.environ.get("DEMO_PORTALS_PORT", "8100"))
APP_URL = f"http://127.0.0.1:{APP_PORT}"
OAUTH_URL = f"http://localhost:{PORTALS_PORT}"
START_SECONDS = 60


def environment() -> dict[str, str]:
    """The environment of all three processes; what a person has set for DATABASE_URL and HUEY_URL is left alone."""
    from cryptography.fernet import Fernet

    return {
        "DATABASE_URL": f"sqlite:///{VAR / 'db.sqlite3'}",
        "HUEY_URL": f"sqlite:///{VAR / 'huey.sqlite3'}",
        "LOG_FORMAT": "line",
        "LOG_LEVEL": "WARNING",
        **os.environ,
        "DJANGO_DEBUG": "off",
        "DJANGO_SECRET_KEY": secrets.token_urlsafe(60),
        "DJANGO_ALLOWED_HOSTS": "127.0.0.1,localhost",
        "TOKEN_KEYS": Fernet.generate_key().decode(),
        "APP_URL": APP_URL,
        "B24_CLIENT_ID": "app.demo.tagged.notifications",
        "B24_CLIENT_SECRET": secrets.token_urlsafe(30),
        "B24_APP_CODE": "tagged.notifications",
        "B24_OAUTH_SERVERS": OAUTH_URL,
        "VENDOR_NAME": "Tagged Notifications (demo)",
        "SUPPORT_EMAIL": "support@notifications.example",
        "B24_ALLOW_HTTP": "on",
        "B24_ALLOW_PRIVATE_HOSTS": "on",
    }


def prepare(env: dict[str, str]) -> None:
    """An empty database, migrated, and the static files collected."""
    VAR.mkdir(parents=True, exist_ok=True)
    for old in VAR.glob("*.sqlite3*"):
        old.unlink()
    for command in (["migrate", "--verbosity", "0"], ["collectstatic", "--noinput", "--clear", "--verbosity", "0"]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=env, check=True)


def start(env: dict[str, str]) -> list[subprocess.Popen[bytes]]:
    """The three processes: stand-in portals, web, worker."""
    web = [str(BIN / "gunicorn"), "b24app.wsgi", "--bind", f"127.0.0.1:{APP_PORT}", "--threads", "8"]
    web += ["--log-level", "warning"]
    commands = [
        # The stand-in is a developer's command and needs DEBUG; the app under demonstration does not.
        ([sys.executable, "manage.py", "devportal", "--port", str(PORTALS_PORT)], env | {"DJANGO_DEBUG": "on"}),
        (web, env),
        ([sys.executable, "manage.py", "run_huey", "--quiet"], env),
    ]
    return [subprocess.Popen(command, cwd=ROOT, env=environ) for command, environ in commands]


def wait_until_up(processes: list[subprocess.Popen[bytes]]) -> None:
    """Return when web and portals answer; SystemExit with a sentence when one of them ended or nothing answers in time."""
    end = time.monotonic() + START_SECONDS
    waiting = [f"{APP_URL}/healthz", f"http://localhost:{PORTALS_PORT + 1}/"]
    while waiting:
        if any(process.poll() is not None for process in processes):
            raise SystemExit(f"The demo could not start. Are the ports {APP_PORT} and {PORTALS_PORT} and the next ones free?")
        if time.monotonic() > end:
            raise SystemExit("The demo did not answer within a minute.")
        try:
            urllib.request.urlopen(waiting[0], timeout=2).close()  # noqa: S310 - our own loopback addresses
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        else:
            waiting.pop(0)


def stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """Ask every process to end and wait for it."""
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        process.wait(timeout=20)


def main() -> None:
    env = environment()
    prepare(env)
    processes = start(env)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        wait_until_up(processes)
        print(
            f"\n  Open  http://localhost:{PORTALS_PORT + 1}/  -> Market -> install Tagged Notifications.\n"
            "  The person switch at the top right makes you somebody else; the bell shows what has arrived.\n"
            "  Ctrl+C ends the demo.\n",
            flush=True,
        )
        while all(process.poll() is None for process in processes):
            time.sleep(0.5)
        raise SystemExit("A part of the demo has ended by itself, so the rest was stopped. What it said stands above.")
    except KeyboardInterrupt:
        pass
    finally:
        stop(processes)


if __name__ == "__main__":
    main()
