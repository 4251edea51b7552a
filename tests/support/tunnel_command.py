"""The command's side of a tunnel in a test's hands: a local server that waits to be let, and a list of what is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from flux_dispatch.cli.listen.clock_watch import ClockWatch
from flux_dispatch.cli.listen.exchanges import Exchanges
from flux_dispatch.cli.listen.reconnecting import Reconnecting
from flux_dispatch.cli.listen.report import Arrival, Reply, Session
from flux_dispatch.cli.listen.websocket import Address, connected
from flux_dispatch.tunnel.frames import INSTANCE_HEADER, Answer, Failed, Request
from tests.support.tunnel_server import TunnelServer, tunnel_server
from tests.support.waiting import eventually_async

HEADERS = {"Authorization": "Bearer sk_live_x", INSTANCE_HEADER: "0" * 32}


def request(request_id: str, delivery: str | None = None, path: str = "") -> Request:
    return Request(request_id, "POST", path, "", (), delivery, "2026-01-15T10:30:00Z", b"{}")


@dataclass
class Local:
    """A local server that answers with a status, at once or when it is let."""

    status: int = 200
    forwarded: list[str] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0

    def __post_init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    def url_of(self, request: Request) -> str | None:
        return f"http://localhost:3000{request.path}"

    async def forward(self, request: Request) -> Answer | Failed:
        self.forwarded.append(request.id)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await self.may_answer.wait()
        self.under_way -= 1
        return Answer(request.id, self.status, (("x-of", request.id),), b"answer")


class Told:
    """What there was to tell, in a word each."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def ready(self, session: Session, *, local_server_answers: bool) -> None:
        raise NotImplementedError(session, local_server_answers)

    def arrived(self, arrival: Arrival) -> None:
        self.said.append(f"--> {arrival.request.id}")

    def replied(self, reply: Reply) -> None:
        marks = (" repeated" if reply.repeated else "") + (" late" if reply.late else "")
        self.said.append(f"<-- {reply.arrival.request.id}{marks}")

    def disconnected(self, why: str) -> None:
        self.said.append(f"lost: {why}")

    def reconnected(self, seconds: float) -> None:
        assert seconds >= 0
        self.said.append("back")

    def server_lacks(self, what: str, message: str) -> None:
        self.said.append(f"lacks {what}: {message}")

    def server_lacks_nothing(self) -> None:
        self.said.append("lacks nothing")

    def ended(self, reason: str, message: str) -> None:
        raise NotImplementedError(reason, message)

    def lost_session(self, reason: str, message: str) -> None:
        raise NotImplementedError(reason, message)


@dataclass
class Listening:
    """A command that listens to a server in the test's hands."""

    server: TunnelServer
    local: Local
    told: Told
    running: "asyncio.Task[None]"

    async def says(self, *lines: str) -> None:
        async def is_said() -> bool:
            return self.told.said == list(lines)

        with suppress(AssertionError):
            await eventually_async(is_said, "it is told", 5)
        assert self.told.said == list(lines)


class Clocks:
    """A wall clock and a monotonic one that stand still until they are told."""

    def __init__(self) -> None:
        self.wall = self.monotonic = 1000.0


@asynccontextmanager
async def listening(
    clocks: Clocks | None = None, *, connects: bool = True, ping_seconds: float = 10
) -> AsyncIterator[Listening]:
    local, told, readies = Local(), Told(), []

    async def ready() -> None:
        readies.append("ready")
        told.said.append("ready")

    stopped = clocks or Clocks()
    watch = ClockWatch(lambda: stopped.wall, lambda: stopped.monotonic)
    async with tunnel_server() as server, Exchanges(local, told) as exchanges:
        connect = partial(connected, Address(server.url, HEADERS, ping_seconds=ping_seconds))
        running = asyncio.create_task(Reconnecting(connect, exchanges, told, watch).run(ready))
        try:
            if connects:
                await server.connected()
            yield Listening(server, local, told, running)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert len(readies) <= 1
