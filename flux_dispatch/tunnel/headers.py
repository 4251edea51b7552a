"""What of a request's and an answer's headers goes through the tunnel, and what a proxy must keep to itself.

Strangers send to the URL of a session, and what is behind it answers on the host of the dashboard, unless the operator
gave the tunnel one of its own. So an answer sets nothing that holds for that host, and a browser that shows it runs
none of its scripts.
"""

import re
from collections.abc import Iterable
from typing import Final

from aiohttp import hdrs
from multidict import CIMultiDict

from flux_dispatch.tunnel.frames import Headers

HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "expect"})
"""RFC 9110, 7.6.1; and Expect, which was met when the body was read."""

_OF_REQUESTS: Final = HOP_BY_HOP | {"content-length", "cookie", "cookie2"}
_OF_ANSWERS: Final = HOP_BY_HOP | {
    "content-length",
    "set-cookie",
    "set-cookie2",
    # what holds for the whole host, beyond this answer
    *("alt-svc", "clear-site-data", "expect-ct", "nel", "origin-agent-cluster", "public-key-pins", "report-to"),
    *("reporting-endpoints", "service-worker-allowed", "strict-transport-security"),
    # a browser would ask for a password of this host
    *("www-authenticate", "authentication-info"),
    # ours stand in their place
    *("content-security-policy", "content-security-policy-report-only", "x-content-type-options", "x-request-id"),
}
_PROXY: Final = "proxy-"

ADDED_TO_ANSWERS: Final = {
    "Content-Security-Policy": "sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""A page in a sandbox has an origin of its own, that is no other page's: it reads no cookie and no storage of the host,
and runs no script."""


def for_the_command(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return the headers of a request as they are forwarded, in their order and spelling."""
    pairs = [(_text(name), _text(value)) for name, value in raw]
    return tuple(_kept(pairs, _OF_REQUESTS))


def for_the_sender(headers: Headers) -> CIMultiDict[str]:
    """Return the headers of an answer as its sender gets them; what is no header is left out."""
    answer = CIMultiDict[str]()
    for name, value in _kept(headers, _OF_ANSWERS):
        readable = _readable(value)
        if _NAME.fullmatch(name) and _VALUE.fullmatch(readable):
            answer.add(name, readable)
    for name, value in ADDED_TO_ANSWERS.items():
        answer[name] = value
    return answer


def _kept(headers: Iterable[tuple[str, str]], dropped: frozenset[str]) -> list[tuple[str, str]]:
    headers = list(headers)
    named = {
        each.strip().lower()
        for name, value in headers
        if name.lower() == hdrs.CONNECTION.lower()
        for each in value.split(",")
    }
    return [
        (name, value)
        for name, value in headers
        if name.lower() not in dropped and name.lower() not in named and not name.lower().startswith(_PROXY)
    ]


def _text(value: bytes) -> str:
    return value.decode(errors="surrogateescape")


def _readable(value: str) -> str:
    """Return a value that can be sent: bytes that are no UTF-8 are taken for Latin-1, as HTTP once had it."""
    written = value.encode(errors="surrogateescape") if _is_escaped(value) else value.encode(errors="replace")
    try:
        return written.decode()
    except UnicodeDecodeError:
        return written.decode("latin-1")


def _is_escaped(value: str) -> bool:
    return not any("\ud800" <= each < "\udc80" or "\udcff" < each <= "\udfff" for each in value)


_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}", re.ASCII)
_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
