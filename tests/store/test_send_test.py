"""Whoever sends a test waits for its end, in bounded time, with others, and not in a transaction."""

import asyncio
import json
from datetime import timedelta
from uuid import UUID

import pytest

from flux_dispatch.domain.ids import DeliveryId, Prefix, parse_id
from flux_dispatch.domain.own_event import TYPES
from flux_dispatch.engine.send_test import MAX_WAITING, MAX_WAITING_OF_ACCOUNT, SendTest
from flux_dispatch.store.event_types import EventTypeQueries
from flux_dispatch.store.send_test import SendTestStore
from flux_dispatch.store.webhooks import WebhookQueries
from tests.support.described import check_own_event
from tests.support.queues import NotingQueue
from tests.support.store_harness import SEALS, TIMING, StoreHarness, database_clock, event


@pytest.fixture
def queue() -> NotingQueue:
    return NotingQueue()


def sender(world: StoreHarness, queue: NotingQueue) -> SendTest:
    return SendTest(
        SendTestStore(world.database, TIMING),
        WebhookQueries(world.database, SEALS),
        EventTypeQueries(world.database),
        queue,
        database_clock(world),
        delivery_timeout=timedelta(hours=1),
    )


async def test_it_waits_until_the_delivery_has_ended(world: StoreHarness, queue: NotingQueue) -> None:
    account = await world.account()
    webhook = await world.webhook(account, "*")
    send_test = sender(world, queue)
    delivery = await send_test(account, webhook)
    assert queue.enqueued == [(account, delivery)]
    waiting = asyncio.create_task(send_test.wait(account, delivery))
    for state in ("sending", "exhausted"):
        await world.put(_uuid(delivery), state)
        assert await asyncio.wait({waiting}, timeout=0.2) == (set(), {waiting})
        assert await world.scalar("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'") == 0
    await world.put(_uuid(delivery), "failed")
    async with asyncio.timeout(10):
        await waiting


async def test_what_is_gone_is_not_waited_for(world: StoreHarness, queue: NotingQueue) -> None:
    account = await world.account()
    send_test = sender(world, queue)
    delivery = await send_test(account, await world.webhook(account, "*"))
    await world.do("DELETE FROM deliveries")
    async with asyncio.timeout(10):
        await send_test.wait(account, delivery)


async def test_where_very_many_wait_a_further_one_does_not(world: StoreHarness, queue: NotingQueue) -> None:
    accounts = [await world.account() for _ in range(MAX_WAITING // MAX_WAITING_OF_ACCOUNT)]
    send_test = sender(world, queue)
    delivery = await send_test(accounts[0], await world.webhook(accounts[0], "*"))
    waiting: list[asyncio.Task[None]] = []
    for account in accounts:
        waiting += [asyncio.create_task(send_test.wait(account, delivery)) for _ in range(MAX_WAITING_OF_ACCOUNT)]
        done, _ = await asyncio.wait(waiting, timeout=0.2)
        assert not done, "another account's take no place of its own"
        async with asyncio.timeout(10):
            await send_test.wait(account, delivery)
    async with asyncio.timeout(10):
        await send_test.wait(await world.account(), delivery)
    await world.put(_uuid(delivery), "delivered")
    await asyncio.gather(*waiting)
    await world.put(_uuid(delivery), "sending")
    waits_again = asyncio.create_task(send_test.wait(accounts[0], delivery))
    done, _ = await asyncio.wait({waits_again}, timeout=0.2)
    assert not done
    await world.put(_uuid(delivery), "delivered")
    await waits_again


async def test_a_webhook_that_is_not_enabled_gets_none(world: StoreHarness) -> None:
    account, other = await world.account(), await world.account()
    webhook = await world.webhook(account, "*")
    store = SendTestStore(world.database, TIMING)
    assert await store.add(event(other), webhook) is None
    for change in (
        "UPDATE webhooks SET status = 'disabled'",
        "UPDATE webhooks SET status = 'enabled', deleted_at = flux_now()",
    ):
        await world.do(change)
        assert await store.add(event(account), webhook) is None
    assert await world.scalar("SELECT count(*) FROM events") == 0


@pytest.mark.parametrize("event_type", TYPES.values())
async def test_the_test_of_a_type_of_our_own_has_what_the_reference_says(
    world: StoreHarness, queue: NotingQueue, event_type: str
) -> None:
    account = await world.account()
    await sender(world, queue)(account, await world.webhook(account, event_type))
    body = json.loads(await world.scalar("SELECT body FROM events"))
    assert (body["type"], body["data"].pop("test")) == (event_type, True)
    assert "No flux." in body["data"].pop("message")
    check_own_event(body)


def _uuid(delivery: DeliveryId) -> UUID:
    return UUID(parse_id(Prefix.DELIVERY, delivery))
