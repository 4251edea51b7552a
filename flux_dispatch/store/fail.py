"""The statements behind fail and alert: a final failure is one transaction, and an alert is taken once."""

from collections.abc import Sequence
from random import randrange
from typing import Any, cast

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.alert import Alert
from flux_dispatch.domain.delivery import Transition, sources, target
from flux_dispatch.domain.ids import AccountId, AlertId, DeliveryId, EventId, Prefix, WebhookId, format_id, parse_id
from flux_dispatch.domain.statistics import SHARDS
from flux_dispatch.store.connect import connect
from flux_dispatch.store.statistics import COUNT_FAILURES

# Rows are locked in the order of their ids, deliveries before events before webhooks before statistics, so that two of
# these never wait for each other crosswise. Events are locked though they seem to have failed already: a recovery may
# be taking that back. A test makes no alert, and disables nothing.
_FAIL = text(
    f"""
    WITH exhausted AS (
        SELECT id, event_id, webhook_id, account_id, reason, is_test FROM deliveries
        WHERE id = ANY(CAST(:ids AS uuid[])) AND state = ANY(CAST(:from AS text[]))
        ORDER BY id FOR NO KEY UPDATE
    ), moved AS (
        UPDATE deliveries SET state = :to, ended_at = flux_now(), due_at = NULL, sweep_at = NULL
        FROM exhausted WHERE deliveries.id = exhausted.id
        RETURNING deliveries.id, deliveries.webhook_id, deliveries.is_test
    ), theirs AS (
        SELECT id FROM events
        WHERE id IN (SELECT event_id FROM exhausted)
        ORDER BY id FOR NO KEY UPDATE
    ), marked AS (
        UPDATE events SET failed_at = coalesce(failed_at, flux_now()) FROM theirs WHERE events.id = theirs.id
    ), gone AS (
        SELECT id FROM webhooks
        WHERE id IN (SELECT webhook_id FROM exhausted WHERE reason = 'gone' AND NOT is_test) AND status = 'enabled'
        ORDER BY id FOR NO KEY UPDATE
    ), disabled AS (
        UPDATE webhooks SET status = 'disabled', disabled_reason = 'gone', updated_at = flux_now()
        FROM gone WHERE webhooks.id = gone.id
    ), counted AS (
        {COUNT_FAILURES}
    )
    INSERT INTO alerts (account_id, webhook_id, event_id, delivery_id, reason)
    SELECT account_id, exhausted.webhook_id, event_id, exhausted.id, coalesce(reason, 'attempts_exhausted')
    FROM exhausted JOIN moved USING (id)
    WHERE NOT exhausted.is_test
    RETURNING id
"""  # noqa: S608 - only a statement of our own is written into it
)

_TAKE_UNSENT = text("""
    WITH taken AS (
        UPDATE alerts SET sent_at = flux_now()
        WHERE id = ANY(CAST(:ids AS uuid[])) AND sent_at IS NULL
        RETURNING id, account_id, webhook_id, event_id, delivery_id, reason
    )
    SELECT taken.*, webhooks.url, events.type, last.status, last.error
    FROM taken
    JOIN webhooks ON webhooks.id = taken.webhook_id
    JOIN events ON events.id = taken.event_id
    LEFT JOIN LATERAL (
        SELECT status, error FROM attempts WHERE delivery_id = taken.delivery_id ORDER BY number DESC LIMIT 1
    ) AS last ON true
""")


class FailureStore:
    """Writes final failures and hands out their alerts."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database
        self._shard = randrange(SHARDS)  # noqa: S311 - not secret

    async def fail(self, deliveries: Sequence[DeliveryId]) -> list[AlertId]:
        """Fail those that are exhausted, mark their events failed and store an alert for each; return the alerts.

        A receiver that answered 410 has its webhook disabled in the same transaction. Tests fail without either.
        """
        parameters = {
            "ids": [parse_id(Prefix.DELIVERY, each) for each in deliveries],
            "from": sources(Transition.FAIL),
            "to": target(Transition.FAIL),
            "shard": self._shard,
        }
        async with connect(self._database) as connection:
            rows = (await connection.execute(_FAIL, parameters)).scalars().all()
        return [cast(AlertId, format_id(Prefix.ALERT, each.hex)) for each in rows]

    async def take_unsent(self, alerts: Sequence[AlertId]) -> list[Alert]:
        """Mark those that were not sent yet as sent, and return them with what they are about."""
        async with connect(self._database) as connection:
            rows = await connection.execute(_TAKE_UNSENT, {"ids": [parse_id(Prefix.ALERT, each) for each in alerts]})
            return [_alert_from_row(row) for row in rows]


def _alert_from_row(row: Row[Any]) -> Alert:
    return Alert(
        id=cast(AlertId, format_id(Prefix.ALERT, row.id.hex)),
        account=cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex)),
        webhook=cast(WebhookId, format_id(Prefix.WEBHOOK, row.webhook_id.hex)),
        url=row.url,
        event=cast(EventId, format_id(Prefix.EVENT, row.event_id.hex)),
        event_type=row.type,
        delivery=cast(DeliveryId, format_id(Prefix.DELIVERY, row.delivery_id.hex)),
        reason=row.reason,
        last_error=row.error,
        last_status=row.status,
    )
