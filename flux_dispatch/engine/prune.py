"""Prune: what was kept for as long as it is to be kept leaves the database, a page at a time."""

from typing import Final, Protocol

PRUNE_BATCH_SIZE: Final = 500
"""Rows in one transaction: some tens of milliseconds of PostgreSQL's time."""

IDLE_SECONDS: Final = 300.0
BUSY_SECONDS: Final = 0.5
"""The pause while there is more: at most 1,000 rows a second by each worker, beside what is delivered."""


class AuditLog(Protocol):
    """What pruning needs of the store."""

    async def prune(self, days: int, *, limit: int) -> int:
        """Delete up to `limit` entries that are older than so many days, the oldest; return how many went."""
        ...


class Prune:
    """Deletes entries of the audit log whose retention is over.

    Args:
        audit_log: the store.
        retention_days: how many days entries are kept.
    """

    def __init__(self, audit_log: AuditLog, *, retention_days: int) -> None:
        self._audit_log = audit_log
        self._retention_days = retention_days

    async def run_once(self) -> float:
        """Delete one page, and return after how many seconds to come again.

        Raises:
            Unavailable: the database is unavailable.
        """
        pruned = await self._audit_log.prune(self._retention_days, limit=PRUNE_BATCH_SIZE)
        return BUSY_SECONDS if pruned == PRUNE_BATCH_SIZE else IDLE_SECONDS
