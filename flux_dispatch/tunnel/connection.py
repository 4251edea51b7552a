"""One command that is connected: its WebSocket, and the requests that it has not answered yet."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeAlias

import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from flux_dispatch.domain.ids import ListenSessionId
from flux_dispatch.domain.listen_session import WORDS, Connected, EndReason
from flux_dispatch.tunnel.frames import (
    CLOSED_ENDED,
    CLOSED_REPLACED,
    CLOSED_RESTARTING,
    Answer,
    Ended,
    Failed,
    Frame,
    Gone,
    NotAFrame,
    Ready,
    Received,
    decode,
    encode,
)

MAX_UNSENT: Final = 2000
"""How many frames wait for a command that does not read; one more ends its connection."""

FLUSH_SECONDS: Final = 2.0
"""For how long the last frames of a connection may take."""

SETTLE_SECONDS: Final = 0.1
"""How long a command waits to be told that it may forget an answer: so it is woken for many at once."""

Reply: TypeAlias = Callable[[Answer | Failed | None, bytes], None]
"""Gets an answer, and the message that it came in; None where the connection ended before there was one."""

log = structlog.get_logger("flux.tunnel")


class Connection:
    """A command's connection to this process.

    Args:
        connected: which session it is for, and which of its connections this is.
        socket: a WebSocket that is open.
        abort: cuts the connection off, whatever is not written yet.
        check_allowed: raises what is wrong with the command's key, if anything is by now.
    """

    def __init__(
        self,
        connected: Connected,
        socket: web.WebSocketResponse,
        *,
        abort: Callable[[], None],
        check_allowed: Callable[[], Awaitable[None]],
    ) -> None:
        self.session = connected.session
        self.target = connected.target
        self.epoch = connected.epoch
        self.check_allowed = check_allowed
        self._socket = socket
        self._abort = abort
        self._pending: dict[str, Reply] = {}
        self._settled: list[Received | Gone] = []
        self._outgoing = asyncio.Queue[bytes | None]()
        self._close_code: int | None = None

    @property
    def id(self) -> ListenSessionId:
        """The session's id."""
        return self.session.id

    @property
    def is_open(self) -> bool:
        """Say whether requests may be sent to it."""
        return self._close_code is None and not self._socket.closed

    async def run(self) -> None:
        """Say that it is ready, and return when it has ended, however it did."""
        self.send(Ready(self.id, self.session.url, self.session.events))
        writing = asyncio.create_task(self._write())
        try:
            await self._read()
        finally:
            self._close_code = self._close_code or WSCloseCode.OK
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await writing
            # a peer that is not there would keep what was not written, and the descriptor, for a quarter of an hour
            self._abort()
            self._give_up_pending()

    def ask(self, request_id: str, message: bytes, reply: Reply) -> None:
        """Send a request; one that was sent already is only answered to somebody else."""
        is_new = request_id not in self._pending
        self._pending[request_id] = reply
        if is_new:
            self._put(message)

    def awaits(self, request_id: str) -> bool:
        """Say whether a request was sent that is not answered yet."""
        return request_id in self._pending

    def settle(self, frame: Received | Gone) -> None:
        """Tell the command what has become of its answer to a request, soon and with others."""
        self._pending.pop(frame.id, None)
        self._settled.append(frame)
        if len(self._settled) == 1:
            asyncio.get_running_loop().call_later(SETTLE_SECONDS, self._send_settled)

    def _send_settled(self) -> None:
        settled, self._settled = self._settled, []
        for frame in settled:
            self.send(frame)

    def send(self, frame: Frame) -> None:
        """Send a frame behind those that wait."""
        self._put(encode(frame))

    def end(self, reason: EndReason) -> None:
        """Tell the command that its session is over, and close."""
        if self._close_code is None:
            self.send(Ended(reason, WORDS[reason]))
            self.close(CLOSED_ENDED)

    def replace(self) -> None:
        """Close, because the command is connected anew: what it has not answered is asked there."""
        self._give_up_pending()
        while not self._outgoing.empty():
            self._outgoing.get_nowait()
        self.close(CLOSED_REPLACED)

    def stop(self) -> None:
        """Close, because this process ends."""
        self.close(CLOSED_RESTARTING)

    def close(self, code: int) -> None:
        """Close when what waits is sent, or cannot be."""
        if self._close_code is None:
            self._close_code = code
            self._outgoing.put_nowait(None)
            asyncio.get_running_loop().call_later(2 * FLUSH_SECONDS, self._abort)

    def _give_up_pending(self) -> None:
        pending, self._pending = self._pending, {}
        for reply in pending.values():
            reply(None, b"")

    def _put(self, message: bytes) -> None:
        if self._close_code is not None:
            return
        self._outgoing.put_nowait(message)
        if self._outgoing.qsize() > MAX_UNSENT:
            self._close_code = WSCloseCode.POLICY_VIOLATION
            self._abort()

    async def _write(self) -> None:
        with suppress(ConnectionError):
            while (message := await self._outgoing.get()) is not None:
                await self._socket.send_bytes(message)
            await self._socket.close(code=self._close_code or WSCloseCode.OK, drain=False)

    async def _read(self) -> None:
        async for message in self._socket:
            try:
                self._take(message.data if message.type is WSMsgType.BINARY else b"")
            except NotAFrame as error:
                log.warning("tunnel.not_a_frame", session=self.id, error=str(error))
                self._close_code = self._close_code or WSCloseCode.PROTOCOL_ERROR
                await self._socket.close(code=WSCloseCode.PROTOCOL_ERROR, message=str(error).encode()[:100])

    def _take(self, message: bytes) -> None:
        frame = decode(message)
        if not isinstance(frame, Answer | Failed):
            raise NotAFrame(f"A command does not send {type(frame).__name__}.")
        reply = self._pending.pop(frame.id, None)
        if reply is None:
            self.send(Gone(frame.id))
        else:
            reply(frame, message)
