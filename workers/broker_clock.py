"""One clock for countdowns: Redis's own, so that a host whose clock is off sends and runs retries on time.

Celery's message says when a task shall run by the sender's clock, and the receiver waits by its own.
"""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from redis.exceptions import RedisError

KNOWN_SECONDS: Final = 60.0
"""For how long the difference of two clocks is taken for known; it is asked for only where a countdown needs it."""


class BrokerClock:
    """How far Redis's clock is ahead of this host's."""

    def __init__(self) -> None:
        self._ahead_seconds = 0.0
        self._known_until = 0.0
        self._lock = threading.Lock()

    def eta(self, client: Any, countdown_seconds: float) -> datetime:  # noqa: ANN401 - a Redis client of kombu
        """Return when a countdown is over, by Redis's clock."""
        return datetime.fromtimestamp(time.time() + self._ahead(client) + countdown_seconds, UTC)

    def here(self, client: Any, eta: str) -> str:  # noqa: ANN401 - as above
        """Return what this host's clock will show at an instant of Redis's; both are ISO 8601.

        Raises:
            ValueError: it is no instant.
        """
        return (datetime.fromisoformat(eta) - timedelta(seconds=self._ahead(client))).isoformat()

    def _ahead(self, client: Any) -> float:  # noqa: ANN401 - as above
        """Return the difference, or what was last known of it while Redis does not say."""
        with self._lock:
            if time.monotonic() >= self._known_until:
                try:
                    seconds, microseconds = client.time()
                except (RedisError, OSError):
                    return self._ahead_seconds
                self._ahead_seconds = seconds + microseconds / 1e6 - time.time()
                self._known_until = time.monotonic() + KNOWN_SECONDS
            return self._ahead_seconds


broker_clock: Final = BrokerClock()
"""This process's."""
