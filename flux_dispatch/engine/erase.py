"""Erase: what was an account's that is deleted leaves the database, in small pieces, until the account itself goes."""

from typing import Final, Protocol

import structlog

from flux_dispatch.domain.account import Erased
from flux_dispatch.engine.flow import failpoint
from flux_dispatch.engine.flow.side_work import IDLE_SECONDS

ERASE_BATCH_SIZE: Final = 500
"""Rows of one table in one transaction: a few tens of milliseconds of PostgreSQL's time."""

BUSY_SECONDS: Final = 0.1
"""The pause while there is more to erase: at most 5,000 rows a second by each worker, beside what is delivered."""

log = structlog.get_logger("flux.erase")


class Accounts(Protocol):
    """What erasing needs of the store."""

    async def erase_some(self, *, limit: int) -> Erased | None:
        """Erase up to `limit` rows of one account that was deleted; None when no such one waits."""
        ...


class Erase:
    """Looks for accounts that were deleted.

    What is still to be done stands with the account, so a call may be lost, and any worker may go on.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def run_once(self) -> float:
        """Erase one page, and return after how many seconds to come again.

        Raises:
            Unavailable: the database is unavailable.
        """
        erased = await self._accounts.erase_some(limit=ERASE_BATCH_SIZE)
        if erased is None:
            return IDLE_SECONDS
        failpoint.reach("after_erase")
        if erased.is_over:
            log.info("account.erased", account=erased.account)
        return BUSY_SECONDS
