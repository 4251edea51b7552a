"""Celery's consumer as this engine wants it: task events go in company, and a broker that came back is soon found."""

from functools import partial
from typing import Any, Final

from celery.worker.consumer import Consumer

EVENT_SECONDS: Final = 0.1
"""How long events wait for others; Celery sends them earlier when there are 24, and otherwise one or two at a time."""

LONGEST_PAUSE_SECONDS: Final = 4
"""Between two tries to reach a broker that is away; kombu's would grow to 30."""


class FluxConsumer(Consumer):  # type: ignore[misc]
    """`worker_consumer` is where Celery lets one choose it."""

    _is_flush_due = False

    def on_send_event_buffered(self) -> None:
        """Have what is buffered sent soon."""
        if self.hub and not self._is_flush_due:
            self._is_flush_due = True
            self.hub.call_later(EVENT_SECONDS, self._flush_soon)

    def ensure_connected(self, conn: Any) -> Any:  # noqa: ANN401 - kombu has no types
        """Return the connection when it is made, however long that takes."""
        conn.ensure_connection = partial(conn.ensure_connection, interval_max=LONGEST_PAUSE_SECONDS)
        return super().ensure_connected(conn)

    def _flush_soon(self) -> None:
        self._is_flush_due = False
        self._flush_events()
