"""How values are written that are no plain text or number."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network
Networks: TypeAlias = tuple[Network, ...]


def split(value: str) -> tuple[str, ...]:
    """Return what stands between commas."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def network(text: str) -> Network:
    """Return a network.

    Raises:
        ValueError: the text is none; the message shows what one looks like.
    """
    try:
        return ip_network(text)
    except ValueError as error:
        message = f"{error}; a network is written like 10.0.0.0/8 or fd00::/8"
        raise ValueError(message) from None
