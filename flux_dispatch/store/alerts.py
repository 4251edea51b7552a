"""Alerts as they are read and acknowledged; a final failure makes them."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.ids import AccountId, AlertId, Prefix, parse_id
from flux_dispatch.store.connect import connect
from flux_dispatch.store.pages import Page, Queries

_ALERTS = """
    SELECT alerts.id, alerts.webhook_id, alerts.event_id, alerts.delivery_id, alerts.reason, alerts.created_at,
           alerts.acknowledged_at,
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

    async def page(self, account: AccountId, page: Page, filters: Mapping[str, Any]) -> list[Row[Any]]:
        """Return alerts with what they are about; filters: webhook (uuid in hex), acknowledged (whether they are)."""
        query, parameters = alerts_query(filters)
        return await self._page(query, "alerts.id", account, page, parameters)

    async def get(self, account: AccountId, alert: AlertId) -> Row[Any] | None:
        """Return an alert with what it is about."""
        query = _ALERTS.format(where="alerts.id = CAST(:id AS uuid)")
        return await self._one(query, account, parse_id(Prefix.ALERT, alert))


class AlertStore:
    """Acknowledges alerts."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def acknowledge(self, account: AccountId, alert: AlertId) -> None:
        """Note that somebody has seen it, if the account has it; when that was first stays noted."""
        parameters = {"id": parse_id(Prefix.ALERT, alert), "account": parse_id(Prefix.ACCOUNT, account)}
        async with connect(self._database) as connection:
            await connection.execute(_ACKNOWLEDGE, parameters)


def alerts_query(filters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the statement for alerts, with a place for a page's bounds, and its parameters besides those."""
    wanted = []
    if "webhook" in filters:
        wanted.append("alerts.webhook_id = CAST(:webhook AS uuid)")
    if "acknowledged" in filters:
        wanted.append(f"alerts.acknowledged_at IS {'NOT NULL' if filters['acknowledged'] else 'NULL'}")
    parameters = {"webhook": filters["webhook"]} if "webhook" in filters else {}
    return _ALERTS.replace("{where}", " AND ".join([*wanted, "{where}"])), parameters


_ACKNOWLEDGE: Final = text("""
    UPDATE alerts SET acknowledged_at = flux_now()
    WHERE id = CAST(:id AS uuid) AND account_id = CAST(:account AS uuid) AND acknowledged_at IS NULL
""")
