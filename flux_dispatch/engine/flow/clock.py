"""The database's clock, told by this process: events have their ids and times from one clock, not from each host's."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

ASKED_AGAIN_SECONDS: Final = 60.0
"""For so long the process's own counter is as good as the database's clock: they differ by milliseconds then."""

SET_SECONDS: Final = 1.0
"""When the host's clock and its counter part by more than this, it was set, or the host stood still."""


class DatabaseClock:
    """Tells the time as the database has it, for the most part without asking.

    Args:
        ask: asks the database for the time; it may raise Unavailable.
    """

    def __init__(self, ask: Callable[[], Awaitable[datetime]]) -> None:
        self._ask = ask
        self._told = 0.0
        self._counted: float | None = None
        self._host = 0.0
        self._asking: asyncio.Task[None] | None = None

    async def now(self) -> datetime:
        """Return the time.

        Raises:
            Unavailable: it is not known yet, or not any more, and the database is unavailable.
        """
        if self._counted is None or abs(time.time() - self._host - (time.monotonic() - self._counted)) > SET_SECONDS:
            await asyncio.shield(self._asked())
        elif time.monotonic() - self._counted > ASKED_AGAIN_SECONDS:
            self._asked()
        return datetime.fromtimestamp(self._told + time.monotonic() - (self._counted or 0.0), UTC)

    def _asked(self) -> asyncio.Task[None]:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().create_task(self._set())
            self._asking.add_done_callback(_is_seen)
        return self._asking

    async def _set(self) -> None:
        told = await self._ask()
        # it was that time at the latest now: what is told may lag behind by the way of the answer, and is never ahead,
        # so an event never seems to be younger than what was stored before it
        self._told, self._counted, self._host = told.timestamp(), time.monotonic(), time.time()


def _is_seen(asked: "asyncio.Task[None]") -> None:
    """See an error of the asking: what is known is good enough until the database answers again."""
    if not asked.cancelled():
        asked.exception()
