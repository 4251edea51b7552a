"""At a million deliveries the statements of the engine and of the lists still go by their indexes."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.delivery import State, Transition, sources, target
from flux_dispatch.domain.ids import AccountId, Prefix, parse_id
from flux_dispatch.domain.sweep import BEGINNING, DueGroup
from flux_dispatch.store import cancel, deliver, known_webhooks, publish, settlements, sweep
from flux_dispatch.store.connect import Plans, open_database
from flux_dispatch.store.deliveries import deliveries_query
from flux_dispatch.store.events import EVENT_STATUSES, EventQueries, events_query
from flux_dispatch.store.pages import MAX_READ_SECONDS, Page
from flux_dispatch.store.sweep import SweepStore
from tests.support.recount import STATUSES_ANEW
from tests.support.store_harness import TIMING, StoreHarness, event

DELIVERIES = 1_000_000
EVENTS = 1_000_000
BIG = {"deliveries", "events", "event_statuses"}
SOON_SECONDS = 0.05
PAGE = Page(26)
LISTS = {
    "list events": events_query(PAGE, {}),
    "list deliveries": deliveries_query(PAGE, {}),
    **{f"list {status} events": events_query(PAGE, {"status": status}) for status in EVENT_STATUSES},
    **{f"list {state} deliveries": deliveries_query(PAGE, {"status": state}) for state in State},
}

# one in ten thousand waits for a retry that has come, one in a hundred for a later one; the rest is delivered
_FILL = """
    INSERT INTO events (id, account_id, type, created_at, body)
    SELECT flux_new_id(), :account, 'order.completed', now(), '{"data":{}}' FROM generate_series(1, :events);
    INSERT INTO deliveries (event_id, webhook_id, account_id, state, attempts, due_at, sweep_at, ended_at,
                            is_only)
    SELECT e.id, :webhook, :account,
           CASE WHEN n % 100 = 0 THEN 'scheduled' ELSE 'delivered' END, 1,
           CASE WHEN n % 100 = 0 THEN now() + (CASE WHEN n % 10000 = 0 THEN -1 ELSE 3600 END) * interval '1 second' END,
           CASE WHEN n % 100 = 0 THEN now() + (CASE WHEN n % 10000 = 0 THEN -1 ELSE 3570 END) * interval '1 second' END,
           CASE WHEN n % 100 <> 0 THEN now() END, n % 2 = 0
    FROM (SELECT id, row_number() OVER () AS k FROM events) AS e
    JOIN generate_series(1, :deliveries) AS n ON n % :events + 1 = e.k;
    INSERT INTO deliveries (event_id, webhook_id, account_id, state, reason, ended_at)
    SELECT event_id, :few, account_id, 'failed', 'attempts_exhausted', now()
    FROM deliveries WHERE NOT is_only AND ending = 1 ORDER BY event_id LIMIT 20;
    ANALYZE
"""


@pytest.mark.timeout(300)
async def test_no_statement_reads_a_big_table_from_end_to_end(database_url: str) -> None:
    database = open_database(database_url, statement_seconds=250)
    world = StoreHarness(database)
    lists = open_database(database_url, plans=Plans.CUSTOM, statement_seconds=MAX_READ_SECONDS)
    account = await world.account()
    webhook, few = [await world.webhook(account, "*") for _ in range(2)]
    values = {
        "account": parse_id(Prefix.ACCOUNT, account),
        "webhook": parse_id(Prefix.WEBHOOK, webhook),
        "few": parse_id(Prefix.WEBHOOK, few),
        "events": EVENTS,
        "deliveries": DELIVERIES,
    }
    for statement in [*_FILL.split(";\n"), *STATUSES_ANEW, "ANALYZE"]:
        await world.do(*_with(statement, values))
    some = await world.rows("SELECT id FROM deliveries LIMIT 100")
    for name, (sql, parameters) in _statements(account, [row.id.hex for row in some]).items():
        scans = _read_from_end_to_end(
            await _explained(StoreHarness(lists) if name in LISTS else world, sql, parameters)
        )
        assert not scans & BIG, f"{name} scans {scans & BIG}"
    await _check_soon(lists, account, [parse_id(Prefix.WEBHOOK, each) for each in (webhook, few)])
    await lists.dispose()
    peeked = await _explained(world, *_next_due(), analyze=True)
    assert sum(node.get("Rows Removed by Filter", 0) for node in peeked) == 0, "next_due reads what it does not want"
    await database.dispose()


async def _check_soon(lists: AsyncEngine, account: AccountId, webhooks: list[str]) -> None:
    """Check that every status, of all events and of those of each of these webhooks, is listed soon."""
    much, few = webhooks
    of_webhooks: list[dict[str, Any]] = [{"webhook": much}, {"webhook": few}, {"webhook": few, "type": "never.sent"}]
    statuses = [{"status": each} | webhook for each in EVENT_STATUSES for webhook in ({}, *of_webhooks)]
    for filters in (*of_webhooks, *statuses, {"webhook": much, "status": "failed", "type": "never.sent"}):
        seconds = []
        for _ in range(3):
            began = time.perf_counter()
            await EventQueries(lists).page(account, PAGE, filters)
            seconds.append(time.perf_counter() - began)
        assert min(seconds) < SOON_SECONDS, f"events by {filters}: {seconds}"


async def test_ends_of_attempts_are_written_by_id_whatever_the_statistics_say(database: AsyncEngine) -> None:
    world = StoreHarness(database)
    account = await world.account()
    await world.webhook(account, "*")
    await world.publish(*(event(account) for _ in range(3000)))
    await world.do("UPDATE deliveries SET state = 'scheduled'")
    await world.do("ANALYZE")  # nothing is being sent, as far as PostgreSQL's planner will know
    some = [row.id.hex for row in await world.rows("SELECT id FROM deliveries LIMIT 500")]
    for name, (sql, parameters) in _ends(some).items():
        await world.do("UPDATE deliveries SET state = 'sending', lease_token = id WHERE id = ANY(:ids)", ids=some)
        nodes = await _explained(world, sql, parameters, analyze=True)
        compared = sum(node.get("Rows Removed by Join Filter", 0) for node in nodes)
        assert not _read_from_end_to_end(nodes) & BIG, name
        assert compared == 0, f"{name} compared {compared} pairs of rows in vain"


async def test_what_names_ids_goes_by_them_whatever_the_statistics_say(database_url: str) -> None:
    engine_database = open_database(database_url, plans=Plans.GENERIC)
    world = StoreHarness(engine_database)
    account = await world.account()
    await world.webhook(account, "*")
    await world.publish(*(event(account) for _ in range(3000)))
    await world.do("UPDATE deliveries SET sweep_at = NULL")
    await world.do("ANALYZE deliveries")  # nothing is due, as far as PostgreSQL's planner will know
    await world.do("UPDATE deliveries SET sweep_at = flux_second(now())")
    some = [row.id.hex for row in await world.rows("SELECT id FROM deliveries LIMIT 100")]
    statements = {"claim": (deliver._CLAIM.text, _claim(some)), "sweep stranded": _looks(some[0])["sweep stranded"]}
    for name, (sql, parameters) in statements.items():
        nodes = await _explained(world, sql, parameters | {"ids": some}, analyze=True)
        indexes = {index for node in nodes if (index := node.get("Index Name"))}
        assert indexes <= {"deliveries_pkey", "webhooks_pkey", "events_pkey"}, name
    await engine_database.dispose()


@pytest.mark.parametrize(
    "gone",
    [
        "UPDATE webhooks SET deleted_at = now()",
        "UPDATE webhooks SET status = 'disabled'",
        "UPDATE webhooks SET cancel_at = now()",
    ],
)
async def test_webhooks_of_a_claim_are_read_by_id_whatever_the_statistics_say(database_url: str, gone: str) -> None:
    engine_database = open_database(database_url, plans=Plans.GENERIC)
    world = StoreHarness(engine_database)
    account = await world.account()
    for _ in range(300):
        await world.webhook(account, "*")
    await world.do(gone)
    await world.do("ANALYZE webhooks")  # hardly any is left, as far as PostgreSQL's planner will know
    await world.do("UPDATE webhooks SET deleted_at = NULL, status = 'enabled'")
    some = [row.id.hex for row in await world.rows("SELECT id FROM webhooks LIMIT 100")]
    nodes = await _explained(world, known_webhooks._READ.text, {"ids": some}, analyze=True)
    assert nodes[0]["Actual Rows"] == len(some)
    assert {index for node in nodes if (index := node.get("Index Name"))} == {"webhooks_pkey"}
    assert not _read_from_end_to_end(nodes)
    await engine_database.dispose()


async def test_what_comes_due_all_at_once_is_found_by_id_whatever_the_statistics_say(database_url: str) -> None:
    engine_database = open_database(database_url, plans=Plans.GENERIC)
    world = StoreHarness(engine_database)
    account = await world.account()
    await world.webhook(account, "*")
    await world.publish(*(event(account) for _ in range(3000)))
    await world.do("UPDATE deliveries SET attempts = 1, sweep_at = flux_second(now()) + interval '1 hour'")
    await world.do("ANALYZE")  # nothing is due, as far as PostgreSQL's planner will know
    await world.do("UPDATE deliveries SET sweep_at = flux_second(now()) - interval '1 second'")
    groups = await SweepStore(engine_database, TIMING).due_groups(retries=True, after=BEGINNING, limit=10)
    assert len(groups) <= 2
    sql, parameters = _looks("0" * 32, [(group, 1000) for group in groups])["sweep retries"]
    nodes = await _explained(world, sql, parameters, analyze=True)
    assert 1000 <= nodes[0]["Actual Rows"] <= 2000
    lookups = [
        node for node in nodes if node.get("Relation Name") == "deliveries" and "ANY" in node.get("Index Cond", "")
    ]
    assert [node["Actual Loops"] for node in lookups] == [1], "the whole front is looked up for each of its rows"
    await engine_database.dispose()


async def test_a_plan_that_was_made_while_the_tables_were_empty_goes_by_their_indexes(database_url: str) -> None:
    engine_database = open_database(database_url, plans=Plans.GENERIC)
    world = StoreHarness(engine_database)
    account = await world.account()
    some = [parse_id(Prefix.ACCOUNT, account)] * 3
    published = publish._parameters([event(account)], TIMING, timedelta(0))
    statements = _ends(some) | _looks(some[0]) | _parked(some[0])
    statements |= {
        "cancel": _cancel(),
        "claim": (deliver._CLAIM.text, _claim(some)),
        "webhooks of a claim": (known_webhooks._READ.text, {"ids": some}),
        "add": (publish._ADD.text, published),
    }
    for name, (sql, parameters) in statements.items():
        assert not _read_from_end_to_end(await _explained(world, sql, parameters)), name
    await engine_database.dispose()


@pytest.mark.parametrize(
    "avoided", ["enable_nestloop", "enable_hashjoin, enable_mergejoin", "enable_nestloop, enable_hashjoin"]
)
async def test_keys_are_written_in_the_order_given_whatever_ways_to_join_there_are(
    database: AsyncEngine, avoided: str
) -> None:
    world = StoreHarness(database)
    events = [event(await world.account(), key=f"{n}") for n in range(3)]
    sql, parameters = publish._ADD.text, publish._parameters(events, TIMING, timedelta(0))
    async with database.connect() as connection:
        for setting in avoided.split(", "):
            await connection.execute(text(f"SET LOCAL {setting} = off"))
        explained = (await connection.execute(text(f"EXPLAIN (FORMAT JSON) {sql}"), parameters)).scalar_one()
    (root,) = explained if isinstance(explained, list) else json.loads(explained)
    (written,) = (plan for plan in root["Plan"]["Plans"] if plan.get("Relation Name") == "events")
    (source,) = written["Plans"]
    assert source["Node Type"] == "CTE Scan", "two publishers could wait for each other's keys crosswise"
    assert source["CTE Name"] == "given"


def _with(statement: str, values: dict[str, Any]) -> tuple[str]:
    for name, value in values.items():
        statement = statement.replace(f":{name}", f"'{value}'" if isinstance(value, str) else str(value))
    return (statement,)


def _statements(account: AccountId, some: list[str]) -> dict[str, tuple[str, dict[str, Any]]]:
    theirs = {"account": UUID(parse_id(Prefix.ACCOUNT, account)), "limit": PAGE.limit}
    return {
        "claim": (deliver._CLAIM.text, _claim(some)),
        **_ends(some),
        **_looks(some[0]),
        **_parked(some[0]),
        "cancel": _cancel(),
        **{name: (query, parameters | theirs) for name, (query, parameters) in LISTS.items()},
    }


def _looks(lease_token: str, shares: list[tuple[DueGroup, int]] | None = None) -> dict[str, tuple[str, dict[str, Any]]]:
    shares = shares or [(DueGroup(datetime.now(UTC), BEGINNING.account), 100)] * 100
    intervals = dict.fromkeys(("lease", "grace", "rescue_spread"), timedelta(seconds=5))
    wake: dict[str, Any] = {"lease_token": lease_token, "most_rescues": 3, **intervals}
    wake_groups = wake | {
        "seconds": [group.second for group, _ in shares],
        "accounts": [parse_id(Prefix.ACCOUNT, group.account) for group, _ in shares],
        "shares": [share for _, share in shares],
    }
    page = sweep._position(BEGINNING) | {"most": 1000}
    looks = {
        "next_due": _next_due(),
        "sweep stranded": (sweep._SWEEP_STRANDED.text, wake | {"ids": [lease_token] * 100}),
    }
    for name, retries in (("first attempts", False), ("retries", True)):
        looks |= {
            f"groups of {name}": (sweep._DUE_GROUPS.text, page | {"retries": retries}),
            f"sweep {name}": (sweep._SWEEP_GROUPS.text, wake_groups | {"retries": retries}),
            f"stranded {name}": (sweep._STRANDED.text, page | {"retries": retries, "after_id": lease_token}),
        }
    return looks


def _next_due() -> tuple[str, dict[str, Any]]:
    since = datetime.now(UTC) - timedelta(seconds=5)
    return sweep._NEXT_DUE.text, {"grace": TIMING.enqueue_grace, "first_attempts_since": since, "retries_since": since}


def _cancel() -> tuple[str, dict[str, Any]]:
    interval = timedelta(seconds=5)
    states = {"from": sources(Transition.CANCEL), "to": target(Transition.CANCEL), "unfinished": ["sending"]}
    return cancel._CLEAR.text, states | {"limit": 500, "pause": interval, "linger": interval}


def _claim(some: list[str]) -> dict[str, Any]:
    interval = timedelta(seconds=5)
    ours = {"ids": some, "from": sources(Transition.CLAIM), "to": target(Transition.CLAIM), "lease_token": some[0]}
    return ours | {"slack": interval, "lease": interval, "saturated": [], "most_bytes": 2**24}


def _parked(webhook: str) -> dict[str, tuple[str, dict[str, Any]]]:
    claim = {name: value for name, value in _claim([webhook]).items() if name not in {"ids", "slack", "saturated"}}
    return {
        "parked webhooks": (deliver._PARKED_WEBHOOKS.text, {"after": "0" * 32, "most": 200}),
        "claim parked": (deliver._CLAIM_PARKED.text, claim | {"webhooks": [webhook] * 200, "places": [32] * 200}),
        "unpark": (deliver._UNPARK.text, {"webhooks": [webhook] * 200, "most": 1000}),
    }


def _ends(leased: list[str]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the statements that end leases; these ids are their lease_tokens, too."""
    count = len(leased)
    ids = {"ids": leased, "lease_tokens": leased, "from": ["sending"]}
    settle: dict[str, Any] = {"states": ["delivered"] * count, "numbers": [1] * count, "durations": [0.01] * count}
    settle |= {
        name: [None] * count
        for name in ("reasons", "delays", "sweeps", "statuses", "errors", "details", "phases", "response_headers")
    }
    return {
        "release": (deliver._RELEASE.text, ids | {"pauses": [timedelta(seconds=5)] * count, "to": "scheduled"}),
        "settle": (settlements.SETTLE.text, ids | settle | {"delivered": "delivered"}),
    }


async def _explained(
    world: StoreHarness, sql: str, parameters: dict[str, Any], *, analyze: bool = False
) -> list[dict[str, Any]]:
    """Return the nodes of the statement's plan."""
    options = "ANALYZE, BUFFERS, FORMAT JSON" if analyze else "FORMAT JSON"
    async with world.database.connect() as connection:
        explained = (await connection.execute(text(f"EXPLAIN ({options}) {sql}"), parameters)).scalar_one()
    (root,) = explained if isinstance(explained, list) else json.loads(explained)
    nodes = [root["Plan"]]
    for node in nodes:
        nodes += node.get("Plans", [])
    return nodes


def _read_from_end_to_end(nodes: list[dict[str, Any]]) -> set[str]:
    return {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}


async def test_a_sweep_does_not_go_through_what_was_delivered_while_an_old_snapshot_is_open(
    database: AsyncEngine, database_url: str
) -> None:
    world = StoreHarness(database)
    account = await world.account()
    webhook = await world.webhook(account, "*")
    dump = await asyncpg.connect(database_url)
    snapshot = dump.transaction(isolation="repeatable_read")
    await snapshot.start()
    await dump.fetchval("SELECT count(*) FROM deliveries")
    await world.do(
        "INSERT INTO deliveries (event_id, webhook_id, account_id, state, due_at, sweep_at) "
        "SELECT flux_new_id(), CAST(:webhook AS uuid), CAST(:account AS uuid), 'pending', now(), "
        "flux_second(now() - interval '1 hour' + n * interval '0.1 seconds') FROM generate_series(1, 30000) AS n",
        webhook=parse_id(Prefix.WEBHOOK, webhook),
        account=parse_id(Prefix.ACCOUNT, account),
    )
    await world.do("UPDATE deliveries SET state = 'delivered', sweep_at = NULL")
    await world.do("VACUUM deliveries")
    now = datetime.now(UTC)
    read = {}
    for name, since in (("whole", now - timedelta(hours=2)), ("next", now - timedelta(seconds=5))):
        sql, parameters = _next_due()
        parameters |= {"first_attempts_since": since, "retries_since": since}
        (root, *_) = await _explained(world, sql, parameters, analyze=True)
        read[name] = root["Shared Hit Blocks"] + root["Shared Read Blocks"]
    await snapshot.rollback()
    await dump.close()
    assert read["whole"] > 1000, "nothing dead stood in the way"
    assert read["next"] < 50
