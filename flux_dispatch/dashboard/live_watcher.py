"""One page that stays open: what it is still to be told, with a bound, until it goes or is let go."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final

HEARTBEAT_SECONDS: Final = 15
"""How long nothing may be said: then proxies and browsers take a connection for dead."""

HEARTBEAT: Final = b":\n\n"

MAX_WAITING: Final = 32
"""How many messages may wait for a reader: one that takes none for so long is let go, and comes again."""


class Watcher:
    """A stream of messages to one page.

    Args:
        token: that of the session of whoever looks.
        is_gone: says whether the page was left.
    """

    def __init__(self, token: str, is_gone: Callable[[], bool]) -> None:
        self.token = token
        self.is_gone = is_gone
        self.is_over = False
        self._waiting: deque[bytes] = deque()
        self._has_news = asyncio.Event()

    def tell(self, message: bytes) -> None:
        """Have a message sent; who has not taken those before it is let go."""
        if len(self._waiting) >= MAX_WAITING:
            self.end()
        if not self.is_over:
            self._waiting.append(message)
            self._has_news.set()

    def end(self) -> None:
        """Send nothing more."""
        self.is_over = True
        self._waiting.clear()
        self._has_news.set()

    async def messages(self) -> AsyncIterator[bytes]:
        """Yield what is to be sent as it comes, and a heartbeat where nothing does, until it is over."""
        while not self.is_over:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await self._has_news.wait()
            except TimeoutError:
                yield HEARTBEAT
            self._has_news.clear()
            while self._waiting:
                yield self._waiting.popleft()
