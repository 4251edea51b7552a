"""The statements behind sweep: when to sweep next, and one sweep that finds and moves in the same transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.delivery import State, Transition, target
from flux_dispatch.domain.ids import AccountId, AlertId, DeliveryId, Prefix, format_id, parse_id
from flux_dispatch.domain.sweep import BEGINNING, DueGroup, NextDue, SweepAction, SweptDelivery
from flux_dispatch.domain.timing import Timing
from flux_dispatch.store.connect import DriverStatement

# The booleans are hidden in sub-selects: PostgreSQL would turn `(attempts > 0) = false` into `attempts <= 0`, which the
# index on `(attempts > 0)` does not know, and read all that is parked.
#
# Nothing was found before …_since by the last sweep. Where an old snapshot is open (a dump, a report), no vacuum may
# remove from the front of the index what was delivered meanwhile, and each sweep would go through it.
_NEXT_DUE = DriverStatement("""
    SELECT
        flux_now() AS now,
        (SELECT min(sweep_at) FROM deliveries
         WHERE (attempts > 0) = (SELECT false) AND sweep_at >= CAST(:first_attempts_since AS timestamptz)
           AND sweep_at < 'infinity') AS first_attempts,
        (SELECT min(sweep_at) FROM deliveries
         WHERE (attempts > 0) = (SELECT true) AND sweep_at >= CAST(:retries_since AS timestamptz)
           AND sweep_at < 'infinity') AS retries,
        EXISTS (SELECT FROM deliveries WHERE sweep_at = 'infinity') AS has_parked,
        EXISTS (SELECT FROM fan_outs) AS has_fan_outs,
        EXISTS (
            SELECT FROM alerts WHERE sent_at IS NULL AND enqueued_at <= flux_now() - CAST(:grace AS interval)
        ) AS unsent_alerts
""")

# A loose index scan: from each pair of second and account straight to the next, however many deliveries it has.
_DUE_GROUPS = DriverStatement("""
    WITH RECURSIVE due AS (
        (
            SELECT sweep_at, account_id, 1 AS number
            FROM deliveries
            WHERE (attempts > 0) = (SELECT CAST(:retries AS boolean)) AND sweep_at <= flux_now()
              AND (sweep_at, account_id) > (CAST(:after_second AS timestamptz), CAST(:after_account AS uuid))
            ORDER BY sweep_at, account_id
            LIMIT 1
        )
        UNION ALL
        SELECT following.sweep_at, following.account_id, due.number + 1
        FROM due CROSS JOIN LATERAL (
            SELECT sweep_at, account_id
            FROM deliveries
            WHERE (attempts > 0) = (SELECT CAST(:retries AS boolean)) AND sweep_at <= flux_now()
              AND (sweep_at, account_id) > (due.sweep_at, due.account_id)
            ORDER BY sweep_at, account_id
            LIMIT 1
        ) AS following
        WHERE due.number < :most
    )
    SELECT sweep_at, account_id FROM due ORDER BY number
""")

# A page of the lane, of which only what is leased or exhausted matters: what waits for its turn is left alone.
_STRANDED = DriverStatement(f"""
    WITH page AS (
        SELECT sweep_at, account_id, id, state
        FROM deliveries
        WHERE (attempts > 0) = (SELECT CAST(:retries AS boolean)) AND sweep_at <= flux_now()
          AND (sweep_at, account_id, id)
              > (CAST(:after_second AS timestamptz), CAST(:after_account AS uuid), CAST(:after_id AS uuid))
        ORDER BY sweep_at, account_id, id
        LIMIT :most
    )
    SELECT sweep_at, account_id, id,
           ARRAY(SELECT id FROM page WHERE state IN ('{State.SENDING}', '{State.EXHAUSTED}')) AS stranded,
           (SELECT count(*) FROM page) AS length
    FROM page ORDER BY sweep_at DESC, account_id DESC, id DESC LIMIT 1
""")

_FRONT_BY_GROUP = """
    SELECT due.deliveries
    FROM unnest(CAST(:seconds AS timestamptz[]), CAST(:accounts AS uuid[]), CAST(:shares AS int[]))
        AS wanted (second, account, share)
    CROSS JOIN LATERAL (
        SELECT deliveries
        FROM deliveries
        WHERE (attempts > 0) = (SELECT CAST(:retries AS boolean))
          AND sweep_at = wanted.second AND account_id = wanted.account
        ORDER BY sweep_at, account_id, id
        LIMIT wanted.share
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS due
"""

# What is inside coalesce is hidden from PostgreSQL's planner, as in a claim.
_FRONT_BY_ID = f"""
    SELECT deliveries
    FROM deliveries
    WHERE id = ANY(CAST(:ids AS uuid[])) AND coalesce(sweep_at <= flux_now(), false)
      AND coalesce(state IN ('{State.SENDING}', '{State.EXHAUSTED}'), false)
    FOR NO KEY UPDATE SKIP LOCKED
"""

# What is found is decided in `swept` and written by the UPDATE; what others sweep is skipped.
#
# The front goes through an array for the sake of PostgreSQL's planner, and its ids stand beside the join. Statistics
# are old when very much comes due at once: they say that nothing is due, and PostgreSQL would compare each of the front
# with each; or they say that much is, and it would read the whole table. Of an array it expects ten rows, and a left
# join keeps them.
_SWEEP = f"""
    WITH front AS (
        SELECT * FROM unnest(ARRAY(:front:))
    ), swept AS (
        SELECT front.id,
            CASE
                WHEN front.state = '{State.EXHAUSTED}' THEN '{SweepAction.EXHAUSTED}'
                WHEN front.state = '{State.SENDING}' AND front.leased_until > flux_now() THEN '{SweepAction.LEASED}'
                WHEN front.state = '{State.SENDING}' AND front.rescues >= :most_rescues THEN '{SweepAction.WORKER_LOST}'
                WHEN front.state = '{State.SENDING}' THEN '{SweepAction.RESCUED}'
                WHEN webhooks.status = 'enabled' AND webhooks.deleted_at IS NULL THEN '{SweepAction.ENQUEUE}'
                ELSE '{SweepAction.CANCELED}'
            END AS action,
            CASE WHEN webhooks.deleted_at IS NULL THEN 'webhook_disabled' ELSE 'webhook_deleted' END AS reason
        FROM front LEFT JOIN webhooks ON webhooks.id = front.webhook_id
    )
    UPDATE deliveries
    SET state = CASE swept.action
            WHEN '{SweepAction.RESCUED}' THEN '{target(Transition.RELEASE)}'
            WHEN '{SweepAction.CANCELED}' THEN '{target(Transition.CANCEL)}'
            ELSE deliveries.state
        END,
        reason = CASE WHEN swept.action = '{SweepAction.CANCELED}' THEN swept.reason ELSE deliveries.reason END,
        ended_at = CASE WHEN swept.action = '{SweepAction.CANCELED}' THEN flux_now() END,
        lease_token = CASE swept.action
            WHEN '{SweepAction.LEASED}' THEN deliveries.lease_token
            WHEN '{SweepAction.WORKER_LOST}' THEN CAST(:lease_token AS uuid)
        END,
        leased_until = CASE swept.action
            WHEN '{SweepAction.LEASED}' THEN deliveries.leased_until
            WHEN '{SweepAction.WORKER_LOST}' THEN flux_now() + :lease
        END,
        rescues = CASE
            WHEN swept.action = '{SweepAction.RESCUED}' THEN deliveries.rescues + 1
            ELSE deliveries.rescues
        END,
        due_at = CASE swept.action
            WHEN '{SweepAction.RESCUED}' THEN flux_now() + random() * CAST(:rescue_spread AS interval)
            WHEN '{SweepAction.CANCELED}' THEN NULL
            ELSE deliveries.due_at
        END,
        sweep_at = CASE swept.action
            WHEN '{SweepAction.CANCELED}' THEN NULL
            WHEN '{SweepAction.LEASED}' THEN flux_second(deliveries.leased_until + interval '0.999999 seconds')
            WHEN '{SweepAction.WORKER_LOST}' THEN flux_second(flux_now() + :lease)
            WHEN '{SweepAction.ENQUEUE}' THEN flux_second(greatest(deliveries.due_at, flux_now()) + :grace)
            ELSE flux_second(flux_now() + :grace)
        END
    FROM swept WHERE deliveries.id = ANY(ARRAY(SELECT id FROM front)) AND deliveries.id = swept.id RETURNING
    deliveries.id, deliveries.account_id, swept.action, deliveries.attempts + 1 AS attempt, deliveries.lease_token,
              extract(epoch FROM deliveries.due_at - flux_now())::float8 AS due_in_seconds,
              deliveries.recovered_after
"""
_SWEEP_GROUPS = DriverStatement(_SWEEP.replace(":front:", _FRONT_BY_GROUP))
_SWEEP_STRANDED = DriverStatement(_SWEEP.replace(":front:", _FRONT_BY_ID))

# As with deliveries, whoever sweeps next finds others, or none.
_UNSENT_ALERTS = DriverStatement("""
    UPDATE alerts SET enqueued_at = flux_now()
    WHERE id = ANY(ARRAY(
        SELECT id FROM alerts WHERE sent_at IS NULL AND enqueued_at <= flux_now() - CAST(:grace AS interval)
        ORDER BY enqueued_at LIMIT 1000
        FOR NO KEY UPDATE SKIP LOCKED
    ))
    RETURNING id
""")


class SweepStore:
    """Looks for deliveries that need somebody."""

    def __init__(self, database: AsyncEngine, timing: Timing) -> None:
        self._database = database
        self._timing = timing

    async def next_due(
        self, *, first_attempts_since: datetime = BEGINNING.second, retries_since: datetime = BEGINNING.second
    ) -> NextDue:
        """Say when there is something to sweep since then; one statement over the ends of two indexes."""
        parameters = {
            "grace": self._timing.enqueue_grace,
            "first_attempts_since": first_attempts_since,
            "retries_since": retries_since,
        }
        (row,) = await _NEXT_DUE.rows(self._database, parameters)
        return NextDue(
            row["now"],
            row["first_attempts"],
            row["retries"],
            unsent_alerts=row["unsent_alerts"],
            has_parked=row["has_parked"],
            has_fan_outs=row["has_fan_outs"],
        )

    async def due_groups(self, *, retries: bool, after: DueGroup, limit: int) -> list[DueGroup]:
        """Return up to `limit` groups whose time has come, the longest overdue first."""
        parameters = {"retries": retries, "most": limit, **_position(after)}
        rows = await _DUE_GROUPS.rows(self._database, parameters)
        return [_group(row["sweep_at"], row["account_id"]) for row in rows]

    async def sweep(self, shares: Sequence[tuple[DueGroup, int]], *, retries: bool) -> list[SweptDelivery]:
        """Sweep so many of each group, in one transaction, skipping what others sweep."""
        parameters = {
            **self._intervals(),
            "retries": retries,
            "seconds": [group.second for group, _ in shares],
            "accounts": [parse_id(Prefix.ACCOUNT, group.account) for group, _ in shares],
            "shares": [share for _, share in shares],
        }
        return [_swept_from_row(row) for row in await _SWEEP_GROUPS.rows(self._database, parameters)]

    async def sweep_stranded(
        self, *, retries: bool, after: tuple[DueGroup, DeliveryId], limit: int
    ) -> tuple[list[SweptDelivery], tuple[DueGroup, DeliveryId] | None]:
        """Look only at what is leased or exhausted among up to `limit` deliveries whose time has come.

        Returns:
            What was found, and where that page ended; None at the end of all that is due.
        """
        group, delivery = after
        parameters = {"retries": retries, "most": limit, **_position(group)}
        parameters |= {"after_id": parse_id(Prefix.DELIVERY, delivery)}
        rows = await _STRANDED.rows(self._database, parameters)
        if not rows:
            return [], None
        last = rows[0]
        found = []
        if last["stranded"]:
            parameters = {**self._intervals(), "ids": last["stranded"]}
            found = [_swept_from_row(row) for row in await _SWEEP_STRANDED.rows(self._database, parameters)]
        end = (
            _group(last["sweep_at"], last["account_id"]),
            cast(DeliveryId, format_id(Prefix.DELIVERY, last["id"].hex)),
        )
        return found, end if last["length"] == limit else None

    async def unsent_alerts(self) -> list[AlertId]:
        """Return alerts whose task seems lost, at most 1,000, and not again before as long has passed."""
        rows = await _UNSENT_ALERTS.rows(self._database, {"grace": self._timing.enqueue_grace})
        return [cast(AlertId, format_id(Prefix.ALERT, row["id"].hex)) for row in rows]

    def _intervals(self) -> dict[str, Any]:
        return {
            "lease_token": uuid4().hex,
            "lease": self._timing.lease,
            "grace": self._timing.enqueue_grace,
            "most_rescues": self._timing.most_rescues,
            "rescue_spread": self._timing.rescue_spread,
        }


def _position(after: DueGroup) -> dict[str, Any]:
    return {"after_second": after.second, "after_account": parse_id(Prefix.ACCOUNT, after.account)}


def _group(second: datetime, account: UUID) -> DueGroup:
    return DueGroup(second, cast(AccountId, format_id(Prefix.ACCOUNT, account.hex)))


def _swept_from_row(row: asyncpg.Record) -> SweptDelivery:
    delivery, account, action, attempt, lease_token, due_in_seconds, recovered_after = row
    return SweptDelivery(
        delivery=cast(DeliveryId, format_id(Prefix.DELIVERY, delivery.hex)),
        account=cast(AccountId, format_id(Prefix.ACCOUNT, account.hex)),
        action=SweepAction(action),
        attempt=attempt,
        due_in_seconds=due_in_seconds or 0.0,
        lease_token=lease_token.hex if lease_token else None,
        recovered_after=recovered_after,
    )
