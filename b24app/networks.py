"""Networks that an operator names, and where a request really comes from."""

import ipaddress
from collections.abc import Iterable

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# A request with any of these came through somebody.
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP", "Via")


def read_networks(name: str, texts: Iterable[str]) -> list[Network]:
    """The networks of a setting, e.g. `10.0.0.0/8` or a single address; ImproperlyConfigured, naming the setting, for anything else."""
    try:
        return [ipaddress.ip_network(text.strip(), strict=False) for text in texts]
    except ValueError:
        raise ImproperlyConfigured(f"{name} must list networks like 10.0.0.0/8 or single addresses, comma-separated.") from None


def is_within(address: Address, networks: Iterable[Network]) -> bool:
    """Whether the address lies in one of the networks."""
    return any(address in network for network in networks)


def client_address(request: HttpRequest, proxies: Iterable[Network]) -> Address | None:
    """Where a request comes from, behind our own `proxies` or directly; None when that cannot be known.

    Anybody can write X-Forwarded-For, so only what our own proxies have added to it counts: from its end, the first address that is none
    of them. A request that bears a proxy's headers and comes from no proxy of ours has no known origin: without this rule a proxy on the
    same machine would make the whole world look like 127.0.0.1.
    """
    proxies = list(proxies)
    peer = _address(request.META.get("REMOTE_ADDR", ""))
    if peer is None or not is_within(peer, proxies):
        return None if any(name in request.headers for name in _FORWARDED) else peer
    hops = [_address(hop.strip()) for hop in request.headers.get("X-Forwarded-For", "").split(",")]
    return next((hop for hop in reversed(hops) if hop is None or not is_within(hop, proxies)), None)


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A socket that listens on IPv6 shows IPv4 clients as ::ffff:10.0.0.1.
    return getattr(address, "ipv4_mapped", None) or address
