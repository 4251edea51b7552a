"""What operators see of all accounts together, each read in bounded time."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, cast

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.account import Account
from flux_dispatch.domain.alert_channel import AlertChannel
from flux_dispatch.domain.delivery import Transition, sources
from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, format_id
from flux_dispatch.domain.operations import Backlog, OldestDue
from flux_dispatch.domain.statistics import BUCKET
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.alert_channels import channel_from_row
from flux_dispatch.store.connect import connect
from flux_dispatch.store.pages import HIGHEST_ID, LOWEST_ID, Page
from flux_dispatch.store.statistics import OF_ALL, Bucket, bucket_from_row

MOST_OPEN: Final = 100_000
"""How many open deliveries are counted."""

MOST_LOOKED_AT: Final = 10_000
"""In each lane, for what has been due longest."""

MOST_PARKED: Final = 200
"""How many webhooks with parked deliveries are looked at for it."""

THROUGHPUT: Final[tuple[str, dict[str, Any]]] = (OF_ALL, {"step": BUCKET, "buckets": timedelta(hours=1) // BUCKET})

# The bounds are rows, so that the index of what is open fits best, whatever PostgreSQL believes of how many are.
BACKLOG: Final = f"""
    SELECT state, count(*) AS counted FROM (
        SELECT state FROM deliveries
        WHERE (ending, webhook_id, event_id) >= (0, {LOWEST_ID}, {LOWEST_ID})
          AND (ending, webhook_id, event_id) <= (0, {HIGHEST_ID}, {HIGHEST_ID})
        ORDER BY ending, webhook_id, event_id LIMIT :most
    ) AS open
    GROUP BY state
"""  # noqa: S608 - only numbers of our own are written into it

_ALERT_CHANNELS: Final = text("""
    SELECT * FROM alert_channels WHERE account_id IS NULL AND status = 'enabled' ORDER BY id LIMIT 100
""")

# The booleans are hidden in sub-selects, as they are from what sweeps.
_LANE: Final = """(
        SELECT id, account_id, state, due_at FROM deliveries
        WHERE (attempts > 0) = (SELECT {retries}) AND sweep_at < 'infinity'
        ORDER BY sweep_at, account_id, id LIMIT :most
    )"""

OLDEST_DUE: Final = f"""
    WITH RECURSIVE parked AS (
        (
            SELECT webhook_id, id, account_id, state, due_at, 1 AS number FROM deliveries
            WHERE sweep_at = 'infinity' ORDER BY webhook_id, due_at LIMIT 1
        )
        UNION ALL
        SELECT following.*, parked.number + 1 FROM parked CROSS JOIN LATERAL (
            SELECT webhook_id, id, account_id, state, due_at FROM deliveries
            WHERE sweep_at = 'infinity' AND webhook_id > parked.webhook_id ORDER BY webhook_id, due_at LIMIT 1
        ) AS following
        WHERE parked.number < :most_parked
    )
    SELECT id, account_id, due_at FROM (
        {_LANE.format(retries="false")} UNION ALL {_LANE.format(retries="true")}
        UNION ALL SELECT id, account_id, state, due_at FROM parked
    ) AS waiting
    WHERE due_at <= flux_now() AND state = ANY(CAST(:states AS text[]))
    ORDER BY due_at LIMIT 1
"""  # noqa: S608 - as above


class OperationsQueries:
    """Reads what operators see.

    Args:
        database: one that gives a statement up after MAX_READ_SECONDS.
    """

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def throughput(self) -> list[Bucket]:
        """Return what all attempts of the last hour came to, in buckets of five minutes, the oldest first."""
        return [bucket_from_row(row) for row in await self._rows(*THROUGHPUT)]

    async def alert_channels(self) -> list[AlertChannel]:
        """Return what became of the channels of FLUX_ALERT_URLS, those that it has not any more left out."""
        async with connect(self._database) as connection:
            return [channel_from_row(row) for row in await connection.execute(_ALERT_CHANNELS)]

    async def backlog(self, most: int = MOST_OPEN) -> Backlog:
        """Return how many deliveries are open, by state, as far as `most` of them tell."""
        rows = await self._rows(BACKLOG, {"most": most})
        by_state = {row.state: int(row.counted) for row in rows}
        return Backlog(by_state, is_more=sum(by_state.values()) >= most)

    async def oldest_due(self) -> OldestDue | None:
        """Return what has been due longest and is not being sent; None when nothing is due.

        Where more than MOST_LOOKED_AT are due in a lane, another may have been due for longer.
        """
        for row in await self._rows(*oldest_due_query()):
            return OldestDue(
                account=cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex)),
                delivery=cast(DeliveryId, format_id(Prefix.DELIVERY, row.id.hex)),
                due_at=row.due_at,
            )
        return None

    async def accounts(self, page: Page, search: str = "") -> list[Account]:
        """Return accounts, the newest first, in whose name or external id this piece is, in capitals or not."""
        return await AccountStore(self._database).page(page, search)

    async def _rows(self, query: str, parameters: Mapping[str, Any]) -> list[Row[Any]]:
        async with connect(self._database) as connection:
            return list((await connection.execute(text(query), parameters)).all())


def oldest_due_query() -> tuple[str, dict[str, Any]]:
    """Return the statement for what has been due longest, and its parameters."""
    return OLDEST_DUE, {"most": MOST_LOOKED_AT, "most_parked": MOST_PARKED, "states": sources(Transition.CLAIM)}
