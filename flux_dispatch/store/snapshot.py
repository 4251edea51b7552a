"""What is measured of the whole installation for its metrics, in bounded time, however much there is."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.operations import Snapshot
from flux_dispatch.store.connect import connect
from flux_dispatch.store.operations import OperationsQueries

MOST_COUNTED: Final = 10_000
"""How many parked deliveries, and how many events of the outbox."""

REST: Final = """
    SELECT date_part('epoch', flux_now()) AS now_seconds,
           (SELECT count(*) FROM (
               SELECT FROM deliveries WHERE sweep_at = 'infinity' ORDER BY webhook_id LIMIT :most
           ) AS parked) AS parked,
           waiting.count AS outbox_waiting, coalesce(date_part('epoch', flux_now() - waiting.oldest), 0) AS oldest,
           (SELECT count(*) FROM (SELECT FROM outbox WHERE reason IS NOT NULL LIMIT :most) AS kept) AS outbox_refused,
           (SELECT count(*) FROM alert_channels
            WHERE account_id IS NULL AND status = 'enabled' AND failing_since IS NOT NULL) AS failing_channels,
           (SELECT version_num FROM alembic_version LIMIT 1) AS schema_version
    FROM (
        SELECT count(*) AS count, min(written_at) AS oldest
        FROM (
            SELECT written_at FROM outbox WHERE reason IS NULL ORDER BY account_id, id LIMIT :most
        ) AS written
    ) AS waiting
"""


class SnapshotQueries:
    """Takes snapshots.

    Args:
        database: one that gives a statement up after MAX_READ_SECONDS.
    """

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database
        self._operations = OperationsQueries(database)

    async def take(self) -> Snapshot:
        """Return what is measured now.

        Raises:
            Unavailable: the database is unavailable.
        """
        backlog, oldest = await self._operations.backlog(), await self._operations.oldest_due()
        async with connect(self._database) as connection:
            row = (await connection.execute(text(REST), {"most": MOST_COUNTED})).one()
        return Snapshot(
            backlog=backlog,
            oldest_due_seconds=max(row.now_seconds - oldest.due_at.timestamp(), 0.0) if oldest else 0.0,
            parked=row.parked,
            outbox_waiting=row.outbox_waiting,
            outbox_refused=row.outbox_refused,
            outbox_oldest_seconds=max(row.oldest, 0.0),
            failing_operator_channels=row.failing_channels,
            schema_version=int(row.schema_version),
        )
