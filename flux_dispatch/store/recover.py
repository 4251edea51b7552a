"""The statements behind recover: one page of what a webhook missed, and how far its recovery has come with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flux_dispatch.domain.delivery import State, Transition, sources, target
from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, RecoveryId, format_id
from flux_dispatch.domain.recovery import Pace, RecoveredPage, RecoveryStatus, StopReason
from flux_dispatch.domain.timing import Timing
from flux_dispatch.store.connect import connect, transaction
from flux_dispatch.store.event_statuses import lock_events, recount, unfail
from flux_dispatch.store.missed import BEYOND, CANCELED, FAILED, NEVER_ATTEMPTED, place, whose

COMMITTED_AFTER: Final = timedelta(seconds=6)
"""How old an event must be to be looked at: its id is made before it is stored, and no statement of a publication lasts
longer. What is stored with an id that was passed already would never be found."""

WAIT: Final = timedelta(seconds=1)
"""When to look again at what is too young, or still gets its first deliveries."""

# The account that was served longest ago comes next, and of its recoveries the one that was. Those that are over count,
# too: who has five hundred of one page each is no newcomer with each. What has no webhook any more is being erased.
_NEXT = text("""
    SELECT next.id, next.account_id, next.webhook_id, next.position, next.until,
           webhooks.events AS patterns, flux_now() AS now,
           CASE WHEN webhooks.id IS NULL OR webhooks.deleted_at IS NOT NULL THEN :webhook_deleted
                WHEN webhooks.status <> 'enabled' THEN :webhook_disabled
           END AS stop_reason
    FROM (
        SELECT * FROM recoveries
        WHERE recover_at <= flux_now()
        ORDER BY (
            SELECT max(served_at) FROM recoveries AS theirs WHERE theirs.account_id = recoveries.account_id
        ) NULLS FIRST, coalesce(served_at, created_at), id
        LIMIT 1
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS next LEFT JOIN webhooks ON webhooks.id = next.webhook_id
""")
_SECONDS_UNTIL_NEXT = text("""
    SELECT extract(epoch FROM recover_at - flux_now())::float8 FROM recoveries
    WHERE recover_at IS NOT NULL ORDER BY recover_at LIMIT 1
""")

# A page ends before an event that very many webhooks want and that has not reached all of them: it would get its
# delivery twice.
_FANNING_OUT = text("""
    SELECT event_id FROM fan_outs
    WHERE account_id = :account AND event_id >= CAST(:position AS uuid) ORDER BY event_id LIMIT 1
""")

# All deliveries of the last event are in the page: there may be more than one.
_PAGE = text(f"""
    WITH failed AS (
        {FAILED} FETCH FIRST CAST(:page AS int) ROWS WITH TIES
    ), canceled AS (
        {CANCELED} FETCH FIRST CAST(:page AS int) ROWS WITH TIES
    ), never_attempted AS (
        SELECT id AS event_id FROM ({NEVER_ATTEMPTED}) AS ids ORDER BY id LIMIT CAST(:page AS int)
    )
    SELECT event_id, delivery_id FROM failed
    UNION ALL SELECT event_id, delivery_id FROM canceled
    UNION ALL SELECT event_id, NULL FROM never_attempted
    ORDER BY event_id FETCH FIRST CAST(:page AS int) ROWS WITH TIES
""")  # noqa: S608 - ours

# Locked in the order of their ids. What somebody else has recovered meanwhile is his.
_RECOVER = text("""
    WITH found AS (
        SELECT id, event_id, state, attempts FROM deliveries
        WHERE id = ANY(CAST(:ids AS uuid[])) AND state = ANY(CAST(:from AS text[]))
        ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE deliveries
    SET state = :to, recovered_after = found.attempts, rescues = 0, reason = NULL, ended_at = NULL,
        due_at = flux_now(), sweep_at = flux_second(flux_now() + CAST(:sweep_after AS interval))
    FROM found WHERE deliveries.id = found.id
    RETURNING deliveries.id, found.event_id, found.state, found.attempts
""")

# What is erased at this moment gets nothing more, and what somebody has sent again meanwhile has its delivery: one of
# the two waits for the other's locks. What is inside coalesce is hidden from PostgreSQL's planner: it goes by the
# event.
_MAKE_DELIVERIES_OF_EARLIER_EVENTS = text("""
    WITH theirs AS (
        SELECT id FROM events
        WHERE id = ANY(CAST(:events AS uuid[]))
          AND NOT EXISTS (SELECT FROM deliveries WHERE event_id = events.id AND coalesce(webhook_id = :webhook, false))
        ORDER BY id FOR KEY SHARE SKIP LOCKED
    )
    INSERT INTO deliveries (event_id, webhook_id, account_id, state, due_at, sweep_at)
    SELECT id, :webhook, :account, :pending, flux_now(), flux_second(flux_now() + CAST(:sweep_after AS interval))
    FROM theirs
    RETURNING id
""")

_GO_ON = text("""
    UPDATE recoveries
    SET position = :position, status = :status, updated_at = flux_now(), served_at = flux_now(),
        failed = failed + :failed, canceled = canceled + :canceled, never_attempted = never_attempted + :made,
        recover_at = CASE WHEN NOT CAST(:is_over AS boolean) THEN flux_now() + CAST(:pause AS interval) END,
        ended_at = CASE WHEN CAST(:is_over AS boolean) THEN flux_now() END
    WHERE id = :id
""")
_STOP = text("""
    UPDATE recoveries
    SET status = :canceled, reason = :reason, recover_at = NULL,
        ended_at = flux_now(), updated_at = flux_now(), served_at = flux_now()
    WHERE id = :id
""")


@dataclass(frozen=True, slots=True)
class _Part:
    """The ids of the events that one page is looked for among; it is held where what follows must wait."""

    position: UUID
    end: UUID
    is_held: bool


class RecoverStore:
    """Recovers what webhooks missed, page by page."""

    def __init__(self, database: AsyncEngine, timing: Timing) -> None:
        self._database = database
        self._sweep_after = timing.enqueue_grace

    async def recover_some(self, pace: Pace) -> RecoveredPage | None:
        """Do the next page of the recovery whose turn has come; None when there is none.

        Its position moves on in the same transaction. The recovery is locked: two workers do two of them.
        """
        async with transaction(self._database) as connection:
            row = (await connection.execute(_NEXT, _STOP_REASONS)).one_or_none()
            if row is None:
                return None
            if row.stop_reason:
                given = {"id": row.id, "canceled": RecoveryStatus.CANCELED, "reason": row.stop_reason}
                await connection.execute(_STOP, given)
                return _done(row, RecoveryStatus.CANCELED)
            return await self._do_page(connection, row, pace)

    async def seconds_until_next(self) -> float | None:
        """Say in how many seconds a page may be done, negative for at once; None: nothing is to be recovered."""
        async with connect(self._database) as connection:
            return cast(float | None, (await connection.execute(_SECONDS_UNTIL_NEXT)).scalar())

    async def _do_page(self, connection: AsyncConnection, row: Row[Any], pace: Pace) -> RecoveredPage:
        part = await _part(connection, row, pace.scan)
        theirs = whose(row.account_id, row.webhook_id, row.patterns)
        bounds = {"position": part.position, "end": part.end, "page": pace.page}
        page = (await connection.execute(_PAGE, theirs | bounds)).all()
        missed = [each.delivery_id for each in page if each.delivery_id]
        never_attempted = [each.event_id for each in page if not each.delivery_id]
        await lock_events(connection, row.account_id, missed, never_attempted)
        recovered = await self._recover(connection, missed)
        made = await self._make(connection, row, never_attempted)
        await unfail(connection, [each.event_id for each in recovered if each.state == State.FAILED])
        await recount(connection, never_attempted)
        is_full = len(page) >= pace.page
        position = UUID(int=page[-1].event_id.int + 1) if is_full else part.end
        is_over = position == place(row.until)
        status = RecoveryStatus.COMPLETED if is_over else RecoveryStatus.RUNNING
        going_on = {
            "id": row.id,
            "position": position,
            "status": status,
            "is_over": is_over,
            "pause": WAIT if part.is_held and not is_full else timedelta(seconds=len(page) / pace.per_second),
            "failed": sum(each.state == State.FAILED for each in recovered),
            "canceled": sum(each.state == State.CANCELED for each in recovered),
            "made": len(made),
        }
        await connection.execute(_GO_ON, going_on)
        return _done(
            row, status, [*((each.id, each.attempts + 1) for each in recovered), *((each, 1) for each in made)]
        )

    async def _recover(self, connection: AsyncConnection, deliveries: Sequence[UUID]) -> Sequence[Row[Any]]:
        given = {
            "ids": deliveries,
            "from": sources(Transition.RECOVER),
            "to": target(Transition.RECOVER),
            "sweep_after": self._sweep_after,
        }
        return (await connection.execute(_RECOVER, given)).all() if deliveries else []

    async def _make(self, connection: AsyncConnection, row: Row[Any], events: Sequence[UUID]) -> Sequence[UUID]:
        given = {
            "events": events,
            "webhook": row.webhook_id,
            "account": row.account_id,
            "pending": State.PENDING,
            "sweep_after": self._sweep_after,
        }
        return (await connection.execute(_MAKE_DELIVERIES_OF_EARLIER_EVENTS, given)).scalars().all() if events else []


async def _part(connection: AsyncConnection, row: Row[Any], scan: int) -> _Part:
    """Say among which events to look: so many at most, and none that may still change by itself."""
    until = place(row.until)
    stretch = {"account": row.account_id, "position": row.position, "end": until}
    scanned = (await connection.execute(BEYOND, stretch | {"scan": scan})).scalar() or until
    fanning_out = (await connection.execute(_FANNING_OUT, stretch)).scalar() or until
    end = max(row.position, min(until, scanned, fanning_out, place(row.now - COMMITTED_AFTER)))
    return _Part(row.position, end, is_held=end < scanned)


def _done(row: Row[Any], status: RecoveryStatus, deliveries: Sequence[tuple[UUID, int]] = ()) -> RecoveredPage:
    return RecoveredPage(
        recovery=cast(RecoveryId, format_id(Prefix.RECOVERY, row.id.hex)),
        account=cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex)),
        status=status,
        deliveries=[(cast(DeliveryId, format_id(Prefix.DELIVERY, each.hex)), attempt) for each, attempt in deliveries],
    )


_STOP_REASONS: Final = {str(each): each.value for each in (StopReason.WEBHOOK_DELETED, StopReason.WEBHOOK_DISABLED)}
