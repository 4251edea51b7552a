"""Events as they are read; they are stored by publishing."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Row

from flux_dispatch.domain.ids import AccountId, EventId, Prefix, parse_id
from flux_dispatch.store.pages import Page, Queries, behind, first_id

EVENT_STATUSES: Final = ("pending", "delivered", "failed", "canceled", "unmatched")
"""What the deliveries of an event may make of it."""

_ENDINGS: Final = EVENT_STATUSES[:4]
"""The same of an event with one delivery, by how that has ended."""

# of an event either all deliveries are tests or none is
_IS_TEST = "coalesce((SELECT is_test FROM deliveries WHERE event_id = events.id LIMIT 1), false) AS is_test"

# Who has one delivery alone has no row of its own among the statuses: the delivery tells. OFFSET keeps the sub-select
# from being joined otherwise: events are found first, newest first, by their index, and what is told of each by its id,
# until the page is full.
_EVENTS = f"""
    SELECT events.id, events.type, events.created_at, events.body, told.status,
           told.open + told.delivered + told.failed + told.canceled AS total,
           told.open, told.delivered, told.failed, told.canceled, {_IS_TEST}
    FROM {{source}}
    CROSS JOIN LATERAL (
        SELECT status, open, delivered, failed, canceled FROM event_statuses WHERE event_id = events.id
        UNION ALL
        SELECT (ARRAY{list(_ENDINGS)})[ending + 1],
               (ending = 0)::int, (ending = 1)::int, (ending = 2)::int, (ending = 3)::int
        FROM deliveries WHERE event_id = events.id AND coalesce(is_only, false)
        OFFSET 0
    ) AS told
    WHERE events.account_id = :account AND {{where}}
"""  # noqa: S608 - only a piece of our own is written into it

# Two indexes, each of which has the newest first, are read side by side; ORDER BY in both, lest all be sorted.
_EVENTS_OF_STATUS = """(
        (
            SELECT event_id FROM event_statuses WHERE account_id = :account AND status = :status AND {bounds}
            ORDER BY event_id DESC
        ) UNION ALL (
            SELECT event_id FROM deliveries
            WHERE account_id = :account AND is_only AND ending = :ending AND {bounds}
            ORDER BY event_id DESC
        )
    ) AS found
    CROSS JOIN LATERAL (SELECT * FROM events WHERE id = found.event_id OFFSET 0) AS events"""


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
    status = filters.get("status")
    key = "event_id" if status else "events.id"
    bounds = [behind(page, key)]
    # an id begins with the millisecond that the event was made in, so a time is a place in the index
    if "created_after" in filters:
        bounds.append(f"{key} >= CAST(:first AS uuid)")
        parameters["first"] = first_id(filters["created_after"], -1)
    if "created_before" in filters:
        bounds.append(f"{key} < CAST(:beyond AS uuid)")
        parameters["beyond"] = first_id(filters["created_before"], 1)
    source, wanted = "events", [_EVENT_CONDITIONS[name] for name in filters if name != "status"]
    if status:
        parameters["ending"] = _ENDINGS.index(status) if status in _ENDINGS else None
        source, key = _EVENTS_OF_STATUS.format(bounds=" AND ".join(bounds)), "found.event_id"
    else:
        wanted += bounds
    where = " AND ".join(wanted or ["true"])
    return f"{_EVENTS.format(source=source, where=where)} ORDER BY {key} DESC LIMIT :limit", parameters


_EVENT_CONDITIONS: Final = {
    "type": "events.type = :type",
    "created_after": "events.created_at > :created_after",
    "created_before": "events.created_at < :created_before",
}
