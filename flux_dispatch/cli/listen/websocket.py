"""One connection to the tunnel: a WebSocket that speaks in frames, and says in a sentence why it ends."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from yarl import URL

from flux_dispatch.cli.listen.failures import words_of
from flux_dispatch.tunnel.frames import (
    CLOSED_ENDED,
    CLOSED_REPLACED,
    CLOSED_RESTARTING,
    MAX_MESSAGE_BYTES,
    PING_SECONDS,
    SUBPROTOCOL,
    Frame,
    NotAFrame,
    decode,
    encode,
)

CONNECT_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 1.0
_FIRST_SERVER_ERROR: Final = 500
_WORTH_REPEATING: Final = frozenset({408, 425, 429})
_OTHERS_FAULT: Final[Mapping[int, str]] = {
    CLOSED_RESTARTING: "The server restarts.",
    CLOSED_REPLACED: "Another connection has taken its place.",
    1001: "The server stops.",
    1006: "It broke off.",
    1009: "The server takes no message of this size.",
}


class Lost(Exception):
    """There is no connection, or no more; another attempt may help. The message is a sentence."""


class Refused(Exception):
    """The server does not let this command connect, and will not later; `status` is its answer."""

    def __init__(self, status: int) -> None:
        super().__init__(f"The server answered {status}.")
        self.status = status


class SessionEnded(Exception):
    """The session is over; `reason` is a word, the message a sentence, both empty where the server said neither."""

    def __init__(self, reason: str = "", message: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class Address:
    """Where the socket is, and how it is reached; `headers` hold the key.

    A server that has been silent for `ping_seconds` is pinged, and given up after half of that again.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    certificates: ssl.SSLContext | None = None
    proxy: str | None = field(default=None, repr=False)
    proxy_login: tuple[str, str] | None = field(default=None, repr=False)
    ping_seconds: float = PING_SECONDS


class WebSocket:
    """An open WebSocket."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self._websocket = websocket

    async def receive(self) -> Frame:
        """Return the next frame; what is none is passed over.

        Raises:
            Lost: the connection broke off, or was closed.
            SessionEnded: it was closed because the session is over.
        """
        while True:
            message = await self._websocket.receive()
            if message.type is aiohttp.WSMsgType.BINARY:
                # a later server may send kinds that are not known here
                with suppress(NotAFrame):
                    return decode(message.data)
            elif message.type is not aiohttp.WSMsgType.TEXT:
                raise self._end()

    async def send(self, frame: Frame) -> None:
        """Send a frame; if the connection is lost this is not said here, but where frames are received."""
        with suppress(ConnectionError, aiohttp.ClientError, RuntimeError):
            await self._websocket.send_bytes(encode(frame))

    def _end(self) -> Exception:
        error, code = self._websocket.exception(), self._websocket.close_code
        if code == CLOSED_ENDED:
            return SessionEnded()
        if isinstance(error, TimeoutError):
            return Lost("The server is silent.")
        return Lost(_OTHERS_FAULT.get(code or 1006, f"The server closed it with code {code}."))


@asynccontextmanager
async def connected(address: Address) -> AsyncIterator[WebSocket]:
    """Yield a connection; the block's end closes it, within a second.

    Raises:
        Lost: it cannot be made now.
        Refused: it may not be made.
    """
    # pooled with nothing: closing the session ends the connection, whatever state it is in
    connector = aiohttp.TCPConnector(
        ssl=address.certificates or True, force_close=True, resolver=aiohttp.ThreadedResolver()
    )
    async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
        async with asyncio.timeout(CONNECT_SECONDS) as limit:
            try:
                websocket = await session.ws_connect(
                    URL(address.url),
                    headers=address.headers,
                    protocols=(SUBPROTOCOL,),
                    heartbeat=address.ping_seconds,
                    max_msg_size=MAX_MESSAGE_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_SECONDS),
                    proxy=address.proxy,
                    proxy_auth=aiohttp.BasicAuth(*address.proxy_login) if address.proxy_login else None,
                )
            except aiohttp.WSServerHandshakeError as error:
                raise _refusal(error.status) from None
            except (aiohttp.ClientError, OSError) as error:
                raise Lost(_why_not(error)) from None
            limit.reschedule(None)
        try:
            yield WebSocket(websocket)
        finally:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await websocket.close()


def _refusal(status: int) -> Exception:
    if status >= _FIRST_SERVER_ERROR or status in _WORTH_REPEATING:
        return Lost(f"The server answers {status}.")
    return Refused(status)


def _why_not(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return "The server's certificate is not trusted."
        case aiohttp.ClientHttpProxyError():
            return f"The proxy answers {error.status}."
        case aiohttp.ClientConnectorError():
            return f"The server cannot be reached ({words_of(error.os_error)})."
        case _:
            return "The server cannot be reached."
