"""The client: aiohttp's connections, writer and parser, for POSTs of bytes and nothing else."""

import asyncio
from typing import Final

from aiohttp import (
    ClientConnectionResetError,
    ClientError,
    ClientOSError,
    ClientRequest,
    ClientResponse,
    ClientTimeout,
    hdrs,
)
from aiohttp.connector import Connection, TCPConnector
from aiohttp.helpers import TimerNoop
from aiohttp.http_writer import StreamWriter
from multidict import CIMultiDict
from yarl import URL

LONGEST_HEADER_LINE: Final = 4096


class PostClient:
    """Sends POSTs over connections that are kept.

    It does what `ClientSession.post` does between its many options. A session costs each POST about a quarter of its
    CPU, for cookies, redirects, proxies, traces, middlewares, and a task for the body; none is wanted here.

    Args:
        connector: makes connections and keeps them.
    """

    def __init__(self, connector: TCPConnector) -> None:
        self._connector = connector
        self._loop = asyncio.get_running_loop()

    async def post(self, url: URL, headers: dict[str, str], body: bytes) -> ClientResponse:
        """Return the response when its head has come; the caller reads and releases it.

        Raises:
            ClientError: no connection, or no understandable answer.
        """
        request = _Post(url, headers, body, self._loop)
        try:
            connection = await self._connector.connect(request, [], _NO_TIMEOUT)
            try:
                return await self._exchange(request, connection, body)
            except BaseException:
                connection.close()
                raise
        except (ClientError, TimeoutError):
            raise
        except OSError as error:
            raise ClientOSError(*error.args) from error

    async def close(self) -> None:
        """Close every connection."""
        await self._connector.close()

    async def _exchange(self, request: "_Post", connection: Connection, body: bytes) -> ClientResponse:
        protocol = connection.protocol
        if protocol is None:
            raise ClientConnectionResetError
        protocol.set_response_params(
            timer=_NO_TIMER,
            read_until_eof=True,
            auto_decompress=False,
            max_line_size=LONGEST_HEADER_LINE,
            max_field_size=LONGEST_HEADER_LINE,
        )
        writer = StreamWriter(protocol, self._loop)
        await writer.write_headers(f"POST {request.url.raw_path_qs} HTTP/1.1", request.headers)
        await writer.write_eof(body)
        response = ClientResponse(
            "POST",
            request.url,
            writer=None,
            continue100=None,
            timer=_NO_TIMER,
            request_info=request.request_info,
            traces=[],
            loop=self._loop,
            session=None,  # type: ignore[arg-type] # it is asked for the charset of text alone
            stream_writer=writer,
        )
        return await response.start(connection)


class _Post(ClientRequest):
    """What the connector must know of a request: where it goes."""

    proxy = None
    proxy_auth = None
    proxy_headers = None
    server_hostname = None
    _ssl = True

    def __init__(self, url: URL, headers: dict[str, str], body: bytes, loop: asyncio.AbstractEventLoop) -> None:
        self.method = "POST"
        self.url = self.original_url = url
        self.loop = loop
        self.headers = CIMultiDict[str](
            {hdrs.HOST: url.host_port_subcomponent or "", **headers, hdrs.CONTENT_LENGTH: str(len(body))}
        )


_NO_TIMEOUT = ClientTimeout(total=None, sock_connect=None)
_NO_TIMER = TimerNoop()
