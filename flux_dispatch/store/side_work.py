"""The statement behind looking for work: which of what a worker does now and then has something to do.

Each would ask for itself otherwise: some four hundred statements a minute, by each worker, where nothing happens.
"""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.store.connect import DriverStatement

# By the verbs' names; each goes by the index that its verb goes by.
WAITING: Final = {
    "relay": "SELECT FROM outbox WHERE reason IS NULL",
    "roll_up": "SELECT FROM webhook_tallies",
    "cancel": "SELECT FROM webhooks WHERE cancel_at <= flux_now()",
    "recover": "SELECT FROM recoveries WHERE recover_at <= flux_now()",
    "erase": "SELECT FROM accounts WHERE erase_at <= flux_now()",
    "check_health": "SELECT FROM webhook_health WHERE check_at <= flux_now()",
    "notify": """
        SELECT FROM alert_channels WHERE compose_at <= flux_now()
        UNION ALL SELECT FROM notifications WHERE due_at <= flux_now()
    """,
}

_LOOK = DriverStatement(f"SELECT {', '.join(f'EXISTS ({each})' for each in WAITING.values())}")


class SideWorkQueries:
    """Looks for all of it at once."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def waiting(self) -> frozenset[str]:
        """Return the names of the verbs that have something to do now.

        Raises:
            Unavailable: the database is unavailable.
        """
        (found,) = await _LOOK.rows(self._database, {})
        return frozenset(name for name, is_there in zip(WAITING, found, strict=True) if is_there)
