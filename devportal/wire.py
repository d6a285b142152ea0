"""Answers on the wire, whole or broken as ordered."""

import json
import socket
from collections.abc import Mapping
from typing import Any

import flask

from devportal.faults import Fault
from devportal.httpserver import CONNECTION

BAD_GATEWAY = 502
PAGE = "<html><head><title>{status}</title></head><body><h1>{status}</h1><p>The server is having a rest.</p></body></html>"


def respond(fault: Fault | None, status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> flask.Response:
    """The JSON answer, or what an ordered fault makes of it."""
    if fault and fault.kind == "slow":
        fault.wait()
    if fault and fault.kind == "cut_after":
        return cut()
    if fault and fault.kind == "html":
        page_status = fault.status or BAD_GATEWAY
        return flask.Response(PAGE.format(status=page_status), page_status, headers=dict(headers), mimetype="text/html")
    shown: Any = ["not", "what", "was", "documented"] if fault and fault.kind == "wrong_shape" else body
    text = json.dumps(shown, ensure_ascii=False)
    if fault and fault.kind == "half_json":
        text = text[: len(text) // 2]
    return flask.Response(text, status, headers=dict(headers), content_type="application/json; charset=utf-8")


def redirect(address: str) -> flask.Response:
    """302 to `address`, as a renamed portal answers (doc: change-domen)."""
    return flask.Response(status=302, headers={"Location": address})


def cut() -> flask.Response:
    """Close the connection without an answer."""
    connection: socket.socket = flask.request.environ[CONNECTION]
    connection.shutdown(socket.SHUT_RDWR)
    return flask.Response()
