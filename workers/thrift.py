"""Makes a message cost a worker less, where Celery 5.7 and kombu 5.7 are wasteful.

kombu makes a Redis client for each command that it sends, which costs more than the command does; one for each pool of
connections is enough. Celery sends what happened to tasks (for Flower) at once, in a message for each event or two; a
tenth of a second later there are more to share it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from celery.worker.consumer import Consumer
from kombu.transport.redis import Channel

EVENT_SECONDS: Final = 0.1
"""How long events wait for others; Celery sends them earlier when there are 24."""


class ThriftyConsumer(Consumer):  # type: ignore[misc]
    """Sends the events of tasks a few at a time; `worker_consumer` is where Celery lets one choose it."""

    _is_flush_due = False

    def on_send_event_buffered(self) -> None:
        """Have what is buffered sent soon."""
        if self.hub and not self._is_flush_due:
            self._is_flush_due = True
            self.hub.call_later(EVENT_SECONDS, self._flush_soon)

    def _flush_soon(self) -> None:
        self._is_flush_due = False
        self._flush_events()


def share_redis_clients() -> None:
    """Have every Redis channel of this process keep its client."""
    Channel.conn_or_acquire = _shared_client


@contextmanager
def _shared_client(channel: Any, client: Any = None) -> Iterator[Any]:  # noqa: ANN401 - kombu has no types
    if client is None:
        client = getattr(channel, "shared_client", None)
        # a channel whose connection was lost has a new pool
        if client is None or client.connection_pool is not channel.pool:
            client = channel.shared_client = channel._create_client()  # noqa: SLF001 - it has no public way
    yield client
