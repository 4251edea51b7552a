"""What pages that stay open are told again and again: of several accounts and events at once, in one statement."""

from collections.abc import Sequence
from typing import Any, Final, cast

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, Prefix, WebhookId, format_id, parse_id
from flux_dispatch.domain.progress import DeliveryProgress, EventProgress
from flux_dispatch.store.connect import connect
from flux_dispatch.store.events import FROM_TOLD, TOLD
from flux_dispatch.store.pages import HIGHEST_ID, LOWEST_ID

MOST_DELIVERIES: Final = 50
"""Of one event: as many as its page has room for."""

_LOOKED_AT: Final = 1000

# The bounds are rows, so that one index fits best, whatever PostgreSQL believes of an account.
RECENT_EVENTS: Final = f"""
    SELECT events.account_id, events.id, events.type, events.created_at, {TOLD}
    FROM unnest(CAST(:accounts AS uuid[])) AS wanted (account)
    CROSS JOIN LATERAL (
        SELECT account_id, id, type, created_at FROM events
        WHERE (account_id, id) >= (wanted.account, {LOWEST_ID}) AND (account_id, id) <= (wanted.account, {HIGHEST_ID})
        ORDER BY account_id DESC, id DESC LIMIT :limit
    ) AS events
    {FROM_TOLD}
    ORDER BY events.account_id, events.id DESC
"""  # noqa: S608 - only pieces of our own are written into it

# An event may have very many: then some of them are looked at, and the newest of these are told.
DELIVERIES_OF_EVENTS: Final = f"""
    SELECT wanted.event AS event_id, newest.*
    FROM unnest(CAST(:accounts AS uuid[]), CAST(:events AS uuid[])) AS wanted (account, event)
    CROSS JOIN LATERAL (
        SELECT id, webhook_id, state, attempts, due_at, ended_at
        FROM (SELECT * FROM deliveries WHERE event_id = wanted.event LIMIT {_LOOKED_AT}) AS looked_at
        WHERE account_id = wanted.account
        ORDER BY id DESC LIMIT {MOST_DELIVERIES}
    ) AS newest
    ORDER BY event_id DESC, newest.id DESC
"""  # noqa: S608 - as above

EVENTS_NAMED: Final = f"""
    SELECT events.id, events.type, events.created_at, {TOLD}
    FROM unnest(CAST(:accounts AS uuid[]), CAST(:events AS uuid[])) AS wanted (account, event)
    CROSS JOIN LATERAL (
        SELECT id, type, created_at FROM events WHERE id = wanted.event AND account_id = wanted.account OFFSET 0
    ) AS events
    {FROM_TOLD}
"""  # noqa: S608 - as above

DELIVERIES_NAMED: Final = """
    SELECT named.*
    FROM unnest(CAST(:accounts AS uuid[]), CAST(:deliveries AS uuid[])) AS wanted (account, delivery)
    CROSS JOIN LATERAL (
        SELECT id, webhook_id, state, attempts, due_at, ended_at FROM deliveries
        WHERE id = wanted.delivery AND account_id = wanted.account OFFSET 0
    ) AS named
"""


class LiveQueries:
    """Reads how far events and deliveries have come.

    Args:
        database: one that gives a statement up after MAX_READ_SECONDS.
    """

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def recent_events(
        self, accounts: Sequence[AccountId], limit: int = 25
    ) -> dict[AccountId, list[EventProgress]]:
        """Return the newest events of each of these accounts, the newest first; an account without any has none."""
        found: dict[AccountId, list[EventProgress]] = {each: [] for each in accounts}
        ids = [parse_id(Prefix.ACCOUNT, each) for each in found]
        for row in await self._rows(RECENT_EVENTS, {"accounts": ids, "limit": limit}):
            account = cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex))
            found[account].append(event_from_row(row))
        return found

    async def deliveries_of_events(
        self, events: Sequence[tuple[AccountId, EventId]]
    ) -> dict[EventId, list[DeliveryProgress]]:
        """Return up to MOST_DELIVERIES deliveries of each of these events, the newest first.

        Of an event that is another account's than is said there are none.
        """
        found: dict[EventId, list[DeliveryProgress]] = {event: [] for _, event in events}
        given = {
            "accounts": [parse_id(Prefix.ACCOUNT, account) for account, _ in dict.fromkeys(events)],
            "events": [parse_id(Prefix.EVENT, event) for _, event in dict.fromkeys(events)],
        }
        for row in await self._rows(DELIVERIES_OF_EVENTS, given):
            found[cast(EventId, format_id(Prefix.EVENT, row.event_id.hex))].append(delivery_from_row(row))
        return found

    async def events(self, events: Sequence[tuple[AccountId, EventId]]) -> dict[EventId, EventProgress]:
        """Return those of these events that are there, and belong to the account that is said."""
        wanted = dict.fromkeys(events)
        given = {
            "accounts": [parse_id(Prefix.ACCOUNT, account) for account, _ in wanted],
            "events": [parse_id(Prefix.EVENT, event) for _, event in wanted],
        }
        found = [event_from_row(row) for row in await self._rows(EVENTS_NAMED, given)]
        return {each.id: each for each in found}

    async def deliveries(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]]
    ) -> dict[DeliveryId, DeliveryProgress]:
        """Return those of these deliveries that are there, and belong to the account that is said."""
        wanted = dict.fromkeys(deliveries)
        given = {
            "accounts": [parse_id(Prefix.ACCOUNT, account) for account, _ in wanted],
            "deliveries": [parse_id(Prefix.DELIVERY, delivery) for _, delivery in wanted],
        }
        found = [delivery_from_row(row) for row in await self._rows(DELIVERIES_NAMED, given)]
        return {each.id: each for each in found}

    async def _rows(self, query: str, parameters: dict[str, Any]) -> list[Row[Any]]:
        async with connect(self._database) as connection:
            return list((await connection.execute(text(query), parameters)).all())


def event_from_row(row: Row[Any]) -> EventProgress:
    """Return how far the event of a row has come: of these statements, or of a list of events."""
    return EventProgress(
        id=cast(EventId, format_id(Prefix.EVENT, row.id.hex)),
        type=row.type,
        created_at=row.created_at,
        status=row.status,
        open=row.open,
        delivered=row.delivered,
        failed=row.failed,
        canceled=row.canceled,
        is_test=row.is_test,
    )


def delivery_from_row(row: Row[Any]) -> DeliveryProgress:
    """Return how far the delivery of a row has come: of these statements, or of a list of deliveries."""
    return DeliveryProgress(
        id=cast(DeliveryId, format_id(Prefix.DELIVERY, row.id.hex)),
        webhook=cast(WebhookId, format_id(Prefix.WEBHOOK, row.webhook_id.hex)),
        state=row.state,
        attempts=row.attempts,
        due_at=row.due_at,
        ended_at=row.ended_at,
    )
