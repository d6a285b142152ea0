"""Starts and stops the stand-in's servers."""

import ssl
import tempfile
from collections.abc import Iterable
from pathlib import Path

import flask
import trustme

from devportal import authserver, rest, wire
from devportal.httpserver import Server
from devportal.pages import make_blueprint
from devportal.world import App, Portal, World

SMALL, LARGE = 12, 2000


class Stand:
    """The whole stand-in, running. Make one with Stand.start()."""

    def __init__(self, *, tls: bool, host: str, port: int) -> None:
        self.world = World(scheme="https" if tls else "http", host=host)
        self.clock = self.world.clock
        self.faults = self.world.faults
        self.log = self.world.log
        self.ca_file: Path | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="devportal-")
        self._tls = self._certificate(host) if tls else None
        self._next_port = port
        self._servers: list[Server] = []
        self.world.auth_port = self._serve(authserver.make_app(self.world, self.reset))
        self.world.mover = self._serve_portal
        self.add_portal(company="Lantern Works", language="en", people=SMALL, seed=11)
        self.add_portal(company="Birkenfluss GmbH", language="de", people=SMALL, seed=23)
        self.add_portal(company="Северный причал", language="ru", people=LARGE, seed=37, plan="ent2000")

    @classmethod
    def start(cls, *, tls: bool = False, host: str = "localhost", port: int = 0) -> "Stand":
        """Start the authorization server on `port` and three portals on the next ones (0: any free ports)."""
        return cls(tls=tls, host=host, port=port)

    @property
    def auth_url(self) -> str:
        """The authorization server's base address."""
        return self.world.auth_url

    @property
    def portals(self) -> list[Portal]:
        """All portals; 0 and 1 are small (12 people), 2 is large (2,000)."""
        return self.world.portals

    def stop(self) -> None:
        """Stop all servers and wait for them."""
        self.faults.clear()
        for server in self._servers:
            server.stop()
        self._folder.cleanup()

    def reset(self) -> None:
        """The world as at the start: no installations, tokens, faults or log; addresses, webhooks and registered applications stay."""
        self.world.restart()

    def register_app(
        self,
        *,
        client_id: str,
        client_secret: str,
        code: str,
        app_url: str,
        install_url: str | None,
        events_url: str | None = None,
        redirect_url: str | None = None,
        scope: Iterable[str] = ("im", "user_basic", "department", "placement"),
        name: str = "Tagged Notifications",
    ) -> App:
        """Make an application known. `events_url` gets ONAPPINSTALL without being bound, like the address on a Market card;
        `redirect_url` is where full OAuth comes back (the app's address without it).
        """
        app = App(client_id, client_secret, code, app_url, install_url, events_url, redirect_url or app_url, tuple(scope), name)
        with self.world.lock:
            self.world.apps[client_id] = app
        return app

    def add_portal(self, *, company: str, language: str = "en", people: int = 12, seed: int = 1, plan: str = "pro100") -> Portal:
        """Open one more portal with its own address."""
        portal = Portal(self.world, company=company, language=language, people=people, seed=seed, plan=plan)
        portal.host = self.world.host
        portal.port = self._serve_portal(portal)
        with self.world.lock:
            self.world.portals.append(portal)
        return portal

    def _serve_portal(self, portal: Portal) -> int:
        application = flask.Flask("devportal")
        application.before_request(lambda: _moved(portal))
        application.register_blueprint(rest.make_blueprint(self.world, portal))
        application.register_blueprint(authserver.make_portal_blueprint(self.world, portal))
        application.register_blueprint(make_blueprint(self.world, portal))
        return self._serve(application)

    def _serve(self, application: flask.Flask) -> int:
        server = Server(application, self.world.host, self._next_port, self._tls)
        if self._next_port:
            self._next_port += 1
        self._servers.append(server)
        return server.port

    def _certificate(self, host: str) -> ssl.SSLContext:
        authority = trustme.CA()
        self.ca_file = Path(self._folder.name) / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        self.world.ca_file = str(self.ca_file)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*dict.fromkeys((host, "localhost", "127.0.0.1"))).configure_cert(context)
        return context


def _moved(portal: Portal) -> flask.Response | None:
    """At an address the portal has left: 302 to the same path at the new one (doc: change-domen)."""
    if int(flask.request.environ["SERVER_PORT"]) not in portal.old_ports:
        return None
    return wire.redirect(f"{portal.url}{flask.request.full_path.rstrip('?')}")
