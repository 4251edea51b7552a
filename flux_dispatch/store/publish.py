"""The statement behind publish: events and their deliveries in one INSERT … SELECT, so no webhook is missed."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final, cast
from uuid import UUID

import asyncpg
from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flux_dispatch.domain.delivery import State
from flux_dispatch.domain.event import Event, StoredEvent, patterns_that_match
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, Prefix, format_id, parse_id
from flux_dispatch.domain.timing import Timing
from flux_dispatch.store.connect import DriverStatement, connect
from flux_dispatch.store.trouble import sqlstate

FAN_OUT_AT_ONCE: Final = 1000
"""How many deliveries of one event are stored with it. Where more webhooks want it, the others get theirs in steps of
as many, from a note that is stored with the event: one event must not keep everybody's waiting."""

DELIVERIES_OF_A_BATCH: Final = 10_000
"""About how many deliveries one statement stores with a batch; each of its events gets its part, the rest in steps."""

_ADD = DriverStatement("""
    WITH given AS (
        SELECT * FROM unnest(
            CAST(:ids AS uuid[]), CAST(:accounts AS uuid[]), CAST(:types AS text[]), CAST(:created AS timestamptz[]),
            CAST(:keys AS text[]), CAST(:bodies AS bytea[]), CAST(:patterns AS text[])
        ) AS g (id, account_id, type, created_at, idempotency_key, body, patterns)
    ), fresh AS (
        INSERT INTO events (id, account_id, type, created_at, idempotency_key, body)
        SELECT given.id, account_id, type, given.created_at, idempotency_key, body
        FROM given
        -- no join, and opaque to PostgreSQL's planner: whatever joins could turn the order of the keys round
        WHERE coalesce((SELECT deleted_at IS NULL FROM accounts WHERE accounts.id = given.account_id), false)
        ON CONFLICT DO NOTHING
        RETURNING id
    ), made AS (
        INSERT INTO deliveries (event_id, webhook_id, account_id, state, due_at, sweep_at, is_only)
        SELECT given.id, matching.webhook_id, given.account_id, :pending,
               flux_now() + :first_delay, flux_second(flux_now() + :sweep_after), matching.is_only
        FROM fresh
        JOIN given USING (id)
        CROSS JOIN LATERAL (
            SELECT webhook_id, count(*) OVER () = 1 AND CAST(:most AS int) > 1 AS is_only FROM (
                SELECT DISTINCT webhook_id FROM subscriptions
                WHERE account_id = given.account_id AND pattern = ANY(string_to_array(given.patterns, E'\\n'))
                ORDER BY webhook_id LIMIT CAST(:most AS int)
            ) AS first
        ) AS matching
        RETURNING id, event_id, webhook_id
    ), begun AS (
        INSERT INTO fan_outs (account_id, event_id, patterns, after, webhooks)
        SELECT given.account_id, given.id, string_to_array(given.patterns, E'\\n'),
               first.webhooks[CAST(:most AS int)], (
            SELECT count(DISTINCT webhook_id) FROM subscriptions
            WHERE account_id = given.account_id AND pattern = ANY(string_to_array(given.patterns, E'\\n'))
        )
        FROM (
            SELECT event_id, array_agg(webhook_id ORDER BY webhook_id) AS webhooks
            FROM made GROUP BY event_id HAVING count(*) = CAST(:most AS int)
        ) AS first
        JOIN given ON given.id = first.event_id
        RETURNING event_id, webhooks
    )
    SELECT fresh.id AS event_id, made.id AS delivery_id, begun.webhooks
    FROM fresh LEFT JOIN made ON made.event_id = fresh.id LEFT JOIN begun ON begun.event_id = fresh.id
""")

# For those that are stored all or none: a key that is known ends the statement.
_ADD_ALL = DriverStatement(_ADD.text.replace("ON CONFLICT DO NOTHING", ""))

# The next of those that very many webhooks want: the deliveries of the next of these, and how far it has come.
_FAN_OUT = DriverStatement("""
    WITH begun AS (
        SELECT account_id, event_id, patterns, after FROM fan_outs
        WHERE account_id > CAST(:after AS uuid)
        ORDER BY account_id, event_id LIMIT 1
        FOR UPDATE SKIP LOCKED
    ), matching AS (
        SELECT DISTINCT subscriptions.webhook_id, begun.account_id, begun.event_id
        FROM begun
        JOIN subscriptions ON subscriptions.account_id = begun.account_id
             AND subscriptions.pattern = ANY(begun.patterns) AND subscriptions.webhook_id > begun.after
        ORDER BY webhook_id LIMIT CAST(:most AS int)
    ), made AS (
        INSERT INTO deliveries (event_id, webhook_id, account_id, state, due_at, sweep_at)
        SELECT matching.event_id, matching.webhook_id, matching.account_id, :pending,
               flux_now() + :first_delay, flux_second(flux_now() + :sweep_after)
        FROM matching
        JOIN events ON events.id = matching.event_id
        JOIN webhooks ON webhooks.id = matching.webhook_id
        -- who subscribed after it was published does not get it; clocks may differ a little
        WHERE webhooks.created_at <= events.created_at + interval '1 second'
        RETURNING id
    ), ended AS (
        DELETE FROM fan_outs USING begun
        WHERE fan_outs.event_id = begun.event_id AND (SELECT count(*) FROM matching) < CAST(:most AS int)
    ), moved AS (
        UPDATE fan_outs SET after = (SELECT webhook_id FROM matching ORDER BY webhook_id DESC LIMIT 1) FROM begun
        WHERE fan_outs.event_id = begun.event_id AND (SELECT count(*) FROM matching) = CAST(:most AS int)
    )
    SELECT begun.account_id, made.id AS delivery_id FROM begun LEFT JOIN made ON true
""")

_EARLIER = text("""
    SELECT events.id, events.account_id, events.type, events.created_at, events.idempotency_key, events.body,
           array(SELECT id FROM deliveries WHERE event_id = events.id) AS deliveries,
           (SELECT count(DISTINCT webhook_id) FROM deliveries WHERE event_id = events.id) AS webhooks
    FROM unnest(CAST(:accounts AS uuid[]), CAST(:keys AS text[])) AS g (account_id, idempotency_key)
    JOIN events USING (account_id, idempotency_key)
""")


class EventStore:
    """Stores events."""

    def __init__(self, database: AsyncEngine, timing: Timing) -> None:
        self._database = database
        self._timing = timing

    async def create(self, events: Sequence[Event], *, first_delay: timedelta) -> list[StoredEvent | None]:
        """Store events with one delivery for each enabled webhook that wants them; one result for each, in order.

        An event whose idempotency key its account used before is not stored; the earlier one is returned. For an
        account that does not exist the result is None.
        """
        rows = await _ADD.rows(self._database, _parameters(events, self._timing, first_delay))
        fresh = _fresh(events, rows)
        duplicate = [event for event in events if event.id not in fresh]
        earlier = await self.earlier(duplicate) if duplicate else {}
        return [fresh.get(event.id) or earlier.get((event.account, event.idempotency_key)) for event in events]

    async def create_all(self, events: Sequence[Event], *, first_delay: timedelta) -> list[StoredEvent] | None:
        """Store these events of one account in one transaction, in which none of their keys is known.

        Returns:
            One for each, in order; none at all for an account that does not exist. None, and nothing is stored, when a
            key is known by now.
        """
        parameters = _parameters(events, self._timing, first_delay, most=_most_of_each(events))
        try:
            rows = await _ADD_ALL.rows(self._database, parameters)
        except DBAPIError as error:
            if sqlstate(error) == _KNOWN_ALREADY:
                return None
            raise
        fresh = _fresh(events, rows)
        return [fresh[event.id] for event in events if event.id in fresh]

    async def fan_out(self, after: AccountId, *, first_delay: timedelta) -> tuple[AccountId, list[DeliveryId]] | None:
        """Store the next deliveries of an event that more webhooks want than were served at once.

        Returns:
            Whose event it was, of an account after this one, and the new deliveries; None when there is none.
        """
        parameters = {
            "after": parse_id(Prefix.ACCOUNT, after),
            "most": FAN_OUT_AT_ONCE,
            "pending": State.PENDING,
            "first_delay": first_delay,
            "sweep_after": self._timing.sweep_after(first_delay),
        }
        rows = await _FAN_OUT.rows(self._database, parameters)
        if not rows:
            return None
        account = cast(AccountId, format_id(Prefix.ACCOUNT, rows[0]["account_id"].hex))
        made = [row["delivery_id"] for row in rows if row["delivery_id"] is not None]
        return account, [cast(DeliveryId, format_id(Prefix.DELIVERY, each.hex)) for each in made]

    async def earlier(self, events: Sequence[Event]) -> dict[tuple[AccountId, str | None], StoredEvent]:
        """Return the events that were stored with the keys of these, by account and key."""
        async with connect(self._database) as connection:
            return await earlier_events(connection, events)


async def add_events(
    connection: AsyncConnection, events: Sequence[Event], timing: Timing, first_delay: timedelta
) -> list[StoredEvent | None]:
    """Store events as EventStore.create does, as a part of this connection's transaction.

    However many webhooks want them, it stores some DELIVERIES_OF_A_BATCH of their deliveries at most.

    Raises:
        DBAPIError: PostgreSQL refused it; the transaction goes on from its last savepoint only.
    """
    parameters = _parameters(events, timing, first_delay, most=_most_of_each(events))
    fresh = _fresh(events, await _ADD.rows_on(connection, parameters))
    duplicate = [event for event in events if event.id not in fresh and event.idempotency_key is not None]
    earlier = await earlier_events(connection, duplicate) if duplicate else {}
    return [fresh.get(event.id) or earlier.get((event.account, event.idempotency_key)) for event in events]


async def earlier_events(
    connection: AsyncConnection, events: Sequence[Event]
) -> dict[tuple[AccountId, str | None], StoredEvent]:
    """Return the events that were stored with the keys of these, by account and key."""
    rows = await connection.execute(
        _EARLIER,
        {
            "accounts": [parse_id(Prefix.ACCOUNT, event.account) for event in events],
            "keys": [event.idempotency_key for event in events],
        },
    )
    found = [_event_from_row(row) for row in rows]
    return {(each.event.account, each.event.idempotency_key): each for each in found}


def _most_of_each(events: Sequence[Event]) -> int:
    return min(FAN_OUT_AT_ONCE, max(DELIVERIES_OF_A_BATCH // len(events), 1))


def _parameters(
    events: Sequence[Event], timing: Timing, first_delay: timedelta, most: int = FAN_OUT_AT_ONCE
) -> dict[str, Any]:
    # in the order of their keys, so that two groups never wait for each other's keys crosswise
    events = sorted(events, key=lambda event: (event.account, event.idempotency_key or ""))
    return {
        "ids": [parse_id(Prefix.EVENT, event.id) for event in events],
        "accounts": [parse_id(Prefix.ACCOUNT, event.account) for event in events],
        "types": [event.type for event in events],
        "created": [event.created_at for event in events],
        "keys": [event.idempotency_key for event in events],
        "bodies": [event.body for event in events],
        "patterns": ["\n".join(patterns_that_match(event.type)) for event in events],
        "pending": State.PENDING,
        "first_delay": first_delay,
        "sweep_after": timing.sweep_after(first_delay),
        "most": most,
    }


def _event_id(value: UUID) -> EventId:
    return cast(EventId, format_id(Prefix.EVENT, value.hex))


def _fresh(events: Iterable[Event], rows: Sequence[asyncpg.Record]) -> dict[EventId, StoredEvent]:
    deliveries = _deliveries_by_event(rows)
    webhooks = {_event_id(row["event_id"]): row["webhooks"] for row in rows if row["webhooks"] is not None}
    return {
        event.id: StoredEvent(event, tuple(theirs), webhooks.get(event.id, len(theirs)), is_duplicate=False)
        for event in events
        if (theirs := deliveries.get(event.id)) is not None
    }


def _deliveries_by_event(rows: Iterable[asyncpg.Record]) -> dict[EventId, list[DeliveryId]]:
    fresh: dict[EventId, list[DeliveryId]] = {}
    for event, delivery, _ in rows:
        deliveries = fresh.setdefault(_event_id(event), [])
        if delivery is not None:
            deliveries.append(cast(DeliveryId, format_id(Prefix.DELIVERY, delivery.hex)))
    return fresh


def _event_from_row(row: Row[Any]) -> StoredEvent:
    event = Event(
        id=cast(EventId, format_id(Prefix.EVENT, row.id.hex)),
        account=cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex)),
        type=row.type,
        created_at=row.created_at,
        body=bytes(row.body),
        idempotency_key=row.idempotency_key,
    )
    deliveries = tuple(cast(DeliveryId, format_id(Prefix.DELIVERY, each.hex)) for each in row.deliveries)
    return StoredEvent(event, deliveries, row.webhooks, is_duplicate=True)


_KNOWN_ALREADY: Final = "23505"
"""The SQLSTATE of a value that may stand in the table only once."""
