"""Expire: a listen session whose command vanished ends, and one that has been over for a day is forgotten."""

import time
from typing import Final, Protocol

import structlog

from flux_dispatch.domain.listen_session import Ended

EXPIRE_BATCH_SIZE: Final = 100

IDLE_SECONDS: Final = 20.0
BUSY_SECONDS: Final = 0.1
"""The pause while there are more than one batch."""

SURE_AFTER_SECONDS: Final = 60.0
"""For how long the database must have answered before a session is ended. While it did not, nobody could write that a
command is connected: whoever can write again first must not end what is alive."""

log = structlog.get_logger("flux.expire")


class Sessions(Protocol):
    """What expiring needs of the store."""

    async def expire(self, unseen_seconds: float, *, limit: int) -> list[Ended]:
        """End up to `limit` sessions that were not seen for so long, or whose account was deleted."""
        ...

    async def prune(self, *, limit: int) -> int:
        """Delete up to `limit` sessions that have been over for as long as they are kept; return how many."""
        ...


class Expire:
    """Looks for sessions that nobody is connected to. Any number of workers may.

    Args:
        sessions: the store.
        unseen_seconds: after how long without a command a session ends.
        sure_after_seconds: how long the database must have answered before.
    """

    def __init__(
        self, sessions: Sessions, unseen_seconds: float, sure_after_seconds: float = SURE_AFTER_SECONDS
    ) -> None:
        self._sessions = sessions
        self._unseen_seconds = unseen_seconds
        self._sure_after_seconds = sure_after_seconds
        self._answers_since: float | None = None

    async def run_once(self) -> float:
        """End and forget one batch, and return after how many seconds to come again.

        Raises:
            Unavailable: the database is unavailable.
        """
        since, self._answers_since = self._answers_since, None
        pruned = await self._sessions.prune(limit=EXPIRE_BATCH_SIZE)
        now = time.monotonic()
        ended = []
        if since is not None and now - since >= self._sure_after_seconds:
            ended = await self._sessions.expire(self._unseen_seconds, limit=EXPIRE_BATCH_SIZE)
        self._answers_since = now if since is None else since
        for each in ended:
            log.info("listen_session.ended", session=each.id, reason=each.reason)
        return BUSY_SECONDS if EXPIRE_BATCH_SIZE in {pruned, len(ended)} else IDLE_SECONDS
