"""Alert: have people told that deliveries were given up: channels, and webhooks that ask for events of our own."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import structlog

from flux_dispatch.domain.alert import Alert, Occurrence, occurrences
from flux_dispatch.domain.ids import AlertId
from flux_dispatch.domain.own_event import Links, OwnEvent, of_failed_delivery
from flux_dispatch.engine.flow import failpoint

log = structlog.get_logger("flux.alert")


class Taken(Protocol):
    """What one transaction has taken; nobody else takes it."""

    alerts: Sequence[Alert]

    async def note(self, occurrences: Sequence[Occurrence], events: Sequence[OwnEvent]) -> None:
        """Have channels told, and events published to the webhooks that ask for them."""
        ...


class Alerts(Protocol):
    """What alerting needs of the store."""

    def take(self, alerts: Sequence[AlertId]) -> AbstractAsyncContextManager[Taken]:
        """Take those that nobody took yet; committed with the block's end."""
        ...


class GatherAlerts:
    """Takes alerts, each once, and counts them for everybody who is to be told.

    That an alert is taken and that it is counted is one transaction: whatever a dying worker leaves undone, the sweeper
    finds. What is sent of it, and when, is for `notify`.
    """

    def __init__(self, alerts: Alerts, links: Links) -> None:
        self._alerts = alerts
        self._links = links

    async def __call__(self, alerts: Sequence[AlertId]) -> int:
        """Return how many were taken.

        Raises:
            Unavailable: the database is unavailable; nothing was taken.
        """
        async with self._alerts.take(alerts) as taken:
            events = [of_failed_delivery(alert, self._links) for alert in taken.alerts]
            await taken.note(occurrences(list(taken.alerts)), [each for each in events if each])
            failpoint.reach("alerts_counted")
        failpoint.reach("alerts_committed")
        for alert in taken.alerts:
            _log(alert)
        return len(taken.alerts)


def _log(alert: Alert) -> None:
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
