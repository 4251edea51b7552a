"""When a request is sent again, and after how long: exponential backoff with full jitter, and what Retry-After asks."""

from __future__ import annotations

import random
import time
from datetime import timezone
from typing import Final

from flux_webhooks.lazy_httpx import httpx

DEFAULT_RETRIES: Final = 2
FIRST_BACKOFF_SECONDS: Final = 0.5
LONGEST_BACKOFF_SECONDS: Final = 8.0
LONGEST_RETRY_AFTER_SECONDS: Final = 60.0
"""Who asks for more patience gets none: the error is raised at once, and says when to come again."""

_NOT_STORED: Final = frozenset({408, 429})
_BY_THE_SERVER: Final = frozenset({500, 502, 503, 504})


def is_worth_repeating(status: int, *, repeatable: bool) -> bool:
    """Say whether an answer of this status is asked for again.

    What was refused with a 408 or a 429 was not stored, so anything may be sent again; with a 5xx it may have been, so
    only what is one thing twice.
    """
    return status in _NOT_STORED or (repeatable and status in _BY_THE_SERVER)


def did_not_arrive(error: httpx.TransportError) -> bool:
    """Say whether the request surely never reached the server."""
    return isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError))


def backoff_seconds(retries_made: int, retry_after: float | None) -> float | None:
    """Return for how long to wait before the next try; None when the server asks for more than is waited here."""
    if retry_after is not None and retry_after > LONGEST_RETRY_AFTER_SECONDS:
        return None
    most = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** min(retries_made, 10))
    # no secret: it keeps clients from coming back all at once
    return (retry_after or 0.0) + random.uniform(0, most)  # noqa: S311


def retry_after_seconds(text: str | None) -> float | None:
    """Return what the header Retry-After asks for, which is seconds or a date; None for anything else."""
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return float(text[:9])
    # it takes longer to load than all else here, and is rarely needed
    from email.utils import parsedate_to_datetime

    try:
        instant = parsedate_to_datetime(text)
        # a date without a zone, as the oldest form of HTTP has it, means GMT (RFC 9110, 5.6.7)
        instant = instant if instant.tzinfo else instant.replace(tzinfo=timezone.utc)
        return max(0.0, instant.timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
