"""What events are told when deliveries of theirs are recovered or added; what else happens to these, triggers count.

A transaction that does so locks first whatever it will touch, in the order of a final failure: deliveries, their
events, what is stored of these, each in the order of their ids. So none waits for another crosswise.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from flux_dispatch.domain.delivery import State

_LOCK_DELIVERIES: Final = text("""
    SELECT event_id, state FROM deliveries
    WHERE id = ANY(ARRAY(
        SELECT unnest(CAST(:ids AS uuid[]))
        UNION SELECT id FROM deliveries WHERE event_id = ANY(CAST(:events AS uuid[])) AND coalesce(is_only, false)
    )) AND coalesce(account_id = CAST(:account AS uuid), false)
    ORDER BY id FOR NO KEY UPDATE
""")
_LOCK_EVENTS: Final = text("SELECT FROM events WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR NO KEY UPDATE")
_LOCK_STATUSES: Final = text("""
    SELECT FROM event_statuses WHERE event_id = ANY(CAST(:ids AS uuid[])) ORDER BY event_id FOR NO KEY UPDATE
""")

# An event has failed while one of its deliveries has. Once it is locked, another statement sees every failure that was
# committed meanwhile, and one that comes later waits for this.
_UNFAIL: Final = text("""
    UPDATE events SET failed_at = NULL
    WHERE id = ANY(CAST(:ids AS uuid[])) AND coalesce(failed_at IS NOT NULL, false)
      AND NOT EXISTS (SELECT FROM deliveries WHERE event_id = events.id AND coalesce(ending = 2, false))
""")
_RECOUNT: Final = text("SELECT flux_recount_events(CAST(:ids AS uuid[]))")


async def lock_events(
    connection: AsyncConnection,
    account: UUID | str,
    deliveries: Sequence[UUID | str],
    events: Sequence[UUID | str] = (),
) -> None:
    """Lock those of these deliveries that are the account's, and what is known of their events and of these.

    What is the only delivery of one of these events is locked too: it will not be that any more.
    """
    wanted = {"ids": deliveries, "events": events, "account": account}
    found = (await connection.execute(_LOCK_DELIVERIES, wanted)).all()
    failed = [row.event_id for row in found if row.state == State.FAILED]
    await connection.execute(_LOCK_EVENTS, {"ids": failed})
    await connection.execute(_LOCK_STATUSES, {"ids": [*events, *(row.event_id for row in found)]})


async def unfail(connection: AsyncConnection, events: Sequence[UUID | str]) -> None:
    """Say of these events that they have not failed, unless another delivery of theirs has."""
    if events:
        await connection.execute(_UNFAIL, {"ids": events})


async def recount(connection: AsyncConnection, events: Sequence[UUID | str]) -> None:
    """Have the stored status of these events say what their deliveries, with those that were added, come to."""
    if events:
        await connection.execute(_RECOUNT, {"ids": events})
