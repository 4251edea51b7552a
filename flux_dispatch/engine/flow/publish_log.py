"""The log of publications: by it a request, or a task, is traced to its event, and by that to its attempts."""

import time
from typing import Final

import structlog

from flux_dispatch.domain.event import PublishResult

LINES_PER_SECOND: Final = 20
"""More would be read by nobody; every event is in the database anyway."""

log = structlog.get_logger("flux.publish")


class PublishLog:
    """Writes a line for each publication while they are few, and with the next line how many were left out."""

    def __init__(self) -> None:
        self._second = 0
        self._lines = 0
        self._left_out = 0

    def note(self, published: PublishResult, *, events: int | None = None) -> None:
        """Log one event, or the first of so many that came as one batch."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._lines = second, 0
        if self._lines >= LINES_PER_SECOND:
            self._left_out += 1
            return
        self._lines += 1
        log.info(
            "event.published",
            event_id=published.event.id,
            event_type=published.event.type,
            account=published.event.account,
            webhooks=published.webhooks,
            **({"replayed": True} if published.is_replay else {}),
            **({"events": events} if events is not None else {}),
            **({"others_before": self._left_out} if self._left_out else {}),
        )
        self._left_out = 0
