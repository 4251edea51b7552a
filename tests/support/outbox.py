"""What tests of the outbox share: services that write in it, and relays that publish what they wrote."""

from datetime import timedelta
from typing import cast

import asyncpg

from flux_dispatch.engine.relay import BUSY_SECONDS, Relay
from flux_dispatch.store.outbox import OutboxStore
from tests.support.queues import NotingQueue
from tests.support.store_harness import TIMING, StoreHarness
from workers.catalogue_schemas import CatalogueSchemas

PUBLISH = "SELECT * FROM flux_publish($1, $2, $3, $4)"
WAITING = "SELECT count(*) FROM outbox WHERE reason IS NULL"
EVENTS = "SELECT count(*) FROM events"


def make_relay(world: StoreHarness, queue: NotingQueue, schemas: CatalogueSchemas) -> Relay:
    outbox = OutboxStore(world.database, TIMING)
    return Relay(outbox, queue, schemas, first_delay=timedelta(0), horizon=TIMING.horizon)


async def publish(
    caller: asyncpg.Connection,
    account: str,
    event_type: str = "order.completed",
    data: str = '{"n": 1}',
    key: str | None = None,
) -> str:
    made = await caller.fetchrow(PUBLISH, account, event_type, data, key)
    assert made["error_code"] is None, made
    return cast(str, made["event"])


async def relay_all(relay: Relay) -> int:
    """Come until nothing is left, and return how often that was."""
    times = 0
    while await relay.run_once() <= BUSY_SECONDS:
        times += 1
    return times
