"""event.bind, event.unbind, event.get (doc: api-reference/events)."""

import itertools
from typing import Any
from urllib.parse import urlsplit

from devportal.rest.calls import Call, RestError, application, method
from devportal.world import EventBinding, Installation

KNOWN = frozenset(
    {"ONAPPINSTALL", "ONAPPUNINSTALL", "ONAPPUPDATE", "ONAPPPAYMENT", "ONAPPMETHODCONFIRM", "ONAPPTEST", "ONUSERADD", "ONOFFLINEEVENT"}
)
_ids = itertools.count(1)


@method("event.bind")
def event_bind(call: Call) -> bool:
    """Bind a handler. Who is no admin binds for themselves only; the same binding twice is refused (code and text a guess)."""
    installation = application(call)
    event, handler = call.params.text("EVENT").upper(), call.params.text("HANDLER")
    auth_type = _auth_type(call, "binding")
    if event not in KNOWN:
        raise RestError("ERROR_EVENT_NOT_FOUND", "Event not found")
    check_handler(installation, handler)
    if any(bound.id and _same(bound, event, handler, auth_type) for bound in installation.events):
        raise RestError("ERROR_CORE", "Unable to set event handler: Handler already binded")
    installation.events.append(EventBinding(next(_ids), event, handler, auth_type))
    return True


@method("event.unbind")
def event_unbind(call: Call) -> dict[str, int]:
    """Remove bindings; parameters left out match all."""
    installation = application(call)
    event, handler = call.params.text("EVENT").upper(), call.params.text("HANDLER")
    auth_type = _auth_type(call, "unbinding")
    gone = [
        bound
        for bound in installation.events
        if bound.id
        and bound.event == event
        and (not handler or bound.handler == handler)
        and ("AUTH_TYPE" not in call.params or bound.auth_type == auth_type)
    ]
    installation.events = [bound for bound in installation.events if bound not in gone]
    return {"count": len(gone)}


@method("event.get")
def event_get(call: Call) -> list[dict[str, Any]]:
    """The application's bindings; who is no admin sees their own."""
    person = call.caller.person
    return [
        {"event": bound.event, "handler": bound.handler, "auth_type": str(bound.auth_type), "offline": 0}
        for bound in application(call).events
        if bound.id and (person.admin or bound.auth_type == person.id)
    ]


def check_handler(installation: Installation, handler: str) -> None:
    """A handler is an http(s) address on the application's own host (codes are a guess)."""
    address = urlsplit(handler)
    if address.scheme not in {"http", "https"}:
        raise RestError("ERROR_UNSUPPORTED_PROTOCOL", "Unsupported event handler protocol")
    if address.hostname != urlsplit(installation.app.app_url).hostname:
        raise RestError("ERROR_HANDLER_URL_MATCH", "Handler URL host doesn't match application URL")


def _auth_type(call: Call, act: str) -> int:
    person, given = call.caller.person, call.params.integer("AUTH_TYPE")
    if person.admin:
        return given
    if given not in (0, person.id):
        raise RestError("ACCESS_DENIED", f"Access denied! Event {act} with AUTH_TYPE requires administrator access rights", 403)
    return person.id


def _same(bound: EventBinding, event: str, handler: str, auth_type: int) -> bool:
    return (bound.event, bound.handler, bound.auth_type) == (event, handler, auth_type)
