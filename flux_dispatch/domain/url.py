"""Which URLs a webhook may have, and the one form in which they are stored.

What a host may be is listed, not what it may not be: after IDNA only letters, digits, hyphens and dots are left, or an
address in its standard spelling. So no two parsers can read two different hosts out of one URL.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from flux_dispatch.domain.address import Address, AddressPolicy
from flux_dispatch.domain.errors import InvalidRequest

LONGEST_URL: Final = 2048
LONGEST_HOST: Final = 253
HIGHEST_PORT: Final = 65535

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_LOOPBACK: Final = IPv4Address("127.0.0.1")

# Ports of services that would take an HTTP request for something else; browsers refuse them too (Fetch, "bad port").
_REFUSED_PORTS: Final = frozenset(
    {
        *(1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109),
        *(110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 445, 465, 512, 513, 514, 515, 526),
        *(530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1433, 1521, 1719, 1720, 1723),
        *(2049, 2375, 2379, 3306, 3389, 3659, 4045, 4190, 5060, 5061, 5432, 6000, 6379, 6566, 6665, 6666, 6667, 6668),
        *(6669, 6679, 6697, 9200, 9300, 10080, 11211, 27017),
    }
)
_PRIVATE_SUFFIXES: Final = (
    *(".localhost", ".local", ".internal", ".localdomain", ".lan", ".home", ".corp", ".intranet", ".private"),
    *(".home.arpa", ".in-addr.arpa", ".ip6.arpa", ".onion"),
)


def check_url(text: str, *, require_https: bool, policy: AddressPolicy) -> str:
    """Return the canonical form of a webhook's URL: lower case host in ASCII, no default port, no fragment.

    Raises:
        InvalidRequest: it is not an absolute http(s) URL that may be reached; the message says what to change.
    """
    if not 0 < len(text) <= LONGEST_URL:
        raise _refused(f"A URL has 1 to {LONGEST_URL} characters.")
    match = _URL.fullmatch(text)
    if match is None:
        raise _refused("Give an absolute URL like https://example.com/webhooks, without spaces or user name.")
    scheme = match["scheme"].lower()
    if scheme == "http" and require_https:
        raise _refused("The URL must start with https://.", code="https_required")
    host = _checked_host(match["host"], policy)
    port = _checked_port(match["port"])
    authority = host if port in {None, _DEFAULT_PORTS[scheme]} else f"{host}:{port}"
    path = match["path"] or ""
    return f"{scheme}://{authority}{path if path.startswith('/') else '/' + path}"


def _checked_host(text: str, policy: AddressPolicy) -> str:
    if text.startswith("["):
        return f"[{_checked_address(_ipv6(text[1:-1]), policy)}]"
    host = _to_ascii(text).removesuffix(".")
    if _ends_in_number(host):
        return str(_checked_address(_ipv4(host), policy))
    if host == "localhost" and policy.permits(_LOOPBACK):
        return host
    if "." not in host or host.endswith(_PRIVATE_SUFFIXES):
        raise _refused(f"{host} is not a public host name.", code="blocked_address")
    if len(host) > LONGEST_HOST or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise _refused("The host is not a valid name.")
    return host


def _to_ascii(text: str) -> str:
    if set(text) & _DEVIATING:
        raise _refused("Write this host in its ASCII form, xn--…: clients do not agree on what its letters mean.")
    try:
        host = text.lower().encode("idna").decode("ascii").lower()
        host.encode("ascii").decode("idna")  # a broken xn-- label shows only on the way back
    except UnicodeError:
        raise _refused("The host is not a valid name.") from None
    return host


def _ends_in_number(host: str) -> bool:
    """Say whether the host would be read as an IPv4 address somewhere (WHATWG URL, "ends in a number checker")."""
    return _NUMBER.fullmatch(host.rpartition(".")[2]) is not None


def _ipv4(host: str) -> IPv4Address:
    try:
        return IPv4Address(host)
    except AddressValueError:
        raise _refused("An IPv4 address is written as four decimal numbers, like 203.0.113.7.") from None


def _ipv6(text: str) -> IPv6Address:
    try:
        address = IPv6Address(text)
    except AddressValueError:
        raise _refused("The IPv6 address between [ and ] is not valid.") from None
    if address.scope_id is not None:
        raise _refused("An IPv6 address with a zone is not public.", code="blocked_address")
    return address


def _checked_address(address: Address, policy: AddressPolicy) -> Address:
    if not policy.permits(address):
        raise _refused(
            f"{address} is not a public address. An operator can allow it with FLUX_ALLOW_NETWORKS.",
            code="blocked_address",
        )
    return address


def _checked_port(text: str | None) -> int | None:
    if text is None:
        return None
    port = int(text)
    if not 0 < port <= HIGHEST_PORT or port in _REFUSED_PORTS:
        raise _refused(f"Port {port} is not one that webhooks may use.", code="blocked_port")
    return port


def _refused(message: str, code: str = "invalid_url") -> InvalidRequest:
    return InvalidRequest(message, param="url", code=code)


_URL = re.compile(
    r"""
    (?P<scheme>https?)://
    (?P<host>\[[0-9A-Fa-f:.%\w]+\]|[^\x00-\x20\x7f/?\#@:\\\[\]%]+)
    (?::(?P<port>[0-9]{1,5}))?
    (?P<path>[/?](?:[A-Za-z0-9._~!$&'()*+,;=:@/?\-\[\]|]|%[0-9A-Fa-f]{2})*)?
    (?:\#[\x21-\x7e]*)?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,  # without ASCII, IGNORECASE takes U+017F for s and U+212A for k
)
# IDNA 2003 maps these away, IDNA 2008 keeps them: the same text would name two hosts (Unicode UTS 46, "deviations")
_DEVIATING = frozenset("\u00df\u03c2\u200c\u200d")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
