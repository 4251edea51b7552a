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

TOLD: Final = f"""told.status, told.open + told.delivered + told.failed + told.canceled AS total,
           told.open, told.delivered, told.failed, told.canceled, {_IS_TEST}"""
"""What is told of an event, where FROM_TOLD is joined to it."""

# Who has one delivery alone has no row of its own among the statuses: the delivery tells. OFFSET keeps the sub-select
# from being joined otherwise: events are found first, newest first, by their index, and what is told of each by its id,
# until the page is full.
FROM_TOLD: Final = f"""CROSS JOIN LATERAL (
        SELECT status, open, delivered, failed, canceled FROM event_statuses WHERE event_id = events.id
        UNION ALL
        SELECT (ARRAY{list(_ENDINGS)})[ending + 1],
               (ending = 0)::int, (ending = 1)::int, (ending = 2)::int, (ending = 3)::int
        FROM deliveries WHERE event_id = events.id AND coalesce(is_only, false)
        OFFSET 0
    ) AS told"""  # noqa: S608 - only names of our own are written into it

_EVENTS = f"""
    SELECT events.id, events.type, events.created_at, events.body, {TOLD}
    FROM {{source}}
    {FROM_TOLD}
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

# Deliveries to the webhook, the newest event first; ORDER BY in each part, lest all be sorted.
_SENT = """(
            SELECT event_id FROM deliveries
            WHERE ending = {ending} AND webhook_id = CAST(:webhook AS uuid) AND {bounds}
            ORDER BY event_id DESC
        )"""

# Of a webhook that is another account's nothing is looked at.
_IS_THEIRS = "EXISTS (SELECT FROM webhooks WHERE id = CAST(:webhook AS uuid) AND account_id = :account)"

_EVENTS_OF_WEBHOOK = f"""(
        SELECT DISTINCT ON (event_id) event_id FROM ({{sent}}) AS sent WHERE {_IS_THEIRS}
        ORDER BY event_id DESC OFFSET 0
    ) AS found
    CROSS JOIN LATERAL (SELECT * FROM events WHERE id = found.event_id OFFSET 0) AS events"""  # noqa: S608 - ours

# What has the status and what was sent to the webhook, each the newest first, take turns: each step goes on to the
# newest of the one that may be among the other. So whichever is rare leads, and what is common is skipped. Each step
# adds one row, so the rows come in the order of the steps; it begins at an id that no event has.
_EVENTS_OF_WEBHOOK_AND_STATUS = f"""(
        WITH RECURSIVE steps (told, sent) AS (
            SELECT start.id, start.id FROM (SELECT CAST(repeat('f', 32) AS uuid) AS id) AS start WHERE {_IS_THEIRS}
            UNION ALL
            SELECT told.event_id, sent.event_id FROM steps
            CROSS JOIN LATERAL (
                SELECT event_id FROM (
                    (
                        SELECT event_id FROM event_statuses
                        WHERE account_id = :account AND status = :status AND {{bounds}}
                          AND event_id <= steps.sent AND event_id < steps.told
                        ORDER BY event_id DESC LIMIT 1
                    ) UNION ALL (
                        SELECT event_id FROM deliveries
                        WHERE account_id = :account AND is_only AND ending = :ending AND {{bounds}}
                          AND event_id <= steps.sent AND event_id < steps.told
                        ORDER BY event_id DESC LIMIT 1
                    )
                ) AS each ORDER BY event_id DESC LIMIT 1
            ) AS told
            CROSS JOIN LATERAL (
                SELECT event_id FROM ({{sent}}) AS each ORDER BY event_id DESC LIMIT 1
            ) AS sent
        )
        SELECT events.* FROM steps
        CROSS JOIN LATERAL (SELECT * FROM events WHERE id = steps.told OFFSET 0) AS events
        WHERE steps.told = steps.sent AND {{where}}
        LIMIT :limit
    ) AS events"""  # noqa: S608 - ours

# The bounds are rows, so that one index fits best whatever the planner believes: that of the webhook. Of one that has
# nearly all deliveries it would rather take another's and look for those of this ending.
_SENT_UP_TO_TOLD = """(
                    SELECT event_id FROM deliveries
                    WHERE ending = {ending}
                      AND (webhook_id, event_id) >= (CAST(:webhook AS uuid), CAST(repeat('0', 32) AS uuid))
                      AND (webhook_id, event_id) <= (CAST(:webhook AS uuid), told.event_id)
                    ORDER BY webhook_id DESC, event_id DESC LIMIT 1
                )"""

_SENT_ENDINGS: Final = {"pending": (0, 1, 3), "delivered": (1, 3), "failed": (0, 1, 2, 3), "canceled": (3,)}
"""How deliveries of events with a status may have ended; an unmatched one has none."""

_NO_ENDING: Final = -1


class EventQueries(Queries):
    """Reads events."""

    async def page(self, account: AccountId, page: Page, filters: Mapping[str, Any]) -> list[Row[Any]]:
        """Return events; filters: type, status, webhook (a uuid in hex), created_after, created_before.

        Those of a webhook have a delivery to it; the status is that of the event all the same.

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
    key = "event_id" if status or "webhook" in filters else "events.id"
    bounds = [behind(page, key)]
    # an id begins with the millisecond that the event was made in, so a time is a place in the index
    if "created_after" in filters:
        bounds.append(f"{key} >= CAST(:first AS uuid)")
        parameters["first"] = first_id(filters["created_after"], -1)
    if "created_before" in filters:
        bounds.append(f"{key} < CAST(:beyond AS uuid)")
        parameters["beyond"] = first_id(filters["created_before"], 1)
    if status:
        parameters["ending"] = _ENDINGS.index(status) if status in _ENDINGS else None
    wanted = [_EVENT_CONDITIONS[name] for name in filters if name in _EVENT_CONDITIONS]
    source, key, where = _source(filters, " AND ".join(bounds), " AND ".join(wanted or ["true"]))
    return f"{_EVENTS.format(source=source, where=where)} ORDER BY {key} DESC LIMIT :limit", parameters


def _source(filters: Mapping[str, Any], bounds: str, wanted: str) -> tuple[str, str, str]:
    """Return where events within these bounds are found, the column they are in the order of, and what is wanted."""
    status = filters.get("status")
    if "webhook" not in filters:
        if status:
            return _EVENTS_OF_STATUS.format(bounds=bounds), "found.event_id", wanted
        return "events", "events.id", f"{wanted} AND {bounds}"
    if not status:
        sent = (_SENT.format(ending=each, bounds=bounds) for each in range(len(_ENDINGS)))
        return _EVENTS_OF_WEBHOOK.format(sent=" UNION ALL ".join(sent)), "found.event_id", wanted
    if status not in _SENT_ENDINGS:
        bounds = "false"
    sent = (_SENT_UP_TO_TOLD.format(ending=each) for each in _SENT_ENDINGS.get(status, (_NO_ENDING,)))
    source = _EVENTS_OF_WEBHOOK_AND_STATUS.format(bounds=bounds, sent=" UNION ALL ".join(sent), where=wanted)
    return source, "events.id", "true"


_EVENT_CONDITIONS: Final = {
    "type": "events.type = :type",
    "created_after": "events.created_at > :created_after",
    "created_before": "events.created_at < :created_before",
}
