"""What waits for a place of its webhook is parked by one write, taken up in order by whoever has a place, and owed."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from flux_dispatch.domain.claim import ClaimedBatch, Release
from flux_dispatch.domain.ids import AccountId, DeliveryId, WebhookId
from flux_dispatch.domain.sweep import BEGINNING, SweepAction, share_out
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.sweep import SweepStore
from tests.support.store_harness import SEALS, TIMING, StoreHarness, event

FIRST = WebhookId(f"wh_{'0' * 32}")


@pytest.fixture
def store(world: StoreHarness) -> DeliveryStore:
    return DeliveryStore(world.database, TIMING, SEALS)


@pytest.fixture
async def webhook(world: StoreHarness, account: AccountId) -> WebhookId:
    return await world.webhook(account, "order.*")


async def deliveries_of(
    world: StoreHarness, account: AccountId, count: int, kind: str = "order.completed"
) -> list[DeliveryId]:
    stored = await world.publish(*(event(account, kind) for _ in range(count)))
    return [each for one in stored for each in one.deliveries]


def claimed(lease: ClaimedBatch | None) -> list[DeliveryId]:
    return [claim.delivery for claim in lease.claims] if lease else []


async def writes(world: StoreHarness) -> int:
    """Return how many rows of deliveries were updated so far."""
    await world.do("SELECT pg_stat_force_next_flush()")
    return int(await world.scalar("SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'deliveries'"))


async def park(store: DeliveryStore, deliveries: Sequence[DeliveryId], webhook: WebhookId) -> None:
    assert await store.claim(deliveries, [webhook]) is None


async def test_what_is_due_for_a_saturated_webhook_is_parked_and_the_rest_is_claimed(
    world: StoreHarness, store: DeliveryStore, account: AccountId, webhook: WebhookId
) -> None:
    await world.webhook(account, "user.*")
    waiting = await deliveries_of(world, account, 3)
    free = await deliveries_of(world, account, 2, "user.signup")
    lease = await store.claim([*waiting, *free], [webhook])
    assert sorted(claimed(lease)) == sorted(free)
    for each in waiting:
        row = await world.state(each)
        assert (row.state, row.lease_token, row.leased_until, row.attempts) == ("pending", None, None, 0)
    assert claimed(await store.claim(waiting)) == [], "only who has a place takes it up"
    next_due = await SweepStore(world.database, TIMING).next_due()
    assert next_due.has_parked


async def test_a_claimed_delivery_that_finds_no_place_is_parked_and_keeps_its_due_time(
    world: StoreHarness, store: DeliveryStore, account: AccountId, webhook: WebhookId
) -> None:
    (delivery,) = await deliveries_of(world, account, 1)
    due_at = (await world.state(delivery)).due_at
    lease = await store.claim([delivery])
    assert lease is not None
    assert await store.release([Release(delivery, lease.claims[0].lease_token, None)]) == {delivery}
    row = await world.state(delivery)
    assert (row.state, row.due_at, row.lease_token) == ("scheduled", due_at, None)
    (parked,) = await store.parked_webhooks(FIRST, 10)
    assert (parked.webhook, parked.account, parked.is_enabled) == (webhook, account, True)


async def test_parked_deliveries_are_taken_up_in_the_order_they_were_due_and_once(
    world: StoreHarness, store: DeliveryStore, account: AccountId, webhook: WebhookId
) -> None:
    waiting = []
    for _ in range(10):
        waiting += await deliveries_of(world, account, 1)
        await world.advance_clock(1)
    await park(store, waiting, webhook)
    assert sorted(claimed(await store.claim_parked({webhook: 4}))) == sorted(waiting[:4])
    leases = await asyncio.gather(*(store.claim_parked({webhook: 3}) for _ in range(4)))
    taken = [each for lease in leases for each in claimed(lease)]
    assert len(taken) == len(set(taken))
    assert set(taken) <= set(waiting[4:])


async def test_webhooks_with_something_parked_are_found_page_by_page(
    world: StoreHarness, store: DeliveryStore, account: AccountId
) -> None:
    webhooks = [await world.webhook(account, f"kind.{n}") for n in range(5)]
    for n, webhook in enumerate(webhooks):
        await park(store, await deliveries_of(world, account, 20, f"kind.{n}"), webhook)
    found, page = [], await store.parked_webhooks(FIRST, 2)
    while page:
        found += [each.webhook for each in page]
        page = await store.parked_webhooks(found[-1], 2)
    assert found == sorted(webhooks)


async def test_a_taken_up_delivery_whose_worker_dies_is_rescued(
    world: StoreHarness, store: DeliveryStore, account: AccountId, webhook: WebhookId
) -> None:
    waiting = await deliveries_of(world, account, 1)
    await park(store, waiting, webhook)
    assert claimed(await store.claim_parked({webhook: 1})) == waiting
    plan = SweepStore(world.database, TIMING)
    await world.advance_clock(TIMING.lease.total_seconds() + 1)
    groups = await plan.due_groups(retries=False, after=BEGINNING, limit=10)
    (found,) = await plan.sweep(share_out(groups, 10), retries=False)
    assert (found.delivery, found.action) == (waiting[0], SweepAction.RESCUED)


async def test_what_is_parked_for_a_webhook_that_was_disabled_goes_to_the_sweeper_to_be_canceled(
    world: StoreHarness, store: DeliveryStore, account: AccountId, webhook: WebhookId
) -> None:
    await park(store, await deliveries_of(world, account, 3), webhook)
    await world.do("UPDATE webhooks SET status = 'disabled'")
    assert not (await store.parked_webhooks(FIRST, 10))[0].is_enabled
    assert await store.claim_parked({webhook: 3}) is None
    await store.unpark([webhook], 2)
    plan = SweepStore(world.database, TIMING)
    groups = await plan.due_groups(retries=False, after=BEGINNING, limit=10)
    assert [each.action for each in await plan.sweep(share_out(groups, 10), retries=False)] == [
        SweepAction.CANCELED
    ] * 2


async def test_parking_costs_one_write_and_taking_up_another(
    world: StoreHarness, store: DeliveryStore, account: AccountId, webhook: WebhookId
) -> None:
    waiting = await deliveries_of(world, account, 100)
    before = await writes(world)
    await park(store, waiting, webhook)
    assert await writes(world) - before == len(waiting)
    for _ in range(3):
        await park(store, waiting, webhook)
    await world.advance_clock(TIMING.horizon.total_seconds() + timedelta(hours=1).total_seconds())
    plan = SweepStore(world.database, TIMING)
    assert await plan.due_groups(retries=False, after=BEGINNING, limit=10) == []
    assert await writes(world) - before == len(waiting), "what is parked is left alone, however long it waits"
    await store.claim_parked({webhook: 50})
    assert await writes(world) - before == len(waiting) + 50


async def test_an_event_that_a_saturated_webhook_wants_too_goes_to_the_others_with_its_body(
    world: StoreHarness, store: DeliveryStore, account: AccountId, webhook: WebhookId
) -> None:
    others = [await world.webhook(account, "*") for _ in range(5)]
    wanted = await deliveries_of(world, account, 20)
    for saturated in [webhook, *others]:
        lease = await store.claim(wanted, [saturated])
        assert lease is not None
        assert len(lease.claims) == 20 * len(others)
        assert all(claim.event.encode() in claim.body for claim in lease.claims)
        await world.do(
            "UPDATE deliveries SET state = 'pending', lease_token = NULL, leased_until = NULL, sweep_at = due_at"
        )
