"""The statements behind relay: a page of the outbox is taken, published and put away in one transaction."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flux_dispatch.domain.errors import CallerError, InvalidRequest
from flux_dispatch.domain.event import Event, StoredEvent
from flux_dispatch.domain.ids import AccountId, EventId, Prefix, format_id, parse_id
from flux_dispatch.domain.outbox import Refused, WrittenEvent
from flux_dispatch.domain.timing import Timing
from flux_dispatch.store.connect import transaction
from flux_dispatch.store.publish import add_events, earlier_events
from flux_dispatch.store.trouble import driver_error, is_passing

MAX_BYTES: Final = 8 << 20
"""How much the data of one page may weigh: each of 200 events may have a quarter of a megabyte."""

# Each account that has something waiting gets an equal part of the page; the index is gone through from account to
# account, so that it costs the same however much one of them has.
_TAKE = text("""
    WITH RECURSIVE accounts_waiting AS (
        (SELECT account_id FROM outbox WHERE reason IS NULL AND account_id > :after ORDER BY account_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT account_id FROM outbox WHERE reason IS NULL AND account_id > waiting.account_id
            ORDER BY account_id LIMIT 1
        ) FROM accounts_waiting AS waiting WHERE waiting.account_id IS NOT NULL
    ), turn AS MATERIALIZED (
        SELECT account_id FROM accounts_waiting WHERE account_id IS NOT NULL LIMIT CAST(:limit AS int)
    )
    SELECT * FROM (
        SELECT taken.*, sum(octet_length(taken.data)) OVER (ORDER BY taken.id) AS bytes
        FROM turn CROSS JOIN LATERAL (
            SELECT id, account_id, type, data, idempotency_key, written_at FROM outbox
            WHERE outbox.account_id = turn.account_id AND reason IS NULL
            ORDER BY id LIMIT greatest(CAST(:limit AS int) / (SELECT count(*) FROM turn), 1)
            FOR UPDATE SKIP LOCKED
        ) AS taken
    ) AS page
    WHERE bytes - octet_length(data) < :max_bytes
    ORDER BY id
""")

_REMOVE = text("DELETE FROM outbox WHERE id = ANY(CAST(:ids AS uuid[]))")
_KEEP = text("""
    UPDATE outbox SET reason = given.reason
    FROM unnest(CAST(:ids AS uuid[]), CAST(:reasons AS text[])) AS given (id, reason)
    WHERE outbox.id = given.id
""")

_BEGINNING: Final = UUID(int=0)


class OutboxPage:
    """What one transaction has taken."""

    def __init__(self, connection: AsyncConnection, written: Sequence[WrittenEvent], timing: Timing) -> None:
        self.written = written
        self._connection = connection
        self._timing = timing

    async def store(self, events: Sequence[Event], *, first_delay: timedelta) -> list[StoredEvent | CallerError | None]:
        """Store events with their deliveries; one result for each, None for an account that is gone.

        An error stands for an event that the database does not take, though it takes others: where it refuses them
        together, each is tried alone.
        """
        if not events:
            return []
        results = await self._try(events, first_delay)
        if isinstance(results, list):
            return list(results)
        alone = [await self._try([event], first_delay) for event in events]
        return [each[0] if isinstance(each, list) else each for each in alone]

    async def earlier(self, event: Event) -> StoredEvent | None:
        """Return the event that was stored with the key of this one."""
        found = await earlier_events(self._connection, [event])
        return found.get((event.account, event.idempotency_key))

    async def end(self, done: Sequence[WrittenEvent], refused: Sequence[Refused]) -> None:
        """Have what is done out of the outbox, and keep in it, with the reason, what cannot be published."""
        await self._connection.execute(_REMOVE, {"ids": [parse_id(Prefix.EVENT, each.id) for each in done]})
        if refused:
            ids = [parse_id(Prefix.EVENT, each.written.id) for each in refused]
            await self._connection.execute(_KEEP, {"ids": ids, "reasons": [each.error.message for each in refused]})

    async def _try(self, events: Sequence[Event], first_delay: timedelta) -> list[StoredEvent | None] | InvalidRequest:
        await self._connection.execute(text("SAVEPOINT events"))
        try:
            stored = await add_events(self._connection, events, self._timing, first_delay)
        except DBAPIError as error:
            if is_passing(error):
                raise
            await self._connection.execute(text("ROLLBACK TO SAVEPOINT events"))
            said = (str(driver_error(error)).splitlines() or [""])[0][:200]
            return InvalidRequest(f"The database does not take it: {said}.", code="cannot_be_stored")
        await self._connection.execute(text("RELEASE SAVEPOINT events"))
        return stored


class OutboxStore:
    """Takes what services wrote in the outbox."""

    def __init__(self, database: AsyncEngine, timing: Timing) -> None:
        self._database = database
        self._timing = timing
        self._after = _BEGINNING

    @asynccontextmanager
    async def take(self, limit: int) -> AsyncIterator[OutboxPage]:
        """Take up to so many events that nobody else has in hand; what is done with them is committed at the end.

        Where more accounts than that have some, one of each is taken, and the next call goes on behind them.
        """
        async with transaction(self._database) as connection:
            rows = await self._rows(connection, limit)
            if not rows and self._after != _BEGINNING:
                self._after = _BEGINNING
                rows = await self._rows(connection, limit)
            self._after = max(each.account_id for each in rows) if len(rows) == limit else _BEGINNING
            yield OutboxPage(connection, [_written(each) for each in rows], self._timing)

    async def _rows(self, connection: AsyncConnection, limit: int) -> Sequence[Row[Any]]:
        given = {"after": self._after, "limit": limit, "max_bytes": MAX_BYTES}
        return (await connection.execute(_TAKE, given)).all()


def _written(row: Row[Any]) -> WrittenEvent:
    return WrittenEvent(
        id=cast(EventId, format_id(Prefix.EVENT, row.id.hex)),
        account=cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex)),
        type=row.type,
        data=row.data,
        idempotency_key=row.idempotency_key,
        written_at=row.written_at,
    )
