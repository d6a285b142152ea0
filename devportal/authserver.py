"""The authorization server, and the authorize page on each portal's own address (doc: settings/oauth)."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import flask

from devportal import control, wire
from devportal.faults import AUTHORIZE, DOCUMENTED, Fault
from devportal.requestlog import LogEntry, masked
from devportal.rest.dispatcher import time_fields
from devportal.world import ACCESS_SECONDS, CODE_SECONDS, App, Code, Installation, Portal, Token, World

ALLOW_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Allow access</title></head><body>
<h1>{{ app.name }} asks for access</h1><p>{{ person.full_name }}, the application wants to use this Bitrix24 with your rights
({{ app.scope|join(', ') }}).</p><form method="post"><button type="submit">Allow</button></form></body></html>"""
ERROR_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Not possible</title></head><body>
<h1>Access is not possible</h1><p>{{ why }}</p></body></html>"""


class OAuthError(Exception):
    """A documented error of the authorization server."""

    def __init__(self, code: str, description: str | None = None, status: int | None = None) -> None:
        known_status, known_text = DOCUMENTED.get(code, (400, code))
        super().__init__(code)
        self.code = code
        self.status = status or known_status
        self.body = {"error": code, "error_description": description or known_text}


class AuthServer:
    """Answers of the authorization server. Needs no session: tokens, codes and secrets say who asks."""

    def __init__(self, world: World) -> None:
        self._world = world

    def token(self) -> flask.Response:
        """GET or POST form /oauth/token/: code exchange and refresh."""
        return self._answered("oauth.token", self._token)

    def app_info(self) -> flask.Response:
        """GET or POST /rest/app.info: whose token is it?"""
        return self._answered("oauth.app_info", self._app_info)

    def authorize(self) -> flask.Response:
        """/oauth/authorize/ with `domain`: on to that portal's own page, where the person is signed in (the parameter is a guess)."""
        domain = flask.request.args.get("domain", "")
        portal = next((portal for portal in self._world.portals if portal.domain == domain), None)
        if portal is None:
            return refusal("This Bitrix24 is not known here.")
        return wire.redirect(f"{portal.url}/oauth/authorize/?{flask.request.query_string.decode()}")

    def _answered(self, name: str, work: Callable[[Mapping[str, str], LogEntry], dict[str, Any]]) -> flask.Response:
        params = {**flask.request.args.to_dict(), **flask.request.form.to_dict()}
        remote = flask.request.remote_addr or ""
        entry = LogEntry(self._world.clock.now(), "oauth", name, masked(params), flask.request.method, remote=remote)
        self._world.log.add(entry)
        fault = self._world.faults.take(name, None)
        if fault and fault.kind == "cut_before":
            return wire.cut()
        if fault and fault.kind == "moved":
            return wire.redirect(flask.request.url)
        try:
            if fault and fault.kind == "error":
                status, code, text = fault.answer
                raise OAuthError(code, text, status)
            with self._world.lock:
                status, body = 200, work(params, entry)
        except OAuthError as error:
            status, body = error.status, dict(error.body)
        entry.status, entry.code = status, body.get("error")
        return wire.respond(fault, status, body, {})

    def _token(self, params: Mapping[str, str], entry: LogEntry) -> dict[str, Any]:
        grant = params.get("grant_type")
        needed = {"authorization_code": "code", "refresh_token": "refresh_token"}.get(grant or "")
        if needed is None or not params.get(needed) or not params.get("client_id") or not params.get("client_secret"):
            raise OAuthError("invalid_request")
        app = self._client(params)
        if not set(params.get("scope", "").replace(",", " ").split()) <= set(app.scope):
            raise OAuthError("invalid_scope")
        found = self._by_code(app, params["code"]) if grant == "authorization_code" else self._by_refresh(app, params["refresh_token"])
        entry.portal, entry.who = found.portal.member_id, found.person.id
        self._installation(app, found.portal)
        if not found.person.active:
            raise OAuthError("invalid_grant")
        if isinstance(found, Token):
            del self._world.refresh[found.refresh]
            self._world.refreshes += 1
        return self._issued(self._world.issue(found.portal, app, found.person))

    def _client(self, params: Mapping[str, str]) -> App:
        app = self._world.apps.get(params["client_id"])
        if app is None or not secrets.compare_digest(app.client_secret.encode(), params["client_secret"].encode()):
            raise OAuthError("invalid_client")
        return app

    def _installation(self, app: App, portal: Portal) -> Installation:
        installation = portal.installations.get(app.client_id)
        if installation is None:
            # doc: oauth/error-codes (invalid_client: also not installed there); that a refresh after an uninstall ends so is a guess.
            raise OAuthError("invalid_client", "Application is not installed")
        if installation.blocked == "PAYMENT_REQUIRED":
            raise OAuthError("PAYMENT_REQUIRED")
        return installation

    def _by_code(self, app: App, given: str) -> Code:
        code = self._world.codes.pop(given, None)
        if code is None or code.app.client_id != app.client_id or code.expires_at <= self._world.clock.now():
            raise OAuthError("invalid_grant")
        return code

    def _by_refresh(self, app: App, given: str) -> Token:
        token = self._world.refresh.get(given)
        if token is None or token.app.client_id != app.client_id or token.refresh_expires_at <= self._world.clock.now():
            raise OAuthError("invalid_grant")
        return token

    def _issued(self, token: Token) -> dict[str, Any]:
        return {
            "access_token": token.access,
            "client_endpoint": token.portal.client_endpoint,
            "domain": urlsplit(self._world.auth_url).netloc,
            "expires": int(token.expires_at),
            "expires_in": ACCESS_SECONDS,
            "member_id": token.portal.member_id,
            "refresh_token": token.refresh,
            "scope": ",".join(token.scope),
            "server_endpoint": self._world.server_endpoint,
            "status": token.portal.status,
            "user_id": token.person.id,
        }

    def _app_info(self, params: Mapping[str, str], entry: LogEntry) -> dict[str, Any]:
        started = self._world.clock.now()
        if not params.get("auth"):
            raise OAuthError("NO_AUTH_FOUND")
        token = self._world.access.get(params["auth"])
        if token is None:
            raise OAuthError("invalid_token")
        entry.portal, entry.who = token.portal.member_id, token.person.id
        if token.expires_at <= started:
            raise OAuthError("expired_token")
        installation = token.portal.installations.get(token.app.client_id)
        if installation is None:
            # A guess: the SDK knows the code, no page says when it comes.
            raise OAuthError("NOT_INSTALLED")
        return {"result": self._info(token, installation), "time": time_fields(started, self._world.clock.now())}

    @staticmethod
    def _info(token: Token, installation: Installation) -> dict[str, Any]:
        portal = token.portal
        return {
            "client_id": token.app.client_id,
            "scope": ",".join(token.scope),
            "expires": int(token.expires_at),
            "install": {
                "installed": installation.installed,
                "version": installation.version,
                "status": portal.status,
                "scope": ",".join(installation.scope),
                "domain": portal.domain,
                "uri": portal.url,
                "client_endpoint": portal.client_endpoint,
                "member_id": portal.member_id,
                "member_type": portal.plan,
            },
            "user_id": token.person.id,
        }


class AuthorizePage:
    """The page of full OAuth on a portal: the signed-in person allows, the browser goes back with a code."""

    def __init__(self, world: World, portal: Portal) -> None:
        self._world = world
        self._portal = portal

    def show(self) -> flask.Response:
        """GET shows the Allow button, POST is its press. What is wrong with the request is said here and never sent back."""
        args = flask.request.args
        entry = LogEntry(self._world.clock.now(), "oauth", AUTHORIZE, masked(args.to_dict()), flask.request.method, self._portal.member_id)
        self._world.log.add(entry)
        fault = self._world.faults.take(AUTHORIZE, self._portal.member_id)
        if fault and fault.kind == "slow":
            fault.wait()
        elif fault:
            return broken(fault)
        return self._page()

    def _page(self) -> flask.Response:
        args = flask.request.args
        app = self._world.apps.get(args.get("client_id", ""))
        if app is None or app.client_id not in self._portal.installations:
            return refusal("This application is not installed on this Bitrix24.")
        target = args.get("redirect_uri") or app.redirect_url
        if urlsplit(target)[:2] != urlsplit(app.redirect_url)[:2]:
            return refusal("The application may not send you to this address.")
        person = self._portal.signed_in(flask.request)
        allowed = self._portal.installations[app.client_id].allowed
        if allowed is not None and person.id not in allowed:
            return refusal("You may not use this application. Ask an administrator.")
        if flask.request.method == "GET":
            return flask.Response(flask.render_template_string(ALLOW_PAGE, app=app, person=person))
        return wire.redirect(f"{target}{'&' if urlsplit(target).query else '?'}{urlencode(self._returned(app))}")

    def _returned(self, app: App) -> dict[str, str]:
        code = secrets.token_hex(35)
        person = self._portal.signed_in(flask.request)
        with self._world.lock:
            self._world.codes[code] = Code(app, self._portal, person, self._world.clock.now() + CODE_SECONDS)
        return {
            "code": code,
            "state": flask.request.args.get("state", ""),
            "domain": self._portal.domain,
            "member_id": self._portal.member_id,
            "scope": ",".join(app.scope),
            "server_domain": urlsplit(self._world.auth_url).netloc,
        }


def broken(fault: Fault) -> flask.Response:
    """What the browser gets instead of the authorize page."""
    if fault.kind == "cut_before":
        return wire.cut()
    status, code, text = fault.answer
    return wire.respond(fault, status, {"error": code, "error_description": text}, {})


def refusal(why: str) -> flask.Response:
    """A page that says why there will be no code."""
    return flask.Response(flask.render_template_string(ERROR_PAGE, why=why), 400)


def make_app(world: World, reset: Callable[[], None]) -> flask.Flask:
    """The authorization server's application, with the control addresses for other processes."""
    application = flask.Flask("devportal-auth")
    server = AuthServer(world)
    for path in ("/oauth/token/", "/oauth/token"):
        application.add_url_rule(path, path, server.token, methods=["GET", "POST"])
    for path in ("/rest/app.info", "/rest/app.info/", "/rest/app.info.json"):
        application.add_url_rule(path, path, server.app_info, methods=["GET", "POST"])
    application.add_url_rule("/oauth/authorize/", "authorize", server.authorize)
    application.register_blueprint(control.make_blueprint(world, reset))
    return application


def make_portal_blueprint(world: World, portal: Portal) -> flask.Blueprint:
    """What of it lives on a portal's own address: the authorize page."""
    blueprint = flask.Blueprint("oauth", __name__)
    page = AuthorizePage(world, portal)
    blueprint.add_url_rule("/oauth/authorize/", "authorize", page.show, methods=["GET", "POST"])
    return blueprint
