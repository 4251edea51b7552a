"""Statistics of webhooks: the piece of a settlement that counts, how that is rolled up, and how it is read."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias, cast

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.ids import AccountId, Prefix, WebhookId, format_id, parse_id
from flux_dispatch.domain.statistics import LATENCY_BOUNDS, Counts, Period
from flux_dispatch.domain.webhook_health import FAILING_AFTER
from flux_dispatch.store.connect import connect
from flux_dispatch.store.note_health import NOTE_HEALTH
from flux_dispatch.store.pages import Queries

Bucket: TypeAlias = tuple[datetime, Counts]
"""When a bucket begins, and what was counted in it."""

_CLASSES: Final = len(LATENCY_BOUNDS) + 1
_ORIGIN: Final = "TIMESTAMPTZ '2000-01-01 00:00:00+00'"
_BOUNDS: Final = f"CAST(ARRAY{list(LATENCY_BOUNDS)} AS real[])"
_BUCKET: Final = f"date_bin('5 minutes', flux_now(), {_ORIGIN})"


def _per_class(expression: str, *, first: int) -> str:
    """Return an array of this expression for each class, numbered from `first`."""
    return f"ARRAY[{', '.join(expression.format(n=first + number) for number in range(_CLASSES))}]"


_TALLY: Final = """
        INSERT INTO webhook_tallies (bucket, webhook_ids, delivered, durations, failed_tests)
        SELECT {bucket}, array_agg(webhook_id), array_agg({delivered}), array_agg({duration}), {failed_tests}
        FROM moved {which} HAVING count(*) > 0
"""
TALLY_ATTEMPTS: Final = _TALLY.format(
    bucket=_BUCKET,
    delivered="state = :delivered",
    duration="duration_seconds",
    failed_tests="array_agg(webhook_id) FILTER (WHERE is_test AND state <> :delivered)",
    which="",
)
"""Counts the attempts that `moved` returns: webhook_id, the state that they led to, duration_seconds, and is_test."""

TALLY_FAILURES: Final = _TALLY.format(
    bucket=_BUCKET,
    delivered="false",
    duration="CAST(NULL AS real)",
    failed_tests="CAST(NULL AS uuid[])",
    which="WHERE NOT is_test",
)
"""Counts the final failures that `moved` returns: webhook_id, and is_test, for a test alarms nobody."""

# Those in the order of their keys, so that two who roll up never wait for each other crosswise. The arrays are spelt
# out: a sub-select for each row would cost more than all the rest.
_ROLL_UP: Final = text(f"""
    WITH taken AS (
        DELETE FROM webhook_tallies
        WHERE id = ANY(ARRAY(SELECT id FROM webhook_tallies ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED))
        RETURNING bucket, webhook_ids, delivered, durations, failed_tests
    ), tests AS (
        SELECT webhook_id, bucket, count(*) AS failed_tests
        FROM taken, unnest(taken.failed_tests) AS each (webhook_id) GROUP BY webhook_id, bucket
    ), counted AS (
        SELECT webhook_id, bucket, count(*) AS ends, count(*) FILTER (WHERE each.delivered) AS delivered,
               count(*) FILTER (WHERE duration IS NULL) AS given_up,
               {_per_class("(count(*) FILTER (WHERE class = {n}))::int", first=0)} AS latencies
        FROM taken, unnest(webhook_ids, taken.delivered, durations) AS each (webhook_id, delivered, duration),
             width_bucket(duration, {_BOUNDS}) AS class
        GROUP BY webhook_id, bucket
    ), ended AS (
        SELECT counted.*, coalesce(failed_tests, 0) AS failed_tests
        FROM counted LEFT JOIN tests USING (webhook_id, bucket)
    ), added AS (
        INSERT INTO webhook_statistics AS known (
            webhook_id, bucket, attempts, delivered, given_up, latencies, failed_tests
        )
        SELECT webhook_id, bucket, ends - given_up, delivered, given_up, latencies, failed_tests
        FROM ended WHERE EXISTS (SELECT FROM webhooks WHERE id = webhook_id)
        ORDER BY webhook_id, bucket
        ON CONFLICT (webhook_id, bucket) DO UPDATE
        SET attempts = known.attempts + excluded.attempts, delivered = known.delivered + excluded.delivered,
            given_up = known.given_up + excluded.given_up,
            failed_tests = known.failed_tests + excluded.failed_tests,
            latencies = {_per_class("known.latencies[{n}] + excluded.latencies[{n}]", first=1)}
    ), {NOTE_HEALTH}
    SELECT count(*) FROM taken
""")  # noqa: S608 - only numbers and names of our own are written into it

_BEGIN: Final = f"date_bin(:step, flux_now(), {_ORIGIN}) - (CAST(:buckets AS int) - 1) * CAST(:step AS interval)"
"""When the first bucket of what is asked for begins."""

_TIMES: Final = f"""generate_series(
        {_BEGIN}, date_bin(:step, flux_now(), {_ORIGIN}), CAST(:step AS interval)
    ) AS at"""

_ONE_BY_ONE: Final = """webhook_tallies AS tally,
                 unnest(webhook_ids, tally.delivered, durations) AS each (webhook_id, delivered, duration)"""

_NOT_ROLLED_UP: Final = f"""
            SELECT bucket, count(duration)::int, (count(*) FILTER (WHERE each.delivered))::int,
                   (count(*) FILTER (WHERE duration IS NULL))::int,
                   {_per_class("(count(*) FILTER (WHERE class = {n}))::int", first=0)}
            FROM {_ONE_BY_ONE}, width_bucket(duration, {_BOUNDS}) AS class
            WHERE {{whose}}
            GROUP BY bucket
"""  # noqa: S608 - as above

_BY_BUCKET: Final = f"""
    WITH counted AS (
        SELECT date_bin(:step, bucket, {_ORIGIN}) AS at, sum(attempts) AS attempts, sum(delivered) AS delivered,
               sum(given_up) AS given_up, {_per_class("sum(latencies[{n}])", first=1)} AS latencies
        FROM (
            SELECT bucket, attempts, delivered, given_up, latencies FROM {{rolled_up}}
            UNION ALL
            {_NOT_ROLLED_UP}
        ) AS known
        WHERE bucket >= {_BEGIN}
        GROUP BY at
    )
    SELECT at, attempts, delivered, given_up, latencies FROM {_TIMES} LEFT JOIN counted USING (at) ORDER BY at
"""  # noqa: S608 - as above

_OF_WEBHOOK: Final = _BY_BUCKET.format(
    rolled_up="webhook_statistics WHERE webhook_id = CAST(:id AS uuid)",
    whose="CAST(:id AS uuid) = ANY(webhook_ids) AND webhook_id = CAST(:id AS uuid)",
)

OF_ALL: Final = _BY_BUCKET.format(rolled_up="webhook_statistics", whose="true")
"""What all webhooks of all accounts come to, in `buckets` of the width `step`, the last of which runs now."""

# OFFSET keeps the sub-select from being joined otherwise: webhook by webhook, each from a place in the index on. Counts
# alone are added up: to add up durations too would take three times as long.
_OF_THEIRS: Final = f"""(
            SELECT id AS webhook_id, rolled_up.* FROM theirs CROSS JOIN LATERAL (
                SELECT bucket, attempts, delivered, given_up FROM webhook_statistics
                WHERE webhook_id = theirs.id AND bucket >= {_BEGIN} OFFSET 0
            ) AS rolled_up
            UNION ALL
            SELECT webhook_id, bucket, (duration IS NOT NULL)::int, each.delivered::int, (duration IS NULL)::int
            FROM {_ONE_BY_ONE}
            WHERE webhook_id IN (SELECT id FROM theirs) AND bucket >= {_BEGIN}
        ) AS known"""  # noqa: S608 - as above

_SUMS: Final = f"""date_bin(:step, bucket, {_ORIGIN}) AS at,
               sum(attempts) AS attempts, sum(delivered) AS delivered, sum(given_up) AS given_up"""

# Each half has an index of its own. What was in flight when a webhook was deleted ended within the hour. What a machine
# answers to a listen session is no matter of the account.
_OF_ACCOUNT: Final = f"""
    WITH theirs AS MATERIALIZED (
        SELECT id FROM webhooks WHERE account_id = :account AND deleted_at IS NULL AND NOT is_listen
        UNION ALL
        SELECT id FROM webhooks
        WHERE account_id = :account AND deleted_at >= {_BEGIN} - interval '1 hour' AND NOT is_listen
    ), counted AS (
        SELECT {_SUMS} FROM {_OF_THEIRS} GROUP BY at
    )
    SELECT at, attempts, delivered, given_up FROM {_TIMES} LEFT JOIN counted USING (at) ORDER BY at
"""  # noqa: S608 - as above

_OF_WEBHOOKS: Final = f"""
    WITH theirs AS MATERIALIZED (
        SELECT id FROM webhooks WHERE id = ANY(CAST(:webhooks AS uuid[])) AND account_id = :account
    ), counted AS (
        SELECT webhook_id, {_SUMS} FROM {_OF_THEIRS} GROUP BY webhook_id, at
    )
    SELECT webhook_id, at, attempts, delivered, given_up
    FROM (SELECT id AS webhook_id, at FROM theirs CROSS JOIN {_TIMES}) AS each
    LEFT JOIN counted USING (webhook_id, at)
    ORDER BY webhook_id, at
"""  # noqa: S608 - as above


class StatisticsStore:
    """Rolls up what settlements have counted.

    Args:
        database: where that is.
        failing_after: for how long every attempt to a webhook must fail before somebody looks at it.
    """

    def __init__(self, database: AsyncEngine, failing_after: timedelta = FAILING_AFTER) -> None:
        self._database = database
        self._failing_after = failing_after

    async def roll_up_some(self, limit: int) -> int:
        """Add up to `limit` tallies to the statistics of their webhooks; return how many these were."""
        async with connect(self._database) as connection:
            parameters = {"limit": limit, "failing_after": self._failing_after}
            return int((await connection.execute(_ROLL_UP, parameters)).scalar_one())


class StatisticsQueries(Queries):
    """Reads statistics."""

    async def of_webhook(self, account: AccountId, webhook: WebhookId, period: Period) -> list[Bucket]:
        """Return each bucket of the period, the oldest first, those in which nothing happened too.

        Whose webhook it is, is for the caller to ask.
        """
        query, parameters = statistics_query(webhook, period)
        return [bucket_from_row(row) for row in await self._rows(query, account, parameters)]

    async def of_account(self, account: AccountId, period: Period) -> list[Bucket]:
        """Return each bucket of the period, the oldest first: what all webhooks, deleted ones too, come to together.

        Durations are not told. Every five minutes of every webhook are added up: with very many of them a day takes
        moments, and a month a second.

        Raises:
            QueryTooSlow: it takes more than MAX_READ_SECONDS.
        """
        query, parameters = account_query(period)
        return [(row.at, _counts(row)) for row in await self._rows_in_time(query, account, parameters)]

    async def of_webhooks(
        self, account: AccountId, webhooks: Sequence[WebhookId], period: Period
    ) -> dict[WebhookId, list[Bucket]]:
        """Return the points of the period for each of these webhooks of the account, at most a hundred.

        The oldest first, those in which nothing happened too; durations are not told. What is no webhook of the account
        is not there, and what was deleted is.
        """
        query, parameters = points_query(webhooks, period)
        found: dict[WebhookId, list[Bucket]] = {}
        for row in await self._rows(query, account, parameters):
            webhook = cast(WebhookId, format_id(Prefix.WEBHOOK, row.webhook_id.hex))
            found.setdefault(webhook, []).append((row.at, _counts(row)))
        return found


def statistics_query(webhook: WebhookId, period: Period) -> tuple[str, dict[str, Any]]:
    """Return the statement for a webhook's statistics, and its parameters."""
    return _OF_WEBHOOK, {"id": parse_id(Prefix.WEBHOOK, webhook), "step": period.step, "buckets": period.buckets}


def account_query(period: Period) -> tuple[str, dict[str, Any]]:
    """Return the statement for an account's statistics, and its parameters besides the account."""
    return _OF_ACCOUNT, {"step": period.step, "buckets": period.buckets}


def points_query(webhooks: Sequence[WebhookId], period: Period) -> tuple[str, dict[str, Any]]:
    """Return the statement for the points of these webhooks, and its parameters besides the account."""
    ids = [parse_id(Prefix.WEBHOOK, each) for each in webhooks]
    return _OF_WEBHOOKS, {"webhooks": ids, "step": period.point_step, "buckets": period.points}


def bucket_from_row(row: Row[Any]) -> Bucket:
    """Return what a bucket has counted, and when it begins."""
    if row.attempts is None:
        return row.at, Counts()
    return row.at, Counts(row.attempts, row.delivered, row.given_up, tuple(row.latencies))


def _counts(row: Row[Any]) -> Counts:
    """Return what a bucket has counted, without the durations."""
    return Counts(row.attempts or 0, row.delivered or 0, row.given_up or 0)
