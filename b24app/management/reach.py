"""The app's own address as the world sees it: its certificate, and what the Market's form asks of it.

Asked by an operator at a terminal or by a timer, never while the app serves: nothing else of this floor outside oauth.py and rest/ opens
connections.
"""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

SECONDS = 10.0
GOOD_TO_MARKET = (200, 301, 302)
"""The Market's form refuses any other answer to HEAD (page market FAQ)."""

MARKET_ASKS = ("/app/", "/install/")
CARD_LINKS = ("/privacy/", "/licence/", "/support/")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, in a sentence."""

    good: bool
    sentence: str


def look(url: str, version: str, days: int, ca_file: str = "") -> Iterator[Finding]:
    """Everything about the address `url`, in turn. The certificate comes first: without a good one no portal comes any further.

    `days` is how long a certificate should still be valid, `version` what should run there; `ca_file` holds authorities to trust besides
    the system's.
    """
    try:
        certificate = _certificate(url, days, ca_file)
        yield certificate
        for path in MARKET_ASKS:
            yield _head(url, path, ca_file, GOOD_TO_MARKET)
        for path in CARD_LINKS:
            yield _head(url, path, ca_file, (200,))
        yield _version(url, version, ca_file)
    except ssl.SSLCertVerificationError as error:
        yield Finding(False, f"The certificate is not valid: {error.verify_message}.")
    except (OSError, HTTPException) as error:
        yield Finding(False, f"{url} could not be reached: {type(error).__name__}.")


def _certificate(url: str, days: int, ca_file: str) -> Finding:
    address = urlsplit(url)
    if address.scheme != "https":
        return Finding(False, f"{url} is no HTTPS address. The Market and cloud portals take no other.")
    plain = socket.create_connection((address.hostname or "", address.port or 443), SECONDS)
    with _trust(ca_file).wrap_socket(plain, server_hostname=address.hostname) as secure:
        ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str((secure.getpeercert() or {})["notAfter"])), UTC)
    left = (ends - datetime.now(UTC)).days
    return Finding(left >= days, f"The certificate is valid until {ends:%Y-%m-%d}, {left} more days.")


def _head(url: str, path: str, ca_file: str, good: tuple[int, ...]) -> Finding:
    status, _text = _ask(url, "HEAD", path, ca_file)
    return Finding(status in good, f"HEAD {path} answers {status}.")


def _version(url: str, version: str, ca_file: str) -> Finding:
    _status, text = _ask(url, "GET", "/healthz", ca_file)
    if text == f"ok {version}":
        return Finding(True, f"Version {version} runs there.")
    return Finding(False, f"Version {version} does not run there: /healthz answers {text!r}.")


def _ask(url: str, method: str, path: str, ca_file: str) -> tuple[int, str]:
    """Status and beginning of the answer."""
    address = urlsplit(url)
    host = address.hostname or ""
    connection = (
        HTTPSConnection(host, address.port, timeout=SECONDS, context=_trust(ca_file))
        if address.scheme == "https"
        else HTTPConnection(host, address.port, timeout=SECONDS)
    )
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read(100).decode(errors="replace").strip()
    finally:
        connection.close()


def _trust(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(ca_file)
    return context
