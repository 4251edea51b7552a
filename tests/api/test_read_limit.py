"""However much one account reads, everybody else is served."""

import asyncio
from collections import Counter
from time import monotonic

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.engine.flow import read_limit
from tests.support.api import Caller, api_client, check_error
from tests.support.dashboard import signed_in
from tests.support.store_harness import StoreHarness
from tests.support.waiting import eventually_async

READS = 40
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def test_an_account_that_reads_very_much_keeps_nobody_else_waiting(
    api: str, tenant: Caller, other_tenant: Caller, world: StoreHarness, database: AsyncEngine
) -> None:
    async with database.connect() as blocking:
        await blocking.execute(text("BEGIN"))
        await blocking.execute(text("LOCK TABLE alerts"))  # no list of alerts can be read any more
        reads = [asyncio.create_task(tenant.http.get("/v1/alerts")) for _ in range(READS)]
        await eventually_async(lambda: _is_busy(world), "as many read as may")
        started = monotonic()
        await other_tenant.event()
        assert (await other_tenant.http.get("/v1/events")).status_code == 200
        async with api_client(api, database) as newcomer:
            await newcomer.event()
        assert monotonic() - started < 1
        assert await world.scalar(_WAITING) == read_limit.MAX_READING
        await blocking.execute(text("ROLLBACK"))
    answers = await asyncio.gather(*reads)
    most = read_limit.MAX_READING + read_limit.MAX_WAITING
    assert Counter(each.status_code for each in answers) == {200: most, 429: READS - most}
    for each in answers:
        if each.status_code == httpx.codes.TOO_MANY_REQUESTS:
            check_error(each, 429, "too_many_reads")
            assert each.headers["Retry-After"] == "1"


async def test_pages_have_no_places_besides_those_of_the_api(
    api: str, tenant: Caller, other_tenant: Caller, world: StoreHarness, database: AsyncEngine
) -> None:
    async with signed_in(api, database, account=tenant.account) as customer, database.connect() as blocking:
        await blocking.execute(text("BEGIN"))
        await blocking.execute(text("LOCK TABLE alerts"))
        path = f"/dashboard/{tenant.account}/alerts"
        reads = [asyncio.create_task(tenant.http.get("/v1/alerts")) for _ in range(READS // 2)]
        reads += [asyncio.create_task(customer.get(path)) for _ in range(READS // 2)]
        await eventually_async(lambda: _is_busy(world), "as many read as may")
        assert (await other_tenant.http.get("/v1/events")).status_code == 200
        assert await world.scalar(_WAITING) == read_limit.MAX_READING
        await blocking.execute(text("ROLLBACK"))
        answers = Counter(each.status_code for each in await asyncio.gather(*reads))
    most = read_limit.MAX_READING + read_limit.MAX_WAITING
    assert answers == {200: most, 429: READS - most}


async def test_a_read_that_takes_too_long_is_given_up_and_whoever_waited_is_told(
    tenant: Caller, world: StoreHarness, database: AsyncEngine
) -> None:
    async with database.connect() as blocking:
        await blocking.execute(text("BEGIN"))
        await blocking.execute(text("LOCK TABLE alerts"))
        reads = [asyncio.create_task(tenant.http.get("/v1/alerts")) for _ in range(read_limit.MAX_READING + 1)]
        await eventually_async(lambda: _is_busy(world), "as many read as may")
        answers = await asyncio.gather(*reads)
        await blocking.execute(text("ROLLBACK"))
    assert {each.status_code for each in answers} <= {400, 429}
    for each in answers:
        if each.status_code == httpx.codes.BAD_REQUEST:
            check_error(each, 400, "query_too_slow")
    assert (await tenant.http.get("/v1/alerts")).status_code == 200


async def _is_busy(world: StoreHarness) -> bool:
    return bool(await world.scalar(_WAITING) == read_limit.MAX_READING)
