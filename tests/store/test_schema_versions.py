"""What is published again and again asks the database for no schema, and many accounts ask at once."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import event as hooks
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.event_type import NewEventType
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.event_types import EventTypeStore
from tests.support.store_harness import StoreHarness
from workers.catalogue_schemas import CatalogueSchemas


@pytest.fixture
async def schemas(world: StoreHarness) -> AsyncIterator[CatalogueSchemas]:
    made = CatalogueSchemas(EventTypeStore(world.database))
    yield made
    await made.close()


@pytest.fixture
def statements(database: AsyncEngine) -> list[str]:
    """Each statement on the table of event types, as it is sent."""
    seen: list[str] = []

    @hooks.listens_for(database.sync_engine, "before_cursor_execute")
    def _(*given: object) -> None:
        if "event_types" in str(given[2]):
            seen.append(str(given[2]))

    return seen


async def described(world: StoreHarness, schema: str) -> AccountId:
    account = await world.account()
    await EventTypeStore(world.database).create(account, NewEventType("a.b", "", None, None, schema), most=1)
    return account


async def test_who_publishes_again_and_again_waits_for_no_statement(
    world: StoreHarness, schemas: CatalogueSchemas, statements: list[str]
) -> None:
    plain, checked = await world.account(), await described(world, '{"required": ["a"]}')
    statements.clear()
    for _ in range(100):
        assert await schemas.mismatch(plain, "a.b", "{}") is None
        assert await schemas.mismatch(checked, "a.b", '{"a": 1}') is None
        assert await schemas.mismatch(checked, "other", "{}") is None
    assert len(statements) == 3, "which types, of each account; and the one schema"


async def test_accounts_that_come_together_share_a_statement(
    world: StoreHarness, schemas: CatalogueSchemas, statements: list[str]
) -> None:
    accounts = [await world.account() for _ in range(50)]
    await asyncio.gather(*(schemas.mismatch(each, "a.b", "{}") for each in accounts))
    assert len(statements) <= 2
