"""Which headers go through a tunnel: not those of one connection, no cookies, and those that the user adds."""

import re
from collections.abc import Iterable
from typing import Final

from flux_dispatch.tunnel.frames import Headers

OF_ONE_CONNECTION: Final = frozenset(
    {
        "connection",
        "expect",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""RFC 9110, 7.6.1: they speak of one connection, and no proxy hands them on; nor those that Connection names."""

_COOKIES: Final = frozenset({"cookie", "cookie2", "set-cookie", "set-cookie2"})
_MADE_ANEW: Final = frozenset({"content-length", "host", "x-forwarded-host", "x-forwarded-proto"})
_NOT_TO_ADD: Final = OF_ONE_CONNECTION | {"content-length"}
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\uffff]*")


class NoHeader(ValueError):
    """The text is no header that can be added; the message says why."""


def parse_header(text: str) -> tuple[str, str]:
    """Return the name and the value of `Name: value`.

    Raises:
        NoHeader: it is none, or one that belongs to the connection.
    """
    name, colon, value = (each.strip() for each in text.partition(":"))
    if not colon or not _NAME.fullmatch(name):
        raise NoHeader(f"{text[:60]!r} is not a header. Write it like 'Name: value'.")
    if not _VALUE.fullmatch(value):
        raise NoHeader(f"The value of {name} holds a line break or another control character, which no header may.")
    if name.lower() in _NOT_TO_ADD:
        raise NoHeader(f"{name} belongs to the connection itself, and is set by it.")
    return name, value


def to_local(headers: Headers, added: Headers, *, host: str, public_host: str, public_scheme: str) -> Headers:
    """Return what the local server gets: an added header takes the place of those of its name, Host's too."""
    replaced = {name.lower() for name, _ in added}
    own = (("Host", host), ("X-Forwarded-Host", public_host), ("X-Forwarded-Proto", public_scheme))
    through = _handed_on(headers, _MADE_ANEW | replaced)
    sent = (*(each for each in own if each[0].lower() not in replaced), *through, *added)
    # aiohttp keeps what comes again only if its name is written as it was the first time
    first = {name.lower(): name for name, _ in reversed(sent)}
    return tuple((first[name.lower()], _sendable(value)) for name, value in sent)


def from_local(headers: Iterable[tuple[str, str]]) -> Headers:
    """Return what goes back of the headers of an answer."""
    return _handed_on(tuple(headers), {"content-length"})


def _sendable(value: str) -> str:
    """Return a value that aiohttp sends whole: bytes that are no UTF-8 are taken for Latin-1, as HTTP once had it."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode(errors="surrogateescape").decode("latin-1") if _is_escaped(value) else ""
    return value


def _is_escaped(value: str) -> bool:
    return not any("\ud800" <= each < "\udc80" or "\udcff" < each <= "\udfff" for each in value)


def _handed_on(headers: Headers, left_out: Iterable[str]) -> Headers:
    named = {
        each.strip().lower() for name, value in headers if name.lower() == "connection" for each in value.split(",")
    }
    never = OF_ONE_CONNECTION | _COOKIES | named | set(left_out)
    return tuple((name, value) for name, value in headers if name.lower() not in never)
