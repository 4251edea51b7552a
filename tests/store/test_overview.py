"""The overview of an account tells what waits, how much happened, and which webhooks need attention, and why."""

from datetime import UTC, datetime, timedelta

import pytest

from flux_dispatch.domain.advice import advise
from flux_dispatch.domain.ids import AccountId, Prefix, WebhookId, parse_id
from flux_dispatch.domain.outcome import ErrorClass, NoResponse, Rejected
from flux_dispatch.domain.phases import Phase, Phases
from flux_dispatch.domain.webhook import BY_HAND, Status
from flux_dispatch.store.overview import OverviewQueries
from flux_dispatch.store.statistics import StatisticsStore
from tests.support.attempted import REJECTED, attempt, give_up
from tests.support.missed import at
from tests.support.store_harness import StoreHarness, event

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.fixture
def overview(world: StoreHarness) -> OverviewQueries:
    return OverviewQueries(world.database)


async def test_of_an_account_without_anything_nothing_is_told(account: AccountId, overview: OverviewQueries) -> None:
    assert await overview.oldest_waiting(account) is None
    assert await overview.needs_attention(account) == []


async def test_the_oldest_that_is_open_waits_longest(
    world: StoreHarness, account: AccountId, overview: OverviewQueries
) -> None:
    other = await world.account()
    stored = []
    for one in (account, other):
        await world.webhook(one, "*")
        stored += await world.publish(*(at(one, NOON + timedelta(seconds=second)) for second in range(3)))
    deliveries = [each for events in stored for each in events.deliveries]
    theirs, deliveries = deliveries[3:], deliveries[:3]
    await attempt(world, deliveries[:1])
    await attempt(world, deliveries[1:2], REJECTED)
    waiting = await overview.oldest_waiting(account)
    assert waiting
    assert waiting.delivery == deliveries[1]
    theirs_first = await overview.oldest_waiting(other)
    assert theirs_first
    assert theirs_first.delivery == theirs[0]
    row = await world.state(deliveries[1])
    assert (waiting.due_at, parse_id(Prefix.EVENT, waiting.event)) == (row.due_at, row.event_id.hex)
    assert waiting.created_at == NOON + timedelta(seconds=1)
    await attempt(world, deliveries[1:])
    assert await overview.oldest_waiting(account) is None
    await attempt(world, theirs[:2])
    waiting = await overview.oldest_waiting(other)
    assert waiting
    assert waiting.delivery == theirs[2]


async def test_events_are_counted_from_a_time_on_up_to_as_many(
    world: StoreHarness, account: AccountId, overview: OverviewQueries
) -> None:
    made = [event(account) for _ in range(4)]
    await world.publish(*made, event(await world.account()))
    since = made[0].created_at
    assert await overview.events_since(account, since - timedelta(seconds=1)) == 4
    assert await overview.events_since(account, since - timedelta(seconds=1), most=3) == 3
    assert await overview.events_since(account, since + timedelta(minutes=1)) == 0
    assert await overview.events_since(await world.account(), since) == 0


async def failing(world: StoreHarness, account: AccountId, patterns: str, *, attempts: int) -> WebhookId:
    webhook = await world.webhook(account, patterns)
    deliveries = [await world.delivery(account, patterns) for _ in range(attempts)]
    await attempt(world, deliveries, NoResponse(ErrorClass.TIMEOUT, "Nothing came.", Phases(dns=0.1, connect=14.9)))
    return webhook


async def test_what_needs_attention_is_told_with_its_last_failure_the_worst_first(
    world: StoreHarness, account: AccountId, overview: OverviewQueries
) -> None:
    late = await failing(world, account, "late", attempts=2)
    gone = await world.webhook(account, "gone", url="https://example.com/gone")
    await give_up(world, [await world.delivery(account, "gone")], Rejected(410, "gone for good"))
    failed = await world.webhook(account, "failed")
    await give_up(world, [await world.delivery(account, "failed")])
    await world.webhook(account, "well")
    await attempt(world, [await world.delivery(account, "well") for _ in range(3)])
    await attempt(world, [await world.delivery(account, "well")], REJECTED)
    await failing(world, await world.account(), "another.s", attempts=3)
    await StatisticsStore(world.database).roll_up_some(100)
    told = await overview.needs_attention(account)
    assert [each.webhook for each in told] == [gone, failed, late]
    assert (told[0].url, told[0].status, told[0].disabled_reason) == (
        "https://example.com/gone",
        Status.DISABLED,
        "gone",
    )
    assert [(each.day.attempts, each.day.delivered, each.day.final_failures) for each in told] == [
        (1, 0, 1),
        (1, 0, 1),
        (2, 0, 0),
    ]
    whys = [each.last_failure.attempt.advice for each in told if each.last_failure]
    assert whys == [
        advise(ErrorClass.HTTP_STATUS, 410),
        advise(ErrorClass.HTTP_STATUS, 503),
        advise(ErrorClass.TIMEOUT, None, Phase.CONNECT),
    ]
    assert [each.webhook for each in await overview.needs_attention(account, limit=1)] == [gone]
    await world.advance_clock(25 * 3600)
    assert [each.webhook for each in await overview.needs_attention(account)] == [gone], "what is over is over"


async def test_what_somebody_disabled_or_deleted_needs_no_attention(
    world: StoreHarness, account: AccountId, overview: OverviewQueries
) -> None:
    by_hand = await failing(world, account, "by.hand", attempts=1)
    deleted = await failing(world, account, "deleted", attempts=1)
    await StatisticsStore(world.database).roll_up_some(100)
    assert {each.webhook for each in await overview.needs_attention(account)} == {by_hand, deleted}
    disabling = "UPDATE webhooks SET status = 'disabled', disabled_reason = :why WHERE id = CAST(:id AS uuid)"
    await world.do(disabling, why=BY_HAND, id=parse_id(Prefix.WEBHOOK, by_hand))
    await world.do("UPDATE webhooks SET deleted_at = flux_now() WHERE events = '{deleted}'")
    assert await overview.needs_attention(account) == []
    await world.do(disabling, why="The contract has ended.", id=parse_id(Prefix.WEBHOOK, by_hand))
    (told,) = await overview.needs_attention(account)
    assert told.disabled_reason == "The contract has ended."
