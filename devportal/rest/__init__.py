"""REST of the portals. Importing the method modules registers their methods."""

from devportal.rest import events, notify, placement, system, users  # noqa: F401
from devportal.rest.dispatcher import make_blueprint

__all__ = ["make_blueprint"]
