"""What all pages of one portal share: who is looking, the page around the content, JSON answers."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import flask
import flask.typing
from lucide.jinja import lucide

from devportal.pages.dates import clock_text
from devportal.pages.people import Face, face
from devportal.world import App, Installation, Person, Portal, World

CSP = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: http: https:",
        # Apps live anywhere, and their launch form is posted there.
        "frame-src http: https:",
        "form-action http: https:",
        "frame-ancestors 'self'",
        "base-uri 'none'",
        "object-src 'none'",
    )
)


@dataclass(frozen=True)
class MenuEntry:
    """One line of the left menu."""

    title: str
    href: str
    icon: str
    current: bool


@dataclass(frozen=True)
class Site:
    """One portal's pages."""

    world: World
    portal: Portal

    def me(self) -> Person:
        """The person the browser is signed in as. Cookies know no ports, so portals on one host share the choice."""
        return self.portal.signed_in(flask.request)

    def face(self, person: Person) -> Face:
        return face(person, self.portal.departments)

    def app(self, code: str) -> App | None:
        """A registered application by its Market code, or by client_id as local applications are addressed."""
        return next((app for app in self.apps() if code in {app.code, app.client_id}), None)

    def apps(self) -> list[App]:
        """All registered applications."""
        return list(self.world.apps.values())

    def installation(self, app: App) -> Installation | None:
        return self.portal.installations.get(app.client_id)

    def installations(self) -> list[Installation]:
        """What is installed on this portal, finished or not."""
        return list(self.portal.installations.values())

    def numbered(self, number: str) -> Installation | None:
        """The installation with this number, as /marketplace/app/<number>/ names it."""
        return next((one for one in self.installations() if str(one.id) == number), None)

    def app_address(self, installation: Installation) -> str:
        """The application's own page on this portal."""
        return f"/marketplace/app/{installation.id}/"

    def render(self, template: str, **context: Any) -> flask.Response:
        """A whole page; without menu and header when the portal opens it inside a slider (frame-protocol 5.7)."""
        page = flask.render_template(
            template,
            icon=lucide,
            asset=lambda name: flask.url_for("pages.static", filename=name),
            portal_name=self.portal.company,
            bare=flask.request.args.get("IFRAME") == "Y",
            menu=self._menu(),
            me=self.face(self.me()),
            now_text=clock_text(self.world.clock.now()),
            here=flask.request.full_path.rstrip("?"),
            done=flask.request.args.get("done", ""),
            **context,
        )
        response = flask.make_response(page)
        response.headers["Content-Security-Policy"] = CSP
        response.headers["Cache-Control"] = "no-store"
        return response

    def _menu(self) -> list[MenuEntry]:
        installed = [installation for installation in self.installations() if installation.installed]
        entries = [
            ("Home", "/", "house"),
            ("People", "/company/", "users"),
            ("Market", "/marketplace/", "store"),
            *((installation.app.name, self.app_address(installation), "bell-ring") for installation in installed),
            ("Controls", "/_portal/controls/", "sliders-horizontal"),
        ]
        return [MenuEntry(title, href, icon, href == flask.request.path) for title, href, icon in entries]


def refuse(message: str, status: int = 400) -> tuple[flask.Response, int]:
    """A JSON refusal with a sentence for people."""
    return flask.jsonify(message=message), status


def local_path(address: str) -> str:
    """The address if it is a path of this portal, else the start page: what `next` fields may lead to."""
    parts = urlsplit(address)
    return address if address.startswith("/") and not parts.netloc and not address.startswith(("//", "/\\")) else "/"


def back(path: str, done: str) -> flask.typing.ResponseReturnValue:
    """Leads the browser to a page, which then says what was done."""
    return flask.redirect(f"{path}?{urlencode({'done': done})}", code=303)
