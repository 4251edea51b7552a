"""Alert: tell people that a delivery was given up. For now that is one line in the log; channels will follow it."""

from collections.abc import Sequence
from typing import Protocol

import structlog

from flux_dispatch.domain.alert import Alert
from flux_dispatch.domain.ids import AlertId

log = structlog.get_logger("flux.alert")


class Alerts(Protocol):
    """What alerting needs of the store."""

    async def take_unsent(self, alerts: Sequence[AlertId]) -> list[Alert]:
        """Mark those that were not sent yet as sent, and return them."""
        ...


class SendAlerts:
    """Sends alerts, each once."""

    def __init__(self, alerts: Alerts) -> None:
        self._alerts = alerts

    async def __call__(self, alerts: Sequence[AlertId]) -> int:
        """Return how many were sent.

        Raises:
            Unavailable: the database is unavailable; nothing was sent.
        """
        taken = await self._alerts.take_unsent(alerts)
        for alert in taken:
            log.warning(
                "alert.delivery_failed",
                alert=alert.id,
                account=alert.account,
                webhook=alert.webhook,
                url=alert.url,
                event_id=alert.event,
                event_type=alert.event_type,
                delivery=alert.delivery,
                reason=alert.reason,
                last_status=alert.last_status,
                last_error=alert.last_error,
            )
        return len(taken)
