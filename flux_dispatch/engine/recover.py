"""Recover: what a webhook missed is delivered to it after all, page by page, however much it is."""

from typing import Final, Protocol

import structlog

from flux_dispatch.domain.recovery import Pace, RecoveredPage, RecoveryStatus
from flux_dispatch.engine.flow import failpoint
from flux_dispatch.engine.flow.due import Queue, enqueue_due
from flux_dispatch.engine.flow.side_work import IDLE_SECONDS

PACE: Final = Pace(page=500, scan=5000, per_second=1000)
"""A page is some tens of milliseconds of PostgreSQL's time. A thousand a second, however many workers there are, is
about a tenth of what one worker delivers: it does not pile up, not even before the account's own new events."""

BUSY_SECONDS: Final = 0.05

log = structlog.get_logger("flux.recover")


class Recoveries(Protocol):
    """What recovering needs of the store."""

    async def recover_some(self, pace: Pace) -> RecoveredPage | None:
        """Do the next page of the recovery whose turn has come; None when there is none."""
        ...

    async def seconds_until_next(self) -> float | None:
        """Say in how many seconds a page may be done, negative for at once; None: nothing is to be recovered."""
        ...


class Recover:
    """Looks for recoveries that somebody asked for.

    How far each has come stands with it, so a call may be lost, and any worker may go on. The deliveries of a page are
    due with its commit: what a lost call has not enqueued, the sweeper finds.
    """

    def __init__(self, recoveries: Recoveries, queue: Queue, pace: Pace = PACE) -> None:
        self._recoveries = recoveries
        self._queue = queue
        self._pace = pace

    async def run_once(self) -> float:
        """Recover one page, and return after how many seconds to come again.

        Raises:
            Unavailable: the database is unavailable.
        """
        page = await self._recoveries.recover_some(self._pace)
        if page is None:
            seconds = await self._recoveries.seconds_until_next()
            return IDLE_SECONDS if seconds is None else min(max(seconds, BUSY_SECONDS), IDLE_SECONDS)
        failpoint.reach("after_recover")
        enqueue_due(self._queue, page.account, page.deliveries)
        if page.status is not RecoveryStatus.RUNNING:
            log.info("recovery.ended", recovery=page.recovery, status=page.status.value)
        return BUSY_SECONDS
