"""What pages read again and again goes through little, however much there is and whatever the statistics say."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.ids import AccountId, Prefix, parse_id
from flux_dispatch.store import live, operations, overview, snapshot
from flux_dispatch.store.connect import Plans, open_database
from flux_dispatch.store.pages import MAX_READ_SECONDS, first_id
from flux_dispatch.store.webhooks import LAST_FAILURES
from tests.support.explained import indexes_used, rows_touched
from tests.support.recount import STATUSES_ANEW
from tests.support.store_harness import StoreHarness

WEBHOOKS = 100
EVENTS = 200_000
SINCE = first_id(datetime(2020, 1, 1, tzinfo=UTC), 0)

# of each account an event each 100 ms, to one webhook in turn. The newest tenth waits, the oldest of it after an
# attempt; of the others one in a hundred failed
_FILL = """
    INSERT INTO webhooks (account_id, url, events, description, headers, status, secrets)
    SELECT CASE WHEN n <= :webhooks THEN CAST(:account AS uuid) ELSE CAST(:other AS uuid) END, 'https://example.com/',
           '{*}', '', '{}', 'enabled', '{}'
    FROM generate_series(1, 2 * :webhooks) AS n;
    CREATE TABLE numbered AS
    SELECT n, CAST(lpad(to_hex(extract(epoch FROM now())::bigint * 1000 - (:events - n) * 100), 12, '0')
                   || '7000800' || lpad(to_hex(n), 13, '0') AS uuid) AS event,
           CASE WHEN n % 2 = 0 THEN CAST(:account AS uuid) ELSE CAST(:other AS uuid) END AS account,
           now() - (:events - n) * interval '0.1 seconds' AS at
    FROM generate_series(1, :events) AS n;
    INSERT INTO events (id, account_id, type, created_at, body)
    SELECT event, account, 'order.completed', at, '{"data":{}}' FROM numbered;
    INSERT INTO deliveries (event_id, webhook_id, account_id, state, reason, attempts, due_at, sweep_at, ended_at)
    SELECT event, webhooks.id, account,
           CASE WHEN n > :events * 0.9 THEN 'scheduled' WHEN n / 2 % 100 = 0 THEN 'failed' ELSE 'delivered' END,
           CASE WHEN n <= :events * 0.9 AND n / 2 % 100 = 0 THEN 'attempts_exhausted' END,
           CASE WHEN n > :events * 0.95 THEN 0 ELSE 1 END,
           CASE WHEN n > :events * 0.9 THEN at END,
           CASE WHEN n > :events * 0.98 THEN 'infinity' WHEN n > :events * 0.9 THEN date_trunc('second', at) END,
           CASE WHEN n <= :events * 0.9 THEN at END
    FROM numbered JOIN (SELECT id, account_id, row_number() OVER (PARTITION BY account_id ORDER BY id) - 1 AS k
                        FROM webhooks) AS webhooks
        ON webhooks.account_id = account AND k = n / 200 % :webhooks;
    INSERT INTO attempts (delivery_id, number, duration_seconds, ended_at, status, error)
    SELECT id, 1, 0.1, now(), 503, 'http_status' FROM deliveries WHERE attempts > 0 AND ending <> 1;
    INSERT INTO webhook_statistics
    SELECT id, date_bin('5 minutes', flux_now(), '2000-01-01 00:00:00+00') - n * interval '5 minutes', 4, 1, 1,
           array_fill(4, ARRAY[15])
    FROM webhooks, generate_series(0, 1000) AS n;
"""


@pytest.fixture
async def reading(database_url: str) -> Any:
    engine = open_database(database_url, plans=Plans.CUSTOM, statement_seconds=MAX_READ_SECONDS)
    yield engine
    await engine.dispose()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("analyze", [["ANALYZE"], []], ids=["analyzed", "unknown"])
async def test_little_is_gone_through(database_url: str, reading: AsyncEngine, analyze: list[str]) -> None:
    patient = open_database(database_url, statement_seconds=150)
    world = StoreHarness(patient)
    account, other, empty = [await world.account() for _ in range(3)]
    await _fill(world, account, other, analyze)
    for name, query, parameters, most in await _reads(world, account, [account, other, empty]):
        mine = account if ":account" in query else None
        assert await _touched(reading, query, parameters, mine) < most, name
    for name, query in (("oldest waiting", overview.OLDEST_WAITING), ("events since", overview.EVENTS_SINCE)):
        assert await _touched(reading, query, {"first": SINCE, "most": 10_000}, empty) < 5, f"{name} of nobody"
    # by the other index, too, little would be gone through, but each webhook there is would be looked for in it
    assert "webhook_statistics_pkey" not in await indexes_used(reading, *operations.THROUGHPUT)
    await patient.dispose()


async def _fill(world: StoreHarness, account: AccountId, other: AccountId, analyze: list[str]) -> None:
    for each in ("deliveries", "events", "event_statuses", "attempts", "webhooks", "webhook_statistics"):
        await world.do(f"ALTER TABLE {each} SET (autovacuum_enabled = off)")
    values = {
        "account": f"'{parse_id(Prefix.ACCOUNT, account)}'",
        "other": f"'{parse_id(Prefix.ACCOUNT, other)}'",
        "webhooks": str(WEBHOOKS),
        "events": str(EVENTS),
    }
    for statement in [*_FILL.split(";\n"), *STATUSES_ANEW, *analyze]:
        await world.do(_with(statement, values))


async def _reads(
    world: StoreHarness, account: AccountId, accounts: list[AccountId]
) -> list[tuple[str, str, dict[str, Any], int]]:
    """Return each statement, its parameters, and how much less than what it may go through."""
    mine = parse_id(Prefix.ACCOUNT, account)
    webhooks = await world.rows("SELECT encode(uuid_send(id), 'hex') AS id, account_id FROM webhooks")
    theirs = [row.id for row in webhooks if row.account_id.hex == mine]
    others = [row.id for row in webhooks if row.account_id.hex != mine]
    some = await world.rows("SELECT id FROM events WHERE account_id = CAST(:account AS uuid) LIMIT 25", account=mine)
    of_some = {"accounts": [mine] * 25, "events": [row.id.hex for row in some]}
    rows = await world.rows(
        "SELECT id FROM deliveries WHERE account_id = CAST(:account AS uuid) LIMIT 25", account=mine
    )
    named = {"accounts": [mine] * 25, "deliveries": [row.id.hex for row in rows]}
    recent = {"accounts": [parse_id(Prefix.ACCOUNT, each) for each in accounts], "limit": 25}
    return [
        ("last failures", LAST_FAILURES, {"webhooks": theirs}, 12_000),
        ("last failures of another's", LAST_FAILURES, {"webhooks": others}, 101),
        ("oldest waiting", overview.OLDEST_WAITING, {}, 10),
        ("events since", overview.EVENTS_SINCE, {"first": SINCE, "most": 10_000}, 10_010),
        ("needs attention", overview.NEEDS_ATTENTION, {"limit": 5, "by_hand": "by_hand"}, 100 * 300),
        ("recent events", live.RECENT_EVENTS, recent, 300),
        ("deliveries of events", live.DELIVERIES_OF_EVENTS, of_some, 100),
        ("named events", live.EVENTS_NAMED, of_some, 200),
        ("named deliveries", live.DELIVERIES_NAMED, named, 100),
        ("backlog", operations.BACKLOG, {"most": 5000}, 5010),
        ("oldest due", operations.OLDEST_DUE, operations.oldest_due_query()[1] | {"most": 1000}, 4500),
        ("parked", snapshot.PARKED, {"most": 1000}, 1010),
        ("outbox", snapshot.OUTBOX, {"most": 1000}, 1010),
        ("throughput", *operations.THROUGHPUT, 200 * 12 + 100),
    ]


async def _touched(database: AsyncEngine, query: str, parameters: Mapping[str, Any], account: AccountId | None) -> int:
    named = {name: value for name, value in parameters.items() if f":{name}" in query}
    return await rows_touched(database, query, named, cast(AccountId, account))


def _with(statement: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        statement = statement.replace(f":{name}", value)
    return statement
