"""An event that very many webhooks want: nobody waits for its deliveries, and every webhook gets one."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import text

from flux_dispatch.domain.event import EventData, EventDraft
from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, parse_id
from flux_dispatch.engine.fan_out import FanOut
from flux_dispatch.engine.publish import Publish
from flux_dispatch.store.connect import transaction
from flux_dispatch.store.events import EventQueries
from flux_dispatch.store.publish import DELIVERIES_OF_A_BATCH, FAN_OUT_AT_ONCE, EventStore
from tests.support.store_harness import SECRET, TIMING, StoreHarness, database_clock


class Queue:
    """Notes whose deliveries are enqueued."""

    def __init__(self) -> None:
        self.enqueued = Counter[AccountId]()

    def enqueue_deliveries(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]], *, attempt: int, countdown_seconds: float
    ) -> None:
        assert (attempt, countdown_seconds) == (1, 0)
        self.enqueued += Counter(account for account, _ in deliveries)


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
async def publish(world: StoreHarness, queue: Queue) -> Publish:
    return Publish(
        EventStore(world.database, TIMING),
        queue,
        database_clock(world),
        first_delay=timedelta(0),
        horizon=TIMING.horizon,
    )


@pytest.fixture
async def fan_out(world: StoreHarness, queue: Queue) -> FanOut:
    return FanOut(EventStore(world.database, TIMING), queue, first_delay=timedelta(0), horizon=TIMING.horizon)


async def many_webhooks(world: StoreHarness, account: AccountId, count: int, later: timedelta = timedelta(0)) -> None:
    await world.do(
        "INSERT INTO webhooks (account_id, url, events, description, headers, status, secrets, created_at) "
        "SELECT CAST(:account AS uuid), 'http://127.0.0.1:9/', ARRAY['*', 'order.*'], '', '{}', 'enabled', "
        "ARRAY[CAST(:secret AS text)], flux_now() + :later FROM generate_series(1, CAST(:count AS int))",
        account=parse_id(Prefix.ACCOUNT, account),
        secret=SECRET,
        count=count,
        later=later,
    )


@pytest.mark.parametrize("count", [1, FAN_OUT_AT_ONCE - 1, FAN_OUT_AT_ONCE, 3 * FAN_OUT_AT_ONCE + 7])
async def test_every_webhook_gets_one_delivery_however_many_there_are(
    world: StoreHarness, publish: Publish, fan_out: FanOut, queue: Queue, count: int
) -> None:
    account = await world.account()
    await many_webhooks(world, account, count)
    accepted = await publish(account, "order.completed", {})
    assert accepted.webhooks == count
    assert await world.scalar("SELECT count(*) FROM deliveries") == min(count, FAN_OUT_AT_ONCE)
    await many_webhooks(world, account, 1, later=timedelta(minutes=1))
    while await fan_out():
        pass
    assert await world.scalar("SELECT count(DISTINCT webhook_id) FROM deliveries") == count
    assert queue.enqueued == {account: count}
    assert await world.scalar("SELECT count(*) FROM deliveries") == count
    assert await world.scalar("SELECT count(*) FROM fan_outs") == 0


async def test_a_batch_makes_its_first_deliveries_at_once_and_the_rest_in_steps(
    world: StoreHarness, publish: Publish, fan_out: FanOut, queue: Queue
) -> None:
    account = await world.account()
    await many_webhooks(world, account, 60)
    made = await publish.batch(account, [EventDraft("order.completed", EventData("{}"))] * 200)
    assert {each.webhooks for each in made} == {60}
    assert await world.scalar("SELECT count(*) FROM deliveries") == DELIVERIES_OF_A_BATCH
    assert await world.scalar("SELECT count(*) FROM fan_outs") == 200
    await world.do("UPDATE deliveries SET state = 'delivered', ended_at = flux_now(), sweep_at = NULL, due_at = NULL")
    event = await EventQueries(world.database).get(account, made[0].event.id)
    assert event is not None
    assert event.status == "pending"
    await fan_out()
    assert await world.scalar("SELECT count(*) FROM fan_outs") == 0, "what each of a hundred events lacks is one step"
    assert await world.scalar("SELECT count(DISTINCT (event_id, webhook_id)) FROM deliveries") == 200 * 60
    assert queue.enqueued == {account: 200 * 60}


async def test_whoever_publishes_again_is_told_of_as_many_webhooks_as_before(
    world: StoreHarness, publish: Publish, fan_out: FanOut
) -> None:
    account = await world.account()
    await many_webhooks(world, account, FAN_OUT_AT_ONCE + 5)
    told = [(await publish(account, "order.completed", {}, idempotency_key="one")).webhooks for _ in range(2)]
    await fan_out()
    told.append((await publish(account, "order.completed", {}, idempotency_key="one")).webhooks)
    assert told == [FAN_OUT_AT_ONCE + 5] * 3


async def test_what_another_worker_has_in_hand_is_not_waited_for_and_keeps_no_other_account_waiting(
    world: StoreHarness, publish: Publish, fan_out: FanOut, queue: Queue
) -> None:
    first, second = sorted([await world.account() for _ in range(2)])
    for account in (first, second):
        await many_webhooks(world, account, FAN_OUT_AT_ONCE + 1)
        await publish(account, "order.completed", {})
    queue.enqueued.clear()
    in_hand = text("SELECT FROM fan_outs WHERE account_id = CAST(:account AS uuid) FOR UPDATE")
    async with transaction(world.database) as other:
        await other.execute(in_hand, {"account": parse_id(Prefix.ACCOUNT, first)})
        await fan_out()
    assert queue.enqueued == {second: 1}


async def test_accounts_take_turns_in_what_is_left_to_be_fanned_out(
    world: StoreHarness, publish: Publish, fan_out: FanOut, queue: Queue
) -> None:
    accounts = sorted([await world.account() for _ in range(4)])
    for account in accounts:
        await many_webhooks(world, account, 3 * FAN_OUT_AT_ONCE)
        for _ in range(2 if account == accounts[0] else 1):
            await publish(account, "order.completed", {})
    queue.enqueued.clear()
    await fan_out()
    assert queue.enqueued == dict.fromkeys(accounts, FAN_OUT_AT_ONCE)


async def test_workers_that_fan_out_at_once_make_no_delivery_twice(
    world: StoreHarness, publish: Publish, fan_out: FanOut
) -> None:
    account = await world.account()
    await many_webhooks(world, account, 4 * FAN_OUT_AT_ONCE)
    await publish(account, "order.completed", {})
    while await world.scalar("SELECT count(*) FROM fan_outs"):
        await asyncio.gather(fan_out(), fan_out())
    assert await world.scalar("SELECT count(*) FROM deliveries") == 4 * FAN_OUT_AT_ONCE
    assert await world.scalar("SELECT count(DISTINCT webhook_id) FROM deliveries") == 4 * FAN_OUT_AT_ONCE


async def test_an_account_with_very_many_webhooks_keeps_nobody_elses_event_waiting(
    world: StoreHarness, publish: Publish
) -> None:
    many, few = await world.account(), await world.account()
    await many_webhooks(world, many, 500)
    await world.webhook(few, "*")
    for account in (many, few):
        await publish(account, "order.completed", {})
    order: list[AccountId] = []

    async def publish_one(account: AccountId) -> None:
        await publish(account, "order.completed", {})
        order.append(account)

    await asyncio.gather(*(publish_one(many) for _ in range(100)), publish_one(few))
    assert order.index(few) <= 4, "no more than a group or two of the other's came before it"
    assert order.count(many) == 100


async def test_an_event_whose_fan_out_goes_on_is_pending_whatever_was_delivered(
    world: StoreHarness, publish: Publish, fan_out: FanOut
) -> None:
    account = await world.account()
    await many_webhooks(world, account, FAN_OUT_AT_ONCE + 1)
    accepted = await publish(account, "order.completed", {})
    delivered = "UPDATE deliveries SET state = 'delivered', ended_at = flux_now(), sweep_at = NULL, due_at = NULL"
    await world.do(delivered)
    queries = EventQueries(world.database)

    async def status() -> str:
        event = await queries.get(account, accepted.event.id)
        assert event is not None
        return str(event.status)

    assert await status() == "pending"
    await fan_out()
    await world.do(delivered)
    assert await status() == "delivered"
