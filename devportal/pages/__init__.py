"""The stand-in portal's pages, which a browser sees: menu, people, Market, the application's frame and sliders, the bell."""

import flask
import flask.typing

from devportal.pages.bell import Bell
from devportal.pages.company import Company
from devportal.pages.controls import Controls
from devportal.pages.desk import Desk
from devportal.pages.frames import Frames
from devportal.pages.market import Market
from devportal.pages.site import Site
from devportal.world import Portal, World

__all__ = ["make_blueprint"]


def make_blueprint(world: World, portal: Portal) -> flask.Blueprint:
    """The pages of one portal, to be mounted at `/` of its own address; static files lie under /_pages/."""
    blueprint = flask.Blueprint("pages", __name__, template_folder="templates", static_folder="static", static_url_path="/_pages")
    site = Site(world, portal)
    for part in (Desk(site), Company(site), Market(site), Frames(site), Bell(site), Controls(site)):
        part.register(blueprint)

    def missing(_error: Exception) -> flask.typing.ResponseReturnValue:
        return site.render("missing.html"), 404

    blueprint.add_url_rule("/<path:_path>", "missing", lambda _path: flask.abort(404))
    blueprint.register_error_handler(404, missing)
    return blueprint
