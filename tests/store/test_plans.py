"""At a million deliveries the statements of the engine and of the lists still go by their indexes."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.delivery import Move, sources, target
from flux_dispatch.domain.ids import AccountId, Prefix, uuid_hex
from flux_dispatch.store import deliver, plan, reads
from tests.store.world import TIMING, World

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
async def test_no_statement_reads_a_big_table_from_end_to_end(database: AsyncEngine) -> None:
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
        scans = await _sequential_scans(world, sql, parameters)
        assert not scans & BIG, f"{name} scans {scans & BIG}"


def _with(statement: str, values: dict[str, Any]) -> tuple[str]:
    for name, value in values.items():
        statement = statement.replace(f":{name}", f"'{value}'" if isinstance(value, str) else str(value))
    return (statement,)


def _statements(account: AccountId, some: list[str]) -> dict[str, tuple[str, dict[str, Any]]]:
    interval = timedelta(seconds=5)
    claim = {"ids": some, "from": sources(Move.CLAIM), "to": target(Move.CLAIM), "token": some[0]}
    claim |= {"slack": interval, "lease": interval}
    wake = {"may_ring": True, "limit": 1000, "token": some[0], "lease": interval, "grace": interval, "most_rescues": 3}
    release = {"ids": some, "tokens": some, "pauses": [interval] * len(some), "from": ["sending"], "to": "scheduled"}
    page = {"account": uuid_hex(Prefix.ACCOUNT, account), "limit": 26}
    return {
        "claim": (deliver._CLAIM.text, claim),
        "release": (deliver._RELEASE.text, release),
        "peek": (plan._PEEK.text, {"grace": TIMING.grace}),
        "wake first attempts": (plan._WAKE.text, wake | {"retries": False}),
        "wake retries": (plan._WAKE.text, wake | {"retries": True}),
        "list deliveries": (_paged(reads._DELIVERIES, "deliveries"), page),
        "list events": (_paged(reads._EVENTS, "events"), page),
    }


def _paged(query: str, table: str) -> str:
    return f"{query.format(page='true')} ORDER BY {table}.id DESC LIMIT :limit"


async def _sequential_scans(world: World, sql: str, parameters: dict[str, Any]) -> set[str]:
    async with world.database.connect() as connection:
        explained = (await connection.execute(text(f"EXPLAIN (FORMAT JSON) {sql}"), parameters)).scalar_one()
    (root,) = explained if isinstance(explained, list) else json.loads(explained)
    scans, nodes = set(), [root["Plan"]]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        if node["Node Type"] == "Seq Scan":
            scans.add(node["Relation Name"])
    return scans
