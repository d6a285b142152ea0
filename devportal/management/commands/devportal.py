"""`manage.py devportal`: stand-in portals for the demo, until SIGTERM or SIGINT."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from devportal.demo import fill
from devportal.server import Stand


class Command(BaseCommand):
    help = "Runs stand-in Bitrix24 portals for development. They are on this machine only and forget everything when they stop."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The command line of design.md 4."""
        parser.add_argument("--port", type=int, default=8100, help="port of the authorization server; the portals take the next ones")
        parser.add_argument("--tls", action="store_true", help="serve HTTPS with a certificate of a CA made for this run")
        parser.add_argument("--app-url", default=settings.APP_URL, help="where the app runs (default: APP_URL)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start, print the addresses, wait for the end."""
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        stand = Stand.start(tls=options["tls"], port=options["port"])
        self._register(stand, options["app_url"].rstrip("/"))
        for portal in stand.portals:
            fill(portal)
        self._print(stand)
        stopped.wait()
        stand.stop()

    @staticmethod
    def _register(stand: Stand, app_url: str) -> None:
        stand.register_app(
            client_id=settings.B24_CLIENT_ID,
            client_secret=settings.B24_CLIENT_SECRET,
            code=settings.B24_APP_CODE,
            app_url=f"{app_url}/app/",
            install_url=f"{app_url}/install/",
            events_url=f"{app_url}/events/",
            redirect_url=f"{app_url}/oauth/callback/",
            scope=("im", "user_basic", "department", "placement"),
        )

    def _print(self, stand: Stand) -> None:
        self.stdout.write(f"Authorization server: {stand.auth_url}")
        for portal in stand.portals:
            self.stdout.write(f"{portal.company}: {portal.url}/  ({len(portal.people)} people)")
            self.stdout.write(f"  webhook of {portal.admin.full_name}: {portal.webhook(portal.admin)}")
        if stand.ca_file:
            self.stdout.write(f"CA to trust: {stand.ca_file}")
        self.stdout.flush()
