"""Who may write in the outbox, and what their sessions may be like: rights, search paths, poolers."""

from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from flux_dispatch.engine.relay import Relay
from flux_dispatch.store.connect import Plans, open_database
from flux_dispatch.store.event_types import EventTypeStore
from tests.support.outbox import EVENTS, make_relay, publish, relay_all
from tests.support.pooler import pooled
from tests.support.queues import NotingQueue
from tests.support.store_harness import StoreHarness
from workers.catalogue_schemas import CatalogueSchemas


@pytest.fixture
def pooled_url(database_url: str, tmp_path: Path) -> Iterator[str]:
    """The same database through a pooler that gives each transaction another session."""
    tmp_path.chmod(0o755)
    with pooled(database_url, tmp_path) as url:
        yield url


async def test_a_role_with_no_other_right_may_publish(
    world: StoreHarness, relay: Relay, caller: asyncpg.Connection
) -> None:
    account = await world.account()
    role = f"shop_{await world.scalar('SELECT current_database()')}"
    await world.do(f"CREATE ROLE {role}")
    try:
        await _publishes_as(caller, role, account)
    finally:
        await world.do(f"DROP OWNED BY {role}")
        await world.do(f"DROP ROLE {role}")
    await relay_all(relay)
    assert await world.scalar(EVENTS) == 1


async def _publishes_as(caller: asyncpg.Connection, role: str, account: str) -> None:
    await caller.execute(f"SET ROLE {role}")
    for call in ("flux_publish('a', 'b', 'c')", "flux_event_schema('a', 'b')", "flux_account('ext:a')"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await caller.execute(f"SELECT {call}")
    await caller.execute("RESET ROLE")
    await caller.execute(f"GRANT EXECUTE ON FUNCTION flux_publish, flux_event_schema TO {role}")
    await caller.execute(f"SET ROLE {role}")
    await publish(caller, account, key="k")
    assert await caller.fetchval("SELECT flux_event_schema($1, 'a')", account) is None
    for table in ("outbox", "events", "accounts", "event_types"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await caller.execute(f"TABLE {table}")
    await caller.execute("RESET ROLE")


async def test_what_the_caller_made_of_its_session_does_not_lead_the_function_astray(
    world: StoreHarness, caller: asyncpg.Connection
) -> None:
    account = await world.account()
    await caller.execute("CREATE TEMPORARY TABLE outbox (LIKE outbox)")
    await caller.execute("CREATE TEMPORARY TABLE accounts (id uuid)")
    await caller.execute("SET search_path = pg_temp, public")
    await publish(caller, account)
    assert await caller.fetchval("SELECT count(*) FROM public.outbox") == 1
    # nor does it run a function of the caller's with the rights of its owner
    await caller.execute("CREATE SCHEMA evil")
    await caller.execute(
        "CREATE FUNCTION evil.octet_length(text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE 'it ran'; END $$"
    )
    await caller.execute("SET search_path = evil, pg_catalog, public")
    await publish(caller, account)
    assert await caller.fetchval("SELECT count(*) FROM public.outbox") == 2


async def test_behind_a_pooler_that_gives_each_transaction_another_session_it_works_as_well(
    pooled_url: str, world: StoreHarness
) -> None:
    account = await world.account()
    callers = [await asyncpg.connect(pooled_url, statement_cache_size=0) for _ in range(5)]
    made = [await publish(callers[n % 5], account, data=f'{{"n": {n}}}', key=f"k{n}") for n in range(50)]
    behind = open_database(pooled_url, plans=Plans.GENERIC)
    schemas = CatalogueSchemas(EventTypeStore(behind))
    await relay_all(make_relay(StoreHarness(behind), NotingQueue(), schemas))
    await schemas.close()
    await behind.dispose()
    for each in callers:
        await each.close()
    rows = await world.rows("SELECT id FROM events ORDER BY id")
    assert [f"evt_{row.id.hex}" for row in rows] == sorted(made)
