"""One statement says which of the side work has something to do; whoever has nothing is not woken."""

from datetime import timedelta

from flux_dispatch.store.side_work import WAITING, SideWorkQueries
from tests.support.store_harness import StoreHarness
from workers.bootstep import SIDE_WORK

# what makes each of them have something to do, after the one before
_MADE = {
    "relay": "INSERT INTO outbox (id, account_id, type, data, written_at) "
    "SELECT flux_new_id(), id, 'order.completed', '{}', now() FROM accounts",
    "cancel": "UPDATE webhooks SET cancel_at = flux_now()",
    "erase": "UPDATE accounts SET erase_at = flux_now()",
}


async def test_each_is_named_when_it_has_something_to_do(world: StoreHarness) -> None:
    queries = SideWorkQueries(world.database)
    await world.advance_clock(0)
    await world.webhook(await world.account(), "*")
    waiting: set[str] = set()
    assert await queries.waiting() == waiting
    for name, sql in _MADE.items():
        await world.do(sql)
        waiting.add(name)
        assert await queries.waiting() == waiting
    assert waiting < set(WAITING) < set(SIDE_WORK)


async def test_what_is_due_later_wakes_nobody_before(world: StoreHarness) -> None:
    queries = SideWorkQueries(world.database)
    await world.advance_clock(0)
    account = await world.account()
    await world.webhook(account, "*")
    await world.do("UPDATE webhooks SET cancel_at = flux_now() + CAST(:soon AS interval)", soon=timedelta(seconds=5))
    assert await queries.waiting() == set()
    await world.advance_clock(6)
    assert await queries.waiting() == {"cancel"}
