"""Whichever way of the SDK publishes it, it is the same event: its data becomes the same text."""

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from flux_webhooks import AsyncFlux, Flux, outbox
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.api import Caller

TYPE, KEY = "order.completed", "order-7-completed"
DATA = {
    "at": datetime(2026, 1, 15, 10, 30, tzinfo=UTC),
    "day": date(2026, 1, 15),
    "id": UUID(int=7),
    "lines": [{"price": Decimal("10.10"), 7: ("Zoë", None)}],
}
WRITTEN = (
    '"data":{"at":"2026-01-15T10:30:00Z","day":"2026-01-15","id":"00000000-0000-0000-0000-000000000007",'
    '"lines":[{"price":"10.10","7":["Zo\\u00eb",null]}]}'
)


async def test_one_key_makes_one_event_over_http_in_a_batch_and_in_the_outbox(
    api: str, tenant: Caller, database: AsyncEngine
) -> None:
    async with AsyncFlux(tenant.key, api_url=api) as flux:
        event = await flux.events.publish(TYPE, DATA, idempotency_key=KEY)
        assert WRITTEN in str((await flux.events.get(event.id)).body)
        (again,) = await flux.events.publish_batch([{"type": TYPE, "data": DATA, "idempotency_key": KEY}])
    async with database.execution_options(isolation_level="READ COMMITTED").begin() as connection:
        known = await outbox.publish_async(connection, tenant.account, TYPE, DATA, KEY)
    assert {event.id, again.id, known} == {event.id}


async def test_what_is_published_without_await_is_the_same(api: str, tenant: Caller) -> None:
    def publish() -> list[str]:
        with Flux(tenant.key, api_url=api) as flux:
            event = flux.events.publish(TYPE, DATA)
            (other,) = flux.events.publish_batch([{"type": TYPE, "data": DATA}])
            return [str(flux.events.get(each.id).body) for each in (event, other)]

    assert [WRITTEN in body for body in await asyncio.to_thread(publish)] == [True, True]
