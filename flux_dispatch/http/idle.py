"""Connections between two POSTs: kept for a few seconds, the one used last taken first."""

import asyncio
from collections import defaultdict, deque
from typing import Final

from flux_dispatch.http.connection import PostConnection

KEEP_ALIVE_SECONDS: Final = 4
"""Shorter than what common servers keep an idle connection (Node: 5 s): a POST on one that the server just closed would
be lost, and must not be repeated by itself."""

SURELY_READ_BYTES: Final = 16_384
REST_SECONDS: Final = 0.1
"""A longer POST may have been answered before it was read; its receiver often hangs up then without having said so. So
its connection pauses until that would have shown."""


class _Kept:
    """The connections to one origin, each with the time since when it may be used."""

    __slots__ = ("ready", "resting")

    def __init__(self) -> None:
        self.ready: list[tuple[float, PostConnection]] = []
        self.resting: deque[tuple[float, PostConnection]] = deque()

    def renew(self, now: float) -> None:
        """Make those ready that have rested."""
        while self.resting and self.resting[0][0] <= now:
            self.ready.append(self.resting.popleft())


class IdleConnections:
    """The open connections that no POST uses.

    Args:
        most: how many are kept; of more, the one that comes is closed.
    """

    def __init__(self, most: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._most = most
        self._count = 0
        self._kept: defaultdict[str, _Kept] = defaultdict(_Kept)
        self._sweeping: asyncio.TimerHandle | None = None

    def take(self, origin: str) -> PostConnection | None:
        """Return the connection to this scheme, host and port that was used last, if one is good and has rested."""
        kept = self._kept.get(origin)
        if kept is None:
            return None
        now = self._loop.time()
        if kept.resting:
            kept.renew(now)
        while kept.ready:
            since, connection = kept.ready.pop()
            self._count -= 1
            if now - since <= KEEP_ALIVE_SECONDS and connection.is_idle:
                return connection
            connection.hang_up()
        return None

    def put(self, origin: str, connection: PostConnection, sent_bytes: int) -> None:
        """Keep a connection for the next POST, after one with a body of so many bytes."""
        if self._count >= self._most:
            connection.hang_up()
            return
        self._count += 1
        if sent_bytes > SURELY_READ_BYTES:
            self._kept[origin].resting.append((self._loop.time() + REST_SECONDS, connection))
        else:
            self._kept[origin].ready.append((self._loop.time(), connection))
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(KEEP_ALIVE_SECONDS, self._sweep)

    def close(self) -> None:
        """Close them all."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        for kept in self._kept.values():
            for _, connection in (*kept.ready, *kept.resting):
                connection.hang_up()
        self._kept.clear()
        self._count = 0

    def _sweep(self) -> None:
        now = self._loop.time()
        for origin, kept in list(self._kept.items()):
            kept.renew(now)
            young = []
            for since, connection in kept.ready:
                if now - since < KEEP_ALIVE_SECONDS and connection.is_idle:
                    young.append((since, connection))
                else:
                    connection.hang_up()
                    self._count -= 1
            kept.ready = young
            if not (kept.ready or kept.resting):
                del self._kept[origin]
        self._sweeping = self._loop.call_later(KEEP_ALIVE_SECONDS, self._sweep) if self._kept else None
