"""Alerts as they are read and acknowledged; a final failure makes them."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import Target, TargetKind, made_with
from flux_dispatch.domain.ids import AccountId, AlertId, Prefix, format_id, parse_id
from flux_dispatch.store.audit_log import note
from flux_dispatch.store.connect import transaction
from flux_dispatch.store.pages import Page, Queries

_ALERTS = """
    SELECT alerts.id, alerts.webhook_id, alerts.event_id, alerts.delivery_id, alerts.reason, alerts.created_at,
           alerts.acknowledged_at,
           webhooks.url, webhooks.description, webhooks.deleted_at IS NOT NULL AS is_webhook_deleted,
           events.type AS event_type, last.status AS last_status, last.error AS last_error, last.phases AS last_phases
    FROM alerts
    JOIN webhooks ON webhooks.id = alerts.webhook_id
    JOIN events ON events.id = alerts.event_id
    LEFT JOIN LATERAL (
        SELECT status, error, phases FROM attempts WHERE delivery_id = alerts.delivery_id ORDER BY number DESC LIMIT 1
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

    async def acknowledge(self, account: AccountId, *alerts: AlertId) -> None:
        """Note that somebody has seen these, as far as the account has them; when that was first stays noted."""
        ids = [parse_id(Prefix.ALERT, each) for each in alerts]
        parameters = {"ids": ids, "account": parse_id(Prefix.ACCOUNT, account)}
        async with transaction(self._database) as connection:
            rows = (await connection.execute(_ACKNOWLEDGE, parameters)).scalars().all()
            seen = [format_id(Prefix.ALERT, each.hex) for each in rows]
            if len(seen) == 1:
                await note(
                    connection, Action.ALERT_ACKNOWLEDGED, account, Target(TargetKind.ALERT, seen[0], "an alert")
                )
            elif seen:
                target = Target(TargetKind.ALERT, "", f"{len(seen)} alerts")
                await note(connection, Action.ALERT_ACKNOWLEDGED, account, target, made_with(alerts=seen))


def alerts_query(filters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the statement for alerts, with a place for a page's bounds, and its parameters besides those."""
    wanted = []
    if "webhook" in filters:
        wanted.append("alerts.webhook_id = CAST(:webhook AS uuid)")
    if "acknowledged" in filters:
        wanted.append(f"alerts.acknowledged_at IS {'NOT NULL' if filters['acknowledged'] else 'NULL'}")
    parameters = {"webhook": filters["webhook"]} if "webhook" in filters else {}
    return _ALERTS.replace("{where}", " AND ".join([*wanted, "{where}"])), parameters


# Locked in order: two who acknowledge the same ones at once do not wait for each other.
_ACKNOWLEDGE: Final = text("""
    WITH seen AS (
        SELECT id FROM alerts
        WHERE id = ANY(CAST(:ids AS uuid[])) AND account_id = CAST(:account AS uuid) AND acknowledged_at IS NULL
        ORDER BY id FOR UPDATE
    )
    UPDATE alerts SET acknowledged_at = flux_now() WHERE id IN (SELECT id FROM seen) RETURNING id
""")
