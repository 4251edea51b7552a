"""Statistics of webhooks: the piece of a settlement that counts, and how what was counted is read."""

from datetime import datetime
from typing import Any, Final

from flux_dispatch.domain.ids import AccountId, Prefix, WebhookId, parse_id
from flux_dispatch.domain.statistics import LATENCY_BOUNDS, Counts, Period
from flux_dispatch.store.pages import Queries

_CLASSES: Final = len(LATENCY_BOUNDS) + 1
_ORIGIN: Final = "TIMESTAMPTZ '2000-01-01 00:00:00+00'"
_BOUNDS: Final = f"CAST(ARRAY{list(LATENCY_BOUNDS)} AS real[])"
_BUCKET: Final = f"date_bin('5 minutes', flux_now(), {_ORIGIN})"


def _per_class(expression: str, *, first: int) -> str:
    """Return an array of this expression for each class, numbered from `first`."""
    return f"ARRAY[{', '.join(expression.format(n=first + number) for number in range(_CLASSES))}]"


# In the order of their keys, so that two who count never wait for each other crosswise; all of one statement go to one
# shard and bucket. The arrays are spelt out: a sub-select for each row would cost more than all the rest.
COUNT_ATTEMPTS: Final = f"""
        INSERT INTO webhook_statistics AS known (webhook_id, bucket, shard, attempts, delivered, given_up, latencies)
        SELECT webhook_id, {_BUCKET}, CAST(:shard AS smallint), count(*), count(*) FILTER (WHERE state = :delivered), 0,
               {_per_class("(count(*) FILTER (WHERE class = {n}))::int", first=0)}
        FROM (
            SELECT webhook_id, state, width_bucket(duration_seconds, {_BOUNDS}) AS class
            FROM moved
        ) AS ended
        GROUP BY webhook_id
        ORDER BY webhook_id
        ON CONFLICT (webhook_id, bucket, shard) DO UPDATE
        SET attempts = known.attempts + excluded.attempts, delivered = known.delivered + excluded.delivered,
            latencies = {_per_class("known.latencies[{n}] + excluded.latencies[{n}]", first=1)}
"""  # noqa: S608 - only numbers and names of our own are written into it
"""Counts the attempts that `moved` returns: webhook_id, the state that they led to, and duration_seconds."""

COUNT_FAILURES: Final = f"""
        INSERT INTO webhook_statistics AS known (webhook_id, bucket, shard, attempts, delivered, given_up, latencies)
        SELECT webhook_id, {_BUCKET}, CAST(:shard AS smallint), 0, 0, count(*), array_fill(0, ARRAY[{_CLASSES}])
        FROM moved WHERE NOT is_test
        GROUP BY webhook_id
        ORDER BY webhook_id
        ON CONFLICT (webhook_id, bucket, shard) DO UPDATE SET given_up = known.given_up + excluded.given_up
"""  # noqa: S608 - as above
"""Counts the final failures that `moved` returns: webhook_id, and is_test, for a test alarms nobody."""

_STATISTICS: Final = f"""
    WITH counted AS (
        SELECT date_bin(:step, bucket, {_ORIGIN}) AS at, sum(attempts) AS attempts, sum(delivered) AS delivered,
               sum(given_up) AS given_up, {_per_class("sum(latencies[{n}])", first=1)} AS latencies
        FROM webhook_statistics
        WHERE webhook_id = CAST(:id AS uuid)
          AND bucket >= date_bin(:step, flux_now(), {_ORIGIN}) - (CAST(:buckets AS int) - 1) * CAST(:step AS interval)
        GROUP BY at
    )
    SELECT at, attempts, delivered, given_up, latencies
    FROM generate_series(
        date_bin(:step, flux_now(), {_ORIGIN}) - (CAST(:buckets AS int) - 1) * CAST(:step AS interval),
        date_bin(:step, flux_now(), {_ORIGIN}),
        CAST(:step AS interval)
    ) AS at
    LEFT JOIN counted USING (at)
    ORDER BY at
"""  # noqa: S608 - as above


class StatisticsQueries(Queries):
    """Reads statistics."""

    async def of_webhook(self, account: AccountId, webhook: WebhookId, period: Period) -> list[tuple[datetime, Counts]]:
        """Return each bucket of the period, the oldest first, those in which nothing happened too.

        Whose webhook it is, is for the caller to ask.
        """
        query, parameters = statistics_query(webhook, period)
        return [_bucket_from_row(row) for row in await self._rows(query, account, parameters)]


def statistics_query(webhook: WebhookId, period: Period) -> tuple[str, dict[str, Any]]:
    """Return the statement for a webhook's statistics, and its parameters."""
    parameters = {"id": parse_id(Prefix.WEBHOOK, webhook), "step": period.step, "buckets": period.buckets}
    return _STATISTICS, parameters


def _bucket_from_row(row: Any) -> tuple[datetime, Counts]:  # noqa: ANN401 - SQLAlchemy's row
    if row.attempts is None:
        return row.at, Counts()
    return row.at, Counts(row.attempts, row.delivered, row.given_up, tuple(row.latencies))
