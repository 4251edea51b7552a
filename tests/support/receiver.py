"""A customer's endpoint: a real HTTP server in a thread, which records what arrives and answers as it is told."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from tests.support.server_in_thread import ServerInThread
from tests.support.waiting import pause


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
class Receiver(ServerInThread):
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
    _open: Counter[str] = field(default_factory=Counter)

    def at(self, path: str) -> list[Request]:
        """Return what arrived at one path."""
        return [each for each in list(self.requests) if each.path == path]

    def _application(self) -> web.Application:
        application = web.Application()
        application.router.add_post("/{path:.*}", self._receive)
        return application

    async def _receive(self, incoming: web.Request) -> web.Response:
        body = await incoming.read()
        request = Request(time.time(), incoming.path, incoming.headers, body)
        self.requests.append(request)
        self._open[request.path] += 1
        self.most_open[request.path] = max(self.most_open[request.path], self._open[request.path])
        if work_seconds := self.work_seconds(request):
            await pause(work_seconds)
        self._open[request.path] -= 1
        status = await self._unless_it_hangs(self.answer(request))
        self.answered.append((request, status))
        headers, text = self.reply(request)
        return web.Response(status=status, headers=headers, text=text)
