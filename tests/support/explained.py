"""What a statement reads, as PostgreSQL itself tells."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.ids import AccountId, Prefix, parse_id


async def indexes_used(database: AsyncEngine, query: str, parameters: Mapping[str, Any]) -> set[str]:
    """Return the names of the indexes that the statement goes by."""
    nodes = await _nodes(database, f"EXPLAIN (FORMAT JSON) {query}", parameters)
    return {node["Index Name"] for node in nodes if "Index Name" in node}


async def rows_touched(
    database: AsyncEngine, query: str, parameters: Mapping[str, Any], account: AccountId | None = None
) -> int:
    """Return how many rows and entries of tables, indexes and parts of itself the statement goes through."""
    theirs = {"account": UUID(parse_id(Prefix.ACCOUNT, account))} if account else {}
    nodes = await _nodes(database, f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", {**parameters, **theirs})
    return round(
        sum(
            (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
            for node in nodes
            if "Scan" in node["Node Type"]
        )
    )


async def _nodes(database: AsyncEngine, explaining: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    async with database.connect() as connection:
        explained = (await connection.execute(text(explaining), parameters)).scalar_one()
    (root,) = explained if isinstance(explained, list) else json.loads(explained)
    nodes = [root["Plan"]]
    for node in nodes:
        nodes += node.get("Plans", [])
    return nodes
