"""An event that very many webhooks want: nobody waits for its deliveries, and every webhook gets one."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest

from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, parse_id
from flux_dispatch.engine.accept import Accept
from flux_dispatch.engine.fan_out import FanOut
from flux_dispatch.store.accept import FAN_OUT_AT_ONCE, EventStore
from flux_dispatch.store.reads import Reads
from tests.store.world import SECRET, TIMING, World, database_clock


class Bell:
    """Notes whose deliveries it rings."""

    def __init__(self) -> None:
        self.rung = Counter[AccountId]()

    def deliver(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]], *, attempt: int, countdown_seconds: float
    ) -> None:
        assert (attempt, countdown_seconds) == (1, 0)
        self.rung += Counter(account for account, _ in deliveries)


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
async def accept(world: World, bell: Bell) -> Accept:
    return Accept(
        EventStore(world.database, TIMING),
        bell,
        database_clock(world),
        first_delay=timedelta(0),
        horizon=TIMING.horizon,
    )


@pytest.fixture
async def fan_out(world: World, bell: Bell) -> FanOut:
    return FanOut(EventStore(world.database, TIMING), bell, first_delay=timedelta(0), horizon=TIMING.horizon)


async def many_webhooks(world: World, account: AccountId, count: int, later: timedelta = timedelta(0)) -> None:
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
    world: World, accept: Accept, fan_out: FanOut, bell: Bell, count: int
) -> None:
    account = await world.account()
    await many_webhooks(world, account, count)
    accepted = await accept(account, "order.completed", {})
    assert accepted.webhooks == count
    assert await world.scalar("SELECT count(*) FROM deliveries") == min(count, FAN_OUT_AT_ONCE)
    await many_webhooks(world, account, 1, later=timedelta(minutes=1))
    while await fan_out():
        pass
    assert await world.scalar("SELECT count(DISTINCT webhook_id) FROM deliveries") == count
    assert bell.rung == {account: count}
    assert await world.scalar("SELECT count(*) FROM deliveries") == count
    assert await world.scalar("SELECT count(*) FROM fan_outs") == 0


async def test_accounts_take_turns_in_what_is_left_to_be_fanned_out(
    world: World, accept: Accept, fan_out: FanOut, bell: Bell
) -> None:
    accounts = sorted([await world.account() for _ in range(4)])
    for account in accounts:
        await many_webhooks(world, account, 3 * FAN_OUT_AT_ONCE)
        for _ in range(2 if account == accounts[0] else 1):
            await accept(account, "order.completed", {})
    bell.rung.clear()
    await fan_out()
    assert bell.rung == dict.fromkeys(accounts, FAN_OUT_AT_ONCE)


async def test_workers_that_fan_out_at_once_make_no_delivery_twice(
    world: World, accept: Accept, fan_out: FanOut
) -> None:
    account = await world.account()
    await many_webhooks(world, account, 4 * FAN_OUT_AT_ONCE)
    await accept(account, "order.completed", {})
    while await world.scalar("SELECT count(*) FROM fan_outs"):
        await asyncio.gather(fan_out(), fan_out())
    assert await world.scalar("SELECT count(*) FROM deliveries") == 4 * FAN_OUT_AT_ONCE
    assert await world.scalar("SELECT count(DISTINCT webhook_id) FROM deliveries") == 4 * FAN_OUT_AT_ONCE


async def test_an_account_with_very_many_webhooks_keeps_nobody_elses_event_waiting(
    world: World, accept: Accept
) -> None:
    many, few = await world.account(), await world.account()
    await many_webhooks(world, many, 500)
    await world.webhook(few, "*")
    for account in (many, few):
        await accept(account, "order.completed", {})
    order: list[AccountId] = []

    async def publish(account: AccountId) -> None:
        await accept(account, "order.completed", {})
        order.append(account)

    await asyncio.gather(*(publish(many) for _ in range(100)), publish(few))
    assert order.index(few) <= 4, "no more than a group or two of the other's came before it"
    assert order.count(many) == 100


async def test_an_event_whose_fan_out_goes_on_is_pending_whatever_was_delivered(
    world: World, accept: Accept, fan_out: FanOut
) -> None:
    account = await world.account()
    await many_webhooks(world, account, FAN_OUT_AT_ONCE + 1)
    accepted = await accept(account, "order.completed", {})
    delivered = "UPDATE deliveries SET state = 'delivered', ended_at = flux_now(), wake_at = NULL, due_at = NULL"
    await world.do(delivered)
    reads = Reads(world.database)

    async def status() -> str:
        event = await reads.event(account, accepted.event.id)
        assert event is not None
        return str(event.status)

    assert await status() == "pending"
    await fan_out()
    await world.do(delivered)
    assert await status() == "delivered"
