"""The statement behind accept: events and their deliveries in one INSERT … SELECT, so no webhook is missed."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, cast

import asyncpg
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.delivery import State
from flux_dispatch.domain.event import Event, Stored, patterns_that_match
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, Prefix, public_id, uuid_hex
from flux_dispatch.store.connect import HotStatement, statement
from flux_dispatch.store.timing import Timing

_ADD = HotStatement("""
    WITH given AS (
        SELECT * FROM unnest(
            CAST(:ids AS uuid[]), CAST(:accounts AS uuid[]), CAST(:types AS text[]), CAST(:created AS timestamptz[]),
            CAST(:keys AS text[]), CAST(:bodies AS bytea[]), CAST(:patterns AS text[])
        ) AS g (id, account_id, type, created_at, idempotency_key, body, patterns)
    ), fresh AS (
        INSERT INTO events (id, account_id, type, created_at, idempotency_key, body)
        SELECT given.id, account_id, type, given.created_at, idempotency_key, body
        FROM given JOIN accounts ON accounts.id = given.account_id
        ON CONFLICT DO NOTHING
        RETURNING id
    ), owed AS (
        INSERT INTO deliveries (event_id, webhook_id, account_id, state, due_at, wake_at)
        SELECT DISTINCT given.id, subscriptions.webhook_id, subscriptions.account_id, :pending,
               flux_now() + :first_delay, flux_second(flux_now() + :wake_after)
        FROM fresh
        JOIN given USING (id)
        CROSS JOIN unnest(string_to_array(given.patterns, E'\\n')) AS matching (pattern)
        JOIN subscriptions ON subscriptions.account_id = given.account_id AND subscriptions.pattern = matching.pattern
        RETURNING id, event_id
    )
    SELECT fresh.id AS event_id, owed.id AS delivery_id FROM fresh LEFT JOIN owed ON owed.event_id = fresh.id
""")

_EARLIER = text("""
    SELECT events.id, events.account_id, events.type, events.created_at, events.idempotency_key, events.body,
           array(SELECT id FROM deliveries WHERE event_id = events.id) AS deliveries
    FROM unnest(CAST(:accounts AS uuid[]), CAST(:keys AS text[])) AS g (account_id, idempotency_key)
    JOIN events USING (account_id, idempotency_key)
""")


class EventStore:
    """Stores events."""

    def __init__(self, database: AsyncEngine, timing: Timing) -> None:
        self._database = database
        self._timing = timing

    async def add(self, events: Sequence[Event], *, first_delay: timedelta) -> list[Stored | None]:
        """Store events with one delivery for each enabled webhook that wants them; one result for each, in order.

        An event whose idempotency key its account used before is not stored; the earlier one is returned. For an
        account that does not exist the result is None.
        """
        # in the order of their keys, so that two groups never wait for each other's keys crosswise
        in_order = sorted(events, key=lambda event: (event.account, event.idempotency_key or ""))
        rows = await _ADD.rows(self._database, self._parameters(in_order, first_delay))
        fresh = _deliveries_by_event(rows)
        doubled = [event for event in events if event.id not in fresh]
        earlier = await self._earlier(doubled) if doubled else {}
        return [
            Stored(event, tuple(fresh[event.id]), is_earlier=False)
            if event.id in fresh
            else earlier.get((event.account, event.idempotency_key))
            for event in events
        ]

    def _parameters(self, events: Sequence[Event], first_delay: timedelta) -> dict[str, Any]:
        return {
            "ids": [uuid_hex(Prefix.EVENT, event.id) for event in events],
            "accounts": [uuid_hex(Prefix.ACCOUNT, event.account) for event in events],
            "types": [event.type for event in events],
            "created": [event.created_at for event in events],
            "keys": [event.idempotency_key for event in events],
            "bodies": [event.body for event in events],
            "patterns": ["\n".join(patterns_that_match(event.type)) for event in events],
            "pending": State.PENDING,
            "first_delay": first_delay,
            "wake_after": self._timing.wake_after(first_delay),
        }

    async def _earlier(self, events: Sequence[Event]) -> dict[tuple[AccountId, str | None], Stored]:
        async with statement(self._database) as connection:
            rows = await connection.execute(
                _EARLIER,
                {
                    "accounts": [uuid_hex(Prefix.ACCOUNT, event.account) for event in events],
                    "keys": [event.idempotency_key for event in events],
                },
            )
            found = [_stored(row) for row in rows]
        return {(each.event.account, each.event.idempotency_key): each for each in found}


def _deliveries_by_event(rows: Iterable[asyncpg.Record]) -> dict[EventId, list[DeliveryId]]:
    fresh: dict[EventId, list[DeliveryId]] = {}
    for event, delivery in rows:
        deliveries = fresh.setdefault(cast(EventId, public_id(Prefix.EVENT, event.hex)), [])
        if delivery is not None:
            deliveries.append(cast(DeliveryId, public_id(Prefix.DELIVERY, delivery.hex)))
    return fresh


def _stored(row: Row[Any]) -> Stored:
    event = Event(
        id=cast(EventId, public_id(Prefix.EVENT, row.id.hex)),
        account=cast(AccountId, public_id(Prefix.ACCOUNT, row.account_id.hex)),
        type=row.type,
        created_at=row.created_at,
        body=bytes(row.body),
        idempotency_key=row.idempotency_key,
    )
    deliveries = tuple(cast(DeliveryId, public_id(Prefix.DELIVERY, each.hex)) for each in row.deliveries)
    return Stored(event, deliveries, is_earlier=True)
