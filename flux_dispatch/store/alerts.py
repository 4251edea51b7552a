"""Alerts as they are read; a final failure makes them."""

from typing import Any

from sqlalchemy import Row

from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.pages import Page, Queries

_ALERTS = """
    SELECT alerts.id, alerts.webhook_id, alerts.event_id, alerts.delivery_id, alerts.reason, alerts.created_at,
           webhooks.url, events.type AS event_type, last.status AS last_status, last.error AS last_error
    FROM alerts
    JOIN webhooks ON webhooks.id = alerts.webhook_id
    JOIN events ON events.id = alerts.event_id
    LEFT JOIN LATERAL (
        SELECT status, error FROM attempts WHERE delivery_id = alerts.delivery_id ORDER BY number DESC LIMIT 1
    ) AS last ON true
    WHERE alerts.account_id = :account AND {where}
"""


class AlertQueries(Queries):
    """Reads alerts."""

    async def page(self, account: AccountId, page: Page) -> list[Row[Any]]:
        """Return alerts with what they are about."""
        return await self._page(_ALERTS, "alerts.id", account, page)
