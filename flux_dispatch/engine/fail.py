"""Fail: the final failure of a delivery marks its event failed and stores an alert, all in one transaction."""

from collections.abc import Sequence
from typing import Protocol

from flux_dispatch.domain.ids import AlertId, DeliveryId


class Failures(Protocol):
    """What failing needs of the store."""

    async def fail(self, deliveries: Sequence[DeliveryId]) -> list[AlertId]:
        """Fail those that are exhausted, mark their events, store an alert for each but tests, and return those."""
        ...


class Queue(Protocol):
    """What failing needs of the broker: never waits, never fails."""

    def enqueue_alerts(self, alerts: Sequence[AlertId]) -> None:
        """Have these alerts sent."""
        ...


class Fail:
    """Fails exhausted deliveries; those that are not (any more) are left as they are, so duplicates are harmless."""

    def __init__(self, failures: Failures, queue: Queue) -> None:
        self._failures = failures
        self._queue = queue
        self.stored_alerts = 0
        """How many alerts were stored here, one for each delivery that failed for good."""

    async def __call__(self, deliveries: Sequence[DeliveryId]) -> int:
        """Return how many were failed, apart from tests.

        Raises:
            Unavailable: the database is unavailable; nothing was changed.
        """
        alerts = await self._failures.fail(deliveries)
        self.stored_alerts += len(alerts)
        self._queue.enqueue_alerts(alerts)
        return len(alerts)
