"""One statement says which of the side work has something to do; whoever has nothing is not woken."""

from datetime import timedelta

from flux_dispatch.store.side_work import WAITING, SideWorkQueries
from tests.support.store_harness import StoreHarness
from workers.bootstep import SIDE_WORK

# what makes each of them have something to do, after the one before
_MADE = {
    "relay": """
        INSERT INTO outbox (id, account_id, type, data, written_at)
        SELECT flux_new_id(), id, 'order.completed', '{}', now() FROM accounts
    """,
    "roll_up": """
        INSERT INTO webhook_tallies (bucket, webhook_ids, delivered, durations)
        SELECT flux_now(), ARRAY[id], ARRAY[true], ARRAY[1] FROM webhooks
    """,
    "cancel": "UPDATE webhooks SET cancel_at = flux_now()",
    "recover": """
        INSERT INTO recoveries (account_id, webhook_id, since, until, position, status, recover_at)
        SELECT account_id, id, flux_now(), flux_now(), id, 'running', flux_now() FROM webhooks
    """,
    "erase": "UPDATE accounts SET erase_at = flux_now()",
    "check_health": """
        INSERT INTO webhook_health (webhook_id, account_id, health, since, check_at)
        SELECT id, account_id, 'suspect', flux_now(), flux_now() FROM webhooks
    """,
    "notify": """
        INSERT INTO alert_channels (name, service, target, kinds, compose_at)
        VALUES ('', 'webhook', '', ARRAY['delivery_failed'], flux_now())
    """,
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
    assert waiting == set(WAITING) < set(SIDE_WORK)


async def test_what_is_due_later_wakes_nobody_before(world: StoreHarness) -> None:
    queries = SideWorkQueries(world.database)
    await world.advance_clock(0)
    account = await world.account()
    await world.webhook(account, "*")
    await world.do("UPDATE webhooks SET cancel_at = flux_now() + CAST(:soon AS interval)", soon=timedelta(seconds=5))
    assert await queries.waiting() == set()
    await world.advance_clock(6)
    assert await queries.waiting() == {"cancel"}


async def test_a_message_that_was_made_is_sent_though_no_other_is_to_be_made(world: StoreHarness) -> None:
    queries = SideWorkQueries(world.database)
    await world.advance_clock(0)
    await world.do(_MADE["notify"])
    await world.do(
        "INSERT INTO notifications (channel_id, content, due_at) SELECT id, '{}', flux_now() FROM alert_channels"
    )
    await world.do("UPDATE alert_channels SET compose_at = NULL")
    assert await queries.waiting() == {"notify"}
    await world.do("UPDATE notifications SET due_at = NULL")
    assert await queries.waiting() == set()
