"""From where a request comes: the address that connected, or the one that a trusted proxy says it stands before."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from aiohttp import web

MAX_USER_AGENT_LENGTH: Final = 200

_FORWARDED_FOR: Final = "X-Forwarded-For"


def client_address(request: web.Request, trusted: Sequence[IPv4Network | IPv6Network]) -> str | None:
    """Return the address of the client; None where it cannot be known, as on a socket of this machine.

    X-Forwarded-For is read from its end, where the nearest proxy writes: as far as each that says so is trusted. What
    anybody could have written further to the left is never believed.
    """
    return address_behind(request.remote or "", request.headers.getall(_FORWARDED_FOR, ()), trusted)


def address_behind(peer: str, forwarded_for: Sequence[str], trusted: Sequence[IPv4Network | IPv6Network]) -> str | None:
    """Return the address of the client that this peer stands before, by these headers; its own if it is not trusted."""
    address = _read(peer)
    if address is None:
        return None
    hops = [hop for line in forwarded_for for hop in line.split(",")]
    while hops and any(address in network for network in trusted):
        before = _read(hops.pop().strip())
        if before is None:
            break
        address = before
    return str(address)


def user_agent(request: web.Request) -> str | None:
    """Return what the client calls itself, cut to what is kept of it; None where it says nothing."""
    said = request.headers.get("User-Agent")
    # bytes that are no UTF-8 come as halves of surrogate pairs, which the database does not take
    return said[:MAX_USER_AGENT_LENGTH].encode("utf-8", "replace").decode() if said else None


def _read(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address, which may be written with a port; None where there is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
