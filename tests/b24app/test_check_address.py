"""`manage.py check_address`, over real TLS with certificates of a CA made for the test."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
import trustme
from django.core.management import CommandError, call_command
from django.core.wsgi import get_wsgi_application
from pytest_django.fixtures import Settings

from b24app import health
from b24app.version import VERSION
from devportal.httpserver import Server
from tests.b24app.floor import raw_server

pytestmark = [pytest.mark.django_db, pytest.mark.market("M08")]

Serve = Callable[..., str]


@pytest.fixture
def serve(settings: Settings, tmp_path: Path) -> Iterator[Serve]:
    """serve(host, days): the app behind a certificate for `host` that ends in `days` days; APP_URL names it, and its CA is trusted."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    settings.B24_CA_FILE = str(tmp_path / "ca.pem")
    with ExitStack() as stack:

        def start(host: str = "localhost", days: int = 90) -> str:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            ends = datetime.now(UTC) + timedelta(days=days, hours=1)
            authority.issue_cert(host, not_after=ends).configure_cert(context)
            server = Server(get_wsgi_application(), "localhost", 0, context)
            stack.callback(server.stop)
            settings.APP_URL = f"https://localhost:{server.port}"
            return settings.APP_URL

        yield start


def check(*arguments: str) -> str:
    """What the command prints when all is well."""
    out = StringIO()
    call_command("check_address", *arguments, stdout=out)
    return out.getvalue()


def refused(*arguments: str) -> list[str]:
    """The lines of what is not well; the command ends with 1."""
    out = StringIO()
    with pytest.raises(CommandError, match="is not as it should be"):
        call_command("check_address", *arguments, stdout=out)
    return [line.removeprefix("BAD  ") for line in out.getvalue().splitlines() if line.startswith("BAD")]


def test_all_is_well(serve: Serve) -> None:
    serve()
    lines = check().splitlines()
    assert len(lines) == 7
    assert all(line.startswith("ok ") for line in lines)
    assert "90 more days" in lines[0]
    assert lines[-1] == f"ok   Version {VERSION} runs there."


def test_a_certificate_that_ends_soon(serve: Serve) -> None:
    serve(days=20)
    (told,) = refused()
    assert "20 more days" in told
    assert "20 more days" in check("--days", "20")


def test_a_certificate_that_has_ended(serve: Serve) -> None:
    serve(days=-1)
    assert refused() == ["The certificate is not valid: certificate has expired."]


def test_a_certificate_for_another_name(serve: Serve) -> None:
    serve(host="other.example")
    assert refused()[0].startswith("The certificate is not valid: Hostname mismatch")


def test_a_certificate_of_nobody_known(serve: Serve, settings: Settings) -> None:
    serve()
    settings.B24_CA_FILE = ""
    assert refused()[0].startswith("The certificate is not valid: ")


def test_no_https(settings: Settings) -> None:
    with raw_server(lambda connection, _request: connection.sendall(b"HTTP/1.0 404 No\r\n\r\n")) as url:
        settings.APP_URL = url
        told = refused()
    assert "is no HTTPS address" in told[0]
    assert told[1] == "HEAD /app/ answers 404."


def test_another_version_runs(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    serve()
    monkeypatch.setattr(health, "VERSION", "0.9.0")
    assert refused() == [f"Version {VERSION} does not run there: /healthz answers 'ok 0.9.0'."]


@pytest.mark.parametrize("answer", [b"", b"this is no HTTP\r\n\r\n"])
def test_nothing_answers(settings: Settings, answer: bytes) -> None:
    with raw_server(lambda connection, _request: connection.sendall(answer)) as url:
        settings.APP_URL = url
        told = refused()
    assert "could not be reached" in told[-1]
