"""The log of what this machine lacks: said at once, then once in a while with a count."""

import time
from typing import Final

import structlog

QUIET_SECONDS: Final = 10.0

log = structlog.get_logger("flux.http")


class ShortageLog:
    """Says that POSTs could not be begun for want of something of ours, not once for each of them."""

    def __init__(self) -> None:
        self._said_at = -QUIET_SECONDS
        self._count = 0

    def note(self, detail: str) -> None:
        """Log this POST that was not begun, or count it."""
        self._count += 1
        now = time.monotonic()
        if now - self._said_at < QUIET_SECONDS:
            return
        log.error("posts.not_begun", reason=detail, posts=self._count, consequence="they are tried again soon")
        self._said_at, self._count = now, 0
