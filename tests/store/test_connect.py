"""Connections that the server ended are not kept, and a statement never fails twice because of one."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.store.connect import HotStatement, open_database
from tests.store.world import World
from tests.waiting import eventually_async

PID = HotStatement("SELECT pg_backend_pid() AS pid")


async def pid_of(hot: AsyncEngine) -> int:
    (row,) = await PID.rows(hot, {})
    return int(row["pid"])


@pytest.mark.parametrize("connections", [1, 3])
async def test_hot_statements_go_on_when_the_server_ended_their_connections(
    database: AsyncEngine, database_url: str, connections: int
) -> None:
    world = World(database)
    hot = open_database(database_url, is_hot=True, pool_size=connections)
    before = await pid_of(hot)
    await world.do("SELECT pg_terminate_backend(:pid)", pid=before)

    async def works() -> bool:
        try:
            return await pid_of(hot) != before
        except Unavailable:
            return False

    # whether the end has been noticed when the next statement begins is chance: it may fail, once
    assert await works() or await works()
    await hot.dispose()


async def test_a_connection_that_ended_in_the_pool_is_replaced_before_it_is_used(
    database: AsyncEngine, database_url: str
) -> None:
    world = World(database)
    hot = open_database(database_url, is_hot=True, pool_size=1)
    before = await pid_of(hot)
    async with hot.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    await world.do("SELECT pg_terminate_backend(:pid)", pid=before)

    async def is_noticed() -> bool:
        return bool(driver.is_closed())

    await eventually_async(is_noticed, "the driver sees that its connection has ended")
    assert await pid_of(hot) != before
    await hot.dispose()
