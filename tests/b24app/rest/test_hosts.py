"""The guard on connections: what may be connected to, checked where the connection is made."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from pytest_django import Settings

from b24app.rest import hosts, transport
from b24app.rest.errors import RestError
from devportal.server import Stand
from tests.b24app.floor import raw_server


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not hosts.is_public(address)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14", "64:ff9b::5db8:d70e"]
)
def test_addresses_that_are_public(address: str) -> None:
    assert hosts.is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://portal.example/rest/", "ftp://portal.example/", "file:///etc/passwd", "https://", "portal.example", "", "https://[::1",
        "https://portal.example:0/", "https://portal.example:99999/", "https://someone@portal.example/", "gopher://portal.example/",
    ],
)  # fmt: skip
def test_refuses_addresses_of_another_form(url: str, settings: Settings) -> None:
    settings.B24_ALLOW_HTTP = False
    with pytest.raises(RestError) as caught:
        hosts.refuse_scheme(url)
    assert caught.value.code == "HOST_REFUSED"
    assert not caught.value.unknown_outcome


def test_plain_http_only_where_it_is_allowed(settings: Settings) -> None:
    settings.B24_ALLOW_HTTP = True
    hosts.refuse_scheme("http://portal.example/rest/")


@pytest.fixture
def counted() -> Iterator[tuple[str, list[bytes]]]:
    """A server on loopback and the requests that reached it."""
    seen: list[bytes] = []

    def answer(connection: socket.socket, request: bytes) -> None:
        seen.append(request)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n" + b'{"result": 1}')

    with raw_server(answer) as address:
        yield address, seen


def test_a_private_address_is_refused_before_anything_is_sent(counted: tuple[str, list[bytes]], settings: Settings) -> None:
    address, seen = counted
    settings.B24_ALLOW_HTTP, settings.B24_ALLOW_PRIVATE_HOSTS = True, False
    for url in (address, address.replace("127.0.0.1", "localhost"), address.replace("127.0.0.1", "[::ffff:127.0.0.1]")):
        with pytest.raises(RestError) as caught:
            transport.post_json(f"{url}/rest/profile", {}, seconds=5)
        assert caught.value.code == "HOST_REFUSED"
    assert seen == []
    settings.B24_ALLOW_PRIVATE_HOSTS = True
    assert transport.post_json(f"{address}/rest/profile", {}, seconds=5).content == {"result": 1}
    assert len(seen) == 1


def test_the_checked_address_is_the_one_connected_to(
    counted: tuple[str, list[bytes]], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS that answers a public address to the check and a private one to the connection gets nothing (rebinding)."""
    address, seen = counted
    port = int(address.rpartition(":")[2])
    settings.B24_ALLOW_HTTP, settings.B24_ALLOW_PRIVATE_HOSTS = True, False
    asked: list[str] = []
    real = socket.getaddrinfo

    def rebinding(host: str, *args: Any, **kwargs: Any) -> Any:
        if host != "rebinding.example":
            return real(host, *args, **kwargs)
        asked.append(host)
        answer = "198.51.100.7" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answer, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(hosts, "is_public", lambda ip: ip == "198.51.100.7")
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.2)
    with pytest.raises(RestError) as caught:
        transport.post_json(f"http://rebinding.example:{port}/", {}, seconds=1)
    assert caught.value.code in ("TIMEOUT", "CONNECTION_BROKEN")
    assert asked == ["rebinding.example"]
    assert seen == []


def test_one_private_address_among_public_ones_is_enough(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.B24_ALLOW_PRIVATE_HOSTS = False
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("93.184.215.14", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: answers)
    with pytest.raises(RestError) as caught:
        hosts.check("https://portal.example/rest/")
    assert caught.value.code == "HOST_REFUSED"


def test_a_name_that_does_not_resolve_is_a_certain_failure(settings: Settings) -> None:
    with pytest.raises(RestError) as caught:
        transport.post_json("https://no-such-portal.invalid/rest/profile", {}, seconds=5)
    assert caught.value.code == "CONNECTION_BROKEN"
    assert not caught.value.unknown_outcome


def test_an_unknown_certificate_is_a_certain_failure_and_a_known_one_is_checked_for_the_hosts_name(
    settings: Settings, tmp_path: Path
) -> None:
    settings.B24_ALLOW_PRIVATE_HOSTS = True
    stand = Stand.start(tls=True)
    try:
        url = f"{stand.portals[0].client_endpoint}profile"
        settings.B24_CA_FILE = ""
        with pytest.raises(RestError) as caught:
            transport.post_json(url, {}, seconds=5)
        assert caught.value.code == "CONNECTION_BROKEN"
        assert not caught.value.unknown_outcome
        settings.B24_CA_FILE = str(stand.ca_file)
        assert transport.post_json(url, {}, seconds=5).status == 401
        other = trustme.CA()
        other.cert_pem.write_to_path(str(tmp_path / "other.pem"))
        settings.B24_CA_FILE = str(tmp_path / "other.pem")
        with pytest.raises(RestError):
            transport.post_json(url, {}, seconds=5)
    finally:
        stand.stop()


def test_a_certificate_for_another_name_is_refused(settings: Settings, tmp_path: Path) -> None:
    """The connection goes to a checked address, the certificate must still be the host's."""
    import ssl

    settings.B24_ALLOW_PRIVATE_HOSTS = True
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    settings.B24_CA_FILE = str(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.example").configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _address = listener.accept()
        try:
            context.wrap_socket(connection, server_side=True).close()
        except OSError:
            connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener, pytest.raises(RestError) as caught:
        transport.post_json(f"https://localhost:{listener.getsockname()[1]}/rest/profile", {}, seconds=5)
    thread.join(5)
    assert caught.value.code == "CONNECTION_BROKEN"
    assert not caught.value.unknown_outcome
