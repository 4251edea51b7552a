"""The statements behind alert: alerts are taken once, and what is told of them is committed with that."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flux_dispatch.domain.alert import Alert, Occurrence
from flux_dispatch.domain.alert_pace import AlertPace
from flux_dispatch.domain.attempt import advice_on
from flux_dispatch.domain.ids import AccountId, AlertId, DeliveryId, EventId, Prefix, WebhookId, format_id, parse_id
from flux_dispatch.domain.own_event import OwnEvent
from flux_dispatch.domain.phases import NO_PHASES, Phases
from flux_dispatch.store.alert_digests import note_occurrences, publish_own_events
from flux_dispatch.store.connect import transaction

# Locked in the order of their ids: two who take the same ones at once do not wait for each other crosswise.
_TAKE = text("""
    WITH unsent AS (
        SELECT id FROM alerts WHERE id = ANY(CAST(:ids AS uuid[])) AND sent_at IS NULL ORDER BY id FOR NO KEY UPDATE
    ), taken AS (
        UPDATE alerts SET sent_at = flux_now() FROM unsent
        WHERE alerts.id = unsent.id AND sent_at IS NULL
        RETURNING alerts.id, account_id, webhook_id, event_id, delivery_id, reason, created_at
    )
    SELECT taken.*, webhooks.url, events.type, last.number, last.status, last.error, last.phases
    FROM taken
    JOIN webhooks ON webhooks.id = taken.webhook_id
    JOIN events ON events.id = taken.event_id
    LEFT JOIN LATERAL (
        SELECT number, status, error, phases FROM attempts
        WHERE delivery_id = taken.delivery_id ORDER BY number DESC LIMIT 1
    ) AS last ON true
""")


class TakenAlerts:
    """What one transaction has taken; nobody else takes it."""

    def __init__(self, connection: AsyncConnection, alerts: Sequence[Alert], pace: AlertPace) -> None:
        self.alerts = alerts
        self._connection = connection
        self._pace = pace

    async def note(self, occurrences: Sequence[Occurrence], events: Sequence[OwnEvent]) -> None:
        """Have channels told, and events published to the webhooks that ask for them."""
        await note_occurrences(self._connection, occurrences, self._pace)
        await publish_own_events(self._connection, events)


class UnsentAlertStore:
    """Hands out the alerts of final failures."""

    def __init__(self, database: AsyncEngine, pace: AlertPace) -> None:
        self._database = database
        self._pace = pace

    @asynccontextmanager
    async def take(self, alerts: Sequence[AlertId]) -> AsyncIterator[TakenAlerts]:
        """Take those that nobody took yet, with what they are about; committed with the block's end."""
        async with transaction(self._database) as connection:
            rows = await connection.execute(_TAKE, {"ids": [parse_id(Prefix.ALERT, each) for each in alerts]})
            yield TakenAlerts(connection, [_alert_from_row(row) for row in rows], self._pace)


def _alert_from_row(row: Row[Any]) -> Alert:
    phases = Phases(*row.phases) if row.phases else NO_PHASES
    return Alert(
        id=cast(AlertId, format_id(Prefix.ALERT, row.id.hex)),
        account=cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex)),
        webhook=cast(WebhookId, format_id(Prefix.WEBHOOK, row.webhook_id.hex)),
        url=row.url,
        event=cast(EventId, format_id(Prefix.EVENT, row.event_id.hex)),
        event_type=row.type,
        delivery=cast(DeliveryId, format_id(Prefix.DELIVERY, row.delivery_id.hex)),
        reason=row.reason,
        attempts=row.number or 0,
        last_error=row.error,
        last_status=row.status,
        advice=advice_on(row.error, row.status, phases),
        created_at=row.created_at,
    )
