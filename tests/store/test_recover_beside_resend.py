"""An event is sent again to a webhook while a recovery finds that the webhook never got it: it gets it once.

Whoever comes first is stopped in the middle, by a row that the test holds, until the other one waits as well.
"""

import asyncio

import pytest

from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.recover import RecoverStore
from flux_dispatch.store.resend import ResendStore
from tests.support.missed import PACE, begin, shown
from tests.support.recount import STATUSES_THAT_DIFFER
from tests.support.store_harness import TIMING, StoreHarness, event
from tests.support.waiting import eventually_async

STATUS = "SELECT FROM event_statuses FOR NO KEY UPDATE"
ONLY_DELIVERY = "SELECT FROM deliveries WHERE is_only FOR NO KEY UPDATE"


@pytest.mark.parametrize("first", ["recover", "resend"])
@pytest.mark.parametrize("others", [0, 1, 2], ids=["nobody else", "one other", "two others"])
async def test_a_webhook_gets_once_what_is_recovered_and_sent_again_at_the_same_time(
    world: StoreHarness, account: AccountId, first: str, others: int
) -> None:
    for _ in range(others):
        await world.webhook(account, "*")
    (stored,) = await world.publish(event(account))
    webhook = await world.webhook(account, "*")
    recovery = await begin(world, account, webhook)

    async def recover() -> None:
        assert await RecoverStore(world.database, TIMING).recover_some(PACE)

    async def resend() -> None:
        (resent,) = await ResendStore(world.database, TIMING).resend(account, stored.event.id, [webhook])
        (row,) = await world.rows("SELECT id FROM deliveries WHERE webhook_id = CAST(:id AS uuid)", id=webhook[3:])
        assert resent.delivery == f"dlv_{row.id.hex}"

    both = []
    async with world.database.execution_options(isolation_level="READ COMMITTED").begin() as holding:
        await holding.exec_driver_sql(ONLY_DELIVERY if others == 1 else STATUS)
        for verb in (recover, resend) if first == "recover" else (resend, recover):
            both.append(asyncio.create_task(verb()))
            await eventually_async(lambda: is_waited_for(world, by=len(both)), f"{len(both)} wait")
    await asyncio.gather(*both)
    assert await world.scalar("SELECT count(*) FROM deliveries") == others + 1
    assert (await shown(world, recovery)).recovered.total == (1 if first == "recover" else 0)
    assert await world.rows(STATUSES_THAT_DIFFER) == []


async def is_waited_for(world: StoreHarness, *, by: int) -> bool:
    return bool(await world.scalar("SELECT count(DISTINCT pid) = :by FROM pg_locks WHERE NOT granted", by=by))
