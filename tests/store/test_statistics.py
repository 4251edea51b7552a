"""Statistics are written with what they count, agree with it rolled up or not, and are read by their index."""

import asyncio
from datetime import timedelta
from itertools import cycle, pairwise

import pytest
from sqlalchemy import text

from flux_dispatch.domain.claim import Settlement
from flux_dispatch.domain.ids import AccountId, DeliveryId
from flux_dispatch.domain.outcome import Attempt, ErrorClass, NoResponse, Outcome, Rejected, Succeeded
from flux_dispatch.domain.retry import Decision, Done, GiveUp, RetryAfter
from flux_dispatch.domain.statistics import Period, total
from flux_dispatch.store.connect import transaction
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.fail import FailureStore
from flux_dispatch.store.statistics import StatisticsQueries, StatisticsStore
from tests.support.recount import STATISTICS_THAT_DIFFER
from tests.support.store_harness import SEALS, TIMING, StoreHarness, event

ENDS: list[tuple[Outcome, float]] = [
    (Succeeded(200), 0.001),
    (Succeeded(204), 0.004),
    (Rejected(500), 0.3),
    (NoResponse(ErrorClass.TIMEOUT), 15.0),
    (Rejected(410), 40.0),
]


async def attempt(store: DeliveryStore, deliveries: list[DeliveryId]) -> list[DeliveryId]:
    """Attempt each, ended in turn in every way; return those with no attempt left."""
    lease = await store.claim(deliveries)
    assert lease is not None
    settlements = []
    # a claim has no order of its own, and each webhook is to have the same ends
    claims = sorted(lease.claims, key=lambda claim: (claim.webhook, claim.delivery))
    for claim, (outcome, seconds) in zip(claims, cycle(ENDS), strict=False):
        decision: Decision = Done() if isinstance(outcome, Succeeded) else RetryAfter(timedelta(0))
        if isinstance(outcome, Rejected) and outcome.is_gone:
            decision = GiveUp("gone")
        ended = Attempt(claim.attempt, seconds, outcome)
        settlements.append(Settlement(claim.account, claim.delivery, claim.lease_token, ended, decision))
    assert await store.settle(settlements) == {each.delivery for each in settlements}
    assert await store.settle(settlements) == set()
    return [each.delivery for each in settlements if isinstance(each.decision, GiveUp)]


async def filled(world: StoreHarness, events: int = 20) -> tuple[AccountId, list[DeliveryId]]:
    account = await world.account()
    for _ in range(2):
        await world.webhook(account, "*")
    stored = await world.publish(*(event(account) for _ in range(events)))
    return account, [each for one in stored for each in one.deliveries]


async def test_they_agree_with_a_recount(world: StoreHarness) -> None:
    await world.advance_clock(0)
    _, deliveries = await filled(world)
    for _ in range(3):  # workers of their own, in buckets of their own
        await world.advance_clock(301)
        given_up = await attempt(DeliveryStore(world.database, TIMING, SEALS), deliveries)
        await FailureStore(world.database).fail(given_up)
        assert await world.rows(STATISTICS_THAT_DIFFER) == [], "before they are rolled up"
        assert await StatisticsStore(world.database).roll_up_some(10) == 2
        assert await world.rows(STATISTICS_THAT_DIFFER) == []
        await world.do("UPDATE webhooks SET status = 'enabled'")
        waiting = await world.rows("SELECT id FROM deliveries WHERE state = 'scheduled'")
        deliveries = [DeliveryId(f"dlv_{row.id.hex}") for row in waiting]
    assert await world.scalar("SELECT count(*) FROM webhook_tallies") == 0
    (whole,) = await world.rows("SELECT sum(attempts) AS attempts, sum(given_up) AS given_up FROM webhook_statistics")
    assert tuple(whole) == (40 + 16 + 6, 8 + 3 + 1)
    await world.do("UPDATE webhook_statistics SET latencies[15] = latencies[15] + 1 WHERE attempts > 0")
    assert await world.rows(STATISTICS_THAT_DIFFER) != []


async def test_a_period_has_all_its_buckets(world: StoreHarness) -> None:
    await world.advance_clock(0)
    account, deliveries = await filled(world, 5)
    await FailureStore(world.database).fail(await attempt(DeliveryStore(world.database, TIMING, SEALS), deliveries))
    first, _ = await world.rows("SELECT id FROM webhooks ORDER BY id")
    statistics = StatisticsQueries(world.database)
    for period in Period:
        buckets = await statistics.of_webhook(account, f"wh_{first.id.hex}", period)  # type: ignore[arg-type]
        times = [at for at, _ in buckets]
        assert len(times) == period.buckets
        assert {later - earlier for earlier, later in pairwise(times)} == {period.step}
        now = await world.scalar("SELECT flux_now()")
        assert timedelta(0) <= now - times[-1] < period.step
        assert buckets[-1][1].attempts == total([counts for _, counts in buckets]).attempts == 5
        assert total([counts for _, counts in buckets]).final_failures == 1
        assert sum(buckets[-1][1].latencies) == 5
        await StatisticsStore(world.database).roll_up_some(10)
    await world.advance_clock(30 * 86400 + 6 * 3600)
    buckets = await statistics.of_webhook(account, f"wh_{first.id.hex}", Period.MONTH)  # type: ignore[arg-type]
    assert total([counts for _, counts in buckets]).attempts == 0


async def test_many_who_count_and_roll_up_at_once_never_wait_for_each_other_crosswise(world: StoreHarness) -> None:
    _, deliveries = await filled(world, 100)
    parts = [deliveries[number::8] for number in range(8)]
    store = StatisticsStore(world.database)

    async def settle_and_roll_up(part: list[DeliveryId]) -> None:
        for start in range(0, len(part), 2):
            given_up = await attempt(DeliveryStore(world.database, TIMING, SEALS), part[start : start + 2])
            await FailureStore(world.database).fail(given_up)
            await store.roll_up_some(3)

    await asyncio.gather(*(settle_and_roll_up(part) for part in parts))
    while await store.roll_up_some(3):
        pass
    assert await world.scalar("SELECT count(*) FROM webhook_tallies") == 0
    assert await world.rows(STATISTICS_THAT_DIFFER) == []


async def test_who_rolls_up_takes_what_nobody_else_has_in_hand(world: StoreHarness) -> None:
    _, deliveries = await filled(world, 2)
    for each in deliveries:
        await attempt(DeliveryStore(world.database, TIMING, SEALS), [each])
    async with transaction(world.database) as another:
        await another.execute(text("SELECT FROM webhook_tallies ORDER BY id LIMIT 3 FOR UPDATE"))
        assert await StatisticsStore(world.database).roll_up_some(10) == 1
    assert await StatisticsStore(world.database).roll_up_some(10) == 3
    assert await world.rows(STATISTICS_THAT_DIFFER) == []


async def test_of_a_webhook_that_was_erased_meanwhile_nothing_is_kept(world: StoreHarness) -> None:
    _, deliveries = await filled(world, 1)
    await attempt(DeliveryStore(world.database, TIMING, SEALS), deliveries)
    await world.do("DELETE FROM webhooks WHERE id = (SELECT min(id::text)::uuid FROM webhooks)")
    await StatisticsStore(world.database).roll_up_some(10)
    assert await world.rows("SELECT webhook_id FROM webhook_statistics") == await world.rows("SELECT id FROM webhooks")
    assert await world.scalar("SELECT count(*) FROM webhook_tallies") == 0


async def test_a_roll_up_of_a_known_bucket_touches_no_index(world: StoreHarness) -> None:
    await world.advance_clock(0)
    _, deliveries = await filled(world)
    store = DeliveryStore(world.database, TIMING, SEALS)
    for start in range(0, 40, 2):
        await attempt(store, deliveries[start : start + 2])
        await StatisticsStore(world.database).roll_up_some(1)
    await world.scalar("SELECT pg_stat_force_next_flush()")
    (moved,) = await world.rows(
        "SELECT n_tup_upd AS updated, n_tup_hot_upd AS hot FROM pg_stat_user_tables "
        "WHERE relname = 'webhook_statistics'"
    )
    assert moved.updated == moved.hot >= 18


@pytest.mark.timeout(60)
async def test_a_month_is_read_by_index_within_50_ms(world: StoreHarness) -> None:
    account, _ = await filled(world, 1)
    webhooks = await world.rows("SELECT id FROM webhooks ORDER BY id")
    for webhook in webhooks:
        await world.do(
            "INSERT INTO webhook_statistics SELECT CAST(:id AS uuid), bucket, 4, 4, 0, array_fill(4, ARRAY[15]) "
            "FROM generate_series(date_bin('5 minutes', flux_now(), '2000-01-01 00:00:00+00') - interval '30 days', "
            "flux_now(), '5 minutes') AS bucket",
            id=webhook.id.hex,
        )
    # as many settlements as there may be between two roll-ups, most of them of other webhooks
    await world.do(
        "INSERT INTO webhook_tallies (bucket, webhook_ids, delivered, durations) "
        "SELECT flux_now(), ARRAY(SELECT CASE WHEN i % 50 = n % 200 THEN CAST(:id AS uuid) ELSE gen_random_uuid() END "
        "FROM generate_series(1, 100) AS i), array_fill(true, ARRAY[100]), array_fill(0.1::real, ARRAY[100]) "
        "FROM generate_series(1, 500) AS n",
        id=webhooks[0].id.hex,
    )
    await world.do("ANALYZE")
    seconds = []
    for _ in range(5):
        before = await world.scalar("SELECT clock_timestamp()")
        buckets = await StatisticsQueries(world.database).of_webhook(
            account,
            f"wh_{webhooks[0].id.hex}",  # type: ignore[arg-type]
            Period.MONTH,
        )
        seconds.append((await world.scalar("SELECT clock_timestamp()") - before).total_seconds())
    assert total([counts for _, counts in buckets]).attempts > 30_000
    assert min(seconds) < 0.05, seconds
