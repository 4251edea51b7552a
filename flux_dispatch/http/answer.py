"""What is read of a receiver's answer: little, in bounded time, and made safe to show."""

import re
import time
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import aiohttp

from flux_dispatch.http.time_limit import Running

MOST_BYTES_READ: Final = 65_536
"""A body that ends within this leaves its connection usable; a longer one is not worth the reading."""

LONGEST_EXCERPT: Final = 1024


async def read_excerpt(response: aiohttp.ClientResponse, limit: Running) -> str:
    """Return the beginning of the body as text; the status has been decided, so a broken body is only noted."""
    read = bytearray()
    try:
        while len(read) < MOST_BYTES_READ:
            with limit:
                chunk = await response.content.read(MOST_BYTES_READ - len(read))
            if not chunk:
                return _shown(read)
            read += chunk
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        response.close()
        return f"{_shown(read)} [the body broke off: {type(error).__name__}]".lstrip()
    response.close()
    return _shown(read)


def retry_after_seconds(response: aiohttp.ClientResponse) -> float | None:
    """Return what Retry-After asks for (RFC 9110, 10.2.3), if the status may carry it and it makes sense."""
    if response.status not in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        return None
    asked = response.headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(asked):
        return float(asked)
    try:
        seconds = parsedate_to_datetime(asked).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None


def _shown(body: bytes | bytearray) -> str:
    """Decode the beginning of a body; control characters, which terminals obey and PostgreSQL refuses, are replaced."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", bytes(body[:LONGEST_EXCERPT]).decode("utf-8", "replace"))


_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
