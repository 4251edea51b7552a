"""Claims are exclusive, settlements are fenced by their lease_token, and the schedule is the database's."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from flux_dispatch.domain.claim import Claim, Release, Settlement
from flux_dispatch.domain.ids import DeliveryId, Prefix, parse_id
from flux_dispatch.domain.outcome import Attempt, ErrorClass, NoResponse, Outcome, Rejected, Succeeded
from flux_dispatch.domain.phases import Phases
from flux_dispatch.domain.retry import Decision, Done, GiveUp, RetryAfter, RetryPolicy, decide
from flux_dispatch.engine.flow.message_progress import DeliveryResult
from flux_dispatch.engine.flow.settler import Settler
from flux_dispatch.store.connect import open_database
from flux_dispatch.store.deliver import MAX_BYTES_IN_ONE_CLAIM, DeliveryStore
from tests.support.queues import SilentQueue
from tests.support.store_harness import SEALS, SECRET, TIMING, StoreHarness, event
from tests.support.waiting import eventually_async

PHASES = Phases(0.5, 0.25, None, 0.125, 0.0)
DEFAULT_TABLE = RetryPolicy.from_seconds([0, 60, 300, 1800, 7200])


@pytest.fixture
def store(world: StoreHarness) -> DeliveryStore:
    return DeliveryStore(world.database, TIMING, SEALS)


async def claim(store: DeliveryStore, delivery: DeliveryId) -> Claim:
    lease = await store.claim([delivery])
    assert lease is not None
    (only,) = lease.claims
    return only


def refused(claim: Claim, decision: Decision) -> Settlement:
    return Settlement(
        claim.account, claim.delivery, claim.lease_token, Attempt(claim.attempt, 0.25, Rejected(500, "no")), decision
    )


async def test_a_claim_carries_all_that_a_post_needs(world: StoreHarness, store: DeliveryStore) -> None:
    account = await world.account()
    webhook = await world.webhook(account, "*", url="http://127.0.0.1:9/hook")
    delivery = await world.delivery(account)
    got = await claim(store, delivery)
    row = await world.state(delivery)
    assert (got.webhook, got.url, got.secrets, got.headers) == (webhook, "http://127.0.0.1:9/hook", (SECRET,), {})
    assert got.attempt == 1
    assert got.body.startswith(b'{"id":"' + got.event.encode())
    assert (row.state, row.lease_token.hex) == ("sending", got.lease_token)


async def test_of_many_who_claim_at_once_one_gets_it(world: StoreHarness, store: DeliveryStore) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    deliveries = [await world.delivery(account) for _ in range(20)]
    leases = await asyncio.gather(*(store.claim(order) for order in [deliveries, deliveries[::-1]] * 4))
    got = [each.delivery for lease in leases if lease for each in lease.claims]
    assert sorted(got) == sorted(deliveries)


async def test_what_is_not_due_or_not_wanted_is_not_claimed(world: StoreHarness, store: DeliveryStore) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    delivery = await world.delivery(account)
    await world.do("UPDATE deliveries SET due_at = flux_now() + interval '1.5 seconds'")
    assert await store.claim([delivery]) is None
    await world.do("UPDATE deliveries SET due_at = flux_now() + interval '0.5 seconds'")
    await world.do("UPDATE webhooks SET status = 'disabled'")
    assert await store.claim([delivery]) is None
    await world.do("UPDATE webhooks SET status = 'enabled'")
    assert 0 < (await claim(store, delivery)).wait_seconds < 0.5


async def test_a_success_is_final_and_noted(world: StoreHarness, store: DeliveryStore) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    delivery = await world.delivery(account)
    got = await claim(store, delivery)
    success = Settlement(
        got.account, delivery, got.lease_token, Attempt(1, 0.125, Succeeded(204, "ok", PHASES)), Done()
    )
    assert await store.settle([success]) == {delivery}
    row = await world.state(delivery)
    assert (row.state, row.attempts, row.due_at, row.sweep_at, row.lease_token) == ("delivered", 1, None, None, None)
    (attempt,) = await world.rows("SELECT * FROM attempts")
    assert (attempt.number, attempt.duration_seconds, attempt.status, attempt.error) == (1, 0.125, 204, None)
    assert _phases(attempt) == PHASES
    assert (attempt.detail, attempt.response_headers) == ("ok", None)
    assert await store.settle([success]) == set()
    assert await store.claim([delivery]) is None


@pytest.mark.parametrize(
    ("outcome", "kept"),
    [
        (Rejected(500, "no", None, {"server": "x"}, PHASES), ("no", {"server": "x"})),
        (NoResponse(ErrorClass.TIMEOUT, "too late", PHASES), ("too late", None)),
    ],
)
async def test_what_came_back_is_kept_or_what_went_wrong(
    world: StoreHarness, store: DeliveryStore, outcome: Outcome, kept: Any
) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    got = await claim(store, await world.delivery(account))
    attempt = Attempt(1, 0.25, outcome)
    await store.settle([Settlement(account, got.delivery, got.lease_token, attempt, GiveUp("attempts_exhausted"))])
    (row,) = await world.rows("SELECT * FROM attempts")
    assert (row.detail, row.response_headers) == kept
    assert _phases(row) == PHASES


def _phases(row: Any) -> Phases:
    return Phases(*row.phases)


async def test_who_lost_the_lease_settles_and_releases_nothing(world: StoreHarness, store: DeliveryStore) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    delivery = await world.delivery(account)
    late = await claim(store, delivery)
    await store.release([Release(delivery, late.lease_token, timedelta(0))])
    holder = await claim(store, delivery)
    assert await store.settle([refused(late, GiveUp("attempts_exhausted"))]) == set()
    await store.release([Release(delivery, late.lease_token, timedelta(0))])
    assert (await world.state(delivery)).lease_token.hex == holder.lease_token
    assert await world.scalar("SELECT count(*) FROM attempts") == 0


async def test_of_two_ends_that_are_written_together_that_of_the_holder_is_noted(
    world: StoreHarness, store: DeliveryStore
) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    delivery = await world.delivery(account)
    late = await claim(store, delivery)
    await store.release([Release(delivery, late.lease_token, timedelta(0))])
    holder = await claim(store, delivery)
    ends = [
        Settlement(
            account, delivery, late.lease_token, Attempt(1, 0.25, Rejected(500, "late")), RetryAfter(timedelta(9))
        ),
        Settlement(account, delivery, holder.lease_token, Attempt(1, 0.25, Succeeded(200, "holder")), Done()),
        Settlement(
            account, delivery, late.lease_token, Attempt(1, 0.25, Rejected(500, "late")), RetryAfter(timedelta(9))
        ),
    ]
    assert await store.settle(ends) == {delivery}
    assert (await world.state(delivery)).state == "delivered"
    assert [row.detail for row in await world.rows("SELECT detail FROM attempts")] == ["holder"]


async def test_a_release_spends_no_attempt(world: StoreHarness, store: DeliveryStore) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    delivery = await world.delivery(account)
    got = await claim(store, delivery)
    await store.release([Release(delivery, got.lease_token, timedelta(seconds=0.5))])
    row = await world.state(delivery)
    assert (row.state, row.attempts) == ("scheduled", 0)
    assert 0 < row.due_in <= 0.5
    assert (await claim(store, delivery)).attempt == 1


async def test_the_default_table_is_kept_through_all_five_attempts(world: StoreHarness, store: DeliveryStore) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    await world.advance_clock(0)
    delivery = await world.delivery(account)
    for attempt, delay in [(1, 60), (2, 300), (3, 1800), (4, 7200)]:
        got = await claim(store, delivery)
        assert got.attempt == attempt
        outcome = Rejected(500)
        await store.settle([refused(got, decide(outcome, attempt, DEFAULT_TABLE))])
        row = await world.state(delivery)
        assert (row.state, row.due_in) == ("scheduled", delay)
        gap = await world.scalar(
            "SELECT extract(epoch FROM due_at - (SELECT max(ended_at) FROM attempts)) FROM deliveries"
        )
        assert gap == delay
        await world.advance_clock(delay - TIMING.slack.total_seconds() - 0.001)
        assert await store.claim([delivery]) is None
        await world.advance_clock(TIMING.slack.total_seconds() + 0.001)
    got = await claim(store, delivery)
    await store.settle([refused(got, decide(Rejected(500), 5, DEFAULT_TABLE))])
    row = await world.state(delivery)
    assert (row.state, row.attempts, row.reason, row.due_at) == ("exhausted", 5, "attempts_exhausted", None)
    numbers = await world.rows("SELECT number FROM attempts ORDER BY number")
    assert [each.number for each in numbers] == [1, 2, 3, 4, 5]


async def test_a_recovered_delivery_counts_on_and_has_the_whole_table_again(
    world: StoreHarness, store: DeliveryStore
) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    delivery = await world.delivery(account)
    await world.do("UPDATE deliveries SET state = 'scheduled', attempts = 5, recovered_after = 5")
    got = await claim(store, delivery)
    assert (got.attempt, got.recovered_after) == (6, 5)
    decision = decide(Rejected(500), got.attempt, DEFAULT_TABLE, recovered_after=got.recovered_after)
    await store.settle([refused(got, decision)])
    row = await world.state(delivery)
    assert (row.state, row.attempts) == ("scheduled", 6)
    assert row.due_in == pytest.approx(60, abs=5)


async def test_retries_are_swept_in_time(world: StoreHarness, store: DeliveryStore) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    await world.advance_clock(0)
    horizon, grace = TIMING.horizon.total_seconds(), TIMING.enqueue_grace.total_seconds()
    for delay, sweep_in in [(300.0, 300 - horizon), (horizon, horizon + grace), (1.0, 1 + grace)]:
        delivery = await world.delivery(account)
        got = await claim(store, delivery)
        await store.settle([refused(got, RetryAfter(timedelta(seconds=delay)))])
        assert (await world.state(delivery)).sweep_in == sweep_in


async def test_a_claim_touches_no_index(world: StoreHarness, store: DeliveryStore) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    deliveries = [await world.delivery(account) for _ in range(20)]
    await store.claim(deliveries)
    await world.scalar("SELECT pg_stat_force_next_flush()")
    (moved,) = await world.rows(
        "SELECT n_tup_upd AS updated, n_tup_hot_upd AS hot FROM pg_stat_user_tables WHERE relname = 'deliveries'"
    )
    assert (moved.updated, moved.hot) == (20, 20)


async def test_the_deliveries_of_an_event_share_one_body(world: StoreHarness, store: DeliveryStore) -> None:
    account = await world.account()
    for _ in range(20):
        await world.webhook(account, "*")
    one, other = await world.publish(event(account, data={"n": 1}), event(account, data={"n": 2}))
    lease = await store.claim([*one.deliveries, *other.deliveries])
    assert lease is not None
    assert len(lease.claims) == 40
    assert {claim.body for claim in lease.claims if claim.event == one.event.id} == {one.event.body}
    assert len({id(claim.body) for claim in lease.claims}) == 2
    assert sum(claim.bytes_held for claim in lease.claims) <= len(one.event.body) + len(other.event.body)


async def test_a_claim_takes_no_more_once_its_bodies_weigh_enough_and_leaves_the_rest_as_it_was(
    world: StoreHarness, store: DeliveryStore
) -> None:
    account = await world.account()
    for _ in range(2):
        await world.webhook(account, "*")
    big = {"blob": "x" * (MAX_BYTES_IN_ONE_CLAIM // 4)}
    stored = await world.publish(*(event(account, data=big) for _ in range(6)))
    wanted = [each for one in stored for each in one.deliveries]
    lease = await store.claim(wanted)
    assert lease is not None
    assert sum(claim.bytes_held for claim in lease.claims) <= MAX_BYTES_IN_ONE_CLAIM * 5 // 4
    assert len(lease.claims) >= 6, "both deliveries of an event, whose body weighs once"
    assert {claim.delivery for claim in lease.claims} | set(lease.left_out) == set(wanted)
    for each in lease.left_out:
        row = await world.state(each)
        assert (row.state, row.lease_token, row.leased_until) == ("pending", None, None)
    again = await store.claim(lease.left_out)
    assert again is not None
    assert len(again.claims) + len(again.left_out) == len(lease.left_out)


async def test_a_body_that_weighs_more_than_all_may_is_claimed_alone(world: StoreHarness, store: DeliveryStore) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    huge = {"blob": "x" * (MAX_BYTES_IN_ONE_CLAIM + 1)}
    stored = await world.publish(event(account, data=huge), event(account, data=huge))
    lease = await store.claim([each for one in stored for each in one.deliveries])
    assert lease is not None
    assert (len(lease.claims), len(lease.left_out)) == (1, 1)


async def test_a_row_that_somebody_has_locked_keeps_no_other_from_being_settled(
    world: StoreHarness, store: DeliveryStore, database_url: str
) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    deliveries = [await world.delivery(account) for _ in range(6)]
    lease = await store.claim(deliveries)
    assert lease is not None
    hasty = open_database(database_url, statement_seconds=0.3)
    settler = Settler(DeliveryStore(hasty, TIMING, SEALS), SilentQueue(), TIMING.horizon)
    results: dict[DeliveryId, DeliveryResult] = {}
    locked = await asyncpg.connect(database_url)
    transaction = locked.transaction()
    await transaction.start()
    await locked.execute("SELECT FROM deliveries WHERE id = $1 FOR UPDATE", parse_id(Prefix.DELIVERY, deliveries[2]))
    for each in lease.claims:
        settlement = Settlement(each.account, each.delivery, each.lease_token, Attempt(1, 0.1, Succeeded(200)), Done())
        settler.settle(settlement, lambda result, of=each.delivery: results.__setitem__(of, result))

    async def others_are_settled() -> bool:
        return await world.scalar("SELECT count(*) FROM deliveries WHERE state = 'delivered'") == 5

    await eventually_async(others_are_settled, "all but the locked one are settled")
    await transaction.rollback()
    await settler.drain()
    assert results == dict.fromkeys(deliveries, DeliveryResult.DELIVERED)
    await locked.close()
    await hasty.dispose()
