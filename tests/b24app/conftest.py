"""What the tests of the door share: posting launches and events as a portal does, and seeing every row of the database."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.http import HttpResponse
from django.test import Client

from devportal.server import Stand
from devportal.world import App, Launch, Person
from devportal.world import Portal as StandPortal

FORM = "application/x-www-form-urlencoded"


def rows() -> dict[str, list[dict[str, Any]]]:
    """Every row of every table of ours: two equal answers mean that nothing changed in between."""
    ours = [*apps.get_app_config("b24app").get_models(), *apps.get_app_config("notifications").get_models()]
    return {model._meta.label: list(model._default_manager.order_by("pk").values()) for model in ours}


class Browser:
    """Posts what a portal's page posts, without a real browser."""

    def __init__(self, client: Client, stand: Stand) -> None:
        self.client = client
        self.stand = stand

    def open(self, launch: Launch, *, url: str | None = None, **changed: str | None) -> HttpResponse:
        """The launch's form; `changed` replaces fields, None leaves one out."""
        fields = {name: value for name, value in {**launch.fields, **changed}.items() if value is not None}
        return self.post((url or launch.url).removeprefix("http://testserver"), urlencode(fields))

    def post(self, path: str, body: str | bytes, **headers: Any) -> HttpResponse:
        return self.client.post(path, body, content_type=FORM, **headers)

    def frame(self, path: str, token: str, data: dict[str, Any] | None = None, method: str = "post") -> HttpResponse:
        """A request of the frame's page with its bearer token."""
        headers = {"Authorization": f"Bearer {token}"}
        if method == "get":
            return self.client.get(path, data, headers=headers)
        return self.client.post(path, urlencode(data or {}), content_type=FORM, headers=headers)

    def deliver(self) -> list[int]:
        """Post the events that the stand-in holds back, in their order; the HTTP answers."""
        waiting, self.stand.world.events.held = self.stand.world.events.held, []
        return [self.post("/events/", urlencode(delivery.fields)).status_code for delivery in waiting]


@pytest.fixture
def browser_of(stand: Stand, client: Client) -> Browser:
    """A browser and a postman: events wait until a test delivers them."""
    stand.world.events.order("hold", times=None)
    return Browser(client, stand)


@pytest.fixture
def install(browser_of: Browser, app: App) -> Callable[..., str]:
    """Installs the app as an admin does, up to installFinish; returns the installer's frame token. Events wait to be delivered."""

    def run(portal: StandPortal, person: Person | None = None) -> str:
        person = person or portal.admin
        portal.install(app, person)
        page = browser_of.open(portal.launch(app, person, installer=True))
        assert page.status_code == 200
        token = str(page.context["frame_token"])
        assert browser_of.frame("/frame/install/", token).json() == {"ok": True, "message": ""}
        portal.finish_install(app)
        return token

    return run


@pytest.fixture
def installed(install: Callable[..., str], browser_of: Browser, portal: StandPortal) -> StandPortal:
    """`portal` with the app installed by its admin, ONAPPINSTALL delivered."""
    install(portal)
    assert browser_of.deliver() == [200]
    return portal
