"""A customer's endpoint: a real HTTP server in a thread, which records what arrives and answers as it is told."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.support.waiting import pause

HANG = 0
"""As an answer's status: do not answer before the receiver lets go, or ends."""


@dataclass(frozen=True)
class Request:
    """One POST as it arrived; `at` and `answered_at` are wall-clock seconds."""

    at: float
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> str:
        return self.headers["webhook-id"]

    @property
    def delivery(self) -> str:
        return self.headers["flux-delivery"]

    @property
    def attempt(self) -> int:
        return int(self.headers["flux-attempt"])


@dataclass
class Receiver:
    """Answers each request with the status that `answer` returns for it (default 200); a block's `with` runs it.

    `reply` gives the headers and the body of the answer. It takes `work_seconds` for each request; `most_open` says how
    many were open at once, by path.
    """

    answer: Callable[[Request], int] = lambda _: 200
    work_seconds: Callable[[Request], float] = lambda _: 0
    reply: Callable[[Request], tuple[Mapping[str, str], str]] = lambda _: ({}, "ok")
    most_open: Counter[str] = field(default_factory=Counter)
    requests: list[Request] = field(default_factory=list)
    answered: list[tuple[Request, int]] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._stop, self._let_go = asyncio.Event(), asyncio.Event()
        self._open: Counter[str] = Counter()
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

    def let_go(self) -> None:
        """Answer 503 to what hangs."""
        self._loop.call_soon_threadsafe(self._let_go.set)

    def at(self, path: str) -> list[Request]:
        """Return what arrived at one path."""
        return [each for each in list(self.requests) if each.path == path]

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve(started))
        self._loop.close()

    async def _serve(self, started: threading.Event) -> None:
        application = web.Application()
        application.router.add_post("/{path:.*}", self._receive)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        started.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _receive(self, incoming: web.Request) -> web.Response:
        body = await incoming.read()
        request = Request(time.time(), incoming.path, incoming.headers, body)
        self.requests.append(request)
        self._open[request.path] += 1
        self.most_open[request.path] = max(self.most_open[request.path], self._open[request.path])
        if work_seconds := self.work_seconds(request):
            await pause(work_seconds)
        self._open[request.path] -= 1
        status = self.answer(request)
        if status == HANG:
            await self._let_go.wait()
            status = 503
        self.answered.append((request, status))
        headers, text = self.reply(request)
        return web.Response(status=status, headers=headers, text=text)
