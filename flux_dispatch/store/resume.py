"""The statements behind resume: what could not get through before a command connected is due at once."""

from datetime import datetime
from typing import Final, cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.delivery import State, Transition, target
from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, WebhookId, format_id, parse_id
from flux_dispatch.domain.listen_session import LOST_STATUSES
from flux_dispatch.domain.timing import Timing
from flux_dispatch.store.connect import transaction
from flux_dispatch.store.event_statuses import lock_events, unfail

# Of each the last attempt counts: whether it began before the command connected, and found nobody, or an API that was
# restarting. What was given up for it comes back, too.
_FIND: Final = text("""
    SELECT deliveries.id
    FROM deliveries
    JOIN LATERAL (
        SELECT status, ended_at - duration_seconds * interval '1 second' AS began_at
        FROM attempts WHERE delivery_id = deliveries.id ORDER BY number DESC LIMIT 1
    ) AS last ON true
    WHERE ending = ANY(ARRAY[0, 2]) AND webhook_id = CAST(:webhook AS uuid) AND NOT is_test
      AND (state = :failed OR (state = :scheduled AND due_at > flux_now()))
      AND last.began_at < :before AND (last.status IS NULL OR last.status = ANY(CAST(:lost AS int[])))
    ORDER BY event_id
    LIMIT :limit
""")
_MOVE: Final = text("""
    WITH found AS (
        SELECT id, event_id, state = :failed AS has_failed FROM deliveries
        WHERE id = ANY(CAST(:ids AS uuid[])) AND (state = :failed OR (state = :scheduled AND due_at > flux_now()))
        ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE deliveries
    SET state = :recovered, recovered_after = attempts, rescues = 0, reason = NULL, ended_at = NULL,
        due_at = flux_now(), sweep_at = flux_second(flux_now() + CAST(:sweep_after AS interval))
    FROM found
    WHERE deliveries.id = found.id
    RETURNING deliveries.id, deliveries.event_id, deliveries.attempts, found.has_failed
""")


class ResumeStore:
    """Has deliveries to listen sessions attempted again."""

    def __init__(self, database: AsyncEngine, timing: Timing) -> None:
        self._database = database
        self._timing = timing

    async def resume(
        self, account: AccountId, webhook: WebhookId, before: datetime, *, limit: int
    ) -> list[tuple[DeliveryId, int]]:
        """Have up to `limit` deliveries due now whose last attempt began before this time and did not get through.

        Each has all attempts of the retry policy before it again. Returned are those that were moved, each with the
        number of its next attempt.
        """
        owner = UUID(parse_id(Prefix.ACCOUNT, account))
        states = {"failed": State.FAILED.value, "scheduled": State.SCHEDULED.value}
        found = {"webhook": parse_id(Prefix.WEBHOOK, webhook), "before": before, "lost": list(LOST_STATUSES)}
        async with transaction(self._database) as connection:
            ids = (await connection.execute(_FIND, {**states, **found, "limit": limit})).scalars().all()
            if not ids:
                return []
            await lock_events(connection, owner, ids)
            moved = {"recovered": target(Transition.RECOVER).value, "sweep_after": self._timing.enqueue_grace}
            rows = (await connection.execute(_MOVE, {**states, **moved, "ids": ids})).all()
            await unfail(connection, sorted(row.event_id for row in rows if row.has_failed))
        return [(cast(DeliveryId, format_id(Prefix.DELIVERY, row.id.hex)), row.attempts + 1) for row in rows]
