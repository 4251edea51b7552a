"""The planner finds what is due, forgotten or orphaned, once, and moves it by the table."""

import asyncio
from datetime import timedelta

import pytest

from flux_dispatch.domain.claim import Settlement
from flux_dispatch.domain.finding import Finding, Found
from flux_dispatch.domain.ids import AccountId, DeliveryId
from flux_dispatch.domain.outcome import Attempt, Refused
from flux_dispatch.domain.retry import GiveUp, RetryAfter
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.plan import PlanStore
from tests.store.world import TIMING, World

GRACE = TIMING.grace.total_seconds()
HORIZON = TIMING.horizon.total_seconds()
LEASE = TIMING.lease.total_seconds()
SPREAD = TIMING.rescue_spread.total_seconds()


@pytest.fixture
async def account(world: World) -> AccountId:
    account = await world.account()
    await world.webhook(account, "*")
    await world.pass_time(0)
    return account


@pytest.fixture
def plan(world: World) -> PlanStore:
    return PlanStore(world.database, TIMING)


@pytest.fixture
def store(world: World) -> DeliveryStore:
    return DeliveryStore(world.database, TIMING)


async def look(plan: PlanStore, *, retries: bool = False, may_ring: bool = True) -> list[Found]:
    return await plan.wake(retries=retries, may_ring=may_ring, limit=100)


async def claim_token(store: DeliveryStore, delivery: DeliveryId) -> str:
    lease = await store.claim([delivery])
    assert lease is not None
    return lease.claims[0].token


async def test_nothing_to_do_is_said_as_such(plan: PlanStore, account: AccountId) -> None:
    assert account
    horizon = await plan.peek()
    assert (horizon.first_attempts, horizon.retries, horizon.unsent_alerts) == (None, None, False)
    assert await look(plan) == []


async def test_a_lost_ring_is_found_after_the_grace_and_not_again_at_once(
    world: World, plan: PlanStore, account: AccountId
) -> None:
    delivery = await world.delivery(account)
    assert await look(plan) == []
    assert (await plan.peek()).first_attempts == GRACE
    await world.pass_time(GRACE)
    (found,) = await look(plan)
    assert (found.delivery, found.finding, found.attempt) == (delivery, Finding.RING, 1)
    assert await look(plan) == []
    await world.pass_time(GRACE)
    assert len(await look(plan)) == 1


async def test_a_backlog_is_left_untouched_but_its_orphans_are_found(
    world: World, plan: PlanStore, store: DeliveryStore, account: AccountId
) -> None:
    orphan, waiting = await world.delivery(account), await world.delivery(account)
    await claim_token(store, orphan)
    await world.pass_time(LEASE)
    before = await world.state(waiting)
    (found,) = await look(plan, may_ring=False)
    assert (found.delivery, found.finding) == (orphan, Finding.RESCUED)
    assert await world.state(waiting) == before


async def test_a_coming_retry_is_handed_over_once_with_its_exact_countdown(
    world: World, plan: PlanStore, store: DeliveryStore, account: AccountId
) -> None:
    delivery = await world.delivery(account)
    token = await claim_token(store, delivery)
    retry = RetryAfter(timedelta(seconds=300))
    await store.settle([Settlement(delivery, token, Attempt(1, 0.1, Refused(500)), retry)])
    assert (await plan.peek()).retries == 300 - HORIZON
    await world.pass_time(300 - HORIZON - 0.5)
    assert await look(plan, retries=True) == []
    await world.pass_time(0.5)
    (found,) = await look(plan, retries=True)
    assert (found.finding, found.attempt, found.due_in_seconds) == (Finding.RING, 2, HORIZON)
    assert await look(plan, retries=True) == []
    await world.pass_time(HORIZON + GRACE)
    (lost,) = await look(plan, retries=True)
    assert (lost.finding, lost.due_in_seconds) == (Finding.RING, -GRACE)


async def test_a_lease_that_runs_is_left_and_one_that_ended_is_rescued(
    world: World, plan: PlanStore, store: DeliveryStore, account: AccountId
) -> None:
    delivery = await world.delivery(account)
    token = await claim_token(store, delivery)
    await world.pass_time(GRACE)
    (busy,) = await look(plan)
    assert busy.finding is Finding.BUSY
    assert (await world.state(delivery)).token.hex == token
    assert (await plan.peek()).first_attempts == LEASE - GRACE
    await world.pass_time(LEASE - GRACE)
    (rescued,) = await look(plan)
    assert (rescued.finding, rescued.attempt) == (Finding.RESCUED, 1)
    row = await world.state(delivery)
    assert (row.state, row.token, row.rescues, row.attempts) == ("scheduled", None, 1, 0)


async def test_what_a_dead_worker_left_is_not_tried_again_all_at_once(
    world: World, plan: PlanStore, store: DeliveryStore, account: AccountId
) -> None:
    left = [await world.delivery(account) for _ in range(20)]
    assert await store.claim(left)
    await world.pass_time(LEASE)
    waits = [each.due_in_seconds for each in await look(plan)]
    assert len(set(waits)) == len(left)
    assert 0 <= min(waits) < SPREAD / 2 < max(waits) <= SPREAD


async def test_the_fourth_death_over_one_attempt_is_given_to_the_planner_to_settle(
    world: World, plan: PlanStore, store: DeliveryStore, account: AccountId
) -> None:
    delivery = await world.delivery(account)
    for _ in range(TIMING.most_rescues):
        await claim_token(store, delivery)
        await world.pass_time(LEASE)
        assert [each.finding for each in await look(plan)] == [Finding.RESCUED]
        await world.pass_time(SPREAD)
    dead = await claim_token(store, delivery)
    await world.pass_time(LEASE)
    (lost,) = await look(plan)
    assert lost.finding is Finding.LOST
    assert lost.token not in {None, dead}
    settlement = Settlement(delivery, str(lost.token), Attempt(1, 0, Refused(500)), RetryAfter(timedelta(seconds=60)))
    assert await store.settle([settlement]) == {delivery}
    assert (await world.state(delivery)).rescues == 0


async def test_an_exhausted_delivery_whose_final_task_is_lost_is_found(
    world: World, plan: PlanStore, store: DeliveryStore, account: AccountId
) -> None:
    delivery = await world.delivery(account)
    token = await claim_token(store, delivery)
    await store.settle([Settlement(delivery, token, Attempt(5, 0.1, Refused(500)), GiveUp("attempts_exhausted"))])
    await world.pass_time(GRACE)
    assert [each.finding for each in await look(plan, retries=True)] == [Finding.EXHAUSTED]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE webhooks SET status = 'disabled'", "webhook_disabled"),
        ("UPDATE webhooks SET deleted_at = flux_now()", "webhook_deleted"),
    ],
)
async def test_deliveries_of_a_webhook_that_is_gone_are_canceled(
    world: World, plan: PlanStore, account: AccountId, change: str, reason: str
) -> None:
    delivery = await world.delivery(account)
    await world.do(change)
    await world.pass_time(GRACE)
    assert [each.finding for each in await look(plan)] == [Finding.CANCELED]
    row = await world.state(delivery)
    assert (row.state, row.reason, row.due_at, row.wake_at) == ("canceled", reason, None, None)


async def test_planners_at_once_share_the_work(world: World, plan: PlanStore, account: AccountId) -> None:
    deliveries = [await world.delivery(account) for _ in range(30)]
    await world.pass_time(GRACE)
    looks = await asyncio.gather(*(plan.wake(retries=False, may_ring=True, limit=10) for _ in range(6)))
    found = [each.delivery for look in looks for each in look]
    assert len(found) == len(set(found))
    assert set(found) <= set(deliveries)


async def test_an_alert_whose_task_is_lost_is_rung_once_in_a_while(
    world: World, plan: PlanStore, account: AccountId
) -> None:
    await world.do(
        """
        INSERT INTO alerts (account_id, webhook_id, event_id, delivery_id, reason)
        SELECT flux_new_id(), flux_new_id(), flux_new_id(), flux_new_id(), '' FROM generate_series(1, 2500)
        """
    )
    assert account
    assert await plan.unsent_alerts() == []
    await world.pass_time(GRACE)
    looks = [await plan.unsent_alerts() for _ in range(5)]
    assert [len(each) for each in looks] == [1000, 1000, 500, 0, 0]
    assert len({alert for look in looks for alert in look}) == 2500
    assert not (await plan.peek()).unsent_alerts
    await world.pass_time(GRACE)
    assert (await plan.peek()).unsent_alerts
    both = await asyncio.gather(plan.unsent_alerts(), plan.unsent_alerts())
    assert len({alert for look in both for alert in look}) == sum(map(len, both)) == 2000
