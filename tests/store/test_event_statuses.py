"""The status of an event is stored, moves with its deliveries in one transaction, and is right whoever moves them."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from flux_dispatch.domain.claim import Settlement
from flux_dispatch.domain.ids import AccountId, DeliveryId
from flux_dispatch.domain.outcome import Attempt, Rejected, Succeeded
from flux_dispatch.domain.retry import Decision, Done, GiveUp, RetryAfter
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.fail import FailureStore
from flux_dispatch.store.resend import ResendStore
from tests.support.recount import EVENT_STATUSES, STATUSES_THAT_DIFFER
from tests.support.store_harness import SEALS, TIMING, StoreHarness, event

SUCCEEDS, RETRIES, ENDS = Done(), RetryAfter(timedelta(0)), GiveUp("attempts_exhausted")


@pytest.fixture
def store(world: StoreHarness) -> DeliveryStore:
    return DeliveryStore(world.database, TIMING, SEALS)


async def attempt(store: DeliveryStore, deliveries: list[DeliveryId], decision: Decision) -> None:
    lease = await store.claim(deliveries)
    assert lease is not None
    outcome = Succeeded(200) if isinstance(decision, Done) else Rejected(500)
    await store.settle(
        [
            Settlement(each.account, each.delivery, each.lease_token, Attempt(each.attempt, 0.1, outcome), decision)
            for each in lease.claims
        ]
    )


async def statuses(world: StoreHarness) -> list[str]:
    assert await world.rows(STATUSES_THAT_DIFFER) == []
    return [row.status for row in await world.rows(EVENT_STATUSES)]


async def account_with(world: StoreHarness, webhooks: int) -> AccountId:
    account = await world.account()
    for _ in range(webhooks):
        await world.webhook(account, "*")
    return account


async def test_it_follows_each_delivery(world: StoreHarness, store: DeliveryStore) -> None:
    account = await account_with(world, 2)
    (stored,) = await world.publish(event(account))
    one, other = stored.deliveries
    assert await statuses(world) == ["pending"]
    await attempt(store, [one], RETRIES)
    assert await statuses(world) == ["pending"]
    await attempt(store, [one], SUCCEEDS)
    assert await statuses(world) == ["pending"]
    await attempt(store, [other], SUCCEEDS)
    assert await statuses(world) == ["delivered"]


async def test_the_only_delivery_of_an_event_tells_until_it_has_another(
    world: StoreHarness, store: DeliveryStore
) -> None:
    account = await account_with(world, 1)
    (stored,) = await world.publish(event(account))
    assert await world.scalar("SELECT count(*) FROM event_statuses") == 0
    for decision, status in ((RETRIES, "pending"), (SUCCEEDS, "delivered")):
        await attempt(store, [*stored.deliveries], decision)
        assert await statuses(world) == [status]
    await ResendStore(world.database, TIMING).resend(account, stored.event.id, [await world.webhook(account, "*")])
    assert await statuses(world) == ["pending"]
    assert await world.scalar("SELECT count(*) FROM event_statuses") == 1


async def test_one_final_failure_wins_at_once(world: StoreHarness, store: DeliveryStore) -> None:
    account = await account_with(world, 3)
    (stored,) = await world.publish(event(account))
    one, other, last = stored.deliveries
    await attempt(store, [one], ENDS)
    assert await statuses(world) == ["pending"]
    await FailureStore(world.database).fail([one])
    assert await statuses(world) == ["failed"]
    await attempt(store, [other, last], SUCCEEDS)
    assert await statuses(world) == ["failed"]


async def test_what_nobody_wants_is_unmatched(world: StoreHarness) -> None:
    account = await world.account()
    await world.publish(event(account))
    assert await statuses(world) == ["unmatched"]


async def test_what_is_opened_again_is_pending_again(world: StoreHarness) -> None:
    account = await account_with(world, 2)
    (stored,) = await world.publish(event(account))
    for state, status in (("failed", "failed"), ("canceled", "pending"), ("delivered", "pending")):
        (row,) = await world.rows("SELECT id FROM deliveries ORDER BY id LIMIT 1")
        await world.put(row.id, state)
        assert await statuses(world) == [status]
        await world.put(row.id, "scheduled")
        assert await statuses(world) == ["pending"]
    assert stored.deliveries


async def test_deliveries_of_one_event_end_at_once_and_crosswise(world: StoreHarness) -> None:
    account = await account_with(world, 8)
    stored = await world.publish(*(event(account) for _ in range(40)))
    by_webhook = [[each.deliveries[n] for each in stored] for n in range(8)]
    orders = [part if number % 2 else part[::-1] for number, part in enumerate(by_webhook)]
    await asyncio.gather(
        *(attempt(DeliveryStore(world.database, TIMING, SEALS), part, SUCCEEDS) for part in orders[:6]),
        *(attempt(DeliveryStore(world.database, TIMING, SEALS), part, ENDS) for part in orders[6:]),
    )
    assert await statuses(world) == ["pending"] * 40
    await asyncio.gather(*(FailureStore(world.database).fail(part) for part in orders[6:]))
    assert await statuses(world) == ["failed"] * 40


async def test_a_statement_that_is_undone_moves_nothing(world: StoreHarness) -> None:
    account = await account_with(world, 1)
    await world.publish(event(account))
    async with world.database.execution_options(isolation_level="READ COMMITTED").connect() as connection:
        await connection.execute(text("UPDATE deliveries SET state = 'delivered', ended_at = flux_now()"))
        told = (await connection.execute(text(EVENT_STATUSES))).scalar_one()
        await connection.rollback()
    assert told == "delivered"
    assert await statuses(world) == ["pending"]
