"""Stays connected to the tunnel: a connection that is lost is made anew, at once at first, then with growing pauses."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, NoReturn, Protocol

from flux_dispatch.cli.listen.backoff import Backoff
from flux_dispatch.cli.listen.clock_watch import ClockWatch
from flux_dispatch.cli.listen.exchanges import Exchanges
from flux_dispatch.cli.listen.report import Report
from flux_dispatch.cli.listen.websocket import Lost, SessionEnded
from flux_dispatch.tunnel.frames import Available, Ended, Frame, Gone, NotAvailable, Ready, Received, Request

READY_SECONDS: Final = 15.0
"""How long the server may take to confirm a connection."""


class Connection(Protocol):
    """An open connection to the tunnel."""

    async def receive(self) -> Frame:
        """Return the next frame; raises Lost or SessionEnded."""

    async def send(self, frame: Frame) -> None:
        """Send a frame."""


class Reconnecting:
    """Keeps a session connected, hands requests to its exchanges, and tells a report what becomes of the connection."""

    def __init__(
        self,
        connect: Callable[[], AbstractAsyncContextManager[Connection]],
        exchanges: Exchanges,
        report: Report,
        clock_watch: ClockWatch | None = None,
    ) -> None:
        self._connect = connect
        self._exchanges = exchanges
        self._report = report
        self._clock_watch = clock_watch or ClockWatch()
        self._backoff = Backoff()
        self._was_paused = asyncio.Event()
        self._was_ready = False
        self._lost_at: float | None = None
        self._said: str | None = None
        self._lacks_something = False

    async def run(self, ready: Callable[[], Awaitable[None]]) -> NoReturn:
        """Stay connected; `ready` is called once, when the server has confirmed the first connection.

        Raises:
            Refused: the server lets this command connect no more.
            SessionEnded: the session is over.
        """
        watching = asyncio.create_task(self._clock_watch.watch(self._was_paused.set))
        try:
            while True:
                await self._connect_once(ready)
                await self._pause(self._backoff.next_seconds())
        finally:
            watching.cancel()

    async def _connect_once(self, ready: Callable[[], Awaitable[None]]) -> None:
        """Connect, and return when the connection is lost, or cannot be made."""
        connected_at: float | None = None
        self._was_paused.clear()
        try:
            async with self._connect() as connection:
                await self._until_ready(connection)
                connected_at = time.monotonic()
                self._exchanges.send_by(connection.send)
                await self._tell_connected(connected_at, ready)
                await self._serve(connection)
        except Lost as lost:
            self._lost(str(lost), connected_at)
        finally:
            self._exchanges.send_by(None)

    async def _tell_connected(self, now: float, ready: Callable[[], Awaitable[None]]) -> None:
        if not self._was_ready:
            self._was_ready = True
            await ready()
        elif self._lost_at is not None:
            self._report.reconnected(now - self._lost_at)

    async def _until_ready(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(READY_SECONDS):
                while not isinstance(frame := await connection.receive(), Ready):
                    await self._take(frame)
        except TimeoutError:
            raise Lost("The server does not confirm it.") from None

    async def _serve(self, connection: Connection) -> None:
        reading = asyncio.create_task(self._read(connection))
        pausing = asyncio.create_task(self._was_paused.wait())
        try:
            await asyncio.wait({reading, pausing}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
            raise Lost("This machine, or this command, was asleep.")
        finally:
            for task in (reading, pausing):
                task.cancel()
            await asyncio.gather(reading, pausing, return_exceptions=True)

    async def _read(self, connection: Connection) -> NoReturn:
        while True:
            await self._take(await connection.receive())

    async def _take(self, frame: Frame) -> None:
        match frame:
            case Request():
                await self._exchanges.take(frame)
            case Received():
                self._exchanges.received(frame.id)
            case Gone():
                self._exchanges.gone(frame.id)
            case NotAvailable():
                self._lacks_something = True
                self._report.server_lacks(frame.what, frame.message)
            case Available() if self._lacks_something:
                self._lacks_something = False
                self._report.server_lacks_nothing()
            case Ended():
                raise SessionEnded(frame.reason, frame.message)

    def _lost(self, why: str, connected_at: float | None) -> None:
        now = time.monotonic()
        if connected_at is not None:
            self._backoff.lasted(now - connected_at)
            self._lost_at = self._said = None
        self._lost_at = self._lost_at or now
        self._lacks_something = False
        if why != self._said:
            self._said = why
            self._report.disconnected(why)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._was_paused.wait()
        except TimeoutError:
            return
