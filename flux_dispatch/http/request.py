"""The request that aiohttp makes for a delivery: a POST of bytes that are at hand, without what only others need."""

from typing import Any

from aiohttp import ClientRequest, ClientResponse, hdrs
from aiohttp.connector import Connection
from aiohttp.http_writer import StreamWriter
from multidict import CIMultiDict


class PostRequest(ClientRequest):
    """Writes head and body at once, where aiohttp starts a task for the body, in case that it is a stream.

    Each method does the part of its namesake that a POST of bytes needs. Were aiohttp to rename one, it would do its
    own again: slower, and the same on the wire.
    """

    def update_headers(self, headers: Any) -> None:  # noqa: ANN401 - as in aiohttp
        """Take the sender's headers as they are, with Host before them."""
        self.headers = CIMultiDict[str]()
        self.headers[hdrs.HOST] = self.url.host_port_subcomponent or ""
        self.headers.update(headers)

    def update_auto_headers(self, skip_auto_headers: Any) -> None:  # noqa: ANN401 - as above
        """Add none: the sender says them all."""

    def update_body_from_data(self, body: Any, _stacklevel: int = 3) -> None:  # noqa: ANN401 - as above
        """Keep the bytes, and state their length."""
        self._bytes: bytes = body
        self.headers[hdrs.CONTENT_LENGTH] = str(len(body))

    async def send(self, conn: Connection) -> ClientResponse:
        """Write the request; what comes back belongs to the response."""
        protocol = conn.protocol
        if protocol is None:
            raise ConnectionResetError
        writer = StreamWriter(protocol, self.loop)
        await writer.write_headers(f"POST {self.url.raw_path_qs} HTTP/1.1", self.headers)
        await writer.write_eof(self._bytes)
        protocol.start_timeout()
        response = self.response_class(
            self.method,
            self.original_url,
            writer=None,
            continue100=None,
            timer=self._timer,
            request_info=self.request_info,
            traces=self._traces,
            loop=self.loop,
            session=self.session,
            stream_writer=writer,
        )
        self.response = response  # type: ignore[assignment] # aiohttp declares it by its first value, None
        return response
