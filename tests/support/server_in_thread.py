"""A real HTTP server in a thread of its own, which a block's `with` runs, and which can leave requests unanswered."""

import asyncio
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import web

HANG = 0
"""As an answer's status: do not answer before the server lets go, or ends; then answer 503."""


@dataclass
class ServerInThread:
    """Serves what `_application` returns, on `port`, or on a free one, which is then in its place."""

    port: int = field(default=0, kw_only=True)

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._stop, self._let_go = asyncio.Event(), asyncio.Event()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=[started])
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.let_go()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def let_go(self) -> None:
        """Answer 503 to what hangs."""
        self._loop.call_soon_threadsafe(self._let_go.set)

    def _application(self) -> web.Application:
        raise NotImplementedError

    async def _unless_it_hangs(self, status: int) -> int:
        """Return the status to answer with, as soon as there is one."""
        if status != HANG:
            return status
        await self._let_go.wait()
        return 503

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve(started))
        self._loop.close()

    async def _serve(self, started: threading.Event) -> None:
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        self.port = runner.addresses[0][1]
        started.set()
        await self._stop.wait()
        await runner.cleanup()
