"""How many reads one account has in flight: its lists take time that everybody shares."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from flux_dispatch.domain.errors import TooManyRequests
from flux_dispatch.domain.ids import AccountId

MAX_READING: Final = 4
MAX_WAITING: Final = 32
MAX_WAIT_SECONDS: Final = 2.0
"""As long as a read may take: whoever waits longer stands behind lists that were all given up."""


class ReadLimit:
    """Places to read in, so many for each account; who finds none waits a little."""

    def __init__(self) -> None:
        self._lines: dict[AccountId, _Line] = {}

    @asynccontextmanager
    async def place(self, account: AccountId) -> AsyncIterator[None]:
        """Lend a place.

        Raises:
            TooManyRequests: all are taken, and stayed so.
        """
        line = self._lines.setdefault(account, _Line())
        if line.people >= MAX_READING + MAX_WAITING:
            raise TooManyRequests(_TOO_MANY)
        line.people += 1
        try:
            await _take(line.places)
            try:
                yield
            finally:
                line.places.release()
        finally:
            line.people -= 1
            if not line.people:
                self._lines.pop(account, None)


class _Line:
    def __init__(self) -> None:
        self.places = asyncio.Semaphore(MAX_READING)
        self.people = 0


async def _take(places: asyncio.Semaphore) -> None:
    if not places.locked():
        await places.acquire()
        return
    try:
        async with asyncio.timeout(MAX_WAIT_SECONDS):
            await places.acquire()
    except TimeoutError:
        raise TooManyRequests(_TOO_MANY) from None


_TOO_MANY: Final = (
    f"This account has {MAX_READING} reads in flight, and more waiting. Try again in a second, with fewer at a time."
)
