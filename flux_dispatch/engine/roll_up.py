"""Roll up: what settlements have counted is added to the statistics of their webhooks, soon and together."""

from typing import Final, Protocol

from flux_dispatch.engine.flow.side_work import IDLE_SECONDS

PAGE: Final = 100
"""Tallies, of up to 500 attempts each: at most some tens of milliseconds of PostgreSQL's time, in one transaction."""

BUSY_SECONDS: Final = 0.05


class Tallies(Protocol):
    """What rolling up needs of the store."""

    async def roll_up_some(self, limit: int) -> int:
        """Add up to `limit` tallies to the statistics of their webhooks; return how many these were."""
        ...


class RollUp:
    """Looks for tallies.

    They are a part of the statistics from the moment they are written, so a call may be lost, and any worker may go on.
    """

    def __init__(self, tallies: Tallies) -> None:
        self._tallies = tallies

    async def run_once(self) -> float:
        """Roll up one page, and return after how many seconds to come again.

        Raises:
            Unavailable: the database is unavailable.
        """
        return BUSY_SECONDS if await self._tallies.roll_up_some(PAGE) == PAGE else IDLE_SECONDS
