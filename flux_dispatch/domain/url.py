"""Which URLs a webhook may have, and the one form in which they are stored.

Of a URL that is taken, only the host is brought into one form; path and query stay as they were written, byte for byte,
and are sent like that. So a character that may not stand in a URL is refused, with what to write in its place, and not
encoded by us.

What a host may be is listed, not what it may not be: after IDNA only letters, digits, hyphens and dots are left, or an
address in its standard spelling. So no two parsers can read two different hosts out of one URL.
"""

import re
from contextlib import suppress
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from flux_dispatch.domain.address import Address, AddressPolicy
from flux_dispatch.domain.errors import InvalidRequest

MAX_URL_LENGTH: Final = 2048
MAX_HOST_LENGTH: Final = 253
MAX_PORT: Final = 65535

RELAYED: Final = "/in/"
"""Below this path of its own, Flux hands on to somebody's machine what it gets, and publishes none of it."""

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


def normalize_url(text: str, *, require_https: bool, policy: AddressPolicy, own_url: str | None = None) -> str:
    """Return the canonical form of a webhook's URL: lower case host in ASCII, no default port, no fragment.

    Args:
        text: the URL as a customer gives it.
        require_https: whether `http://` is refused.
        policy: which addresses may be reached.
        own_url: where Flux itself is reached; no webhook may be there, but below its RELAYED path.

    Raises:
        InvalidRequest: it is not an absolute http(s) URL that may be reached; the message says what to change.
    """
    if not 0 < len(text) <= MAX_URL_LENGTH:
        raise _refused(f"A URL has 1 to {MAX_URL_LENGTH} characters; this one has {len(text)}.")
    if unseen := _UNSEEN.search(text):
        raise _refused(
            f"The URL has {_named(unseen[0])} at character {unseen.start() + 1}: take it out, or write "
            f"{_encoded(unseen[0])} if it belongs to the path or query."
        )
    scheme, rest = _split_scheme(text)
    if scheme == "http" and require_https:
        raise _refused("The URL must start with https://.", code="https_required")
    authority, target = _split_authority(rest)
    host, port = _split_port(authority)
    checked_host, checked_port = _checked_host(host, policy), _checked_port(port)
    where = checked_host if checked_port in {None, _DEFAULT_PORTS[scheme]} else f"{checked_host}:{checked_port}"
    url = f"{scheme}://{where}{_checked_target(target, position=len(text) - len(target))}"
    if own_url is not None and _comes_back(url, own_url):
        raise _refused(
            f"{where} is where Flux Dispatch itself is reached (FLUX_PUBLIC_URL): what is sent there could come back "
            "and be sent again, without end. Give the URL of the endpoint that is to receive the events."
        )
    return url


def _split_scheme(text: str) -> tuple[str, str]:
    match = _SCHEME.match(text)
    scheme = match[1].lower() if match else ""
    if match is None or (scheme not in _DEFAULT_PORTS and match[2] != "//"):  # what is before a colon may be a secret
        raise _refused("The URL does not begin with https://: give an absolute URL like https://example.com/webhooks.")
    if scheme not in _DEFAULT_PORTS:
        raise _refused(f"The scheme {match[1][:20]} is not one that webhooks use: the URL must start with https://.")
    if match[2] != "//":
        raise _refused(f"Two slashes must follow {scheme}:, as in https://example.com/webhooks.")
    return scheme, text[match.end() :]


def _split_authority(rest: str) -> tuple[str, str]:
    end = next((index for index, character in enumerate(rest) if character in "/?#"), len(rest))
    authority = rest[:end]
    if "@" in authority:
        raise _refused(
            "The URL has a user name or password before an @: leave them out. For a credential of your own, "
            "set a header on the webhook."
        )
    if not authority or authority.startswith(":"):
        raise _refused("The URL has no host: give an absolute URL like https://example.com/webhooks.")
    return authority, rest[end:]


def _split_port(authority: str) -> tuple[str, str | None]:
    if authority.endswith("]") or ":" not in authority:
        return authority, None
    host, _, port = authority.rpartition(":")
    if _PORT.fullmatch(port) is None:
        raise _refused(f"The port is written as a number from 1 to {MAX_PORT}, after one colon.")
    return host, port


def _checked_target(text: str, position: int) -> str:
    """Return path and query, unchanged but for the fragment and a missing first slash."""
    target = text.partition("#")[0]
    end = _TARGET.match(target).end()  # type: ignore[union-attr] # it matches nothing, too
    if end < len(target):
        character = target[end]
        said = "% without two hexadecimal digits after it" if character == "%" else _named(character)
        mend = f"write {_encoded(character)} in its place" if _encoded(character) else "take it out"
        raise _refused(f"The URL has {said} at character {position + end + 1}, which may not stand there: {mend}.")
    return target if target.startswith("/") else f"/{target}"


def _checked_host(text: str, policy: AddressPolicy) -> str:
    if text.startswith("[") and text.endswith("]"):
        address = _ipv6(text[1:-1])
        _checked_address(address, policy)
        return f"[{_written(address)}]"
    if text.startswith("["):
        raise _refused("The host begins with [ but its IPv6 address does not end with ].")
    if odd := _NOT_IN_HOST.search(text):
        raise _refused(f"The host has {_named(odd[0])} in it, which no host name has.")
    host = _to_ascii(text).removesuffix(".")
    if _ends_in_number(host):
        return str(_checked_address(_ipv4(host), policy))
    if host == "localhost" and policy.permits(_LOOPBACK):
        return host
    if "." not in host or host.endswith(_PRIVATE_SUFFIXES):
        raise _refused(f"{host} is not a public host name.", code="blocked_address")
    if len(host) > MAX_HOST_LENGTH:
        raise _refused(f"The host is longer than {MAX_HOST_LENGTH} characters.")
    if not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise _refused(_NOT_A_NAME)
    return host


def _to_ascii(text: str) -> str:
    if set(text) & _DEVIATING:
        raise _refused("Write this host in its ASCII form, xn--…: clients do not agree on what its letters mean.")
    try:
        host = text.lower().encode("idna").decode("ascii").lower()
        host.encode("ascii").decode("idna")  # a broken xn-- label shows only on the way back
    except UnicodeError:
        raise _refused(_NOT_A_NAME) from None
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


def _written(address: IPv6Address) -> str:
    """Return an address as the WHATWG's URL standard writes it: Python's own form of a mapped one changed with 3.13."""
    mapped = address.ipv4_mapped
    return str(address) if mapped is None else f"::ffff:{int(mapped) >> 16:x}:{int(mapped) & 0xFFFF:x}"


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
    if not 0 < port <= MAX_PORT or port in _REFUSED_PORTS:
        raise _refused(f"Port {port} is not one that webhooks may use.", code="blocked_port")
    return port


def _comes_back(url: str, own_url: str) -> bool:
    there, own = urlsplit(url), urlsplit(own_url)
    if _origin(there) != _origin(own):
        return False
    relayed = f"{own.path.rstrip('/')}{RELAYED}"
    return not there.path.startswith(relayed) or _DOT_SEGMENT.search(there.path) is not None


def _origin(parts: SplitResult) -> tuple[str, int]:
    """Return host and port, each in one spelling: an operator may have written them in another."""
    host = (parts.hostname or "").removesuffix(".")
    with suppress(ValueError):
        host = host.encode("idna").decode("ascii")
    with suppress(ValueError):
        host = str(ip_address(host))
    return host, parts.port or _DEFAULT_PORTS[parts.scheme]


def _refused(message: str, code: str = "invalid_url") -> InvalidRequest:
    return InvalidRequest(message, param="url", code=code)


def _named(character: str) -> str:
    """Return what to call a character in a message, where it may be invisible."""
    if character in _NAMES:
        return _NAMES[character]
    code = f"U+{ord(character):04X}"
    if not character.isprintable():
        return f"the character {code}"
    return character if character.isascii() else f"{character} ({code})"


def _encoded(character: str) -> str:
    """Return how a character is written in a path or query (RFC 3986, 2.1)."""
    return "".join(f"%{byte:02X}" for byte in character.encode(errors="ignore"))


_NAMES = {" ": "a space", "\t": "a tab", "\n": "a line break", "\r": "a line break (CR)", "\0": "a NUL character"}
_NOT_A_NAME = (
    "The host is not a valid name: each part between its dots has 1 to 63 letters, digits and hyphens, "
    "and neither begins nor ends with a hyphen."
)
_UNSEEN = re.compile(r"[\x00-\x20\x7f]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(/{0,2})", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_NOT_IN_HOST = re.compile(r"[\\\[\]%:]")
_TARGET = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?\-\[\]]|%[0-9A-Fa-f]{2})*", re.ASCII)
_DOT_SEGMENT = re.compile(r"/(\.|%2e){1,2}(/|$)", re.IGNORECASE)
# IDNA 2003 maps these away, IDNA 2008 keeps them: the same text would name two hosts (Unicode UTS 46, "deviations")
_DEVIATING = frozenset("\u00df\u03c2\u200c\u200d")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
