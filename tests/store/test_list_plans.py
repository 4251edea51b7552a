"""Of two hundred thousand deliveries of one account, a page of what is rare is found without reading the others."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.errors import QueryTooSlow
from flux_dispatch.domain.ids import AccountId, Prefix, parse_id
from flux_dispatch.store.connect import Plans, open_database
from flux_dispatch.store.deliveries import deliveries_query
from flux_dispatch.store.event_types import EventTypeQueries, event_types_query
from flux_dispatch.store.events import EventQueries, events_query
from flux_dispatch.store.pages import MAX_READ_SECONDS, Page
from tests.support.recount import STATUSES_ANEW
from tests.support.store_harness import StoreHarness

ROWS = 200_000
PAGE = Page(26)

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
    webhook = {"webhook": await world.scalar("SELECT encode(uuid_send(id), 'hex') FROM webhooks")}
    now = await world.scalar("SELECT max(created_at) FROM events")
    for filters in ({"outcome": "timeout"}, {"outcome": "timeout", "status": "delivered"}, webhook | {"outcome": "x"}):
        query, parameters = deliveries_query(PAGE, filters)
        assert await _read(reading, account, query, parameters) < 100, filters
    for filters in ({"created_after": now - timedelta(seconds=20)}, {"created_before": now - timedelta(days=2)}):
        query, parameters = deliveries_query(PAGE, filters)
        assert await _read(reading, account, query, parameters) < 400, filters


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


async def _read(database: AsyncEngine, account: AccountId, query: str, parameters: dict[str, Any]) -> int:
    """Return how many rows the statement touches."""
    given = {**parameters, "account": UUID(parse_id(Prefix.ACCOUNT, account)), "limit": PAGE.limit}
    async with database.connect() as connection:
        explained = (await connection.execute(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}"), given)).scalar_one()
    (root,) = explained if isinstance(explained, list) else json.loads(explained)
    nodes = [root["Plan"]]
    for node in nodes:
        nodes += node.get("Plans", [])
    return round(
        sum(
            (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
            for node in nodes
            if "Scan" in node["Node Type"]
        )
    )
