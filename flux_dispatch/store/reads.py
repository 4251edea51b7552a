"""What the API shows: plain statements, newest first, one page at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, Prefix, WebhookId, uuid_hex
from flux_dispatch.domain.webhook import Webhook
from flux_dispatch.store.connect import statement
from flux_dispatch.store.webhooks import webhook_of

EVENT_STATUSES: Final = ("pending", "delivered", "failed", "canceled", "unmatched")
"""What the deliveries of an event may make of it."""

_WEBHOOKS = """
    SELECT * FROM webhooks
    WHERE account_id = :account AND deleted_at IS NULL AND {page}
"""

# failed wins at once: one final failure marks the event, whatever its other deliveries do
_EVENTS = """
    SELECT * FROM (
        SELECT events.id, events.type, events.created_at, events.body, counts.*,
            CASE
                WHEN events.failed_at IS NOT NULL THEN 'failed'
                WHEN counts.open > 0 THEN 'pending'
                WHEN counts.delivered > 0 THEN 'delivered'
                WHEN counts.failed > 0 THEN 'failed'
                WHEN counts.canceled > 0 THEN 'canceled'
                ELSE 'unmatched'
            END AS status
        FROM events
        CROSS JOIN LATERAL (
            SELECT count(*) AS total,
                   count(*) FILTER (WHERE state IN ('pending', 'sending', 'scheduled', 'exhausted')) AS open,
                   count(*) FILTER (WHERE state = 'delivered') AS delivered,
                   count(*) FILTER (WHERE state = 'failed') AS failed,
                   count(*) FILTER (WHERE state = 'canceled') AS canceled
            FROM deliveries WHERE event_id = events.id
        ) AS counts
        WHERE events.account_id = :account AND {page}
    ) AS events
"""

_DELIVERIES = """
    SELECT deliveries.*, events.type AS event_type, webhooks.url
    FROM deliveries
    JOIN events ON events.id = deliveries.event_id
    JOIN webhooks ON webhooks.id = deliveries.webhook_id
    WHERE deliveries.account_id = :account AND {page}
"""

_ATTEMPTS = text("SELECT * FROM attempts WHERE delivery_id = :id ORDER BY number")

_ALERTS = """
    SELECT alerts.*, webhooks.url, events.type AS event_type, last.status AS last_status, last.error AS last_error
    FROM alerts
    JOIN webhooks ON webhooks.id = alerts.webhook_id
    JOIN events ON events.id = alerts.event_id
    LEFT JOIN LATERAL (
        SELECT status, error FROM attempts WHERE delivery_id = alerts.delivery_id ORDER BY number DESC LIMIT 1
    ) AS last ON true
    WHERE alerts.account_id = :account AND {page}
"""


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list: at most `limit` things older than `before` (a uuid in hex; None: from the newest on)."""

    limit: int
    before: str | None = None


class Reads:
    """Reads of one account's things; whatever belongs to another account is not there."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def webhooks(self, account: AccountId, page: Page) -> list[Webhook]:
        """Return webhooks that were not deleted."""
        return [webhook_of(row) for row in await self._page(_WEBHOOKS, "webhooks", account, page)]

    async def webhook(self, account: AccountId, webhook: WebhookId) -> Webhook | None:
        """Return a webhook that was not deleted."""
        row = await self._one(_WEBHOOKS, "webhooks", account, uuid_hex(Prefix.WEBHOOK, webhook))
        return webhook_of(row) if row else None

    async def events(self, account: AccountId, page: Page, filters: Mapping[str, Any]) -> list[Row[Any]]:
        """Return events; filters: type, status, created_after, created_before."""
        conditions = {
            "type": "events.type = :type",
            "created_after": "events.created_at > :created_after",
            "created_before": "events.created_at < :created_before",
        }
        inner = _EVENTS.replace(
            "{page}", " AND ".join(["{page}", *(conditions[each] for each in filters if each in conditions)])
        )
        outer = " WHERE status = :status" if "status" in filters else ""
        return await self._page(inner + outer, "events", account, page, filters)

    async def event(self, account: AccountId, event: EventId) -> Row[Any] | None:
        """Return an event with its status and the counts of its deliveries."""
        return await self._one(_EVENTS, "events", account, uuid_hex(Prefix.EVENT, event))

    async def deliveries(self, account: AccountId, page: Page, filters: Mapping[str, Any]) -> list[Row[Any]]:
        """Return deliveries; filters: event and webhook (uuids in hex), status."""
        conditions = {
            "event": "deliveries.event_id = CAST(:event AS uuid)",
            "webhook": "deliveries.webhook_id = CAST(:webhook AS uuid)",
            "status": "deliveries.state = :status",
        }
        query = _DELIVERIES.replace("{page}", " AND ".join(["{page}", *(conditions[each] for each in filters)]))
        return await self._page(query, "deliveries", account, page, filters)

    async def delivery(self, account: AccountId, delivery: DeliveryId) -> Row[Any] | None:
        """Return a delivery."""
        return await self._one(_DELIVERIES, "deliveries", account, uuid_hex(Prefix.DELIVERY, delivery))

    async def attempts(self, delivery: DeliveryId) -> list[Row[Any]]:
        """Return the attempts of a delivery, in order."""
        async with statement(self._database) as connection:
            rows = await connection.execute(_ATTEMPTS, {"id": UUID(uuid_hex(Prefix.DELIVERY, delivery))})
            return list(rows.all())

    async def alerts(self, account: AccountId, page: Page) -> list[Row[Any]]:
        """Return alerts with what they are about."""
        return await self._page(_ALERTS, "alerts", account, page)

    async def _page(
        self, query: str, table: str, account: AccountId, page: Page, filters: Mapping[str, Any] | None = None
    ) -> list[Row[Any]]:
        older = f"{table}.id < CAST(:before AS uuid)" if page.before else "true"
        clause = text(f"{query.format(page=older)} ORDER BY {table}.id DESC LIMIT :limit")
        parameters = {**(filters or {}), "limit": page.limit}
        if page.before:
            parameters["before"] = page.before
        return await self._rows(clause, account, parameters)

    async def _one(self, query: str, table: str, account: AccountId, id_hex: str) -> Row[Any] | None:
        clause = text(query.format(page=f"{table}.id = CAST(:id AS uuid)"))
        rows = await self._rows(clause, account, {"id": id_hex})
        return rows[0] if rows else None

    async def _rows(self, clause: TextClause, account: AccountId, parameters: Mapping[str, Any]) -> list[Row[Any]]:
        given = {**parameters, "account": UUID(uuid_hex(Prefix.ACCOUNT, account))}
        async with statement(self._database) as connection:
            return list((await connection.execute(clause, given)).all())
