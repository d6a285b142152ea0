"""Which hosts the app may connect to. The check stands where the connection is made, so no redirect, stored address or changing DNS
answer gets around it: the address that was checked is the address that is connected to.
"""

import os
import socket
import ssl
from functools import lru_cache
from http.cookiejar import Cookie, DefaultCookiePolicy
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit

import certifi
import urllib3.connection
import urllib3.connectionpool
from django.conf import settings
from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.poolmanager import PoolManager
from urllib3.util import create_urllib3_context
from urllib3.util.connection import create_connection

from b24app.rest.errors import RestError

_NAT64 = IPv6Network("64:ff9b::/96")
_HOSTS_POOLED = 64
_CONNECTIONS_PER_HOST = 32


def check(url: str) -> None:
    """Raise RestError("HOST_REFUSED") unless the address of `url` may be connected to: scheme allowed, every resolved address public.

    For addresses that are about to be stored; connecting checks again by itself. A name that does not resolve raises
    RestError("CONNECTION_BROKEN").
    """
    refuse_scheme(url)
    parts = urlsplit(url)
    _public_addresses(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


def refuse_scheme(url: str) -> None:
    """Raise RestError("HOST_REFUSED") for anything but https://host… (with B24_ALLOW_HTTP also http://), also when it carries a login."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and parts.username is None
    except ValueError:
        usable = False
    if not usable or parts.scheme not in (("https", "http") if settings.B24_ALLOW_HTTP else ("https",)):
        raise RestError("HOST_REFUSED")


def is_public(address: str) -> bool:
    """Whether an IP address (text) belongs to the public internet; an IPv4 address wrapped in an IPv6 one is judged by itself."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            return is_public(".".join(str(byte) for byte in ip.packed[-4:]))
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def guard(session: Session) -> None:
    """Let `session` connect through the guard only: no proxies or netrc of the environment, no cookies, pooled connections."""
    session.trust_env = False
    session.cookies.set_policy(_NoCookies())
    adapter = _adapter(settings.B24_CA_FILE, settings.B24_ALLOW_PRIVATE_HOSTS)
    session.mount("http://", adapter)
    session.mount("https://", adapter)


class _NoCookies(DefaultCookiePolicy):
    """Keeps nothing: a portal's cookies are none of another call's business."""

    def set_ok(self, cookie: Cookie, request: Any) -> bool:
        return False


def _public_addresses(host: str, port: int) -> list[str]:
    """The addresses of `host`, all of them allowed; otherwise RestError."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        found = []
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not addresses:
        raise RestError("CONNECTION_BROKEN", "The host name does not resolve.")
    if not settings.B24_ALLOW_PRIVATE_HOSTS and not all(is_public(address) for address in addresses):
        raise RestError("HOST_REFUSED")
    return addresses


def _connect(connection: urllib3.connection.HTTPConnection) -> socket.socket:
    """A socket to the first checked address that answers."""
    failure: OSError = OSError()
    for address in _public_addresses(connection.host, connection.port):
        try:
            return create_connection((address, connection.port), connection.timeout, socket_options=connection.socket_options)
        except OSError as error:
            failure = error
    raise failure


def _certain(error: Exception) -> RestError:
    """The error for a connection that was never made: nothing can have reached the portal."""
    timed_out = isinstance(error, TimeoutError | urllib3.exceptions.TimeoutError)
    return RestError("TIMEOUT" if timed_out else "CONNECTION_BROKEN", "The connection could not be made.")


class _GuardedHTTPConnection(urllib3.connection.HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def connect(self) -> None:
        try:
            super().connect()
        except (OSError, HTTPError) as error:
            raise _certain(error) from None


class _GuardedHTTPSConnection(_GuardedHTTPConnection, urllib3.connection.HTTPSConnection):
    """The guard's `connect` wraps that of HTTPS, which comes after it in the order of bases."""


class _GuardedHTTPPool(urllib3.connectionpool.HTTPConnectionPool):
    ConnectionCls = _GuardedHTTPConnection


class _GuardedHTTPSPool(urllib3.connectionpool.HTTPSConnectionPool):
    ConnectionCls = _GuardedHTTPSConnection


class _GuardedAdapter(HTTPAdapter):
    """An adapter whose connections are guarded. One TLS context for all of them: loading the CA bundle costs about 20 ms each time."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(pool_connections=_HOSTS_POOLED, pool_maxsize=_CONNECTIONS_PER_HOST)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, ssl_context=self._context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _GuardedHTTPPool, "https": _GuardedHTTPSPool}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        conn.cert_reqs = "CERT_REQUIRED"  # with the CAs of the context; requests would name a bundle to load again per connection

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        refuse_scheme(request.url or "")
        kwargs["proxies"] = None  # a proxy would make the connection in our place, past the guard
        return super().send(request, *args, **kwargs)


@lru_cache(maxsize=4)
def _adapter(ca_file: str, private_hosts: bool) -> _GuardedAdapter:
    """The process's connections; they trust the machine's CAs and, if given, those of `ca_file` (B24_CA_FILE) as well.

    Keyed by `private_hosts` so that no connection made under another setting is used again.
    """
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or certifi.where()
    context = create_urllib3_context()
    context.load_verify_locations(**{"capath" if os.path.isdir(bundle) else "cafile": bundle})
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return _GuardedAdapter(context)
