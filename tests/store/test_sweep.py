"""The sweeper finds what is due, forgotten or orphaned, once, and moves it by the table."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from flux_dispatch.domain.claim import Settlement
from flux_dispatch.domain.ids import AccountId, DeliveryId
from flux_dispatch.domain.outcome import Attempt, Rejected
from flux_dispatch.domain.retry import GiveUp, RetryAfter
from flux_dispatch.domain.sweep import BEGINNING, DueGroup, SweepAction, SweptDelivery, share_out
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.sweep import SweepStore
from tests.support.store_harness import SEALS, TIMING, StoreHarness, event

GRACE = TIMING.enqueue_grace.total_seconds()
HORIZON = TIMING.horizon.total_seconds()
LEASE = TIMING.lease.total_seconds()
START = BEGINNING, DeliveryId(f"dlv_{'0' * 32}")
SPREAD = TIMING.rescue_spread.total_seconds()


@pytest.fixture
async def account(world: StoreHarness) -> AccountId:
    account = await world.account()
    await world.webhook(account, "*")
    await world.advance_clock(0)
    return account


@pytest.fixture
def plan(world: StoreHarness) -> SweepStore:
    return SweepStore(world.database, TIMING)


@pytest.fixture
def store(world: StoreHarness) -> DeliveryStore:
    return DeliveryStore(world.database, TIMING, SEALS)


async def look(plan: SweepStore, *, retries: bool = False, most: int = 100) -> list[SweptDelivery]:
    groups = await plan.due_groups(retries=retries, after=BEGINNING, limit=100)
    return await plan.sweep(share_out(groups, most), retries=retries)


async def next_due_in(plan: SweepStore, *, retries: bool = False) -> float | None:
    """Return in how many seconds there is something to look at."""
    next_due = await plan.next_due()
    first = next_due.of(retries=retries)
    return (first - next_due.now).total_seconds() if first else None


async def claim_token(store: DeliveryStore, delivery: DeliveryId) -> str:
    lease = await store.claim([delivery])
    assert lease is not None
    return lease.claims[0].lease_token


async def test_nothing_to_do_is_said_as_such(plan: SweepStore, account: AccountId) -> None:
    assert account
    next_due = await plan.next_due()
    assert (next_due.first_attempts, next_due.retries, next_due.unsent_alerts) == (None, None, False)
    assert await look(plan) == []


async def test_a_lost_enqueue_is_found_after_the_grace_and_not_again_at_once(
    world: StoreHarness, plan: SweepStore, account: AccountId
) -> None:
    delivery = await world.delivery(account)
    assert await look(plan) == []
    assert await next_due_in(plan) == GRACE
    await world.advance_clock(GRACE)
    (found,) = await look(plan)
    assert (found.delivery, found.action, found.attempt) == (delivery, SweepAction.ENQUEUE, 1)
    assert await look(plan) == []
    await world.advance_clock(GRACE)
    assert len(await look(plan)) == 1


async def test_a_backlog_is_left_untouched_but_its_orphans_are_found(
    world: StoreHarness, plan: SweepStore, store: DeliveryStore, account: AccountId
) -> None:
    orphan, waiting = await world.delivery(account), await world.delivery(account)
    await claim_token(store, orphan)
    await world.advance_clock(LEASE)
    before = await world.state(waiting)
    (found,), end = await plan.sweep_stranded(retries=False, after=START, limit=100)
    assert (found.delivery, found.action, end) == (orphan, SweepAction.RESCUED, None)
    assert await world.state(waiting) == before


async def test_a_coming_retry_is_handed_over_once_with_its_exact_countdown(
    world: StoreHarness, plan: SweepStore, store: DeliveryStore, account: AccountId
) -> None:
    delivery = await world.delivery(account)
    lease_token = await claim_token(store, delivery)
    retry = RetryAfter(timedelta(seconds=300))
    await store.settle([Settlement(account, delivery, lease_token, Attempt(1, 0.1, Rejected(500)), retry)])
    assert await next_due_in(plan, retries=True) == 300 - HORIZON
    await world.advance_clock(300 - HORIZON - 0.5)
    assert await look(plan, retries=True) == []
    await world.advance_clock(0.5)
    (found,) = await look(plan, retries=True)
    assert (found.action, found.attempt, found.due_in_seconds) == (SweepAction.ENQUEUE, 2, HORIZON)
    assert await look(plan, retries=True) == []
    await world.advance_clock(HORIZON + GRACE)
    (lost,) = await look(plan, retries=True)
    assert (lost.action, lost.due_in_seconds) == (SweepAction.ENQUEUE, -GRACE)


async def test_a_lease_that_runs_is_left_and_one_that_ended_is_rescued(
    world: StoreHarness, plan: SweepStore, store: DeliveryStore, account: AccountId
) -> None:
    delivery = await world.delivery(account)
    lease_token = await claim_token(store, delivery)
    await world.advance_clock(GRACE)
    (busy,) = await look(plan)
    assert busy.action is SweepAction.LEASED
    assert (await world.state(delivery)).lease_token.hex == lease_token
    assert await next_due_in(plan) == LEASE - GRACE
    await world.advance_clock(LEASE - GRACE)
    (rescued,) = await look(plan)
    assert (rescued.action, rescued.attempt) == (SweepAction.RESCUED, 1)
    row = await world.state(delivery)
    assert (row.state, row.lease_token, row.rescues, row.attempts) == ("scheduled", None, 1, 0)


async def test_what_a_dead_worker_left_is_not_tried_again_all_at_once(
    world: StoreHarness, plan: SweepStore, store: DeliveryStore, account: AccountId
) -> None:
    left = [await world.delivery(account) for _ in range(20)]
    assert await store.claim(left)
    await world.advance_clock(LEASE)
    waits = [each.due_in_seconds for each in await look(plan)]
    assert len(set(waits)) == len(left)
    assert 0 <= min(waits) < SPREAD / 2 < max(waits) <= SPREAD


async def test_the_fourth_death_over_one_attempt_is_given_to_the_sweeper_to_settle(
    world: StoreHarness, plan: SweepStore, store: DeliveryStore, account: AccountId
) -> None:
    delivery = await world.delivery(account)
    for _ in range(TIMING.most_rescues):
        await claim_token(store, delivery)
        await world.advance_clock(LEASE)
        assert [each.action for each in await look(plan)] == [SweepAction.RESCUED]
        await world.advance_clock(SPREAD)
    dead = await claim_token(store, delivery)
    await world.advance_clock(LEASE)
    (lost,) = await look(plan)
    assert lost.action is SweepAction.WORKER_LOST
    assert lost.lease_token not in {None, dead}
    settlement = Settlement(
        account, delivery, str(lost.lease_token), Attempt(1, 0, Rejected(500)), RetryAfter(timedelta(seconds=60))
    )
    assert await store.settle([settlement]) == {delivery}
    assert (await world.state(delivery)).rescues == 0


async def test_an_exhausted_delivery_whose_final_task_is_lost_is_found(
    world: StoreHarness, plan: SweepStore, store: DeliveryStore, account: AccountId
) -> None:
    delivery = await world.delivery(account)
    lease_token = await claim_token(store, delivery)
    await store.settle(
        [Settlement(account, delivery, lease_token, Attempt(5, 0.1, Rejected(500)), GiveUp("attempts_exhausted"))]
    )
    await world.advance_clock(GRACE)
    assert [each.action for each in await look(plan, retries=True)] == [SweepAction.EXHAUSTED]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE webhooks SET status = 'disabled'", "webhook_disabled"),
        ("UPDATE webhooks SET deleted_at = flux_now()", "webhook_deleted"),
    ],
)
async def test_deliveries_of_a_webhook_that_is_gone_are_canceled(
    world: StoreHarness, plan: SweepStore, account: AccountId, change: str, reason: str
) -> None:
    delivery = await world.delivery(account)
    await world.do(change)
    await world.advance_clock(GRACE)
    assert [each.action for each in await look(plan)] == [SweepAction.CANCELED]
    row = await world.state(delivery)
    assert (row.state, row.reason, row.due_at, row.sweep_at) == ("canceled", reason, None, None)


async def test_sweepers_at_once_share_the_work(world: StoreHarness, plan: SweepStore, account: AccountId) -> None:
    deliveries = [await world.delivery(account) for _ in range(30)]
    await world.advance_clock(GRACE)
    looks = await asyncio.gather(*(look(plan, most=10) for _ in range(6)))
    found = [each.delivery for look in looks for each in look]
    assert len(found) == len(set(found))
    assert set(found) <= set(deliveries)


async def test_what_dead_workers_left_is_found_behind_any_backlog_page_by_page(
    world: StoreHarness, plan: SweepStore, store: DeliveryStore, account: AccountId
) -> None:
    (backlog,) = [await world.publish(*(event(account) for _ in range(250)))]
    orphans = [await world.delivery(account) for _ in range(5)]
    assert await store.claim(orphans)
    await world.advance_clock(LEASE)
    found: list[SweptDelivery] = []
    end: tuple[DueGroup, DeliveryId] | None = START
    pages = 0
    while end:
        some, end = await plan.sweep_stranded(retries=False, after=end, limit=100)
        found += some
        pages += 1
    assert sorted(each.delivery for each in found) == sorted(orphans)
    assert pages == 3
    untouched = await world.scalar("SELECT count(*) FROM deliveries WHERE sweep_at <= flux_now()")
    assert untouched == len(backlog)


async def test_what_one_account_has_due_hides_nothing_of_another(world: StoreHarness, plan: SweepStore) -> None:
    many, few = await world.account(), await world.account()
    for account in (many, few):
        await world.webhook(account, "*")
    await world.advance_clock(0)
    for _ in range(3):  # so that its deliveries come due in three seconds
        await world.publish(*(event(many) for _ in range(100)))
        await world.advance_clock(1)
    theirs = [await world.delivery(few) for _ in range(4)]
    await world.advance_clock(GRACE)
    found = Counter(each.account for each in await look(plan, most=40))
    assert found == {many: 21, few: len(theirs)}


async def test_a_sweep_does_not_go_through_what_was_before(
    world: StoreHarness, plan: SweepStore, account: AccountId
) -> None:
    await world.delivery(account)
    await world.advance_clock(GRACE)
    next_due = await plan.next_due()
    assert (await plan.next_due(first_attempts_since=next_due.now)).first_attempts == next_due.first_attempts
    later = next_due.now + timedelta(seconds=1)
    assert (await plan.next_due(first_attempts_since=later)).first_attempts is None


async def test_an_alert_whose_task_is_lost_is_enqueued_once_in_a_while(
    world: StoreHarness, plan: SweepStore, account: AccountId
) -> None:
    await world.do(
        """
        INSERT INTO alerts (account_id, webhook_id, event_id, delivery_id, reason)
        SELECT flux_new_id(), flux_new_id(), flux_new_id(), flux_new_id(), '' FROM generate_series(1, 2500)
        """
    )
    assert account
    assert await plan.unsent_alerts() == []
    await world.advance_clock(GRACE)
    looks = [await plan.unsent_alerts() for _ in range(5)]
    assert [len(each) for each in looks] == [1000, 1000, 500, 0, 0]
    assert len({alert for look in looks for alert in look}) == 2500
    assert not (await plan.next_due()).unsent_alerts
    await world.advance_clock(GRACE)
    assert (await plan.next_due()).unsent_alerts
    both = await asyncio.gather(plan.unsent_alerts(), plan.unsent_alerts())
    assert len({alert for look in both for alert in look}) == sum(map(len, both)) == 2000
