"""Takes bodies that came compressed for what they hold, as far as that may be large.

The HTTP library could do it; but what goes through the tunnel is handed on as it came.
"""

import zlib
from http import HTTPStatus
from typing import Final

from aiohttp import web

from flux_dispatch.domain.errors import InvalidRequest

MAX_MEMBERS: Final = 16
"""Of how many pieces a body may be that are compressed each by itself (RFC 1952, 2.2)."""

_AUTOMATIC: Final = 32 + zlib.MAX_WBITS
_RAW: Final = -zlib.MAX_WBITS
_IS_ZLIB: Final = 8


class NotDecompressed(ValueError):
    """The body is not compressed as it says, or ends too early."""


def decompressed(body: bytes, coding: str, most: int) -> bytes:
    """Return what a body holds, whose Content-Encoding is this.

    Raises:
        InvalidRequest: 400, the coding is not known here.
        web.HTTPRequestEntityTooLarge: it holds more than `most` bytes.
        NotDecompressed: it is not compressed like that.
    """
    match coding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip" | "deflate":
            return _inflated(body, most)
        case _:
            message = "This Content-Encoding is not known here: send the body with gzip or deflate, or as it is."
            raise InvalidRequest(message, code="bad_request", status=HTTPStatus.BAD_REQUEST)


def _inflated(body: bytes, most: int) -> bytes:
    # some say deflate and leave its frame out (RFC 9110, 8.4.1.2)
    bits = _AUTOMATIC if body[:1] == b"\x1f" or (body and body[0] & 0xF == _IS_ZLIB) else _RAW
    found = b""
    for _ in range(MAX_MEMBERS):
        member = zlib.decompressobj(bits)
        try:
            found += member.decompress(body, most + 1 - len(found))
        except zlib.error:
            raise NotDecompressed from None
        if len(found) > most:
            raise web.HTTPRequestEntityTooLarge(most, len(found))
        if not member.eof:
            raise NotDecompressed
        body = member.unused_data
        if not body:
            return found
    raise NotDecompressed
