"""Events as they are read; they are stored by publishing."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Row

from flux_dispatch.domain.ids import AccountId, EventId, Prefix, parse_id
from flux_dispatch.store.pages import Page, Queries, behind, first_id

EVENT_STATUSES: Final = ("pending", "delivered", "failed", "canceled", "unmatched")
"""What the deliveries of an event may make of it."""

# of an event either all deliveries are tests or none is
_IS_TEST = "coalesce((SELECT is_test FROM deliveries WHERE event_id = events.id LIMIT 1), false) AS is_test"

# OFFSET keeps each sub-select from being joined otherwise: what is looked for is found first, newest first, by its
# index, and then the rest of each event by its id, until the page is full.
_EVENTS = f"""
    SELECT events.id, events.type, events.created_at, events.body, told.status,
           told.open + told.delivered + told.failed + told.canceled AS total,
           told.open, told.delivered, told.failed, told.canceled, {_IS_TEST}
    FROM events
    CROSS JOIN LATERAL (SELECT * FROM event_statuses WHERE event_id = events.id OFFSET 0) AS told
    WHERE events.account_id = :account AND {{where}}
"""  # noqa: S608 - only a piece of our own is written into it
_EVENTS_BY_STATUS = f"""
    SELECT events.id, events.type, events.created_at, events.body, told.status,
           told.open + told.delivered + told.failed + told.canceled AS total,
           told.open, told.delivered, told.failed, told.canceled, {_IS_TEST}
    FROM event_statuses AS told
    CROSS JOIN LATERAL (SELECT * FROM events WHERE id = told.event_id OFFSET 0) AS events
    WHERE told.account_id = :account AND told.status = :status AND {{where}}
"""  # noqa: S608 - only a piece of our own is written into it


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
        query = _EVENTS.format(where="events.id = CAST(:id AS uuid)")
        return await self._one(query, account, parse_id(Prefix.EVENT, event))


def events_query(page: Page, filters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the statement for a page of events, and its parameters besides the account and the page's own."""
    parameters: dict[str, Any] = dict(filters)
    query, key = (_EVENTS_BY_STATUS, "told.event_id") if "status" in filters else (_EVENTS, "events.id")
    wanted = [behind(page, key), *(_EVENT_CONDITIONS[name] for name in filters if name != "status")]
    # an id begins with the millisecond that the event was made in, so a time is a place in the index
    if "created_after" in filters:
        wanted.append(f"{key} >= CAST(:first AS uuid)")
        parameters["first"] = first_id(filters["created_after"], -1)
    if "created_before" in filters:
        wanted.append(f"{key} < CAST(:beyond AS uuid)")
        parameters["beyond"] = first_id(filters["created_before"], 1)
    return f"{query.format(where=' AND '.join(wanted))} ORDER BY {key} DESC LIMIT :limit", parameters


_EVENT_CONDITIONS: Final = {
    "type": "events.type = :type",
    "created_after": "events.created_at > :created_after",
    "created_before": "events.created_at < :created_before",
}
