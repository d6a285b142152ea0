"""The Market page and what its buttons do."""

from dataclasses import dataclass

import flask
import flask.typing

from devportal.pages.site import Site, back
from devportal.world import App

PAGE = "/marketplace/"


@dataclass(frozen=True)
class Card:
    """An application's card. `state` is "none", "unfinished" or "installed"; `href` is where it opens on this portal."""

    code: str
    title: str
    scope: tuple[str, ...]
    state: str
    version: int
    href: str


class Market:
    """The Market of one portal. Administrators install, update and remove; others look."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def register(self, blueprint: flask.Blueprint) -> None:
        """Adds the page and its acts."""
        blueprint.add_url_rule(PAGE, "market", self.show)
        blueprint.add_url_rule("/_portal/market/install", "market_install", self.install, methods=["POST"])
        blueprint.add_url_rule("/_portal/market/update", "market_update", self.update, methods=["POST"])
        blueprint.add_url_rule("/_portal/market/remove", "market_remove", self.remove, methods=["POST"])

    def show(self) -> flask.typing.ResponseReturnValue:
        """All registered applications with their state on this portal."""
        return self._site.render("market.html", apps=[self._card(app) for app in self._site.apps()])

    def install(self) -> flask.typing.ResponseReturnValue:
        """Installs and opens the application: its installer, when it has one."""
        app = self._chosen()
        if self._site.installation(app) is None:
            self._site.portal.install(app, self._site.me())
        installation = self._site.installation(app)
        return flask.redirect(self._site.app_address(installation) if installation else PAGE, code=303)

    def update(self) -> flask.typing.ResponseReturnValue:
        """Brings the next version."""
        app = self._chosen()
        if self._site.installation(app) is None:
            return back(PAGE, f"{app.name} is not installed.")
        self._site.portal.update(app)
        return back(PAGE, f"{app.name} was updated.")

    def remove(self) -> flask.typing.ResponseReturnValue:
        """Removes; with `clean` the application is asked to delete its data."""
        app = self._chosen()
        if self._site.installation(app) is None:
            return back(PAGE, f"{app.name} is not installed.")
        self._site.portal.uninstall(app, clean="clean" in flask.request.form)
        return back(PAGE, f"{app.name} was removed.")

    def _chosen(self) -> App:
        if not self._site.me().admin:
            flask.abort(403)
        return self._site.app(flask.request.form.get("app", "")) or flask.abort(404)

    def _card(self, app: App) -> Card:
        installation = self._site.installation(app)
        if installation is None:
            return Card(app.code, app.name, app.scope, "none", 0, "")
        state = "installed" if installation.installed else "unfinished"
        return Card(app.code, app.name, app.scope, state, installation.version, self._site.app_address(installation))
