"""Events as they are read; they are stored by publishing."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Row

from flux_dispatch.domain.ids import AccountId, EventId, Prefix, parse_id
from flux_dispatch.store.pages import Page, Queries, behind, first_id

EVENT_STATUSES: Final = ("pending", "delivered", "failed", "canceled", "unmatched")
"""What the deliveries of an event may make of it."""

# failed wins at once: one final failure marks the event, whatever its other deliveries do
_EVENTS = """
    SELECT events.id, events.type, events.created_at, events.body, told.status,
           counts.total, counts.open, counts.delivered, counts.failed, counts.canceled, counts.is_test
    FROM {source}
    CROSS JOIN LATERAL (
        SELECT count(*) AS total,
               count(*) FILTER (WHERE ending = 0) AS open,
               count(*) FILTER (WHERE ending = 1) AS delivered,
               count(*) FILTER (WHERE ending = 2) AS failed,
               count(*) FILTER (WHERE ending = 3) AS canceled,
               coalesce(bool_or(deliveries.is_test), false) AS is_test
        FROM deliveries WHERE event_id = events.id
    ) AS counts
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN events.failed_at IS NOT NULL THEN 'failed'
            WHEN counts.open > 0 THEN 'pending'
            -- others are still to come
            WHEN EXISTS (
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


class EventQueries(Queries):
    """Reads events."""

    async def page(self, account: AccountId, page: Page, filters: Mapping[str, Any]) -> list[Row[Any]]:
        """Return events; filters: type, status, created_after, created_before.

        Raises:
            QueryTooSlow: it would take too long to find as many as the page has.
        """
        query, parameters = events_query(page, filters)
        return await self._list(query, account, page, parameters)

    async def get(self, account: AccountId, event: EventId) -> Row[Any] | None:
        """Return an event with its status and the counts of its deliveries."""
        query = _EVENTS.format(source="events", where="events.id = CAST(:id AS uuid)")
        return await self._one(query, account, parse_id(Prefix.EVENT, event))


def events_query(page: Page, filters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the statement for a page of events, and its parameters besides the account and the page's own."""
    parameters: dict[str, Any] = dict(filters)
    bounds = [behind(page, "{key}")]
    wanted = [_EVENT_CONDITIONS[name] for name in filters]
    # an id begins with the millisecond that the event was made in, so a time is a place in the index
    if "created_after" in filters:
        bounds.append("{key} >= CAST(:first AS uuid)")
        parameters["first"] = first_id(filters["created_after"], -1)
    if "created_before" in filters:
        bounds.append("{key} < CAST(:beyond AS uuid)")
        parameters["beyond"] = first_id(filters["created_before"], 1)
    source, where = "events", " AND ".join(bounds)
    ending = _ENDINGS_OF_EVENTS.get(filters.get("status", ""))
    if ending is not None:
        parameters["ending"] = ending
        source = _EVENTS_BY_ENDING.format(where=where.format(key="event_id"))
    if filters.get("status") == "failed":
        wanted.append("events.failed_at IS NOT NULL")
    where = " AND ".join([where.format(key="events.id"), *wanted])
    return f"{_EVENTS.format(source=source, where=where)} ORDER BY events.id DESC LIMIT :limit", parameters


_ENDINGS_OF_EVENTS: Final = {"pending": 0, "delivered": 1, "canceled": 3}
"""An event of this status has a delivery with this ending; one that failed is known by itself."""

_EVENT_CONDITIONS: Final = {
    "type": "events.type = :type",
    "status": "told.status = :status",
    "created_after": "events.created_at > :created_after",
    "created_before": "events.created_at < :created_before",
}
