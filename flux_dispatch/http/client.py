"""The client: POSTs of bytes over connections that aiohttp's connector makes, and nothing else."""

import asyncio
import functools
from time import perf_counter
from typing import Any, Final, cast

from aiohttp import ClientConnectionResetError, ClientRequest, ClientTimeout
from aiohttp.connector import TCPConnector
from multidict import CIMultiDict
from yarl import URL

from flux_dispatch.http.connection import PostConnection
from flux_dispatch.http.idle import IdleConnections
from flux_dispatch.http.response import Answer
from flux_dispatch.http.stopwatch import Stopwatch
from flux_dispatch.http.target import Target

MAX_IDLE: Final = 4096


class PostConnector(TCPConnector):
    """aiohttp's connector: it resolves, dials and does TLS, and talks our protocol in place of its own."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - those of TCPConnector
        super().__init__(**options)
        self._factory = cast(Any, functools.partial(PostConnection, self._loop))

    async def _wrap_create_connection(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - aiohttp's own
        """Dial one host and do TLS, between them the marks: the name is resolved before, and TLS asks for a protocol.

        Where one address fails for its TLS, the next one is dialled: what counts is the last, behind the same name.
        """
        watch: Stopwatch = options["req"].watch
        watch.resolved_at = watch.resolved_at or perf_counter()
        watch.connected_at = 0.0

        def connected() -> PostConnection:
            watch.connected_at = perf_counter()
            return PostConnection(self._loop)

        return await super()._wrap_create_connection(connected, *args[1:], **options)


class PostClient:
    """Sends POSTs over connections that are kept.

    A session of aiohttp costs each POST about a quarter of its CPU, for cookies, redirects, proxies, traces,
    middlewares, and a task for the body; none is wanted here. Its parser takes an answer whole or not at all, where the
    status line has to decide: see docs/decisions/0013-the-status-line-decides.md.

    Args:
        connector: makes connections.
        most_idle: how many connections are kept between POSTs.
    """

    def __init__(self, connector: PostConnector, most_idle: int = MAX_IDLE) -> None:
        self._connector = connector
        self._loop = asyncio.get_running_loop()
        self._idle = IdleConnections(most_idle)

    async def post(
        self, target: Target, headers: dict[str, str], body: bytes, answer: Answer, watch: Stopwatch
    ) -> None:
        """Send a POST and read its answer, which is filled as it comes in, while the watch gets its marks.

        Raises:
            ClientError: no connection.
            NotHttp, OSError: no answer that could be understood.
            ValueError: a header would break the head.
        """
        head = _head(target, headers, body)
        connection = self._idle.take(target.origin) or await self._connect(target, watch)
        try:
            await connection.post(head, body, answer, watch)
        except BaseException:
            connection.hang_up(at_once=True)
            raise
        if answer.is_reusable and connection.is_idle:
            self._idle.put(target.origin, connection, len(body))
        else:
            connection.hang_up(at_once=not answer.is_whole)

    async def close(self) -> None:
        """Close every connection."""
        await self._connector.close(abort_ssl=True)
        self._idle.close()

    async def _connect(self, target: Target, watch: Stopwatch) -> PostConnection:
        watch.has_dialled, watch.is_tls = True, target.place.scheme == "https"
        lease = await self._connector.connect(_Post(target.place, self._loop, watch), [], _NO_TIMEOUT)
        watch.secured_at = perf_counter()
        connection = cast(PostConnection | None, lease.protocol)
        if connection is None:
            raise ClientConnectionResetError
        connection.lease = lease
        return connection


class _Post(ClientRequest):
    """What the connector must know of a request: where it goes; and what its time is taken with."""

    proxy = None
    proxy_auth = None
    proxy_headers = None
    server_hostname = None
    _ssl = True

    def __init__(self, url: URL, loop: asyncio.AbstractEventLoop, watch: Stopwatch) -> None:
        self.method = "POST"
        self.url = self.original_url = url
        self.loop = loop
        self.watch = watch
        self.headers = CIMultiDict[str]()


def _head(target: Target, headers: dict[str, str], body: bytes) -> bytes:
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if fields.count("\n") != len(headers) or fields.count("\r") != len(headers) or "\0" in fields:
        message = "A header of the webhook holds a line break or NUL."
        raise ValueError(message)
    return f"{target.start}{fields}Content-Length: {len(body)}\r\n\r\n".encode()


_NO_TIMEOUT = ClientTimeout(total=None, sock_connect=None)
