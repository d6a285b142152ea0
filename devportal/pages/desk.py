"""The portal's start page and the pages that hold an application."""

import flask
import flask.typing

from devportal.pages.site import Site

STATUS_TITLES = {"L": "local", "F": "free", "D": "demo", "T": "trial", "P": "paid"}


class Desk:
    """Start page, application page, application links."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def register(self, blueprint: flask.Blueprint) -> None:
        """Adds the pages."""
        blueprint.add_url_rule("/", "home", self.home)
        blueprint.add_url_rule("/marketplace/app/<int:number>/", "app", self.app)
        blueprint.add_url_rule("/marketplace/view/<code>/", "view", self.view)

    def home(self) -> flask.typing.ResponseReturnValue:
        """What one can do here, and the facts of this portal."""
        return self._home(None)

    def app(self, number: int) -> flask.typing.ResponseReturnValue:
        """An application's own page; the frame is opened by the page's script, which asks for the launch."""
        installation = self._site.numbered(str(number))
        title = installation.app.name if installation else "Application"
        return self._site.render("app.html", title=title, stage=self._stage("app", str(number)))

    def view(self, code: str) -> flask.typing.ResponseReturnValue:
        """A link into an application: a slider over the start page, or the frame alone when this page is in a slider itself."""
        app = self._site.app(code)
        stage = self._stage("view", code)
        if flask.request.args.get("IFRAME") == "Y":
            return self._site.render("app.html", title=app.name if app else "", stage=stage)
        return self._home(stage)

    def _home(self, stage: dict[str, str] | None) -> flask.Response:
        portal = self._site.portal
        facts = [
            ("Address", portal.domain),
            ("member_id", portal.member_id),
            ("Plan", STATUS_TITLES.get(portal.status, portal.status)),
            ("Limits", portal.limits),
            ("Language", portal.language),
            ("People", str(sum(person.active for person in portal.people.values()))),
            ("Administrators", ", ".join(person.full_name for person in portal.people.values() if person.admin and person.active)),
        ]
        return self._site.render("home.html", facts=facts, tiles=self._tiles(), slider_stage=stage)

    def _tiles(self) -> list[dict[str, str]]:
        apps = [
            {"href": self._site.app_address(one), "icon": "bell-ring", "title": one.app.name, "text": "Open the application"}
            for one in self._site.installations()
            if one.installed
        ]
        return [
            *apps,
            {"href": "/marketplace/", "icon": "store", "title": "Market", "text": "Install, update or remove an application"},
            {"href": "/company/", "icon": "users", "title": "People", "text": "Colleagues and departments"},
            {
                "href": "/_portal/controls/",
                "icon": "sliders-horizontal",
                "title": "Controls",
                "text": "Clock, faults, confirmations, request log",
            },
        ]

    def _stage(self, kind: str, app: str) -> dict[str, str]:
        """What the page's script asks to launch, and the page the person came from (PLACEMENT_OPTIONS.URI, frame-protocol 5.6)."""
        referrer = flask.request.referrer or ""
        uri = referrer.removeprefix(self._site.portal.url) if referrer.startswith(f"{self._site.portal.url}/") else ""
        return {"kind": kind, "app": app, "query": flask.request.query_string.decode(), "uri": uri}
