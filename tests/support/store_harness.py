"""A small world for store tests: an account, its webhooks, events and a clock that a test may move."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.event import Event, StoredEvent, compose_body, serialised
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, Prefix, WebhookId, format_id, new_id, parse_id
from flux_dispatch.domain.timing import Timing
from flux_dispatch.engine.flow.clock import DatabaseClock
from flux_dispatch.sealing.keyring import Keyring
from flux_dispatch.store.clock import database_now
from flux_dispatch.store.publish import EventStore
from flux_dispatch.store.sealed_webhooks import WebhookSeals

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TIMING = Timing(lease=timedelta(seconds=30))
KEYRING = Keyring([bytes(range(32))])
SEALS = WebhookSeals(KEYRING)


@dataclass
class StoreHarness:
    database: AsyncEngine
    timing: Timing = TIMING

    async def scalar(self, sql: str, **parameters: Any) -> Any:
        async with self.database.connect() as connection:
            return (await connection.execute(text(sql), parameters)).scalar()

    async def rows(self, sql: str, **parameters: Any) -> list[Any]:
        async with self.database.connect() as connection:
            return list((await connection.execute(text(sql), parameters)).all())

    async def do(self, sql: str, **parameters: Any) -> None:
        async with self.database.connect() as connection:
            await connection.execute(text(sql), parameters)

    async def account(self) -> AccountId:
        made = await self.scalar("INSERT INTO accounts (name) VALUES ('test') RETURNING id")
        return cast(AccountId, format_id(Prefix.ACCOUNT, made.hex))

    async def webhook(self, account: AccountId, *patterns: str, url: str = "http://127.0.0.1:9/") -> WebhookId:
        made = await self.scalar(
            """INSERT INTO webhooks (account_id, url, events, description, headers, status, secrets)
               VALUES (CAST(:account AS uuid), :url, CAST(:events AS text[]), '', '{}',
                       'enabled', ARRAY[CAST(:secret AS text)]) RETURNING id""",
            account=parse_id(Prefix.ACCOUNT, account),
            url=url,
            events=list(patterns),
            secret=SECRET,
        )
        return cast(WebhookId, format_id(Prefix.WEBHOOK, made.hex))

    async def publish(self, *events: Event) -> list[StoredEvent]:
        stored = await EventStore(self.database, self.timing).create(events, first_delay=timedelta(0))
        return [each for each in stored if each]

    async def delivery(self, account: AccountId, event_type: str = "order.completed") -> DeliveryId:
        """Publish one event and return its one delivery."""
        (stored,) = await self.publish(event(account, event_type))
        (delivery,) = stored.deliveries
        return delivery

    async def state(self, delivery: DeliveryId) -> Any:
        """Return the row of a delivery."""
        (row,) = await self.rows(
            "SELECT *, extract(epoch FROM due_at - flux_now())::float8 AS due_in, "
            "extract(epoch FROM sweep_at - flux_now())::float8 AS sweep_in "
            "FROM deliveries WHERE id = CAST(:id AS uuid)",
            id=parse_id(Prefix.DELIVERY, delivery),
        )
        return row

    async def put(self, delivery: UUID, state: str) -> None:
        """Have a delivery in this state, as the verbs leave it there."""
        reasons = {"exhausted": "attempts_exhausted", "failed": "attempts_exhausted", "canceled": "webhook_deleted"}
        await self.do(
            """UPDATE deliveries SET state = :state, reason = :reason,
                   ended_at = CASE WHEN :state IN ('delivered', 'failed', 'canceled') THEN flux_now() END,
                   due_at = CASE WHEN :state IN ('pending', 'sending', 'scheduled') THEN flux_now() END,
                   sweep_at = CASE WHEN :state NOT IN ('delivered', 'failed', 'canceled') THEN flux_now() END
               WHERE id = :id""",
            id=delivery,
            state=state,
            reason=reasons.get(state),
        )

    async def advance_clock(self, seconds: float) -> None:
        """Move the database's clock on; it stands still between calls, and begins at a whole second."""
        await self.do("CREATE TABLE IF NOT EXISTS test_clock (now timestamptz NOT NULL)")
        if await self.scalar("SELECT count(*) FROM test_clock") == 0:
            await self.do("INSERT INTO test_clock SELECT flux_second(statement_timestamp())")
            await self.do(
                "CREATE OR REPLACE FUNCTION flux_now() RETURNS timestamptz LANGUAGE sql STABLE AS "
                "'SELECT now FROM test_clock'"
            )
        await self.do("UPDATE test_clock SET now = now + :step", step=timedelta(seconds=seconds))


def database_clock(world: StoreHarness) -> DatabaseClock:
    """Return what tells the time as the world's database has it."""
    return DatabaseClock(partial(database_now, world.database))


def event(
    account: AccountId, event_type: str = "order.completed", data: dict[str, Any] | None = None, key: str | None = None
) -> Event:
    now = datetime.now(UTC)
    event_id = cast(EventId, new_id(Prefix.EVENT, int(now.timestamp() * 1000)))
    return Event(
        event_id, account, event_type, now, compose_body(event_id, event_type, now, serialised(data or {"n": 1})), key
    )


def body_of(stored: Event) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(stored.body))
