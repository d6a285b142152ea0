"""The portal server's half of app frames: what to post into a frame, its getInitData, its tokens and its options.

The rules are those of frame-protocol.md; the browser's half is static/frames.js and static/commands.js.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import flask
import flask.typing

from devportal import phpforms
from devportal.pages.site import Site, refuse
from devportal.world import Installation, Launch, Person

# Keys of the page's own address that the portal keeps to itself; which others it has is not known.
PORTAL_KEYS = frozenset({"_r", "done"})
REST_APP_URI = "REST_APP_URI"
DEFAULT = "DEFAULT"


class NotOpened(Exception):
    """The portal does not open the application; the text says why, or is empty where the portal shows an empty slider."""


@dataclass
class OpenedFrame:
    """A frame that was opened and who looks at it."""

    installation: Installation
    person: Person
    launch: Launch


class Frames:
    """Launches and the frames opened so far, by APP_SID."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._opened: dict[str, OpenedFrame] = {}

    def register(self, blueprint: flask.Blueprint) -> None:
        """Adds the endpoints that the portal page's scripts call."""
        for rule, view in (
            ("launch", self.launch),
            ("refresh-auth", self.refresh_auth),
            ("install-finish", self.install_finish),
            ("app-option", self.app_option),
            ("user-option", self.user_option),
        ):
            blueprint.add_url_rule(f"/_portal/{rule}", rule, view, methods=["POST"])

    def launch(self) -> flask.typing.ResponseReturnValue:
        """Opens an application: {launch: {sid, name, url, origin, fields, title, init}} or {message: why not}.

        Form: kind ("app": its page, "view": a link with parameters, "slider": opened by a frame), `app` or the opener's `sid`,
        query (the page's or link's), params (the opener's), uri (the page it is opened from).
        """
        form = flask.request.form
        openers: dict[str, Callable[[Person], OpenedFrame]] = {"app": self._open_page, "view": self._open_link, "slider": self._open_slider}
        if form.get("kind") not in openers:
            return refuse("There is no such way to open an application.")
        try:
            opened = openers[form["kind"]](self._site.me())
        except NotOpened as reason:
            return flask.jsonify(launch=None, message=str(reason))
        return flask.jsonify(launch=self._described(opened))

    def refresh_auth(self) -> flask.typing.ResponseReturnValue:
        """Fresh tokens for a frame: {AUTH_ID, REFRESH_ID, AUTH_EXPIRES}."""
        opened = self._frame()
        if opened is None or not opened.person.active:
            return refuse("Your authorization could not be renewed. Reload the page.", 403)
        with self._site.world.lock:
            token = self._site.world.issue(self._site.portal, opened.installation.app, opened.person)
            seconds = int(token.expires_at - self._site.world.clock.now())
        return flask.jsonify(AUTH_ID=token.access, REFRESH_ID=token.refresh, AUTH_EXPIRES=str(seconds))

    def install_finish(self) -> flask.typing.ResponseReturnValue:
        """Marks the application installed and lets ONAPPINSTALL go; only its installer may."""
        opened = self._frame()
        if opened is None or not opened.launch.installer:
            return refuse("Only the application's installer can finish the installation.", 403)
        self._site.portal.finish_install(opened.installation.app)
        return flask.jsonify({})

    def app_option(self) -> flask.typing.ResponseReturnValue:
        """Saves an option of the application; all of its options. Administrators only."""
        opened = self._frame()
        if opened is None or not opened.person.admin:
            return refuse("Only administrators can change the application's options.", 403)
        return self._saved(opened.installation.app_options)

    def user_option(self) -> flask.typing.ResponseReturnValue:
        """Saves an option of the person in this application; all of the person's options."""
        opened = self._frame()
        if opened is None:
            return refuse("The frame is not known here. Reload the page.", 403)
        return self._saved(opened.installation.user_options.setdefault(opened.person.id, {}))

    def _saved(self, options: dict[str, Any]) -> flask.typing.ResponseReturnValue:
        form = flask.request.form
        with self._site.world.lock:
            options[form.get("name", "")] = form.get("value", "")
            return flask.jsonify(dict(options))

    def _frame(self) -> OpenedFrame | None:
        return self._opened.get(flask.request.form.get("sid", ""))

    def _open_page(self, person: Person) -> OpenedFrame:
        """The main page, or the installer while the installation is not finished; the page's whole query is handed over (5.8)."""
        installation = self._installed_as(flask.request.form.get("app", ""))
        if not installation.installed and not person.admin:
            raise NotOpened("The installation of this application is not finished. Ask an administrator of the portal to finish it.")
        query = _query()
        options = {key: value for key, value in query.items() if key not in PORTAL_KEYS}
        installer = not installation.installed and installation.app.install_url is not None
        return self._open(installation, person, DEFAULT, options, installer=installer)

    def _open_link(self, person: Person) -> OpenedFrame:
        """The handler of REST_APP_URI with the link's `params`; not bound or not installed gives an empty slider (5.8)."""
        app = self._site.app(flask.request.form.get("app", ""))
        installation = app and self._site.installation(app)
        if not installation or not installation.installed or not _bound(installation):
            raise NotOpened
        return self._open(installation, person, REST_APP_URI, _params(_query()))

    def _open_slider(self, person: Person) -> OpenedFrame:
        """The main page in a slider, opened by one of the application's frames; parameters arrive as text (2.6)."""
        opener = self._frame()
        if opener is None:
            raise NotOpened("The frame that asked for this is not known here. Reload the page.")
        return self._open(opener.installation, person, DEFAULT, _params(phpforms.parse(flask.request.form.items(multi=True))))

    def _installed_as(self, number: str) -> Installation:
        found = self._site.numbered(number)
        if found is None:
            raise NotOpened("This application is not installed on the portal. An administrator can install it in the Market.")
        return found

    def _open(
        self, installation: Installation, person: Person, placement: str, options: dict[str, Any], *, installer: bool = False
    ) -> OpenedFrame:
        if installation.allowed is not None and person.id not in installation.allowed:
            raise NotOpened("You have no access to this application. Ask an administrator of the portal.")
        uri = flask.request.form.get("uri", "")
        if uri:
            options = {"URI": uri, **options}
        launch = self._site.portal.launch(installation.app, person, installer=installer, placement=placement, options=options or None)
        opened = OpenedFrame(installation, person, launch)
        self._opened[launch.app_sid] = opened
        return opened

    def _described(self, opened: OpenedFrame) -> dict[str, Any]:
        launch = opened.launch
        address = urlsplit(launch.url)
        return {
            "sid": launch.app_sid,
            "name": launch.window_name,
            "url": launch.url,
            "origin": f"{address.scheme}://{address.netloc}",
            "fields": launch.fields,
            "title": opened.installation.app.name,
            "init": self._init_data(opened),
        }

    def _init_data(self, opened: OpenedFrame) -> dict[str, Any]:
        """The first getInitData answer (2.4): the launch's values, the person's role and the stored options."""
        portal, installation, fields = self._site.portal, opened.installation, opened.launch.fields
        with self._site.world.lock:
            # Whether the installer's own opening counts as the first run is not known; a guess that it does not.
            first_run = not opened.launch.installer and opened.person.id not in installation.first_run_done
            if first_run:
                installation.first_run_done.add(opened.person.id)
            app_options, user_options = dict(installation.app_options), dict(installation.user_options.get(opened.person.id, {}))
        return {
            "DOMAIN": portal.domain,
            "PROTOCOL": int(urlsplit(portal.url).scheme == "https"),
            "PATH": "/rest",
            "LANG": portal.language,
            "MEMBER_ID": portal.member_id,
            "IS_ADMIN": opened.person.admin,
            "AUTH_ID": fields["AUTH_ID"],
            "REFRESH_ID": fields["REFRESH_ID"],
            "AUTH_EXPIRES": fields["AUTH_EXPIRES"],
            "INSTALL": opened.launch.installer,
            "FIRST_RUN": first_run,
            "PLACEMENT": fields["PLACEMENT"],
            "PLACEMENT_OPTIONS": json.loads(fields.get("PLACEMENT_OPTIONS", "{}")),
            "APP_OPTIONS": app_options,
            "USER_OPTIONS": user_options,
        }


def _query() -> dict[str, Any]:
    """The page's or link's query as PHP reads it."""
    return phpforms.parse(parse_qsl(flask.request.form.get("query", ""), keep_blank_values=True))


def _params(values: dict[str, Any]) -> dict[str, Any]:
    """The `params[…]` of a query or form; PHP knows no difference between a list and a map."""
    params = values.get("params")
    if isinstance(params, list):
        return {str(place): value for place, value in enumerate(params)}
    return params if isinstance(params, dict) else {}


def _bound(installation: Installation) -> bool:
    return any(binding.placement == REST_APP_URI for binding in installation.placements)
