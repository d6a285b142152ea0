"""The app installed and open in an admin's browser, and a time that passes only where the app waits."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
import time_machine
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client

from b24app.rest import deadline
from devportal.server import Stand
from devportal.world import App, Launch, Portal
from notifications.models import Notification

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Frame:
    """The app's page in one person's browser: every click carries the bearer token."""

    client: Client
    token: str

    def post(self, path: str, **fields: Any) -> HttpResponse:
        """A click that changes something."""
        return self.client.post(path, urlencode(fields, doseq=True), content_type=FORM, headers=self._headers)

    def get(self, path: str, **fields: Any) -> HttpResponse:
        """A click that shows something."""
        return self.client.get(path, fields, headers=self._headers)

    def send(self, *recipients: int, **fields: Any) -> HttpResponse:
        """Fill in the form of a new notification and press Send."""
        typed = {"key": uuid4(), "type": "personal", "message": "Hello", "tag": "offer", **fields}
        names = [f"Colleague {number}" for number in recipients]
        return self.post("/frame/new/", **typed, recipients=recipients, names=names)

    def delete_by_tag(self, tag: str = "offer", **more: Any) -> HttpResponse:
        """Press "Delete by TAG" in its dialog."""
        return self.post("/frame/sent/delete/", tag=tag, **more)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def open_app(client: Client, launch: Launch) -> HttpResponse:
    """Post a launch as the portal's page does."""
    return client.post(launch.url.removeprefix("http://testserver"), urlencode(launch.fields), content_type=FORM)


@pytest.fixture
def installed(stand: Stand, app: App, portal: Portal, client: Client, db: None) -> Portal:
    """`portal` with the app installed by its admin through the installer's page; the stand-in delivers no events."""
    cache.clear()
    stand.world.events.order("hold", times=None)
    portal.install(app, portal.admin)
    installer = open_app(client, portal.launch(app, portal.admin, installer=True))
    assert Frame(client, installer.context["frame_token"]).post("/frame/install/").json()["ok"]
    portal.finish_install(app)
    return portal


@pytest.fixture
def frame(stand: Stand, app: App, installed: Portal, client: Client) -> Frame:
    """The app as its admin has it open. The stand-in's log begins after that."""
    opened = open_app(client, installed.launch(app, installed.admin))
    stand.log.clear()
    return Frame(client, opened.context["frame_token"])


@pytest.fixture
def sent(stand: Stand, frame: Frame) -> Notification:
    """A notification with TAG "offer" that somebody has in their feed."""
    frame.send(4)
    stand.log.clear()
    return Notification.objects.get(state=Notification.State.SENT)


@pytest.fixture(autouse=True)
def repeats_come_at_once() -> None:
    """Here the app waits as it really does, in the time of `waits`."""


class Waits:
    """Stands in for the module `time` where the app waits: sleeping takes no time, and moves every clock there is by as much."""

    def __init__(self, clocks: time_machine.Traveller) -> None:
        self._clocks = clocks
        self.each: list[float] = []

    @property
    def total(self) -> float:
        """Seconds waited in all."""
        return sum(self.each)

    def monotonic(self) -> float:
        return self.total

    def sleep(self, seconds: float) -> None:
        self.pass_by(seconds)

    def pass_by(self, seconds: float) -> None:
        """Let `seconds` go by."""
        self.each.append(seconds)
        self._clocks.shift(seconds)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[Waits]:
    """The time that the app waits, and the stand-in with it: it passes only when somebody sleeps."""
    with time_machine.travel(datetime.now(UTC), tick=True) as clocks:
        waits = Waits(clocks)
        monkeypatch.setattr(deadline, "time", waits)
        yield waits
