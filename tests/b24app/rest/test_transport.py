"""One HTTP exchange against servers that misbehave below HTTP."""

import logging
import socket
import time

import pytest
from pytest_django import Settings

from b24app.rest import transport
from b24app.rest.errors import RestError
from tests.b24app.floor import raw_server

SECRET = "w3bh00k-s3cr3t"


@pytest.fixture(autouse=True)
def private_hosts(settings: Settings) -> None:
    settings.B24_ALLOW_HTTP = settings.B24_ALLOW_PRIVATE_HOSTS = True


def drip_headers(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(100):
        connection.sendall(b"X-More: 1\r\n")
        time.sleep(0.1)


def drip_body(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b" ")
        time.sleep(0.1)


def silence(connection: socket.socket, request: bytes) -> None:
    while connection.recv(65536):
        pass


@pytest.mark.parametrize("answer", [drip_headers, drip_body, silence])
def test_ends_in_time_however_slowly_the_answer_drips(answer: object) -> None:
    with raw_server(answer) as address:  # type: ignore[arg-type]
        started = time.monotonic()
        with pytest.raises(RestError) as caught:
            transport.post_json(f"{address}/rest/1/{SECRET}/profile", {}, seconds=0.6)
        assert time.monotonic() - started < 2
    assert caught.value.code == "TIMEOUT"
    assert caught.value.unknown_outcome


def cut_at_once(connection: socket.socket, request: bytes) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def cut_in_body(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"result"')


@pytest.mark.parametrize("answer", [cut_at_once, cut_in_body])
def test_a_connection_cut_after_the_request_leaves_the_outcome_unknown(answer: object) -> None:
    with raw_server(answer) as address, pytest.raises(RestError) as caught:  # type: ignore[arg-type]
        transport.post_json(f"{address}/rest/1/{SECRET}/profile", {}, seconds=3)
    assert caught.value.code == "CONNECTION_BROKEN"
    assert caught.value.unknown_outcome


def test_a_refused_connection_is_a_certain_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(RestError) as caught:
        transport.post_json(f"http://127.0.0.1:{port}/rest/1/{SECRET}/profile", {}, seconds=3)
    assert caught.value.code == "CONNECTION_BROKEN"
    assert not caught.value.unknown_outcome


def test_a_malformed_header_puts_no_address_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """urllib3 warns of headers that it cannot parse, and names the whole address."""

    def answer(connection: socket.socket, request: bytes) -> None:
        # What follows the broken line is lost to the client, so the length stands before it: nobody has to wait for the end.
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\nno colon here\r\n\r\n{"result": 1}')

    with raw_server(answer) as address, caplog.at_level(logging.DEBUG, "urllib3"):
        transport.post_json(f"{address}/rest/1/{SECRET}/profile", {}, seconds=3)
        transport.get(f"{address}/rest/app.info", {"auth": SECRET}, seconds=3)
    assert "Failed to parse headers" in caplog.text
    assert SECRET not in caplog.text


def test_failures_carry_no_address(caplog: pytest.LogCaptureFixture) -> None:
    """The address of a webhook is its secret; requests and urllib3 put addresses into what they raise."""
    with caplog.at_level(logging.INFO), raw_server(cut_at_once) as address, pytest.raises(RestError) as caught:
        transport.post_json(f"{address}/rest/1/{SECRET}/profile", {}, seconds=3)
    shown: BaseException | None = caught.value
    while shown is not None:
        assert SECRET not in f"{shown!r} {shown} {shown.args}"
        shown = shown.__cause__
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert SECRET not in caplog.text


def test_a_body_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_LARGEST_BODY", 100_000)

    def flood(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 10_000)

    with raw_server(flood) as address, pytest.raises(RestError) as caught:
        transport.post_json(f"{address}/rest/profile", {}, seconds=5)
    assert caught.value.code == "BAD_ANSWER"
    assert caught.value.unknown_outcome


def test_keeps_no_cookies() -> None:
    """A cookie of one portal on a host must not travel to another."""
    seen: list[bytes] = []

    def answer(connection: socket.socket, request: bytes) -> None:
        seen.append(request)
        connection.sendall(b"HTTP/1.1 200 OK\r\nSet-Cookie: portal=one\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")

    with raw_server(answer) as address:
        for _ in range(2):
            transport.post_json(f"{address}/rest/profile", {}, seconds=3)
    assert len(seen) == 2
    assert b"portal=one" not in seen[1]


@pytest.mark.parametrize("body", [b"<html>", b'{"result":', b"NaN", b'{"result": Infinity}', b"[" * 100_000, b"\xff\xfe", b""])
def test_what_is_no_json(body: bytes) -> None:
    assert transport.parse(body) is None
