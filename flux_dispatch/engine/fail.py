"""Fail: the final failure of a delivery marks its event failed and stores an alert, all in one transaction."""

from collections.abc import Sequence
from typing import Protocol

from flux_dispatch.domain.ids import AlertId, DeliveryId


class Failures(Protocol):
    """What failing needs of the store."""

    async def fail(self, deliveries: Sequence[DeliveryId]) -> list[AlertId]:
        """Fail those that are exhausted, mark their events, store one alert for each, and return the alerts."""
        ...


class Bell(Protocol):
    """What failing needs of the broker: never waits, never fails."""

    def alert(self, alerts: Sequence[AlertId]) -> None:
        """Have these alerts sent."""
        ...


class Fail:
    """Fails exhausted deliveries; those that are not (any more) are left as they are, so a doubled task is harmless."""

    def __init__(self, failures: Failures, bell: Bell) -> None:
        self._failures = failures
        self._bell = bell

    async def __call__(self, deliveries: Sequence[DeliveryId]) -> int:
        """Return how many were failed.

        Raises:
            Unavailable: the database is away; nothing was changed.
        """
        alerts = await self._failures.fail(deliveries)
        self._bell.alert(alerts)
        return len(alerts)
