"""What is measured of the whole installation for its metrics, in bounded time, however much there is.

Each figure is a statement of its own: a table that somebody has locked takes with it what is read of that table only.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.operations import Backlog, OutboxSize
from flux_dispatch.store.clock import database_now
from flux_dispatch.store.connect import connect
from flux_dispatch.store.operations import OperationsQueries

MOST_COUNTED: Final = 10_000
"""How many parked deliveries, and how many events of the outbox."""

PARKED: Final = """
    SELECT count(*) AS parked FROM (
        SELECT FROM deliveries WHERE sweep_at = 'infinity' ORDER BY webhook_id LIMIT :most
    ) AS due
"""

OUTBOX: Final = """
    SELECT count(*) AS waiting, coalesce(date_part('epoch', flux_now() - min(written_at)), 0) AS oldest,
           (SELECT count(*) FROM (SELECT FROM outbox WHERE reason IS NOT NULL LIMIT :most) AS kept) AS refused
    FROM (SELECT written_at FROM outbox WHERE reason IS NULL ORDER BY account_id, id LIMIT :most) AS written
"""

_FAILING_CHANNELS: Final = """
    SELECT count(*) AS failing FROM alert_channels
    WHERE account_id IS NULL AND status = 'enabled' AND failing_since IS NOT NULL
"""

_SCHEMA_VERSION: Final = "SELECT version_num FROM alembic_version LIMIT 1"


class SnapshotQueries:
    """Reads the figures that a snapshot is made of; each raises Unavailable where it cannot be had.

    Args:
        database: one that gives a statement up after MAX_READ_SECONDS.
    """

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database
        self._operations = OperationsQueries(database)

    async def backlog(self) -> Backlog:
        """Return how much is open."""
        return await self._operations.backlog()

    async def oldest_due_seconds(self) -> float:
        """Return for how long the delivery has been due that waits longest; 0 when none does."""
        oldest = await self._operations.oldest_due()
        if oldest is None:
            return 0.0
        return max((await database_now(self._database) - oldest.due_at).total_seconds(), 0.0)

    async def parked(self) -> int:
        """Return how many are parked."""
        return int((await self._row(PARKED, {"most": MOST_COUNTED})).parked)

    async def outbox(self) -> OutboxSize:
        """Return what is in the outbox."""
        row = await self._row(OUTBOX, {"most": MOST_COUNTED})
        return OutboxSize(row.waiting, row.refused, max(row.oldest, 0.0))

    async def failing_operator_channels(self) -> int:
        """Return how many channels of operators have not got their last message."""
        return int((await self._row(_FAILING_CHANNELS, {})).failing)

    async def schema_version(self) -> int:
        """Return the number of the newest migration."""
        return int((await self._row(_SCHEMA_VERSION, {})).version_num)

    async def _row(self, query: str, parameters: Mapping[str, Any]) -> Row[Any]:
        async with connect(self._database) as connection:
            return (await connection.execute(text(query), parameters)).one()
