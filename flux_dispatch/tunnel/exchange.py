"""Gets the answer to a request from the command of its session, wherever that is connected, or will be in a moment."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from flux_dispatch.domain.errors import RateLimited
from flux_dispatch.domain.ids import ListenSessionId
from flux_dispatch.domain.listen_session import Ended, EndReason, ListenerNotConnected, ListenerTimedOut
from flux_dispatch.tunnel.carrier import Carrier, Message, NotCarried
from flux_dispatch.tunnel.connection import Connection
from flux_dispatch.tunnel.connections import Connections
from flux_dispatch.tunnel.frames import (
    Answer,
    Available,
    Failed,
    Gone,
    NotAFrame,
    NotAvailable,
    Received,
    Request,
    decode,
    encode,
)
from flux_dispatch.tunnel.limits import Asking, CarriedPlaces, Limits

RECONNECT_SECONDS: Final = 10.0
"""For how long a request waits for a command that is not connected: an API that restarts is not felt."""

LOOK_SECONDS: Final = 0.25
"""How often it is looked for meanwhile, in other processes."""

CHECK_SECONDS: Final = 1.0
"""How often a request that waits for another process looks whether that is still the one."""

AGAIN_SECONDS: Final = 0.05
"""After how long a request whose way ended looks for another."""

Ending: TypeAlias = Received | Gone

CarriedAnswer: TypeAlias = Answer | Failed | RateLimited | None
"""What another process says of a request that was carried there; None where it has to be asked anew."""

_NOT_CONNECTED: Final = "Nobody is listening at the moment: the command that this URL leads to is not connected."
_TIMED_OUT: Final = "The local server behind this URL did not answer in time."
_REDIS: Final = (
    "Redis does not answer: what reaches the URL through another process of the API waits. It is tried again."
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it travels."""

    id: str
    message: bytes
    asking: Asking


class Route(Protocol):
    """A way to the command of a session."""

    async def ask(self, asked: Asked) -> Answer | Failed | None:
        """Return its answer; None where the way ended before there was one.

        Raises:
            RateLimited: too much comes to its session.
        """
        ...

    def settle(self, ending: Ending) -> None:
        """Tell the command what has become of its answer."""
        ...


class Exchange:
    """Asks commands.

    Args:
        connections: those of this process.
        carrier: the way to those of others.
        limits: how much may go to those of this process.
        answer_seconds: how long an answer may take, waiting for the command included.
    """

    def __init__(self, connections: Connections, carrier: Carrier, limits: Limits, answer_seconds: float) -> None:
        self._connections = connections
        self._carrier = carrier
        self._carried = CarriedPlaces(limits, answer_seconds)
        self._answer_seconds = answer_seconds
        self._awaited: dict[str, asyncio.Future[CarriedAnswer]] = {}

    @asynccontextmanager
    async def answer_to(
        self, session: ListenSessionId, request: Request, check_open: Callable[[], Awaitable[None]]
    ) -> AsyncIterator[Answer | Failed]:
        """Lend the answer to a request; the command may forget it when it was handed on.

        Args:
            session: whose command is asked.
            request: what.
            check_open: raises SessionEnded if the session is over.

        Raises:
            SessionEnded: it is.
            ListenerNotConnected: the command is not connected, and stayed so.
            ListenerTimedOut: there was no answer in time.
            RateLimited: too much comes to the session.
        """
        ways: list[Route] = []
        ending: Ending = Gone(request.id)
        try:
            try:
                async with asyncio.timeout(self._answer_seconds):
                    answer = await self._ask(session, request, check_open, ways)
            except RateLimited:
                ways.clear()  # it was not sent
                raise
            except TimeoutError:
                raise ListenerTimedOut(_TIMED_OUT) from None
            yield answer
            ending = Received(request.id)
        finally:
            for way in ways[-1:]:
                way.settle(ending)

    async def _ask(
        self,
        session: ListenSessionId,
        request: Request,
        check_open: Callable[[], Awaitable[None]],
        ways: list[Route],
    ) -> Answer | Failed:
        message, asking = encode(request), Asking.DELIVERY if request.delivery else Asking.STRANGER
        while True:
            way = await self._find(session, check_open)
            ways.append(way)
            answer = await way.ask(Asked(request.id, message, asking))
            if answer is not None:
                return answer
            asking = Asking.AGAIN
            await asyncio.sleep(AGAIN_SECONDS)

    async def _find(self, session: ListenSessionId, check_open: Callable[[], Awaitable[None]]) -> Route:
        """Return the way to the command, as soon as there is one."""
        if way := await self._look(session):
            return way
        until, checked_at = time.monotonic() + RECONNECT_SECONDS, float("-inf")
        while time.monotonic() < until:
            if time.monotonic() - checked_at > CHECK_SECONDS:
                await check_open()
                checked_at = time.monotonic()
            await self._connections.wait_for(session, LOOK_SECONDS)
            if way := await self._look(session, anew=True):
                return way
        raise ListenerNotConnected(_NOT_CONNECTED)

    async def _look(self, session: ListenSessionId, *, anew: bool = False) -> Route | None:
        if connection := self._connections.get(session):
            return _Here(connection)
        try:
            owner = await self._carrier.owner(session, anew=anew)
        except NotCarried:
            return None
        # what names this process is of a connection that has just ended here
        if owner is None or owner == self._carrier.process:
            return None
        return _Elsewhere(self._carrier, self._awaited, session, owner)

    def end(self, ended: Ended) -> None:
        """Tell the command that its session is over, wherever it is connected; never waits, never fails."""
        if connection := self._connections.get(ended.id):
            connection.end(ended.reason)
        elif ended.process is not None:
            self._carrier.send(ended.process, Message("end", ended.id, text=ended.reason))

    def tell_replaced(self, session: ListenSessionId, epoch: int, process: str) -> None:
        """Tell the process that held the connection before this one."""
        if process != self._carrier.process:
            self._carrier.send(process, Message("replaced", session, text=str(epoch)))

    def take(self, message: Message) -> None:
        """Take a message of another process."""
        connection = self._connections.get(message.session)
        match message.kind:
            case "ask":
                self._ask_for(message, connection)
            case "answer":
                self._answer(message)
            case "awaited" if connection is None or not connection.awaits(message.id):
                self._carrier.send(message.sender, Message("answer", message.session, message.id))
            case "received" | "gone" if connection is not None:
                self._carried.give_back(message.id)
                connection.settle(Received(message.id) if message.kind == "received" else Gone(message.id))
            case "end" if connection is not None:
                connection.end(EndReason(message.text))
            case "replaced" if connection is not None and connection.epoch < int(message.text):
                connection.replace()

    def lose(self, session: ListenSessionId, epoch: int) -> None:
        """Take note that a session's command is connected elsewhere by now."""
        connection = self._connections.get(session)
        if connection is not None and connection.epoch <= epoch:
            connection.replace()

    def tell(self, *, is_available: bool) -> None:
        """Tell every command here whether processes reach each other."""
        for connection in self._connections:
            connection.send(Available() if is_available else NotAvailable("redis", _REDIS))

    def _ask_for(self, message: Message, connection: Connection | None) -> None:
        def reply(_: Answer | Failed | None, came: bytes) -> None:
            self._carried.give_back(message.id)
            self._carrier.send(message.sender, Message("answer", message.session, message.id, frame=came))

        if connection is None:
            reply(None, b"")
            return
        try:
            self._carried.take(message.session, message.id, Asking(message.text), len(message.frame))
        except RateLimited as refusal:
            told = Message("answer", message.session, message.id, text=refusal.message)
            self._carrier.send(message.sender, told)
        else:
            connection.ask(message.id, message.frame, reply)

    def _answer(self, message: Message) -> None:
        awaited = self._awaited.get(message.id)
        if awaited is None or awaited.done():
            return
        awaited.set_result(_carried_answer(message))


class _Here:
    """The command is connected to this process."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def ask(self, asked: Asked) -> Answer | Failed | None:
        awaited: asyncio.Future[Answer | Failed | None] = asyncio.get_running_loop().create_future()

        def reply(frame: Answer | Failed | None, _: bytes) -> None:
            if not awaited.done():
                awaited.set_result(frame)

        self._connection.ask(asked.id, asked.message, reply)
        return await awaited

    def settle(self, ending: Ending) -> None:
        self._connection.settle(ending)


class _Elsewhere:
    """The command is connected to another process."""

    def __init__(
        self,
        carrier: Carrier,
        awaited: dict[str, asyncio.Future[CarriedAnswer]],
        session: ListenSessionId,
        owner: str,
    ) -> None:
        self._carrier = carrier
        self._awaited = awaited
        self._session = session
        self._owner = owner

    async def ask(self, asked: Asked) -> Answer | Failed | None:
        awaited: asyncio.Future[CarriedAnswer] = asyncio.get_running_loop().create_future()
        self._awaited[asked.id] = awaited
        outages = self._carrier.outages
        told = Message("ask", self._session, asked.id, self._carrier.process, asked.asking, asked.message)
        self._carrier.send(self._owner, told)
        try:
            while not awaited.done():
                await asyncio.wait({awaited}, timeout=CHECK_SECONDS)
                if awaited.done():
                    break
                if self._carrier.outages != outages or await self._has_moved():
                    return None
                # its answer may be lost: the other process has outages of its own
                self._carrier.send(self._owner, Message("awaited", self._session, asked.id, self._carrier.process))
            answer = awaited.result()
        finally:
            del self._awaited[asked.id]
        if isinstance(answer, RateLimited):
            raise answer
        if answer is None:
            # it said that it has no such connection any more: who has it is to be asked anew
            self._carrier.forget(self._session)
        return answer

    async def _has_moved(self) -> bool:
        try:
            return await self._carrier.owner(self._session, anew=True) != self._owner
        except NotCarried:
            return True

    def settle(self, ending: Ending) -> None:
        kind = "received" if isinstance(ending, Received) else "gone"
        self._carrier.send(self._owner, Message(kind, self._session, ending.id), at_once=False)


def _carried_answer(message: Message) -> CarriedAnswer:
    if message.text:
        return RateLimited(message.text, 1)
    try:
        frame = decode(message.frame) if message.frame else None
    except NotAFrame:
        return None
    return frame if isinstance(frame, Answer | Failed) else None
