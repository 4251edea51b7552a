"""Statistics of an account are those of its webhooks together, and a page of webhooks has its points at once."""

from datetime import timedelta
from itertools import pairwise
from typing import Any, cast

import pytest

from flux_dispatch.domain.ids import AccountId, Prefix, WebhookId, parse_id
from flux_dispatch.domain.statistics import Counts, Period, total
from flux_dispatch.store.statistics import Bucket, StatisticsQueries, StatisticsStore, account_query, points_query
from tests.support.attempted import DELIVERED, REJECTED, attempt, give_up
from tests.support.explained import rows_touched
from tests.support.store_harness import StoreHarness

SOON_SECONDS = 0.1
"""Twice and more what it takes, for the machine may have other work; how much is read is what bounds it."""
UNKNOWN = cast(WebhookId, "wh_" + "0" * 32)


@pytest.fixture
def queries(world: StoreHarness) -> StatisticsQueries:
    return StatisticsQueries(world.database)


def whole(buckets: list[Bucket]) -> Counts:
    return total([counts for _, counts in buckets])


async def test_an_account_has_what_its_webhooks_have_rolled_up_or_not(
    world: StoreHarness, account: AccountId, queries: StatisticsQueries
) -> None:
    for one in (account, another := await world.account()):
        for name in ("a.*", "b.*"):
            await world.webhook(one, name)
    assert whole(await queries.of_account(account, Period.DAY)) == Counts()
    await attempt(world, [await world.delivery(account, "a.b"), await world.delivery(account, "b.c")], DELIVERED)
    await give_up(world, [await world.delivery(account, "a.b")])
    await attempt(world, [await world.delivery(another, "a.b")], REJECTED)
    for period in Period:
        buckets = await queries.of_account(account, period)
        assert len(buckets) == period.buckets
        assert {later - earlier for (earlier, _), (later, _) in pairwise(buckets)} == {period.step}
        counts = whole(buckets)
        assert (counts.attempts, counts.delivered, counts.final_failures) == (3, 2, 1)
        assert buckets[-1][1] == counts, "all of it is in the bucket that runs now"
        await StatisticsStore(world.database).roll_up_some(2)
    assert whole(await queries.of_account(another, Period.DAY)).failed_attempts == 1
    await world.advance_clock(86400)
    assert whole(await queries.of_account(account, Period.DAY)) == Counts()


async def test_what_a_deleted_webhook_did_within_the_period_is_the_account_s_all_the_same(
    world: StoreHarness, account: AccountId, queries: StatisticsQueries
) -> None:
    await world.webhook(account, "*")
    await attempt(world, [await world.delivery(account)])
    await world.do("UPDATE webhooks SET deleted_at = flux_now()")
    await StatisticsStore(world.database).roll_up_some(10)
    assert whole(await queries.of_account(account, Period.DAY)).delivered == 1
    await world.advance_clock(23 * 3600)
    assert whole(await queries.of_account(account, Period.DAY)).delivered == 1


async def test_a_page_of_webhooks_has_its_points(
    world: StoreHarness, account: AccountId, queries: StatisticsQueries
) -> None:
    busy, idle = await world.webhook(account, "a.*"), await world.webhook(account, "b.*")
    another = await world.webhook(other := await world.account(), "*")
    await attempt(world, [await world.delivery(account, "a.b")])
    await StatisticsStore(world.database).roll_up_some(10)
    await world.advance_clock(3600)
    await give_up(world, [await world.delivery(account, "a.b"), await world.delivery(other)])
    for period in Period:
        points = await queries.of_webhooks(account, [busy, idle, another, UNKNOWN, busy], period)
        assert set(points) == {busy, idle}
        for each in points.values():
            assert len(each) == period.points <= 24
            assert {later - earlier for (earlier, _), (later, _) in pairwise(each)} == {period.point_step}
        counts = whole(points[busy])
        assert (counts.attempts, counts.delivered, counts.final_failures) == (2, 1, 1)
        assert whole(points[idle]) == Counts()
    points = await queries.of_webhooks(account, [busy], Period.DAY)
    assert [(counts.attempts, counts.final_failures) for _, counts in points[busy][-2:]] == [(1, 0), (1, 1)]
    assert await queries.of_webhooks(account, [], Period.DAY) == {}
    assert list(await queries.of_webhooks(other, [busy, another], Period.DAY)) == [another]


# half a million attempts of the last day, in most of its buckets, and something each hour of the month before
_FILL = """
    INSERT INTO webhooks (account_id, url, events, description, headers, status, secrets, deleted_at)
    SELECT CASE WHEN n % 3 = 0 THEN CAST(:other AS uuid) ELSE CAST(:account AS uuid) END, 'https://example.com/', '{*}',
           '', '{}', 'enabled', '{}', CASE WHEN n > 750 THEN flux_now() - interval '40 days' END
    FROM generate_series(1, 1500) AS n;
    INSERT INTO webhook_statistics
    SELECT id, at, 4, 3, 1, array_fill(4, ARRAY[15]) FROM webhooks, generate_series(
        date_bin('5 minutes', flux_now(), '2000-01-01 00:00:00+00') - interval '30 days',
        date_bin('5 minutes', flux_now(), '2000-01-01 00:00:00+00') - interval '1 day', '1 hour') AS at
    WHERE deleted_at IS NULL;
    INSERT INTO webhook_statistics
    SELECT id, at, 4, 3, 1, array_fill(4, ARRAY[15]) FROM webhooks, generate_series(
        date_bin('5 minutes', flux_now(), '2000-01-01 00:00:00+00') - interval '1 day' + interval '5 minutes',
        date_bin('5 minutes', flux_now(), '2000-01-01 00:00:00+00'), '20 minutes') AS at
    WHERE deleted_at IS NULL;
    ANALYZE
"""


@pytest.mark.timeout(120)
async def test_of_five_hundred_webhooks_a_day_is_read_soon_and_a_month_by_its_index(
    world: StoreHarness, queries: StatisticsQueries
) -> None:
    account, other = await world.account(), await world.account()
    for statement in _FILL.split(";\n"):
        named = {"account": account, "other": other}
        given = {name: parse_id(Prefix.ACCOUNT, each) for name, each in named.items() if f":{name}" in statement}
        await world.do(statement, **given)
    rows = await world.rows(
        "SELECT 'wh_' || encode(uuid_send(id), 'hex') AS id FROM webhooks "
        "WHERE account_id = CAST(:account AS uuid) AND deleted_at IS NULL LIMIT 100",
        account=parse_id(Prefix.ACCOUNT, account),
    )
    page = [row.id for row in rows]
    for query, parameters, most in (
        (*account_query(Period.DAY), 500 * 97 * 3 + 10_000),
        (*points_query(page, Period.DAY), 100 * 97 * 3 + 10_000),
        (*points_query(page, Period.MONTH), 100 * (97 + 700) * 3 + 10_000),
    ):
        assert await rows_touched(world.database, query, parameters, account) < most
    assert await _seconds(world, lambda: queries.of_account(account, Period.DAY)) < SOON_SECONDS
    assert await _seconds(world, lambda: queries.of_webhooks(account, page, Period.DAY)) < SOON_SECONDS
    assert whole(await queries.of_account(account, Period.DAY)).attempts == 500 * 72 * 4


async def _seconds(world: StoreHarness, read: Any) -> float:
    """Return how long the read takes, at its best of five."""
    seconds = []
    for _ in range(5):
        before = await world.scalar("SELECT clock_timestamp()")
        await read()
        seconds.append(await world.scalar("SELECT clock_timestamp()") - before)
    return cast(timedelta, min(seconds)).total_seconds()
