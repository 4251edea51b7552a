"""Connections that the server ended are not kept, and a statement never fails twice because of one."""

import asyncio
import contextlib
import socket
import time
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.store.connect import (
    ENGINE_STATEMENT_SECONDS,
    SILENCE_SECONDS,
    DriverStatement,
    Plans,
    connect,
    open_database,
    trouble_of,
)
from flux_dispatch.store.session import Generation, Session
from tests.support.proxy import Proxy
from tests.support.store_harness import StoreHarness
from tests.support.waiting import eventually_async

PID = DriverStatement("SELECT pg_backend_pid() AS pid")


async def pid_of(engine_database: AsyncEngine) -> int:
    (row,) = await PID.rows(engine_database, {})
    return int(row["pid"])


@pytest.mark.parametrize("connections", [1, 3])
async def test_hot_statements_go_on_when_the_server_ended_their_connections(
    database: AsyncEngine, database_url: str, connections: int
) -> None:
    world = StoreHarness(database)
    engine_database = open_database(database_url, plans=Plans.GENERIC, pool_size=connections)
    before = await pid_of(engine_database)
    await world.do("SELECT pg_terminate_backend(:pid)", pid=before)

    async def works() -> bool:
        try:
            return await pid_of(engine_database) != before
        except Unavailable:
            return False

    # whether the end has been noticed when the next statement begins is chance: it may fail, once
    assert await works() or await works()
    await engine_database.dispose()


async def test_a_connection_that_ended_in_the_pool_is_replaced_before_it_is_used(
    database: AsyncEngine, database_url: str
) -> None:
    world = StoreHarness(database)
    engine_database = open_database(database_url, plans=Plans.GENERIC, pool_size=1)
    before = await pid_of(engine_database)
    async with engine_database.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    await world.do("SELECT pg_terminate_backend(:pid)", pid=before)

    async def is_noticed() -> bool:
        return bool(driver.is_closed())

    await eventually_async(is_noticed, "the driver sees that its connection has ended")
    assert await pid_of(engine_database) != before
    await engine_database.dispose()


async def test_who_found_no_free_connection_is_told_so(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flux_dispatch.store.connect.CONNECT_SECONDS", 0.05)
    small = open_database(database_url, pool_size=1)
    async with connect(small):
        with pytest.raises(Unavailable) as refused:
            async with connect(small):
                pass
    assert refused.value.cause.startswith("TimeoutError: no connection was free")
    await small.dispose()


async def test_a_host_that_vanished_costs_seconds_however_many_connections_it_took(database_url: str) -> None:
    """No reset comes, nobody closes: each connection would have to be waited for in turn."""
    with Proxy(database_url) as proxy:
        generation = Generation()
        engine_database = open_database(proxy.url, plans=Plans.GENERIC, generation=generation)
        cold = open_database(proxy.url, generation=generation)
        for pool in (engine_database, cold):
            await open_at_once(pool, 8)
        proxy.vanish()
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await pid_of(engine_database)
        # the others go on at once, those of the other pool as well
        found = await asyncio.gather(*(pid_of(engine_database) for _ in range(20)), *(pid_of(cold) for _ in range(20)))
        assert time.monotonic() - began < ENGINE_STATEMENT_SECONDS + SILENCE_SECONDS + 2
        assert all(found)
        await engine_database.dispose()
        await cold.dispose()


RAISE = DriverStatement("SELECT flux_raise(:state)")

PASSING = [
    *("08006", "08P01", "53100", "53300", "57014", "57P01", "57P03", "58030", "58P01"),
    *("25006", "25P02", "25P03", "25P04", "26000", "42P05", "55000", "XX000", "40001", "40P01", "55P03"),
]
OURS = ["22012", "23505", "42601", "42P01", "42501", "XX001"]


async def raises(world: StoreHarness) -> None:
    await world.do(
        "CREATE OR REPLACE FUNCTION flux_raise(state text) RETURNS int LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'as the test wants it' USING ERRCODE = state; END $$"
    )


@pytest.mark.parametrize("state", PASSING)
@pytest.mark.parametrize("is_hot", [True, False])
async def test_trouble_of_the_moment_is_told_as_such(database: AsyncEngine, state: str, *, is_hot: bool) -> None:
    await raises(StoreHarness(database))
    with pytest.raises(Unavailable) as caught:
        await raised(database, state, is_hot=is_hot)
    assert "as the test wants it" in caught.value.cause


@pytest.mark.parametrize("state", OURS)
@pytest.mark.parametrize("is_hot", [True, False])
async def test_what_is_wrong_with_a_statement_is_no_trouble_of_the_moment(
    database: AsyncEngine, state: str, *, is_hot: bool
) -> None:
    await raises(StoreHarness(database))
    before = await pid_of(database)
    with pytest.raises(DBAPIError, match="as the test wants it"):
        await raised(database, state, is_hot=is_hot)
    assert await pid_of(database) == before


async def raised(database: AsyncEngine, state: str, *, is_hot: bool) -> None:
    if is_hot:
        await RAISE.rows(database, {"state": state})
        return
    async with connect(database) as connection:
        await connection.execute(text("SELECT flux_raise(:state)"), {"state": state})


async def test_a_value_that_the_driver_cannot_send_is_no_trouble_of_the_moment(database: AsyncEngine) -> None:
    with pytest.raises(DBAPIError):
        await DriverStatement("SELECT CAST(:number AS int) AS number").rows(database, {"number": 2**40})


async def test_a_server_that_only_reads_is_left_and_found_again(database: AsyncEngine, database_url: str) -> None:
    """As after a failover or on a full disk: sessions that began meanwhile stay read-only when it is over."""
    name = urlsplit(database_url).path.removeprefix("/")
    write = DriverStatement("INSERT INTO accounts (name) VALUES (:name) RETURNING id")
    world = StoreHarness(database)
    engine_database = open_database(database_url, plans=Plans.GENERIC, pool_size=3)
    await open_at_once(engine_database, 3)
    await world.do(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await world.do(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = :n", n=name
    )

    async def fails() -> bool:
        with pytest.raises(Unavailable) as caught:
            await asyncio.gather(*(write.rows(engine_database, {"name": "x"}) for _ in range(3)))
        return "ReadOnlySQLTransactionError" in caught.value.cause

    await eventually_async(fails, "what is written is refused")

    async def is_told() -> bool:
        return await trouble_of(engine_database) == "ReadOnlySQLTransactionError (SQLSTATE 25006)"

    await eventually_async(is_told, "the trouble is told by its name")
    await world.do(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    assert await trouble_of(engine_database) is None
    await asyncio.gather(*(write.rows(engine_database, {"name": "x"}) for _ in range(3)))
    await engine_database.dispose()


async def test_of_several_hosts_the_one_that_takes_writes_is_used_though_the_first_says_nothing(
    database_url: str,
) -> None:
    with Proxy(database_url) as vanished, Proxy(database_url) as proxy, socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        hosts = f"127.0.0.1:{deaf.getsockname()[1]},127.0.0.1:{proxy.port}"
        url = vanished.url.replace(f"127.0.0.1:{vanished.port}", hosts) + "?connect_timeout=2"
        several = open_database(url)
        began = time.monotonic()
        assert await pid_of(several)
        assert time.monotonic() - began < 4
        await open_at_once(several, 3)
        assert time.monotonic() - began < 5, "the host that answered is asked first"
        await several.dispose()


async def test_a_column_that_came_meanwhile_is_no_error(database_url: str) -> None:
    old = open_database(database_url, pool_size=2)
    world = StoreHarness(old)
    await asyncio.gather(*(world.rows("SELECT *, pg_sleep(0.1) FROM accounts") for _ in range(2)))
    await world.do("ALTER TABLE accounts ADD COLUMN later text")
    for _ in range(3):
        await asyncio.gather(*(world.rows("SELECT *, pg_sleep(0.1) FROM accounts") for _ in range(2)))
    await old.dispose()


async def test_the_kernel_watches_over_connections_of_the_network(database_url: str) -> None:
    with Proxy(database_url) as proxy:
        engine = open_database(proxy.url + "?keepalives_idle=7&tcp_user_timeout=9000")
        async with engine.connect() as connection:
            session = (await connection.get_raw_connection()).driver_connection
            assert isinstance(session, Session)
            wire = session._transport.get_extra_info("socket")
        assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 7
        assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 3
        assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 9000
        await engine.dispose()


async def test_postgresql_itself_gives_up_what_takes_too_long(database_url: str) -> None:
    engine_database = open_database(database_url, plans=Plans.GENERIC, statement_seconds=0.2)
    before = await pid_of(engine_database)
    with pytest.raises(Unavailable) as caught:
        await DriverStatement("SELECT pg_sleep(5)").rows(engine_database, {})
    assert "statement timeout" in caught.value.cause
    assert await pid_of(engine_database) == before, "the connection is as good as before"
    await engine_database.dispose()


async def test_a_session_that_fails_before_it_is_ready_is_ended(database: AsyncEngine, database_url: str) -> None:
    hasty = open_database(database_url, statement_seconds=0.001, pool_size=1)
    for _ in range(20):
        with contextlib.suppress(Unavailable):
            await trouble_of(hasty)
    await hasty.dispose()
    count = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")

    async def nobody_else() -> bool:
        async with database.connect() as connection:
            return (await connection.execute(count)).scalar_one() == 1

    await eventually_async(nobody_else, "no session is left open")


async def open_at_once(pool: AsyncEngine, count: int) -> None:
    """Have the pool open so many connections: each is held until all are there."""
    async with AsyncExitStack() as held:
        for _ in range(count):
            await held.enter_async_context(connect(pool))
