"""What the API shows: plain statements, newest first, one page at a time, each by an index."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.delivery import OPEN, State
from flux_dispatch.domain.errors import QueryTooSlow, Unavailable
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, Prefix, WebhookId, parse_id
from flux_dispatch.domain.webhook import Webhook
from flux_dispatch.store.connect import statement
from flux_dispatch.store.trouble import sqlstate
from flux_dispatch.store.webhooks import webhook_of

EVENT_STATUSES: Final = ("pending", "delivered", "failed", "canceled", "unmatched")
"""What the deliveries of an event may make of it."""

MAX_READ_SECONDS: Final = 2
"""After this PostgreSQL gives a read up: a list that is hard to find must not take the time of everything else."""

_WEBHOOKS = """
    SELECT id, account_id, url, events, description, headers, status, disabled_reason, secrets, created_at, updated_at
    FROM webhooks
    WHERE account_id = :account AND deleted_at IS NULL AND {where}
"""

# failed wins at once: one final failure marks the event, whatever its other deliveries do
_EVENTS = """
    SELECT events.id, events.type, events.created_at, events.body, told.status,
           counts.total, counts.open, counts.delivered, counts.failed, counts.canceled
    FROM {source}
    CROSS JOIN LATERAL (
        SELECT count(*) AS total,
               count(*) FILTER (WHERE ending = 0) AS open,
               count(*) FILTER (WHERE ending = 1) AS delivered,
               count(*) FILTER (WHERE ending = 2) AS failed,
               count(*) FILTER (WHERE ending = 3) AS canceled
        FROM deliveries WHERE event_id = events.id
    ) AS counts
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN events.failed_at IS NOT NULL THEN 'failed'
            WHEN counts.open > 0 THEN 'pending'
            -- that many were stored with it; the others may be still to come
            WHEN counts.total >= 1000 AND EXISTS (
                SELECT FROM fan_outs WHERE account_id = events.account_id AND event_id = events.id
            ) THEN 'pending'
            WHEN counts.delivered > 0 THEN 'delivered'
            WHEN counts.failed > 0 THEN 'failed'
            WHEN counts.canceled > 0 THEN 'canceled'
            ELSE 'unmatched'
        END AS status
    ) AS told
    WHERE events.account_id = :account AND {where}
"""

# Events that have a delivery with this ending, however few they are among all.
_EVENTS_BY_ENDING = """(
        SELECT DISTINCT event_id FROM deliveries
        WHERE account_id = :account AND ending = :ending AND {where}
        ORDER BY event_id DESC
    ) AS theirs JOIN events ON events.id = theirs.event_id"""

_DELIVERIES = """
    SELECT deliveries.id, deliveries.event_id, deliveries.webhook_id, deliveries.state, deliveries.reason,
           deliveries.attempts, deliveries.due_at, deliveries.ended_at, events.type AS event_type, webhooks.url
    FROM {source}
    JOIN events ON events.id = deliveries.event_id
    JOIN webhooks ON webhooks.id = deliveries.webhook_id
"""

# A page of each ending, and of those the newest.
_DELIVERIES_BY_ENDING = """(
        SELECT id, event_id, webhook_id, state, reason, attempts, due_at, ended_at
        FROM ({pages}) AS pages
        ORDER BY event_id DESC, id DESC
        LIMIT :limit
    ) AS deliveries"""
_PAGE_OF_DELIVERIES = """(
            SELECT id, event_id, webhook_id, state, reason, attempts, due_at, ended_at
            FROM deliveries
            WHERE account_id = :account AND ending = {ending} AND {where}
            ORDER BY event_id DESC, id DESC
            LIMIT :limit
        )"""

_ATTEMPTS = text("""
    SELECT number, duration_seconds, ended_at, status, error, detail
    FROM attempts WHERE delivery_id = :id ORDER BY number
""")

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


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list: at most `limit` things behind `after` (uuids in hex; None: from the newest on).

    Webhooks, events and alerts stand in the order of their ids, deliveries in that of their events' ids and then of
    their own; `after` holds these of the last thing seen.
    """

    limit: int
    after: tuple[str, ...] | None = None


class Reads:
    """Reads of one account's things; whatever belongs to another account is not there.

    Args:
        database: one that gives a statement up after MAX_READ_SECONDS.
    """

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def webhooks(self, account: AccountId, page: Page) -> list[Webhook]:
        """Return webhooks that were not deleted."""
        return [webhook_of(row) for row in await self._page(_WEBHOOKS, "webhooks.id", account, page)]

    async def webhook(self, account: AccountId, webhook: WebhookId) -> Webhook | None:
        """Return a webhook that was not deleted."""
        query = _WEBHOOKS.format(where="webhooks.id = CAST(:id AS uuid)")
        row = await self._one(query, account, parse_id(Prefix.WEBHOOK, webhook))
        return webhook_of(row) if row else None

    async def events(self, account: AccountId, page: Page, filters: Mapping[str, Any]) -> list[Row[Any]]:
        """Return events; filters: type, status, created_after, created_before.

        Raises:
            QueryTooSlow: it would take too long to find as many as the page has.
        """
        query, parameters = events_query(page, filters)
        return await self._list(query, account, page, parameters)

    async def event(self, account: AccountId, event: EventId) -> Row[Any] | None:
        """Return an event with its status and the counts of its deliveries."""
        query = _EVENTS.format(source="events", where="events.id = CAST(:id AS uuid)")
        return await self._one(query, account, parse_id(Prefix.EVENT, event))

    async def deliveries(self, account: AccountId, page: Page, filters: Mapping[str, Any]) -> list[Row[Any]]:
        """Return deliveries; filters: event and webhook (uuids in hex), status.

        Raises:
            QueryTooSlow: it would take too long to find as many as the page has.
        """
        query, parameters = deliveries_query(page, filters)
        return await self._list(query, account, page, parameters)

    async def delivery(self, account: AccountId, delivery: DeliveryId) -> Row[Any] | None:
        """Return a delivery."""
        query = _DELIVERIES.format(source="deliveries")
        query += " WHERE deliveries.account_id = :account AND deliveries.id = CAST(:id AS uuid)"
        return await self._one(query, account, parse_id(Prefix.DELIVERY, delivery))

    async def attempts(self, delivery: DeliveryId) -> list[Row[Any]]:
        """Return the attempts of a delivery, in order."""
        async with statement(self._database) as connection:
            rows = await connection.execute(_ATTEMPTS, {"id": UUID(parse_id(Prefix.DELIVERY, delivery))})
            return list(rows.all())

    async def alerts(self, account: AccountId, page: Page) -> list[Row[Any]]:
        """Return alerts with what they are about."""
        return await self._page(_ALERTS, "alerts.id", account, page)

    async def _page(
        self, query: str, key: str, account: AccountId, page: Page, parameters: Mapping[str, Any] | None = None
    ) -> list[Row[Any]]:
        clause = f"{query.format(where=_behind(page, key))} ORDER BY {key} DESC LIMIT :limit"
        return await self._list(clause, account, page, parameters or {})

    async def _list(self, query: str, account: AccountId, page: Page, parameters: Mapping[str, Any]) -> list[Row[Any]]:
        position = {f"after_{index}": each for index, each in enumerate(page.after or ())}
        try:
            return await self._rows(query, account, {**parameters, **position, "limit": page.limit})
        except Unavailable as error:
            if error.__cause__ is not None and sqlstate(error.__cause__) == _GIVEN_UP:
                raise QueryTooSlow(_TOO_SLOW) from error
            raise

    async def _one(self, query: str, account: AccountId, id_hex: str) -> Row[Any] | None:
        rows = await self._rows(query, account, {"id": id_hex})
        return rows[0] if rows else None

    async def _rows(self, query: str, account: AccountId, parameters: Mapping[str, Any]) -> list[Row[Any]]:
        given = {**parameters, "account": UUID(parse_id(Prefix.ACCOUNT, account))}
        async with statement(self._database) as connection:
            return list((await connection.execute(text(query), given)).all())


def events_query(page: Page, filters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the statement for a page of events, and its parameters besides the account and the page's own."""
    parameters: dict[str, Any] = dict(filters)
    bounds = [_behind(page, "{key}")]
    wanted = [_EVENT_CONDITIONS[name] for name in filters]
    # an id begins with the millisecond that the event was made in, so a time is a place in the index
    if "created_after" in filters:
        bounds.append("{key} >= CAST(:first AS uuid)")
        parameters["first"] = _first_id(filters["created_after"], -1)
    if "created_before" in filters:
        bounds.append("{key} < CAST(:beyond AS uuid)")
        parameters["beyond"] = _first_id(filters["created_before"], 1)
    source, where = "events", " AND ".join(bounds)
    ending = _ENDINGS_OF_EVENTS.get(filters.get("status", ""))
    if ending is not None:
        parameters["ending"] = ending
        source = _EVENTS_BY_ENDING.format(where=where.format(key="event_id"))
    if filters.get("status") == "failed":
        wanted.append("events.failed_at IS NOT NULL")
    where = " AND ".join([where.format(key="events.id"), *wanted])
    return f"{_EVENTS.format(source=source, where=where)} ORDER BY events.id DESC LIMIT :limit", parameters


def deliveries_query(page: Page, filters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the statement for a page of deliveries, and its parameters besides the account and the page's own."""
    where = " AND ".join([_behind(page, "event_id", "id"), *(_DELIVERY_CONDITIONS[name] for name in filters)])
    endings = [_ENDINGS[State(filters["status"])]] if "status" in filters else sorted(set(_ENDINGS.values()))
    pages = " UNION ALL ".join(_PAGE_OF_DELIVERIES.format(ending=each, where=where) for each in endings)
    query = _DELIVERIES.format(source=_DELIVERIES_BY_ENDING.format(pages=pages))
    return f"{query} ORDER BY deliveries.event_id DESC, deliveries.id DESC", dict(filters)


def _behind(page: Page, *keys: str) -> str:
    """Return the condition for what comes behind what was seen, in falling order of these columns."""
    if page.after is None:
        return "true"
    seen = ", ".join(f"CAST(:after_{index} AS uuid)" for index in range(len(keys)))
    return f"({', '.join(keys)}) < ({seen})"


def _first_id(instant: datetime, further_milliseconds: int) -> str:
    """Return the lowest id of a millisecond, as a uuid in hex."""
    milliseconds = int(instant.timestamp() * 1000) + further_milliseconds
    return f"{max(milliseconds, 0):012x}" + "0" * 20


_ENDINGS: Final = {**dict.fromkeys(OPEN, 0), State.DELIVERED: 1, State.FAILED: 2, State.CANCELED: 3}
"""What deliveries.ending says of a delivery in this state."""

_ENDINGS_OF_EVENTS: Final = {"pending": 0, "delivered": 1, "canceled": 3}
"""An event of this status has a delivery with this ending; one that failed is known by itself."""

_EVENT_CONDITIONS: Final = {
    "type": "events.type = :type",
    "status": "told.status = :status",
    "created_after": "events.created_at > :created_after",
    "created_before": "events.created_at < :created_before",
}
_DELIVERY_CONDITIONS: Final = {
    "event": "event_id = CAST(:event AS uuid)",
    "webhook": "webhook_id = CAST(:webhook AS uuid)",
    "status": "state = :status",
}

_GIVEN_UP: Final = "57014"
"""The SQLSTATE of a statement that was canceled, here because its time was over."""

_TOO_SLOW: Final = (
    f"This list could not be put together within {MAX_READ_SECONDS} seconds. Narrow it: with created_after and "
    "created_before where the list knows them, or by fewer or other filters."
)
