"""Takes back that events have failed, once no failed delivery of theirs is left; what recovers deliveries ends so."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# An event has failed while one of its deliveries has. Rows are locked in the order of a final failure, deliveries
# before their events, each in the order of their ids; once the events are locked, another statement sees every failure
# that was committed meanwhile, and one that comes later waits for this.
_LOCK_EVENTS = text("SELECT FROM events WHERE id = ANY(CAST(:events AS uuid[])) ORDER BY id FOR NO KEY UPDATE")
_UNFAIL_EVENTS = text("""
    UPDATE events SET failed_at = NULL
    WHERE id = ANY(CAST(:events AS uuid[])) AND coalesce(failed_at IS NOT NULL, false)
      AND NOT EXISTS (SELECT FROM deliveries WHERE event_id = events.id AND coalesce(ending = 2, false))
""")


async def unfail(connection: AsyncConnection, events: Sequence[UUID]) -> None:
    """Say of these events that they have not failed, unless another delivery of theirs has.

    To be called in the transaction that recovered their deliveries, as its last step.
    """
    if events:
        await connection.execute(_LOCK_EVENTS, {"events": events})
        await connection.execute(_UNFAIL_EVENTS, {"events": events})
