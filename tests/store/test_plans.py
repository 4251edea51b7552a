"""At a million deliveries the statements of the engine and of the lists still go by their indexes."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.delivery import Move, sources, target
from flux_dispatch.domain.ids import AccountId, Prefix, uuid_hex
from flux_dispatch.store import accept, deliver, plan, reads
from flux_dispatch.store.accept import EventStore
from flux_dispatch.store.connect import open_database
from tests.store.world import TIMING, World, event

DELIVERIES = 1_000_000
BIG = {"deliveries", "events"}

# one in ten thousand waits for a retry that has come, one in a hundred for a later one; the rest is delivered
_FILL = """
    INSERT INTO events (id, account_id, type, created_at, body)
    SELECT flux_new_id(), :account, 'order.completed', now(), '{"data":{}}' FROM generate_series(1, :events);
    INSERT INTO deliveries (event_id, webhook_id, account_id, state, attempts, due_at, wake_at, ended_at)
    SELECT e.id, :webhook, :account,
           CASE WHEN n % 100 = 0 THEN 'scheduled' ELSE 'delivered' END, 1,
           CASE WHEN n % 100 = 0 THEN now() + (CASE WHEN n % 10000 = 0 THEN -1 ELSE 3600 END) * interval '1 second' END,
           CASE WHEN n % 100 = 0 THEN now() + (CASE WHEN n % 10000 = 0 THEN -1 ELSE 3570 END) * interval '1 second' END,
           now()
    FROM (SELECT id, row_number() OVER () AS k FROM events) AS e
    JOIN generate_series(1, :deliveries) AS n ON n % :events + 1 = e.k;
    ANALYZE
"""


@pytest.mark.timeout(300)
async def test_no_statement_reads_a_big_table_from_end_to_end(database_url: str) -> None:
    database = open_database(database_url, statement_seconds=250)
    world = World(database)
    account = await world.account()
    webhook = await world.webhook(account, "*")
    values = {
        "account": uuid_hex(Prefix.ACCOUNT, account),
        "webhook": uuid_hex(Prefix.WEBHOOK, webhook),
        "events": 100_000,
        "deliveries": DELIVERIES,
    }
    for statement in _FILL.split(";\n"):
        await world.do(*_with(statement, values))
    some = await world.rows("SELECT id FROM deliveries LIMIT 100")
    for name, (sql, parameters) in _statements(account, [row.id.hex for row in some]).items():
        scans = _read_from_end_to_end(await _explained(world, sql, parameters))
        assert not scans & BIG, f"{name} scans {scans & BIG}"
    peeked = await _explained(world, *_peek(), analyze=True)
    assert sum(node.get("Rows Removed by Filter", 0) for node in peeked) == 0, "peek reads what it does not want"
    await database.dispose()


async def test_ends_of_attempts_are_written_by_id_whatever_the_statistics_say(database: AsyncEngine) -> None:
    world = World(database)
    account = await world.account()
    await world.webhook(account, "*")
    await world.publish(*(event(account) for _ in range(3000)))
    await world.do("UPDATE deliveries SET state = 'scheduled'")
    await world.do("ANALYZE")  # nothing is being sent, as far as the planner will know
    some = [row.id.hex for row in await world.rows("SELECT id FROM deliveries LIMIT 500")]
    for name, (sql, parameters) in _ends(some).items():
        await world.do("UPDATE deliveries SET state = 'sending', token = id WHERE id = ANY(:ids)", ids=some)
        nodes = await _explained(world, sql, parameters, analyze=True)
        compared = sum(node.get("Rows Removed by Join Filter", 0) for node in nodes)
        assert not _read_from_end_to_end(nodes) & BIG, name
        assert compared == 0, f"{name} compared {compared} pairs of rows in vain"


async def test_what_comes_due_all_at_once_is_found_by_id_whatever_the_statistics_say(database_url: str) -> None:
    hot = open_database(database_url, is_hot=True)
    world = World(hot)
    account = await world.account()
    await world.webhook(account, "*")
    await world.publish(*(event(account) for _ in range(3000)))
    await world.do("UPDATE deliveries SET attempts = 1, wake_at = now() + interval '1 hour'")
    await world.do("ANALYZE")  # nothing is due, as far as the planner will know
    await world.do("UPDATE deliveries SET wake_at = now() - interval '1 second'")
    sql, parameters = _looks("0" * 32)["wake retries"]
    nodes = await _explained(world, sql, parameters, analyze=True)
    assert nodes[0]["Actual Rows"] == parameters["limit"]
    lookups = [
        node for node in nodes if node.get("Relation Name") == "deliveries" and "ANY" in node.get("Index Cond", "")
    ]
    assert [node["Actual Loops"] for node in lookups] == [1], "the whole front is looked up for each of its rows"
    await hot.dispose()


async def test_a_plan_that_was_made_while_the_tables_were_empty_goes_by_their_indexes(database_url: str) -> None:
    hot = open_database(database_url, is_hot=True)
    world = World(hot)
    account = await world.account()
    some = [uuid_hex(Prefix.ACCOUNT, account)] * 3
    published = EventStore(hot, TIMING)._parameters([event(account)], timedelta(0))
    statements = _ends(some) | _looks(some[0])
    statements |= {"claim": (deliver._CLAIM.text, _claim(some)), "add": (accept._ADD.text, published)}
    for name, (sql, parameters) in statements.items():
        assert not _read_from_end_to_end(await _explained(world, sql, parameters)), name
    await hot.dispose()


def _with(statement: str, values: dict[str, Any]) -> tuple[str]:
    for name, value in values.items():
        statement = statement.replace(f":{name}", f"'{value}'" if isinstance(value, str) else str(value))
    return (statement,)


def _statements(account: AccountId, some: list[str]) -> dict[str, tuple[str, dict[str, Any]]]:
    page = {"account": uuid_hex(Prefix.ACCOUNT, account), "limit": 26}
    return {
        "claim": (deliver._CLAIM.text, _claim(some)),
        **_ends(some),
        **_looks(some[0]),
        "list deliveries": (_paged(reads._DELIVERIES, "deliveries"), page),
        "list events": (_paged(reads._EVENTS, "events"), page),
    }


def _looks(token: str) -> dict[str, tuple[str, dict[str, Any]]]:
    intervals = dict.fromkeys(("lease", "grace", "rescue_spread"), timedelta(seconds=5))
    wake = {"may_ring": True, "limit": 1000, "token": token, "most_rescues": 3, **intervals}
    return {
        "peek": _peek(),
        "wake first attempts": (plan._WAKE.text, wake | {"retries": False}),
        "wake retries": (plan._WAKE.text, wake | {"retries": True}),
    }


def _peek() -> tuple[str, dict[str, Any]]:
    return plan._PEEK.text, {"grace": TIMING.grace}


def _claim(some: list[str]) -> dict[str, Any]:
    interval = timedelta(seconds=5)
    ours = {"ids": some, "from": sources(Move.CLAIM), "to": target(Move.CLAIM), "token": some[0]}
    return ours | {"slack": interval, "lease": interval}


def _ends(leased: list[str]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the statements that end leases; these ids are their tokens, too."""
    count = len(leased)
    ids = {"ids": leased, "tokens": leased, "from": ["sending"]}
    settle: dict[str, Any] = {"states": ["delivered"] * count, "numbers": [1] * count, "durations": [0.01] * count}
    settle |= {name: [None] * count for name in ("reasons", "delays", "wakes", "statuses", "errors", "details")}
    return {
        "release": (deliver._RELEASE.text, ids | {"pauses": [timedelta(seconds=5)] * count, "to": "scheduled"}),
        "settle": (deliver._SETTLE.text, ids | settle | {"delivered": "delivered"}),
    }


def _paged(query: str, table: str) -> str:
    return f"{query.format(page='true')} ORDER BY {table}.id DESC LIMIT :limit"


async def _explained(
    world: World, sql: str, parameters: dict[str, Any], *, analyze: bool = False
) -> list[dict[str, Any]]:
    """Return the nodes of the statement's plan."""
    options = "ANALYZE, FORMAT JSON" if analyze else "FORMAT JSON"
    async with world.database.connect() as connection:
        explained = (await connection.execute(text(f"EXPLAIN ({options}) {sql}"), parameters)).scalar_one()
    (root,) = explained if isinstance(explained, list) else json.loads(explained)
    nodes = [root["Plan"]]
    for node in nodes:
        nodes += node.get("Plans", [])
    return nodes


def _read_from_end_to_end(nodes: list[dict[str, Any]]) -> set[str]:
    return {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}
