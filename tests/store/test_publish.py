"""Events are stored once, with one delivery for each webhook that wants them."""

import asyncio
from datetime import timedelta
from typing import cast

import pytest

from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.connect import open_database
from flux_dispatch.store.publish import EventStore
from tests.support.store_harness import TIMING, StoreHarness, event


async def test_fan_out_reaches_every_webhook_that_matches_and_no_other(world: StoreHarness) -> None:
    account, stranger = await world.account(), await world.account()
    for patterns in [("order.completed",), ("order.*",), ("*",), ("order.completed", "*", "order.*")]:
        await world.webhook(account, *patterns)
    for patterns in [("order.created",), ("order",), ("orders.*",), ("user.*",)]:
        await world.webhook(account, *patterns)
    await world.webhook(stranger, "*")
    (stored,) = await world.publish(event(account, "order.completed"))
    assert len(stored.deliveries) == 4
    assert len(set(stored.deliveries)) == 4


async def test_a_webhook_that_is_disabled_or_deleted_gets_nothing(world: StoreHarness) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    await world.do("UPDATE webhooks SET status = 'disabled'")
    await world.webhook(account, "*")
    await world.do("UPDATE webhooks SET deleted_at = flux_now() WHERE status = 'enabled'")
    (stored,) = await world.publish(event(account))
    assert stored.deliveries == ()
    assert await world.scalar("SELECT count(*) FROM events") == 1


async def test_many_events_keep_their_order_in_the_answer(world: StoreHarness) -> None:
    account = await world.account()
    await world.webhook(account, "even")
    events = [event(account, "even" if n % 2 == 0 else "odd", {"n": n}) for n in range(100)]
    stored = await world.publish(*events)
    assert [each.event for each in stored] == events
    assert [len(each.deliveries) for each in stored] == [1, 0] * 50


async def test_a_known_key_returns_the_earlier_event_and_stores_nothing(world: StoreHarness) -> None:
    account, other = await world.account(), await world.account()
    await world.webhook(account, "*")
    (first,) = await world.publish(event(account, key="k"))
    again, foreign = await world.publish(event(account, key="k"), event(other, key="k"))
    assert again.is_duplicate
    assert again.event == first.event
    assert (again.webhooks, again.deliveries) == (1, ()), "what is on its way is told of as before, and enqueued once"
    assert not foreign.is_duplicate
    assert await world.scalar("SELECT count(*) FROM events") == 2
    assert await world.scalar("SELECT count(*) FROM deliveries") == 1


async def test_one_key_fifty_times_at_once_is_one_event(world: StoreHarness) -> None:
    account = await world.account()
    events = [event(account, key=key) for key in ["a", "b"] * 25]
    groups = [events[:10], list(reversed(events[10:30])), events[30:]]
    answers = await asyncio.gather(*(world.publish(*group) for group in groups))
    assert await world.scalar("SELECT count(*) FROM events") == 2
    assert sum(not each.is_duplicate for group in answers for each in group) == 2
    assert len({each.event.id for group in answers for each in group}) == 2


async def test_an_unknown_account_gets_none_and_spoils_nothing(world: StoreHarness) -> None:
    account = await world.account()
    nobody = cast(AccountId, "acct_" + "0" * 32)
    store = EventStore(world.database, TIMING)
    stored = await store.create([event(nobody), event(account), event(nobody, key="k")], first_delay=timedelta(0))
    assert [each is not None for each in stored] == [False, True, False]
    assert await world.scalar("SELECT count(*) FROM events") == 1


async def test_a_first_attempt_beyond_the_horizon_is_left_to_the_planner(world: StoreHarness) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    await world.advance_clock(0)
    for seconds, sweep_in in [(0, 5), (30, 35), (31, 1), (3600, 3570)]:
        (stored,) = await EventStore(world.database, TIMING).create(
            [event(account)], first_delay=timedelta(seconds=seconds)
        )
        assert stored is not None
        row = await world.state(stored.deliveries[0])
        assert (row.due_in, row.sweep_in) == (seconds, sweep_in)


async def test_an_unreachable_database_is_said_to_be_unavailable() -> None:
    database = open_database("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(Unavailable, match="not available"):
        await EventStore(database, TIMING).create(
            [event(cast(AccountId, "acct_" + "0" * 32))], first_delay=TIMING.enqueue_grace
        )
    await database.dispose()
