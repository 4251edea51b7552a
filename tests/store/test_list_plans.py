"""Of two hundred thousand deliveries of one account, a page of what is rare is found without reading the others."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.errors import QueryTooSlow
from flux_dispatch.domain.ids import AccountId, Prefix, parse_id
from flux_dispatch.domain.recovery import Pace, Span
from flux_dispatch.engine.recover import PACE
from flux_dispatch.store.connect import Plans, open_database
from flux_dispatch.store.deliveries import deliveries_query
from flux_dispatch.store.event_types import EventTypeQueries, event_types_query
from flux_dispatch.store.events import EventQueries, events_query
from flux_dispatch.store.pages import MAX_READ_SECONDS, Page
from flux_dispatch.store.recover import RecoverStore
from flux_dispatch.store.recoveries import RecoveryQueries, RecoveryStore, recoveries_query
from tests.support.explained import rows_touched
from tests.support.missed import MISSED
from tests.support.recount import STATUSES_ANEW
from tests.support.store_harness import TIMING, StoreHarness

ROWS = 200_000
FEW = 20
MANY = 1_000_000
PAGE = Page(26)
UNHURRIED = Pace(page=PACE.page, scan=PACE.scan, per_second=1_000_000_000)

# an event a second for two days, each delivered; the oldest twelve of each thousand have another end, three of each
_FILL = """
    INSERT INTO events (id, account_id, type, created_at, failed_at, body)
    SELECT CAST(lpad(to_hex(extract(epoch FROM at)::bigint * 1000), 12, '0') || '7000800' || lpad(to_hex(n), 13, '0')
                AS uuid),
           '{account}', 'order.completed', at, CASE WHEN n <= 3 THEN at END, '{{"data":{{}}}}'
    FROM (SELECT n, now() - (:rows - n) * interval '1 second' AS at FROM generate_series(1, :rows) AS n) AS s;
    INSERT INTO deliveries (event_id, webhook_id, account_id, state, reason, attempts, due_at, sweep_at, ended_at,
                            is_only)
    SELECT id, '{webhook}', '{account}',
           CASE WHEN n <= 3 THEN 'failed' WHEN n <= 6 THEN 'canceled' WHEN n <= 9 THEN 'scheduled' ELSE 'delivered' END,
           CASE WHEN n <= 3 THEN 'attempts_exhausted' WHEN n <= 6 THEN 'webhook_deleted' END, 1,
           CASE WHEN n BETWEEN 7 AND 9 THEN now() END, CASE WHEN n BETWEEN 7 AND 9 THEN now() END,
           CASE WHEN n NOT BETWEEN 7 AND 9 THEN now() END, n % 2 = 0
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM events) AS e
"""


# a thousand of one account, of which a hundredth is archived, among those of many
_FILL_CATALOGUE = """
    INSERT INTO event_types (account_id, name, description, archived_at)
    SELECT CAST(:account AS uuid), 'own.t' || n, '', CASE WHEN n % 100 = 0 THEN now() END
    FROM generate_series(1, 1000) AS n
    UNION ALL SELECT flux_new_id(), 'a.b', '', NULL FROM generate_series(1, 50000)
"""


# those of one account among those of many, half of them of one webhook; all are over
_FILL_RECOVERIES = """
    INSERT INTO recoveries (account_id, webhook_id, since, until, position, status)
    SELECT CASE WHEN n % 100 < 2 THEN w.account_id ELSE flux_new_id() END,
           CASE WHEN n % 100 < 1 THEN w.id ELSE flux_new_id() END,
           flux_now(), flux_now(), flux_new_id(), 'completed'
    FROM generate_series(1, :rows) AS n JOIN webhooks AS w ON w.id = :webhook
"""
_ROWS_READ = """
    SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables) + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)
"""


@pytest.fixture
async def world(database_url: str) -> Any:
    patient = open_database(database_url, statement_seconds=250)
    yield StoreHarness(patient)
    await patient.dispose()


@pytest.fixture
async def reading(database_url: str) -> Any:
    engine = open_database(database_url, plans=Plans.CUSTOM, statement_seconds=MAX_READ_SECONDS)
    yield engine
    await engine.dispose()


@pytest.mark.timeout(120)
async def test_what_is_rare_is_found_without_reading_what_is_common(world: StoreHarness, reading: AsyncEngine) -> None:
    account = await _filled(world)
    for status, count in (("failed", 3), ("canceled", 3), ("pending", 3), ("unmatched", 0)):
        query, parameters = events_query(PAGE, {"status": status})
        assert await _read(reading, account, query, parameters) < 100, f"events that are {status}"
        assert len(await EventQueries(reading).page(account, PAGE, {"status": status})) == count
    for state in ("failed", "canceled", "scheduled", "pending", "sending", "exhausted"):
        query, parameters = deliveries_query(PAGE, {"status": state})
        assert await _read(reading, account, query, parameters) < 100, f"deliveries that are {state}"
    for filters in ({"status": "delivered"}, {}):
        for query, parameters in (events_query(PAGE, filters), deliveries_query(PAGE, filters)):
            assert await _read(reading, account, query, parameters) < 400, f"a page of {filters}"


@pytest.mark.timeout(120)
async def test_what_every_event_has_and_none_is_called_is_found_to_be_nothing(
    world: StoreHarness, reading: AsyncEngine
) -> None:
    account = await _filled(world)
    # each is delivered to one webhook, and given up, canceled or waiting at another
    await world.do(
        "INSERT INTO deliveries (event_id, webhook_id, account_id, state, reason, ended_at) "
        "SELECT id, flux_new_id(), account_id, 'failed', 'attempts_exhausted', now() FROM events"
    )
    for statement in (*STATUSES_ANEW, "ANALYZE"):
        await world.do(statement)
    for status in ("delivered", "canceled", "pending", "unmatched"):
        query, parameters = events_query(PAGE, {"status": status})
        assert await _read(reading, account, query, parameters) < 10, status
        assert await EventQueries(reading).page(account, PAGE, {"status": status}) == []
        query, parameters = events_query(PAGE, {"webhook": await _id_of_webhook(world), "status": status})
        assert await _read(reading, account, query, parameters) < 20, status


@pytest.mark.timeout(120)
async def test_of_a_webhook_s_events_and_those_of_a_status_what_is_rare_leads(
    world: StoreHarness, reading: AsyncEngine
) -> None:
    account = await _filled(world)
    much, few = await _id_of_webhook(world), await _webhook_with_few(world, account)
    rare, common = ("failed", "canceled", "pending", "unmatched"), ("delivered",)
    for webhook, statuses, most in ((much, rare, 100), (much, common, 800), (few, rare, 200), (few, common, 800)):
        for status in statuses:
            query, parameters = events_query(PAGE, {"webhook": webhook, "status": status})
            assert await _read(reading, account, query, parameters) < most, (webhook == few, status)
    for status, count in (("failed", 3), ("canceled", 3), ("pending", 3), ("unmatched", 0), ("delivered", 26)):
        assert len(await EventQueries(reading).page(account, PAGE, {"webhook": much, "status": status})) == count
    assert len(await EventQueries(reading).page(account, PAGE, {"webhook": few, "status": "delivered"})) == FEW


@pytest.mark.timeout(120)
async def test_only_the_events_of_a_webhook_are_gone_through_for_a_type(
    world: StoreHarness, reading: AsyncEngine
) -> None:
    account = await _filled(world)
    much, few = await _id_of_webhook(world), await _webhook_with_few(world, account)
    now = await world.scalar("SELECT max(created_at) FROM events")
    lately = {"created_after": now - timedelta(seconds=20), "type": "never.sent"}
    for filters, most in (
        ({"webhook": much}, 400),
        ({"webhook": much, "type": "order.completed"}, 400),
        ({"webhook": much} | lately, 100),
        ({"webhook": much, "status": "delivered"} | lately, 500),
        ({"webhook": few}, 400),
        ({"webhook": few, "type": "never.sent"}, 100),
        ({"webhook": few, "type": "never.sent", "status": "delivered"}, 400),
        ({"webhook": "0" * 32, "status": "delivered"}, 1),
    ):
        query, parameters = events_query(PAGE, filters)
        assert await _read(reading, account, query, parameters) < most, (filters.get("webhook") == few, filters)
    query, parameters = events_query(PAGE, {"webhook": much, "type": "never.sent"})
    assert await _read(reading, account, query, parameters) < 4 * ROWS, "they are gone through more than once"
    query, parameters = events_query(PAGE, {"webhook": much})
    assert await _read(reading, await world.account(), query, parameters) == 1, "another's are looked at"


@pytest.mark.timeout(120)
async def test_a_time_is_a_place_in_the_list(world: StoreHarness, reading: AsyncEngine) -> None:
    account = await _filled(world)
    now = await world.scalar("SELECT max(created_at) FROM events")
    lately, before = {"created_after": now - timedelta(seconds=20)}, {"created_before": now - timedelta(days=2)}
    for filters in (lately, before, lately | {"status": "delivered"}, before | {"type": "order.completed"}):
        query, parameters = events_query(PAGE, filters)
        assert await _read(reading, account, query, parameters) < 400, filters
    assert len(await EventQueries(reading).page(account, Page(100), lately)) == 20


@pytest.mark.timeout(120)
async def test_deliveries_are_found_by_time_and_by_the_error_of_the_last_attempt(
    world: StoreHarness, reading: AsyncEngine
) -> None:
    account = await _filled(world)
    webhook = {"webhook": await _id_of_webhook(world)}
    now = await world.scalar("SELECT max(created_at) FROM events")
    for filters in ({"outcome": "timeout"}, {"outcome": "timeout", "status": "delivered"}, webhook | {"outcome": "x"}):
        query, parameters = deliveries_query(PAGE, filters)
        assert await _read(reading, account, query, parameters) < 100, filters
    for filters in ({"created_after": now - timedelta(seconds=20)}, {"created_before": now - timedelta(days=2)}):
        query, parameters = deliveries_query(PAGE, filters)
        assert await _read(reading, account, query, parameters) < 400, filters


@pytest.mark.timeout(300)
async def test_of_a_million_events_a_page_of_a_recovery_reads_only_its_stretch(
    world: StoreHarness, reading: AsyncEngine, database_url: str
) -> None:
    account = await world.account()
    webhook = await world.webhook(account, "*")
    theirs = parse_id(Prefix.WEBHOOK, webhook)
    await world.do(MISSED.format(webhook=f"'{theirs}'", count=MANY))
    await world.do(_FILL_RECOVERIES, rows=ROWS, webhook=theirs)
    await world.do("ANALYZE")
    for filters in ({}, {"webhook": theirs}):
        assert len(await RecoveryQueries(reading).page(account, PAGE, filters)) == PAGE.limit
        assert await _read(reading, account, *recoveries_query(PAGE, filters)) <= 2 * PAGE.limit, filters
    now = await world.scalar("SELECT flux_now()")
    assert await RecoveryStore(world.database).begin(account, webhook, Span(now - timedelta(hours=2), now))
    await world.do(
        "UPDATE recoveries SET position = (SELECT id FROM events ORDER BY id OFFSET :half LIMIT 1) "
        "WHERE recover_at IS NOT NULL",
        half=MANY // 2,
    )
    engine_database = open_database(database_url, plans=Plans.GENERIC, pool_size=1)
    store = RecoverStore(engine_database, TIMING)
    reads = [await _rows_read(engine_database)]
    for _ in range(3):
        page = await store.recover_some(UNHURRIED)
        assert page
        assert len(page.deliveries) == PACE.page
        reads.append(await _rows_read(engine_database))
    await engine_database.dispose()
    pages = [after - before for before, after in pairwise(reads)]
    assert max(pages) < 10 * PACE.scan, pages


async def test_of_the_catalogue_only_what_is_the_account_s_is_read(world: StoreHarness, reading: AsyncEngine) -> None:
    account = await world.account()
    await world.do(_FILL_CATALOGUE, account=parse_id(Prefix.ACCOUNT, account))
    await world.do("ANALYZE event_types")
    for filters in ({}, {"archived": True}, {"archived": False}):
        query, parameters = event_types_query(PAGE, filters)
        assert await _read(reading, account, query, parameters) < 3000, filters
    assert len(await EventTypeQueries(reading).page(account, PAGE, {"archived": True})) == 10


async def test_what_takes_too_long_says_how_to_narrow_it(world: StoreHarness, database_url: str) -> None:
    account = await world.account()
    impatient = open_database(database_url, plans=Plans.CUSTOM, statement_seconds=0.2)
    async with world.database.execution_options(isolation_level="READ COMMITTED").begin() as holding:
        await holding.execute(text("LOCK TABLE events IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(QueryTooSlow, match="created_after"):
            await EventQueries(impatient).page(account, PAGE, {"type": "never.sent"})
    await impatient.dispose()


async def _filled(world: StoreHarness) -> AccountId:
    account = await world.account()
    webhook = await world.webhook(account, "*")
    ids = {"account": parse_id(Prefix.ACCOUNT, account), "webhook": parse_id(Prefix.WEBHOOK, webhook)}
    fill = _FILL.format(**ids).replace(":rows", str(ROWS))
    for statement in [*fill.split(";\n"), *STATUSES_ANEW, "ANALYZE"]:
        await world.do(statement)
    return account


async def _rows_read(database: AsyncEngine) -> int:
    """Return how many rows and entries of indexes were read up to now, by whatever uses this pool of one connection."""
    async with database.connect() as connection:
        # its own counts are told when the statement ends
        await connection.execute(text("SELECT pg_stat_force_next_flush()"))
        return int((await connection.execute(text(_ROWS_READ))).scalar_one())


async def _id_of_webhook(world: StoreHarness) -> Any:
    return await world.scalar("SELECT encode(uuid_send(id), 'hex') FROM webhooks ORDER BY id LIMIT 1")


async def _webhook_with_few(world: StoreHarness, account: AccountId) -> str:
    """Have a few of the older events delivered to one more webhook, which is returned."""
    few = parse_id(Prefix.WEBHOOK, await world.webhook(account, "never.again"))
    await world.do(
        "INSERT INTO deliveries (event_id, webhook_id, account_id, state, ended_at) "
        "SELECT event_id, CAST(:few AS uuid), account_id, 'delivered', now() FROM ("
        "SELECT * FROM deliveries WHERE NOT is_only AND ending = 1 ORDER BY event_id LIMIT :count) AS older",
        few=few,
        count=FEW,
    )
    await world.do(
        "SELECT flux_recount_events(ARRAY(SELECT event_id FROM deliveries WHERE webhook_id = :few))", few=few
    )
    await world.do("ANALYZE")
    return few


async def _read(database: AsyncEngine, account: AccountId, query: str, parameters: dict[str, Any]) -> int:
    """Return how many rows the statement touches."""
    return await rows_touched(database, query, {**parameters, "limit": PAGE.limit}, account)
