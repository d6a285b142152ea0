"""What every test may use: the stand-in Bitrix24, the app pointed at it, and a browser that blocks third-party cookies."""

import os
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings as django_settings
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from b24app.rest import repeating
from devportal.server import Stand
from devportal.world import App, Portal

# The rows of the Market's checklist are counted over the whole run: these hooks belong to the root of the suite.
from tests.market.counting import pytest_collection_modifyitems, pytest_terminal_summary  # noqa: F401

# Playwright's event loop makes Django think that the test's own thread is asynchronous.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

CLIENT_ID = django_settings.B24_CLIENT_ID
CLIENT_SECRET = django_settings.B24_CLIENT_SECRET
APP_CODE = django_settings.B24_APP_CODE


@pytest.fixture(scope="session")
def stand_servers() -> Iterator[Stand]:
    """The stand-in's servers, started once: authorization server and three portals on ports of their own."""
    stand = Stand.start()
    yield stand
    stand.stop()


@pytest.fixture
def stand(stand_servers: Stand, settings: Settings) -> Iterator[Stand]:
    """A fresh Bitrix24 that knows no application, and the app's settings pointed at it."""
    stand_servers.reset()
    stand_servers.world.apps.clear()
    settings.B24_CLIENT_ID = CLIENT_ID
    settings.B24_CLIENT_SECRET = CLIENT_SECRET
    settings.B24_APP_CODE = APP_CODE
    settings.B24_OAUTH_SERVERS = [stand_servers.auth_url]
    settings.B24_ALLOW_HTTP = True
    settings.B24_ALLOW_PRIVATE_HOSTS = True
    yield stand_servers
    stand_servers.faults.clear()


@pytest.fixture
def register_app(stand: Stand, settings: Settings) -> Callable[[str], App]:
    """Registers our app at the stand-in under a base address, as a developer does on the Market's form."""

    def register(base: str) -> App:
        settings.APP_URL = base
        return stand.register_app(
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            code=APP_CODE,
            app_url=f"{base}/app/",
            install_url=f"{base}/install/",
            events_url=f"{base}/events/",
            scope=("im", "user_basic", "department", "placement"),
        )

    return register


@pytest.fixture
def app(register_app: Callable[[str], App]) -> App:
    """Our app as the stand-in knows it, for tests that call views without a server of their own."""
    return register_app("http://testserver")


@pytest.fixture
def live_app(live_server: LiveServer, register_app: Callable[[str], App]) -> App:
    """Our app served over real HTTP on 127.0.0.1: another site than the portals on localhost."""
    return register_app(live_server.url.replace("localhost", "127.0.0.1"))


@pytest.fixture
def portal(stand: Stand) -> Portal:
    """A small stand-in portal."""
    return stand.portals[0]


@pytest.fixture
def other_portal(stand: Stand) -> Portal:
    """Another company's portal: what is its own must never be seen from `portal`."""
    return stand.portals[1]


@pytest.fixture(autouse=True)
def tasks_run_at_once() -> Iterator[None]:
    """Background tasks run where they are enqueued, unless a test switches that off."""
    django_settings.HUEY.immediate = True
    yield
    django_settings.HUEY.immediate = True


@pytest.fixture(autouse=True)
def repeats_come_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No growing waits between repeated requests, except where they are what is tested (tests/errors)."""
    monkeypatch.setattr(repeating, "_FIRST_WAIT", 0.001)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    """Debian's Chromium, third-party cookies blocked, silent towards the world."""
    return {
        "executable_path": os.environ.get("CHROMIUM", "/usr/bin/chromium"),
        "args": [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--test-third-party-cookie-phaseout",
        ],
    }
