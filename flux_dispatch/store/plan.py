"""The statements behind plan: when to look, and one look that finds and moves in the same transaction."""

from typing import cast
from uuid import uuid4

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.delivery import Move, State, target
from flux_dispatch.domain.finding import Finding, Found, Horizon
from flux_dispatch.domain.ids import AccountId, AlertId, DeliveryId, Prefix, public_id
from flux_dispatch.store.connect import HotStatement
from flux_dispatch.store.timing import Timing

# The booleans are hidden in sub-selects: PostgreSQL would turn `(attempts > 0) = false` into `attempts <= 0`, which the
# index on `(attempts > 0)` does not know, and read all that is parked.
_PEEK = HotStatement("""
    SELECT
        (SELECT extract(epoch FROM min(wake_at) - flux_now())::float8 FROM deliveries
         WHERE (attempts > 0) = (SELECT false) AND wake_at IS NOT NULL) AS first_attempts,
        (SELECT extract(epoch FROM min(wake_at) - flux_now())::float8 FROM deliveries
         WHERE (attempts > 0) = (SELECT true) AND wake_at IS NOT NULL) AS retries,
        EXISTS (
            SELECT FROM alerts WHERE sent_at IS NULL AND rung_at <= flux_now() - CAST(:grace AS interval)
        ) AS unsent_alerts
""")

# What is found is decided in `woken` and written by the UPDATE; what others look at is skipped. A first attempt that
# merely waits in a backlog is left untouched (:may_ring): the front of the index then holds those that were claimed
# first, so expired leases are still found behind no more than :limit of them.
#
# The front goes through an array for the planner's sake, and its ids stand beside the join. Statistics are old when
# very much comes due at once: they say that nothing is due, and PostgreSQL would compare each of the front with each;
# or they say that much is, and as it plans before it knows :limit, it would read the whole table. Of an array it
# expects ten rows, and a left join keeps them.
_WAKE = HotStatement(f"""
    WITH front AS (
        SELECT * FROM unnest(ARRAY(
            SELECT deliveries
            FROM deliveries
            WHERE (attempts > 0) = (SELECT CAST(:retries AS boolean)) AND wake_at <= flux_now()
            ORDER BY wake_at
            LIMIT :limit
            FOR NO KEY UPDATE SKIP LOCKED
        ))
    ), woken AS (
        SELECT front.id,
            CASE
                WHEN front.state = '{State.EXHAUSTED}' THEN '{Finding.EXHAUSTED}'
                WHEN front.state = '{State.SENDING}' AND front.leased_until > flux_now() THEN '{Finding.BUSY}'
                WHEN front.state = '{State.SENDING}' AND front.rescues >= :most_rescues THEN '{Finding.LOST}'
                WHEN front.state = '{State.SENDING}' THEN '{Finding.RESCUED}'
                WHEN webhooks.status = 'enabled' AND webhooks.deleted_at IS NULL THEN '{Finding.RING}'
                ELSE '{Finding.CANCELED}'
            END AS finding,
            CASE WHEN webhooks.deleted_at IS NULL THEN 'webhook_disabled' ELSE 'webhook_deleted' END AS reason
        FROM front LEFT JOIN webhooks ON webhooks.id = front.webhook_id
    )
    UPDATE deliveries
    SET state = CASE woken.finding
            WHEN '{Finding.RESCUED}' THEN '{target(Move.RELEASE)}'
            WHEN '{Finding.CANCELED}' THEN '{target(Move.CANCEL)}'
            ELSE deliveries.state
        END,
        reason = CASE WHEN woken.finding = '{Finding.CANCELED}' THEN woken.reason ELSE deliveries.reason END,
        ended_at = CASE WHEN woken.finding = '{Finding.CANCELED}' THEN flux_now() END,
        token = CASE woken.finding
            WHEN '{Finding.BUSY}' THEN deliveries.token
            WHEN '{Finding.LOST}' THEN CAST(:token AS uuid)
        END,
        leased_until = CASE woken.finding
            WHEN '{Finding.BUSY}' THEN deliveries.leased_until
            WHEN '{Finding.LOST}' THEN flux_now() + :lease
        END,
        rescues = CASE
            WHEN woken.finding = '{Finding.RESCUED}' THEN deliveries.rescues + 1
            ELSE deliveries.rescues
        END,
        due_at = CASE woken.finding
            WHEN '{Finding.RESCUED}' THEN flux_now() + random() * CAST(:rescue_spread AS interval)
            WHEN '{Finding.CANCELED}' THEN NULL
            ELSE deliveries.due_at
        END,
        wake_at = CASE woken.finding
            WHEN '{Finding.CANCELED}' THEN NULL
            WHEN '{Finding.BUSY}' THEN deliveries.leased_until
            WHEN '{Finding.LOST}' THEN flux_now() + :lease
            WHEN '{Finding.RING}' THEN greatest(deliveries.due_at, flux_now()) + :grace
            ELSE flux_now() + :grace
        END
    FROM woken
    WHERE deliveries.id = ANY(ARRAY(SELECT id FROM front))
      AND deliveries.id = woken.id AND (woken.finding <> '{Finding.RING}' OR :may_ring)
    RETURNING deliveries.id, deliveries.account_id, woken.finding, deliveries.attempts + 1 AS attempt, deliveries.token,
              extract(epoch FROM deliveries.due_at - flux_now())::float8 AS due_in_seconds
""")

# As with deliveries, whoever looks next finds others, or none.
_UNSENT_ALERTS = HotStatement("""
    UPDATE alerts SET rung_at = flux_now()
    WHERE id = ANY(ARRAY(
        SELECT id FROM alerts WHERE sent_at IS NULL AND rung_at <= flux_now() - CAST(:grace AS interval)
        ORDER BY rung_at LIMIT 1000
        FOR NO KEY UPDATE SKIP LOCKED
    ))
    RETURNING id
""")


class PlanStore:
    """Looks for deliveries that need somebody."""

    def __init__(self, database: AsyncEngine, timing: Timing) -> None:
        self._database = database
        self._timing = timing

    async def peek(self) -> Horizon:
        """Say when there is something to look at; one statement over the ends of two indexes."""
        (row,) = await _PEEK.rows(self._database, {"grace": self._timing.grace})
        return Horizon(row["first_attempts"], row["retries"], unsent_alerts=row["unsent_alerts"])

    async def wake(self, *, retries: bool, may_ring: bool, limit: int) -> list[Found]:
        """Look at up to `limit` deliveries whose time to be looked at has come, the longest overdue first."""
        parameters = {
            "retries": retries,
            "may_ring": may_ring,
            "limit": limit,
            "token": uuid4().hex,
            "lease": self._timing.lease,
            "grace": self._timing.grace,
            "most_rescues": self._timing.most_rescues,
            "rescue_spread": self._timing.rescue_spread,
        }
        return [_found(row) for row in await _WAKE.rows(self._database, parameters)]

    async def unsent_alerts(self) -> list[AlertId]:
        """Return alerts whose task seems lost, at most 1,000, and not again before as long has passed."""
        rows = await _UNSENT_ALERTS.rows(self._database, {"grace": self._timing.grace})
        return [cast(AlertId, public_id(Prefix.ALERT, row["id"].hex)) for row in rows]


def _found(row: asyncpg.Record) -> Found:
    delivery, account, finding, attempt, token, due_in_seconds = row
    return Found(
        delivery=cast(DeliveryId, public_id(Prefix.DELIVERY, delivery.hex)),
        account=cast(AccountId, public_id(Prefix.ACCOUNT, account.hex)),
        finding=Finding(finding),
        attempt=attempt,
        due_in_seconds=due_in_seconds or 0.0,
        token=token.hex if token else None,
    )
