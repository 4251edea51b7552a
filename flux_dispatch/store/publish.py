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

EVENTS_OF_A_STEP: Final = 100
"""With how many events of an account one step may go on: those of a batch may lack a few deliveries each."""

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

# Of the next account with events that have not reached all their webhooks: the next of these events, as many as make a
# step together, and how far each has come with it. Where others have all of them in hand, nothing is made, and the next
# step is another account's. Triggers count what is told of the events: it is locked in the order of their ids, as by
# whoever settles.
_FAN_OUT = DriverStatement("""
    WITH turn AS (
        SELECT account_id FROM fan_outs WHERE account_id > CAST(:after AS uuid) ORDER BY account_id LIMIT 1
    ), free AS (
        SELECT account_id, event_id, patterns, after, webhooks FROM fan_outs
        WHERE account_id = (SELECT account_id FROM turn)
        ORDER BY event_id LIMIT CAST(:most_events AS int)
        FOR UPDATE SKIP LOCKED
    ), looked_at AS (
        SELECT * FROM (SELECT free.*, sum(webhooks) OVER (ORDER BY event_id) - webhooks AS before FROM free) AS weighed
        WHERE before < CAST(:most_looked_at AS int)
    ), lacking AS (
        SELECT account_id, event_id, ARRAY(
            SELECT DISTINCT webhook_id FROM subscriptions
            WHERE account_id = looked_at.account_id AND pattern = ANY(looked_at.patterns)
              AND webhook_id > looked_at.after
            ORDER BY webhook_id LIMIT CAST(:most AS int)
        ) AS webhooks
        FROM looked_at
    ), begun AS (
        SELECT account_id, event_id, webhooks, cardinality(webhooks) < CAST(:most AS int) AS is_over
        FROM (
            SELECT *, sum(cardinality(webhooks)) OVER (ORDER BY event_id) - cardinality(webhooks) AS before FROM lacking
        ) AS weighed
        WHERE before < CAST(:most AS int)
    ), made AS (
        INSERT INTO deliveries (event_id, webhook_id, account_id, state, due_at, sweep_at)
        SELECT begun.event_id, webhooks.id, begun.account_id, :pending,
               flux_now() + :first_delay, flux_second(flux_now() + :sweep_after)
        FROM begun
        JOIN events ON events.id = begun.event_id
        CROSS JOIN LATERAL unnest(begun.webhooks) AS following (id)
        JOIN webhooks ON webhooks.id = following.id
        -- who subscribed after it was published does not get it; clocks may differ a little
        WHERE webhooks.created_at <= events.created_at + interval '1 second'
        RETURNING id
    ), ended AS (
        DELETE FROM fan_outs USING begun
        WHERE fan_outs.account_id = begun.account_id AND fan_outs.event_id = begun.event_id AND is_over
    ), moved AS (
        UPDATE fan_outs SET after = begun.webhooks[CAST(:most AS int)] FROM begun
        WHERE fan_outs.account_id = begun.account_id AND fan_outs.event_id = begun.event_id AND NOT is_over
    ), told AS (
        SELECT event_id FROM event_statuses
        WHERE event_id = ANY(ARRAY(SELECT event_id FROM begun))
        ORDER BY event_id FOR NO KEY UPDATE
    )
    SELECT turn.account_id, made.id AS delivery_id
    FROM turn CROSS JOIN (SELECT count(*) FROM told) AS locked LEFT JOIN made ON true
""")

# How many webhooks want an event whose fan-out goes on stands with that.
_EARLIER = text("""
    SELECT events.id, events.account_id, events.type, events.created_at, events.idempotency_key, events.body,
           coalesce(
               (SELECT webhooks FROM fan_outs WHERE account_id = events.account_id AND event_id = events.id),
               (SELECT count(DISTINCT webhook_id) FROM deliveries WHERE event_id = events.id)
           ) AS webhooks
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
        """Store the next deliveries of events of one account that more webhooks want than were served at once.

        Returns:
            Whose events they were, of the next account after this one, and the new deliveries, if others have not all
            of these events in hand; None when there is no such account.
        """
        parameters = {
            "after": parse_id(Prefix.ACCOUNT, after),
            "most": FAN_OUT_AT_ONCE,
            "most_events": EVENTS_OF_A_STEP,
            "most_looked_at": DELIVERIES_OF_A_BATCH,
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
    return StoredEvent(event, (), row.webhooks, is_duplicate=True)


_KNOWN_ALREADY: Final = "23505"
"""The SQLSTATE of a value that may stand in the table only once."""
