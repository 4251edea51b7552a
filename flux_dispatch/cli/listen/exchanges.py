"""Takes requests from the tunnel, has each made of the local server once, and sends back what was answered."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import TracebackType
from typing import Final, Protocol, Self, TypeAlias
from weakref import WeakValueDictionary

from flux_dispatch.cli.listen.remembered import Remembered
from flux_dispatch.cli.listen.report import Arrival, Reply, Report
from flux_dispatch.tunnel.frames import Answer, Failed, Frame, Request

MOST_AT_ONCE: Final = 50
"""How many requests the local server has at once; others wait until one of them is answered."""

MOST_OPEN: Final = 500
"""How many may wait or be under way; more are refused."""

Send: TypeAlias = Callable[[Frame], Awaitable[None]]


class LocalServer(Protocol):
    """Whoever answers requests on this side of the tunnel."""

    def url_of(self, request: Request) -> str | None:
        """Return where the request goes to, None if nowhere."""

    async def forward(self, request: Request) -> Answer | Failed:
        """Return the answer to a request; never raises."""


class Exchanges:
    """Requests and their answers; those under way are dropped at the end of its `async with` block."""

    def __init__(self, local_server: LocalServer, report: Report) -> None:
        self._local_server = local_server
        self._report = report
        self._remembered = Remembered()
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._open: dict[str, asyncio.Task[None]] = {}
        self._gone: set[str] = set()
        self._asked: set[str] = set()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._send: Send | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        under_way = list(self._open.values())
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    def send_by(self, send: Send | None) -> None:
        """Send answers this way from now on; None: there is none.

        An answer goes the way that its request came last. Those to requests of an earlier connection wait until they
        are asked for again: to the server on the other side of this one they say nothing yet.
        """
        self._send = send
        self._asked.clear()

    async def take(self, request: Request) -> None:
        """Begin with a request, unless it came before: then its answer is sent again, as soon as there is one."""
        self._asked.add(request.id)
        if request.id in self._open or self._remembered.has_arrived(request.id):
            return
        known = self._remembered.answer_to(request.id)
        if known is not None:
            await self._send_back(known)
        elif len(self._open) >= MOST_OPEN:
            message = f"{MOST_OPEN} requests wait for the local server already."
            await self._send_back(Failed(request.id, "too_many_requests", message))
        else:
            task = asyncio.create_task(self._exchange(request))
            self._open[request.id] = task
            task.add_done_callback(lambda _: self._over(request.id))

    def received(self, request_id: str) -> None:
        """Take note that an answer has arrived."""
        self._asked.discard(request_id)
        self._remembered.received(request_id)

    def gone(self, request_id: str) -> None:
        """Take note that nobody waits for an answer any more; the local server may finish its work."""
        self._asked.discard(request_id)
        if request_id in self._open:
            self._gone.add(request_id)
        self._remembered.gone(request_id)

    def _over(self, request_id: str) -> None:
        del self._open[request_id]
        self._gone.discard(request_id)

    async def _exchange(self, request: Request) -> None:
        arrival = Arrival.of(request)
        self._report.arrived(arrival)
        if request.delivery is None:
            await self._forward(arrival)
            return
        # an attempt that comes while the one before is still under way waits for what that one comes to
        async with self._turns.setdefault(request.delivery, asyncio.Lock()):
            earlier = self._remembered.success_of(request.delivery)
            if earlier is None:
                await self._forward(arrival)
            else:
                await self._reply(Reply(arrival, replace(earlier, id=request.id), None, 0.0, repeated=True))

    async def _forward(self, arrival: Arrival) -> None:
        async with self._places:
            began = time.monotonic()
            answer = await self._local_server.forward(arrival.request)
            seconds = time.monotonic() - began
        is_late = arrival.request.id in self._gone
        await self._reply(Reply(arrival, answer, self._local_server.url_of(arrival.request), seconds, late=is_late))

    async def _reply(self, reply: Reply) -> None:
        request = reply.arrival.request
        self._remembered.keep(reply.answer, request.delivery)
        self._report.replied(reply)
        if request.id in self._gone:
            self._remembered.gone(request.id)
        else:
            await self._send_back(reply.answer)

    async def _send_back(self, answer: Answer | Failed) -> None:
        if self._send is not None and answer.id in self._asked:
            await self._send(answer)
