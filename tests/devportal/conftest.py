"""What the stand-in's own tests share. `stand`, `portal` and `other_portal` come from the suite's conftest."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import flask
import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page

from devportal.httpserver import Server
from devportal.server import Stand
from devportal.world import App, Installation, Portal
from tests.devportal.pages_app import watched

Answer = tuple[int, Any]
CLIENT_ID = "app.66aa.5150"
CLIENT_SECRET = "only the stand-in knows it"


class Hook:
    """An application's event address: `posts` are the forms it got."""

    def __init__(self) -> None:
        self.posts: list[dict[str, str]] = []
        application = flask.Flask("hook")
        application.add_url_rule("/events/", view_func=self._post, methods=["POST"])
        self._server = Server(application, "127.0.0.1", 0, None)
        self.base = f"http://127.0.0.1:{self._server.port}"

    def _post(self) -> str:
        self.posts.append(flask.request.form.to_dict())
        return "ok"

    def stop(self) -> None:
        self._server.stop()


@dataclass
class Rest:
    """Calls a portal's REST with JSON, in one session."""

    session: requests.Session
    base: str
    auth: str | None = None

    def __call__(self, method: str, **params: Any) -> Answer:
        body = params | ({"auth": self.auth} if self.auth else {})
        answer = self.session.post(self.base + method, json=body, timeout=10, allow_redirects=False)
        return answer.status_code, answer.json()

    def result(self, method: str, **params: Any) -> Any:
        status, body = self(method, **params)
        assert status == 200, body
        return body["result"]

    def error(self, method: str, **params: Any) -> tuple[int, str]:
        status, body = self(method, **params)
        return status, body["error"]


@pytest.fixture
def http() -> Iterator[requests.Session]:
    """A pooled session that ignores this machine's proxies and CA bundle."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture(scope="session")
def hook_server() -> Iterator[Hook]:
    served = Hook()
    yield served
    served.stop()


@pytest.fixture
def hook(hook_server: Hook) -> Hook:
    """The application's address with nothing posted to it yet."""
    hook_server.posts.clear()
    return hook_server


@pytest.fixture
def registered(stand: Stand, hook: Hook) -> Iterator[App]:
    """An application with an installer and an event address."""
    yield stand.register_app(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        code="example.tests",
        app_url=f"{hook.base}/app/",
        install_url=f"{hook.base}/install/",
        events_url=f"{hook.base}/events/",
        name="Lamp Post",
    )
    stand.world.events.wait()
    del stand.world.apps[CLIENT_ID]


@pytest.fixture
def installation(portal: Portal, registered: App) -> Installation:
    """The application on `portal`, still installing."""
    return portal.install(registered, portal.admin)


@pytest.fixture
def as_person(http: requests.Session, portal: Portal, installation: Installation) -> Callable[..., Rest]:
    """REST over OAuth in the name of a person of `portal`."""

    def make(person: Any) -> Rest:
        launch = portal.launch(installation.app, person)
        return Rest(http, portal.client_endpoint, launch.fields["AUTH_ID"])

    return make


@pytest.fixture
def rest(portal: Portal, as_person: Callable[..., Rest]) -> Rest:
    """REST over OAuth in the admin's name."""
    return as_person(portal.admin)


@pytest.fixture
def hooked(http: requests.Session, portal: Portal) -> Rest:
    """REST by the admin's webhook."""
    return Rest(http, portal.webhook(portal.admin))


@pytest.fixture
def token(http: requests.Session, stand: Stand) -> Callable[..., Answer]:
    """The token endpoint, by POST form (default) or GET."""

    def ask(get: bool = False, **params: str) -> Answer:
        sent: Mapping[str, str] = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET} | params
        address = f"{stand.auth_url}/oauth/token/"
        answer = http.get(address, params=sent, timeout=10) if get else http.post(address, data=sent, timeout=10)
        return answer.status_code, answer.json()

    return ask


@pytest.fixture(scope="module")
def shared_page(browser: Browser, browser_context_args: dict[str, Any]) -> Iterator[Page]:
    """One page for the tests of a module: a new context for each would cost more than most of the tests themselves."""
    with browser.new_context(**browser_context_args) as made:
        yield made.new_page()


@pytest.fixture
def context(shared_page: Page) -> BrowserContext:
    """The browser as the first admin's."""
    shared_page.context.clear_cookies()
    return shared_page.context


@pytest.fixture
def page(shared_page: Page, context: BrowserContext) -> Iterator[Page]:
    """An empty page of the usual size, which may raise no error."""
    shared_page.set_viewport_size({"width": 1280, "height": 720})
    try:
        with watched(shared_page):
            yield shared_page
    finally:
        shared_page.unroute_all()
        shared_page.goto("about:blank")
