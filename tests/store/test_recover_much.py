"""Two hundred thousand deliveries are recovered in bounded time, and every statement stays in its stretch."""

import json
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, WebhookId, parse_id
from flux_dispatch.domain.recovery import Missed, Pace, Recovery, RecoveryStatus, Span
from flux_dispatch.engine.recover import PACE, Recover
from flux_dispatch.store import recover, recoveries
from flux_dispatch.store.connect import Plans, open_database
from flux_dispatch.store.missed import BEYOND, place, whose
from flux_dispatch.store.pages import MAX_READ_SECONDS, Page
from flux_dispatch.store.recover import RecoverStore
from flux_dispatch.store.recoveries import MissedQueries, RecoveryQueries, RecoveryStore, recoveries_query
from tests.support.missed import MISSED
from tests.support.store_harness import TIMING, StoreHarness

MUCH = 200_000
UNHURRIED = Pace(page=PACE.page, scan=PACE.scan, per_second=1_000_000_000)
"""As fast as the database can: the pace itself is tested with few."""


class Recorder:
    """A queue that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, DeliveryId]] = []

    def enqueue_deliveries(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]], *, attempt: int, countdown_seconds: float
    ) -> None:
        assert countdown_seconds == 0
        self.told += [(attempt, delivery) for _, delivery in deliveries]


async def _fill(world: StoreHarness, webhook: WebhookId, count: int) -> Span:
    """Have a webhook miss so much, and return when that was."""
    await world.do(MISSED.format(webhook=f"'{parse_id(Prefix.WEBHOOK, webhook)}'", count=count))
    now = await world.scalar("SELECT flux_now()")
    return Span(now - timedelta(hours=2), now - timedelta(minutes=5))


@pytest.mark.timeout(300)
async def test_two_hundred_thousand_are_recovered_in_bounded_time_and_their_progress_is_seen(database_url: str) -> None:
    engine_database = open_database(database_url, plans=Plans.GENERIC)
    filling = open_database(database_url, statement_seconds=120)
    world = StoreHarness(filling)
    account = await world.account()
    webhook = await world.webhook(account, "*")
    span = await _fill(world, webhook, MUCH)
    each = (MUCH + 2) // 3, (MUCH + 1) // 3, MUCH // 3
    assert await MissedQueries(filling).count(account, webhook, span) == Missed(*each)
    begun = await RecoveryStore(filling).begin(account, webhook, span)
    assert isinstance(begun, Recovery)
    queue, progress, slowest, started = Recorder(), [], 0.0, time.monotonic()
    verb = Recover(RecoverStore(engine_database, TIMING), queue, UNHURRIED)
    while not progress or progress[-1].status is RecoveryStatus.RUNNING:
        page_started = time.monotonic()
        await verb.run_once()
        slowest = max(slowest, time.monotonic() - page_started)
        found = await RecoveryQueries(filling).get(account, begun.id)
        assert found
        progress.append(found)
    assert time.monotonic() - started < 120, "about 15 seconds where this was written"
    assert slowest < 2
    done = [seen.recovered.total for seen in progress]
    assert done == sorted(done)
    assert max(later - earlier for earlier, later in zip([0, *done], done, strict=False)) == PACE.page
    assert (progress[-1].status, progress[-1].recovered) == (RecoveryStatus.COMPLETED, Missed(*each))
    assert len(queue.told) == len({delivery for _, delivery in queue.told}) == MUCH
    assert sum(attempt == 6 for attempt, _ in queue.told) == each[0]
    assert await world.scalar("SELECT count(*) FROM deliveries WHERE ending = 0 AND due_at <= flux_now()") == MUCH
    assert await world.scalar("SELECT count(*) FROM events WHERE failed_at IS NOT NULL") == 0
    assert await MissedQueries(filling).count(account, webhook, span) == Missed(0, 0, 0)
    await engine_database.dispose()
    await filling.dispose()


@pytest.mark.parametrize("statistics", ["none", "of the time before", "of now"])
async def test_a_page_is_found_in_its_stretch_whatever_else_there_is_and_the_statistics_say(
    database_url: str, statistics: str
) -> None:
    engine_database = open_database(database_url, plans=Plans.GENERIC)
    reads = open_database(database_url, plans=Plans.CUSTOM, statement_seconds=MAX_READ_SECONDS)
    world = StoreHarness(engine_database)
    account, other = await world.account(), await world.account()
    webhook, *others = [await world.webhook(whose, "*") for whose in (account, account, other)]
    if statistics == "of the time before":
        await world.do("ANALYZE")
    span = await _fill(world, webhook, 9000)
    await _fill_beside(world, other, others)
    if statistics == "of now":
        await world.do("ANALYZE")
    position, end = [await _event(world, account, nth) for nth in (6000, 6300)]
    theirs = whose(UUID(parse_id(Prefix.ACCOUNT, account)), UUID(parse_id(Prefix.WEBHOOK, webhook)), ["*"])
    stretch = theirs | {"position": position, "end": end}
    # 300 events, and twice a hundred deliveries of each ending
    assert await _read(engine_database, recover._PAGE.text, stretch | {"page": 500}) <= 300 + 2 * 200 + 20
    assert await _read(reads, recoveries._COUNT.text, stretch) <= 300 + 2 * 200 + 20
    assert await _read(engine_database, BEYOND.text, stretch | {"position": place(span.since), "scan": 200}) <= 202
    await reads.dispose()
    await engine_database.dispose()


async def test_a_page_of_recoveries_is_found_by_its_index(database_url: str) -> None:
    reads = open_database(database_url, plans=Plans.CUSTOM, statement_seconds=MAX_READ_SECONDS)
    world = StoreHarness(reads)
    account = await world.account()
    webhook = await world.webhook(account, "*")
    ids = {"account": UUID(parse_id(Prefix.ACCOUNT, account)), "webhook": UUID(parse_id(Prefix.WEBHOOK, webhook))}
    await world.do(_RECOVERIES, **ids)
    for filters in ({}, {"webhook": parse_id(Prefix.WEBHOOK, webhook)}):
        query, parameters = recoveries_query(Page(26), filters)
        given = parameters | {"account": ids["account"], "limit": 26}
        assert await _read(reads, query, given) <= 60, filters
    await reads.dispose()


@pytest.mark.parametrize("statistics", ["none", "of now"])
async def test_whose_turn_it_is_is_found_among_those_that_are_not_over(database_url: str, statistics: str) -> None:
    engine_database = open_database(database_url, plans=Plans.GENERIC)
    world = StoreHarness(engine_database)
    await world.do(_OPEN_AND_OVER)
    if statistics == "of now":
        await world.do("ANALYZE")
    # each of them, and when its account last had a turn; nothing of the 20,000 that are over
    assert await _read(engine_database, recover._NEXT.text, recover._STOP_REASONS) <= 2 * 10_000 + 20
    seconds = []
    for _ in range(3):
        began = time.monotonic()
        await world.rows(recover._NEXT.text, **recover._STOP_REASONS)
        seconds.append(time.monotonic() - began)
    assert min(seconds) < 0.5, "0.06 where this was written"
    await engine_database.dispose()


async def _fill_beside(world: StoreHarness, other: AccountId, webhooks: Sequence[WebhookId]) -> None:
    """Have another account publish at the same time, and other webhooks, of both, miss all that there is."""
    await world.do(
        "INSERT INTO events SELECT CAST(overlay(id::text PLACING '9' FROM 20) AS uuid), CAST(:other AS uuid), type, "
        "created_at, failed_at, NULL, body FROM events",
        other=parse_id(Prefix.ACCOUNT, other),
    )
    for each in webhooks:
        await world.do(
            "INSERT INTO deliveries (event_id, webhook_id, account_id, state, reason, ended_at) "
            "SELECT e.id, w.id, w.account_id, 'failed', 'gone', flux_now() FROM webhooks w JOIN events e "
            "ON e.account_id = w.account_id WHERE w.id = CAST(:id AS uuid)",
            id=parse_id(Prefix.WEBHOOK, each),
        )


async def _event(world: StoreHarness, account: AccountId, nth: int) -> UUID:
    query = "SELECT id FROM events WHERE account_id = CAST(:id AS uuid) ORDER BY id OFFSET :nth LIMIT 1"
    return cast(UUID, await world.scalar(query, id=parse_id(Prefix.ACCOUNT, account), nth=nth))


_RECOVERIES = """
    INSERT INTO recoveries (account_id, webhook_id, since, until, position, status)
    SELECT :account, CASE WHEN n % 2 = 0 THEN :webhook ELSE flux_new_id() END,
           flux_now(), flux_now(), flux_new_id(), 'completed'
    FROM generate_series(1, 3000) AS n
"""


_OPEN_AND_OVER = """
    WITH theirs AS (SELECT n, flux_new_id() AS id FROM generate_series(0, 99) AS n)
    INSERT INTO recoveries (account_id, webhook_id, since, until, position, status, served_at, recover_at)
    SELECT theirs.id, flux_new_id(), flux_now(), flux_now(), flux_new_id(), 'running', flux_now(),
           CASE WHEN k <= 10000 THEN flux_now() END
    FROM generate_series(1, 30000) AS k JOIN theirs ON theirs.n = k % 100
"""


async def _read(database: AsyncEngine, statement: str, given: dict[str, Any]) -> int:
    """Return how many rows the statement reads of tables."""
    async with database.connect() as connection:
        explained = (await connection.execute(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"), given)).scalar_one()
    (root,) = explained if isinstance(explained, list) else json.loads(explained)
    nodes = [root["Plan"]]
    for node in nodes:
        nodes += node.get("Plans", [])
    scans = [node for node in nodes if "Relation Name" in node]
    assert scans
    return round(
        sum((each["Actual Rows"] + each.get("Rows Removed by Filter", 0)) * each["Actual Loops"] for each in scans)
    )
