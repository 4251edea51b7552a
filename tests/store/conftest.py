"""Store tests get a harness of their own, and an account whose time they tell."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.ids import AccountId
from flux_dispatch.engine.relay import Relay
from flux_dispatch.store.event_types import EventTypeStore
from flux_dispatch.store.recover import RecoverStore
from tests.support.outbox import make_relay
from tests.support.queues import NotingQueue
from tests.support.store_harness import TIMING, StoreHarness
from workers.catalogue_schemas import CatalogueSchemas


@pytest.fixture
def world(database: AsyncEngine) -> StoreHarness:
    return StoreHarness(database)


@pytest.fixture
async def account(world: StoreHarness) -> AccountId:
    """An account in a world whose clock stands still."""
    await world.advance_clock(0)
    return await world.account()


@pytest.fixture
def recover_store(world: StoreHarness) -> RecoverStore:
    return RecoverStore(world.database, TIMING)


@pytest.fixture
def queue() -> NotingQueue:
    return NotingQueue()


@pytest.fixture
async def relay(world: StoreHarness, queue: NotingQueue) -> AsyncIterator[Relay]:
    schemas = CatalogueSchemas(EventTypeStore(world.database))
    yield make_relay(world, queue, schemas)
    await schemas.close()


@pytest.fixture
async def caller(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of a service on the same database."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()
