"""How values are written that are no plain text or number."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeAlias
from urllib.parse import urlsplit

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


def whole_url(value: str | None, *, example: str) -> str | None:
    """Return an http or https URL without a slash at its end, None for None.

    Raises:
        ValueError: it is none, or holds a user, a query or a fragment.
    """
    if value is None:
        return None
    message = f"it is written like {example}"
    try:
        parts = urlsplit(value)
        is_whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an address that is none
        raise ValueError(message) from None
    if not is_whole or parts.query or parts.fragment or "@" in value:
        raise ValueError(message)
    return value.rstrip("/")
