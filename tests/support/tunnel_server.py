"""The server's side of one tunnel, in a test's hands: it confirms, sends frames, and breaks off as it is told."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from flux_dispatch.tunnel.frames import SUBPROTOCOL, Answer, Failed, Frame, Ready, decode, encode

SESSION = "lsn_1"
URL = "https://flux.example/in/lst_x"
DEADLINE_SECONDS = 10


@dataclass
class TunnelServer:
    """Takes one connection at a time; `statuses` are what the next attempts to connect are answered instead."""

    statuses: list[int] = field(default_factory=list)
    confirms: bool = True
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[Answer | Failed] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self._connected: asyncio.Queue[web.WebSocketResponse] = asyncio.Queue()
        self._answered: asyncio.Queue[Answer | Failed] = asyncio.Queue()
        self._socket: web.WebSocketResponse | None = None
        self._transports: list[asyncio.BaseTransport] = []

    async def connected(self) -> None:
        """Return when the next connection is there."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            self._socket = await self._connected.get()

    async def send(self, *frames: Frame) -> None:
        """Send frames over the connection."""
        for each in frames:
            await self._open().send_bytes(encode(each))

    async def send_raw(self, message: bytes) -> None:
        """Send what need be no frame."""
        await self._open().send_bytes(message)

    async def answer(self) -> Answer | Failed:
        """Return the next answer."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self._answered.get()

    async def close(self, code: int) -> None:
        """Close the connection with a code."""
        await self._open().close(code=code)

    def cut(self) -> None:
        """Break the connection off."""
        assert isinstance(self._transport, asyncio.Transport)
        self._transport.abort()

    def abandon(self) -> None:
        """Break off whatever was ever connected."""
        for each in self._transports:
            assert isinstance(each, asyncio.Transport)
            each.abort()

    def fall_silent(self) -> None:
        """Neither read nor answer any more, as a server does whose network is gone."""
        assert isinstance(self._transport, asyncio.Transport)
        self._transport.pause_reading()

    def _open(self) -> web.WebSocketResponse:
        assert self._socket is not None
        return self._socket

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one attempt to connect."""
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if self.statuses:
            return web.Response(status=self.statuses.pop(0))
        socket = web.WebSocketResponse(protocols=(SUBPROTOCOL,), max_msg_size=0)
        await socket.prepare(request)
        transport = request.transport
        assert transport is not None
        self._transport = transport
        self._transports.append(transport)
        if self.confirms:
            await socket.send_bytes(encode(Ready(SESSION, URL, ("*",))))
        self._connected.put_nowait(socket)
        async for message in socket:
            frame = decode(message.data)
            assert isinstance(frame, Answer | Failed)
            self.answers.append(frame)
            self._answered.put_nowait(frame)
        return socket


@asynccontextmanager
async def tunnel_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[TunnelServer]:
    """Yield a server on a free port; its `url` is that of the socket."""
    server = TunnelServer()
    application = web.Application()
    application.router.add_get("/socket", server.serve)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}/socket"
    try:
        yield server
    finally:
        server.abandon()
        await runner.cleanup()
