"""Helpers for tests of the portal's pages: a throwaway app on 127.0.0.1 with the real SDK, people, notifications."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import flask
from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page

from devportal.httpserver import Server
from devportal.world import FeedItem, Person, Portal

SDK = Path(__file__).resolve().parents[2] / "node_modules/@bitrix24/b24jssdk/dist/umd/index.min.js"
PAGE = """<!doctype html><html lang="en"><title>Framed app</title><body><h1>{heading}</h1>
<script src="/sdk.js"></script>
<script>window.ready = B24Js.initializeB24Frame().then((b24) => {{ window.b24 = b24; return b24; }});</script></body></html>"""


@dataclass
class Post:
    """One form post that reached the app."""

    path: str
    query: dict[str, str]
    form: dict[str, str]
    headers: dict[str, str]


@dataclass
class FramedApp:
    """The app's server; `posts` are the launches and events in the order they came."""

    posts: list[Post] = field(default_factory=list)

    def start(self) -> Self:
        app = flask.Flask("framed app")
        app.add_url_rule("/sdk.js", view_func=lambda: flask.send_file(SDK, max_age=3600), endpoint="sdk")
        app.add_url_rule("/plain", view_func=lambda: "A page without the SDK.", endpoint="plain")
        app.add_url_rule("/<path:path>", view_func=self._page, methods=["GET", "POST"])
        self._server = Server(app, "127.0.0.1", 0, None)
        self.base = f"http://127.0.0.1:{self._server.port}"
        return self

    def stop(self) -> None:
        self._server.stop()

    def launches(self, path: str) -> list[Post]:
        return [post for post in self.posts if post.path == path]

    def _page(self, path: str) -> flask.Response:
        request = flask.request
        if request.method == "POST":
            self.posts.append(Post(f"/{path}", request.args.to_dict(), request.form.to_dict(), dict(request.headers)))
        response = flask.Response(PAGE.format(heading=f"App page /{path}"), mimetype="text/html")
        response.set_cookie("plain", "1", samesite="None", secure=True)
        response.set_cookie("lax", "1")
        return response


@contextmanager
def watched(page: Page) -> Iterator[None]:
    """The page may raise no JavaScript error and write no console error meanwhile."""
    page.set_default_timeout(10_000)
    errors: list[str] = []

    def thrown(error: Error) -> None:
        errors.append(str(error))

    def logged(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    page.on("pageerror", thrown)
    page.on("console", logged)
    yield
    page.remove_listener("pageerror", thrown)
    page.remove_listener("console", logged)
    assert errors == []


def become(context: BrowserContext, portal: Portal, person: Person) -> None:
    """This browser is another person from now on."""
    context.add_cookies([{"name": "devportal_user", "value": str(person.id), "url": portal.url}])


def notify(portal: Portal, *, text: str = "Hello", user_id: int = 1, **fields: Any) -> FeedItem:
    """A notification in a person's feed, as im.notify would have left it."""
    values = {"author_id": 5, "notify_type": 2, "module": "rest", "event": "rest_notify", "text": text, **fields}
    with portal.world.lock:
        return portal.store.add(user_id, **values)
