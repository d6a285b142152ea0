"""HTTP side of a portal's REST: bodies, authorization, limits, faults, answers."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import flask

from devportal import phpforms, wire
from devportal.faults import Fault
from devportal.requestlog import LogEntry, masked
from devportal.rest import batch
from devportal.rest.calls import METHODS, Answer, Call, Caller, Params, RestError, opens
from devportal.world import Portal, Token, World

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "origin, content-type, accept",
}


class Dispatcher:
    """Answers REST requests of one portal."""

    def __init__(self, world: World, portal: Portal) -> None:
        self._world = world
        self._portal = portal

    def answer(self, path: str) -> flask.Response:
        """Answer the current request for `path`, what follows /rest/: `<method>` or `<user>/<secret>/<method>`, with or without .json."""
        if flask.request.method == "OPTIONS":
            return flask.Response(status=200, headers=CORS)
        *credentials, name = path.strip("/").split("/")
        method = name.removesuffix(".json").lower()
        params = _params()
        entry = self._entry(method, params)
        fault = self._world.faults.take(method, self._portal.member_id)
        if fault and fault.kind == "cut_before":
            return wire.cut()
        if fault and fault.kind == "moved":
            return wire.redirect(f"{self._portal.url}{flask.request.full_path.rstrip('?')}")
        status, body = self._work(credentials, method, params, entry, fault)
        entry.status, entry.code = status, body.get("error") or None
        return wire.respond(fault, status, body, CORS)

    def _work(
        self, credentials: list[str], method: str, params: dict[str, Any], entry: LogEntry, fault: Fault | None
    ) -> tuple[int, dict[str, Any]]:
        try:
            if fault and fault.kind == "error":
                status, code, text = fault.answer
                raise RestError(code, text, status)
            self._admit()
            caller = self._caller(credentials, params)
            entry.who = caller.person.id
            return 200, self._batch(caller, params) if method == "batch" else self._single(caller, method, params)
        except RestError as error:
            return error.status, dict(error.body)

    def _entry(self, method: str, params: Mapping[str, Any]) -> LogEntry:
        remote = flask.request.remote_addr or ""
        shown = {key: value for key, value in masked(params).items() if not (method == "batch" and key.lower() == "cmd")}
        commands = batch.commands(Params(params).get("CMD")) if method == "batch" else []
        inside = [replace(command, params=masked(command.params)) for command in commands]
        entry = LogEntry(
            self._world.clock.now(), "portal", method, shown, flask.request.method, self._portal.member_id, inside, remote=remote
        )
        self._world.log.add(entry)
        return entry

    # Admission: is the portal there, is there room in its bucket, who calls

    def _admit(self) -> None:
        portal = self._portal
        if portal.deleted:
            raise RestError("PORTAL_DELETED")
        if portal.blocked:
            raise RestError(portal.blocked)
        with self._world.lock:
            room = portal.limits == "self-hosted" or portal.bucket.take(flask.request.remote_addr or "")
        if not room:
            raise RestError("QUERY_LIMIT_EXCEEDED")

    def _caller(self, credentials: list[str], params: Mapping[str, Any]) -> Caller:
        with self._world.lock:
            if credentials:
                return self._by_webhook(credentials)
            given = Params(params)
            if given.text("AUTH"):
                return self._by_token(given.text("AUTH"))
            if given.text("SESSID"):
                return self._by_session(given.text("SESSID"))
        raise RestError("NO_AUTH_FOUND")

    def _by_webhook(self, credentials: list[str]) -> Caller:
        person_id, secret = credentials[0], credentials[-1]
        webhook = self._portal.webhooks.get(secret)
        if len(credentials) != 2 or webhook is None or str(webhook.person.id) != person_id or not webhook.person.active:
            raise RestError("INVALID_CREDENTIALS", status=401)
        return Caller("webhook", webhook.person, webhook.scope, f"webhook:{secret}")

    def _by_session(self, sessid: str) -> Caller:
        person = self._portal.signed_in(flask.request)
        if sessid != self._portal.session_id(person):
            raise RestError("NO_AUTH_FOUND")
        return Caller("session", person, ("im", "user", "department"), "session")

    def _by_token(self, access: str) -> Caller:
        token = self._world.access.get(access)
        if token is None or token.portal is not self._portal:
            raise RestError("invalid_token")
        installation = self._portal.installations.get(token.app.client_id)
        if installation is None:
            # A guess: the SDK knows the code, no page says when it comes.
            raise RestError("APPLICATION_NOT_FOUND")
        if token.expires_at <= self._world.clock.now():
            raise RestError("expired_token")
        if installation.blocked:
            raise RestError(installation.blocked)
        self._check_person(token, installation.allowed)
        return Caller("oauth", token.person, token.scope, token.app.client_id, token.app, installation)

    @staticmethod
    def _check_person(token: Token, allowed: set[int] | None) -> None:
        if not token.person.active:
            raise RestError("authorization_error")
        if allowed is not None and token.person.id not in allowed:
            raise RestError("user_access_error")

    # Running

    def _single(self, caller: Caller, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        answer, spent = self._execute(caller, method, params)
        body: dict[str, Any] = {"result": answer.result}
        if answer.next is not None:
            body["next"] = answer.next
        if answer.total is not None:
            body["total"] = answer.total
        return {**body, "time": spent}

    def _batch(self, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
        started = self._world.clock.now()
        given = Params(params)
        result = batch.run(given.get("CMD"), given.get("HALT"), lambda method, inner: self._command(caller, method, inner))
        if self._portal.batch_seconds:
            time.sleep(self._portal.batch_seconds)
        return {"result": result, "time": self._time(started, "batch", caller)}

    def _command(self, caller: Caller, method: str, params: Mapping[str, Any]) -> tuple[Answer, dict[str, Any]]:
        fault = self._world.faults.take(method, self._portal.member_id, inside_batch=True)
        if fault and fault.kind == "error":
            status, code, text = fault.answer
            raise RestError(code, text, status)
        outcome = self._execute(caller, method, params)
        if fault and fault.kind == "slow":
            fault.wait()
        return outcome

    def _execute(self, caller: Caller, name: str, params: Mapping[str, Any]) -> tuple[Answer, dict[str, Any]]:
        method = METHODS.get(name)
        if method is None:
            raise RestError("ERROR_METHOD_NOT_FOUND")
        if not opens(caller.scope, method.scope):
            source = "webhook token" if caller.kind == "webhook" else "access token"
            raise RestError("insufficient_scope", f"The request requires higher privileges than provided by the {source}")
        started = self._world.clock.now()
        with self._world.lock:
            if self._portal.limits != "self-hosted" and self._portal.budget.exhausted(caller.budget_key, name):
                raise RestError("OPERATION_TIME_LIMIT")
            ran = time.perf_counter()
            result = method.run(Call(self._world, self._portal, caller, Params(params)))
            spent = time.perf_counter() - ran + self._portal.method_seconds.get(name, 0.0)
            self._portal.budget.charge(caller.budget_key, name, spent)
            return result if isinstance(result, Answer) else Answer(result), self._time(started, name, caller)

    def _time(self, started: float, method: str, caller: Caller) -> dict[str, Any]:
        shown = time_fields(started, self._world.clock.now())
        if self._portal.limits == "self-hosted":
            return shown
        shown["operating_reset_at"] = int(self._portal.budget.resets_at(caller.budget_key, method))
        shown["operating"] = self._portal.budget.operating(caller.budget_key, method)
        return shown


def time_fields(started: float, finished: float) -> dict[str, Any]:
    """`time` of an answer without the operating fields; arguments are epoch seconds."""
    return {
        "start": started,
        "finish": finished,
        "duration": finished - started,
        "processing": finished - started,
        "date_start": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "date_finish": datetime.fromtimestamp(finished, UTC).isoformat(timespec="seconds"),
    }


def make_blueprint(world: World, portal: Portal) -> flask.Blueprint:
    """REST of one portal, at /rest/."""
    dispatcher = Dispatcher(world, portal)
    blueprint = flask.Blueprint("rest", __name__)
    answer: Callable[[str], flask.Response] = dispatcher.answer
    blueprint.add_url_rule(
        "/rest/<path:path>", view_func=answer, methods=["GET", "POST", "OPTIONS"], endpoint="answer", provide_automatic_options=False
    )
    return blueprint


def _params() -> dict[str, Any]:
    request = flask.request
    query = phpforms.parse(request.args.items(multi=True))
    if request.is_json:
        try:
            body = json.loads(request.get_data() or b"{}")
        except ValueError:
            body = {}
        return {**query, **(body if isinstance(body, dict) else {})}
    return {**query, **phpforms.parse(request.form.items(multi=True))}
