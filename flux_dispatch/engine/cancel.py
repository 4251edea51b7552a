"""Cancel: what a deleted or disabled webhook will no longer get is said to be canceled, soon and in small pieces."""

from typing import Final, Protocol

import structlog

from flux_dispatch.domain.webhook import Cleared
from flux_dispatch.engine.flow.side_work import IDLE_SECONDS

SWEEP_BATCH_SIZE: Final = 500
"""A few tens of milliseconds of PostgreSQL's time, in one transaction."""

BUSY_SECONDS: Final = 0.1
"""The pause while there is more to cancel: at most 5,000 a second by each worker, beside what is delivered."""

log = structlog.get_logger("flux.cancel")


class Webhooks(Protocol):
    """What canceling needs of the store."""

    async def clear_one(self, *, limit: int) -> Cleared | None:
        """Cancel up to `limit` deliveries of one webhook that was deleted or disabled; None when no such one waits."""
        ...


class Cancel:
    """Looks for webhooks that were deleted or disabled.

    What is still to be done stands with the webhook, so a call may be lost, and any worker may go on.
    """

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    async def run_once(self) -> float:
        """Cancel one page, and return after how many seconds to come again.

        Raises:
            Unavailable: the database is unavailable.
        """
        cleared = await self._webhooks.clear_one(limit=SWEEP_BATCH_SIZE)
        if cleared is None:
            return IDLE_SECONDS
        if cleared.canceled:
            log.info("deliveries.canceled", webhook=cleared.webhook, count=cleared.canceled)
        return BUSY_SECONDS
