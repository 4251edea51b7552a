"""One connection to a receiver: POSTs go out one after the other, and the answer is read while the POST is written."""

import asyncio
import os
import ssl
from contextlib import suppress
from time import perf_counter
from typing import Any, Final, cast

from aiohttp.connector import Connection as Lease

from flux_dispatch.http.response import MAX_BYTES_READ, Answer, NotHttp
from flux_dispatch.http.stopwatch import Stopwatch

MAX_COPIED_LENGTH: Final = 16_384
"""A longer body is not copied to stand behind its head."""

MAX_PIECE_LENGTH: Final = 131_072
"""A longer body is written in pieces of this, with a look at what came in between."""


class PostConnection(asyncio.Protocol):
    """A protocol that aiohttp's connector makes and connects.

    `lease` is the connector's own hold on it, from when it is connected.
    """

    __slots__ = (
        *("_answer", "_closed", "_done", "_early", "_error", "_is_lost", "_is_paused"),
        *("_loop", "_resumed", "_was_used", "_watch", "lease", "transport"),
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._answer: Answer | None = None
        self._watch: Stopwatch | None = None
        self._done: asyncio.Future[None] | None = None
        self._resumed: asyncio.Future[None] | None = None
        self._closed: asyncio.Future[None] | None = None
        self._error: Exception | None = None
        self._early = b""
        self._is_paused = self._is_lost = self._was_used = False
        self.transport: asyncio.Transport | None = None
        self.lease: Lease | None = None

    async def post(self, head: bytes, body: bytes, answer: Answer, watch: Stopwatch) -> None:
        """Write a POST and read until its answer is over.

        Raises:
            NotHttp: what came is not HTTP.
            ConnectionResetError: the connection ended before an answer came.
            SSLError: it ended by a fault of TLS.
        """
        self._answer, self._done, self._was_used = answer, self._loop.create_future(), True
        self._watch, watch.sent_at = watch, perf_counter()
        if self._early:  # a receiver that speaks first
            self._feed(self._early)
        if self._is_lost or self.transport is None:
            self._end(is_clean=True)
        if not self._done.done() and self.transport is not None:
            if len(body) <= MAX_COPIED_LENGTH:
                self.transport.write(head + body)
            elif len(body) <= MAX_PIECE_LENGTH:
                self.transport.writelines((head, body))
            else:
                await self._write_in_pieces(self.transport, head, body, self._done)
        await self._done
        self._answer = None
        if self._error is not None:
            raise self._error

    @property
    def is_idle(self) -> bool:
        """Say whether another POST may be written: it is open, all was written, and nothing came unasked."""
        transport = self.transport
        return (
            transport is not None
            and not self._is_lost
            and not self._early
            and not transport.is_closing()
            and transport.get_write_buffer_size() == 0
        )

    def hang_up(self, *, at_once: bool = False) -> None:
        """Close it for good: at once when asked, or when something is still to be written.

        A receiver that does not read would hold what waits for its last byte for ever.
        """
        if self.transport is not None and (at_once or not self.is_idle):
            self.transport.abort()
        if self.lease is not None:
            self.lease.close()
            self.lease = None

    # what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take what the receiver sent."""
        if self._answer is not None:
            self._feed(data)
            return
        self._early += data
        if self.transport is not None and (self._was_used or len(self._early) > MAX_BYTES_READ):
            self.transport.abort()

    def eof_received(self) -> None:
        """Take note that the receiver will send no more; the transport closes."""
        self._end(is_clean=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note that the connection is gone; an answer may have come before that."""
        if exc is not None and self._is_waiting:
            self._read_what_is_left()
        self._is_lost = True
        self._end(is_clean=exc is None, cause=exc)
        self.transport = None
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)

    def pause_writing(self) -> None:
        """Write no more for now."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """Go on writing."""
        self._is_paused = False
        self._resume()

    # what the connector calls

    def is_connected(self) -> bool:
        """Say whether it is open."""
        return self.transport is not None and not self.transport.is_closing()

    @property
    def should_close(self) -> bool:
        """Say whether the connector must not keep it: it keeps none, our client does."""
        return True

    @property
    def closed(self) -> asyncio.Future[None] | None:
        """Return what ends when the connection is closed, None when it is."""
        if self._closed is None and not self._is_lost:
            self._closed = self._loop.create_future()
        return self._closed

    def close(self) -> None:
        """Close it when all is written."""
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """Close it at once."""
        if self.transport is not None:
            self.transport.abort()

    # inside

    @property
    def _is_waiting(self) -> bool:
        return self._answer is not None and self._done is not None and not self._done.done()

    def _feed(self, data: bytes) -> None:
        answer = self._answer
        if answer is None or not self._is_waiting:
            self._early += data[:1]  # after the end of the answer: no other POST may follow here
            return
        watch = self._watch
        if watch is not None and not watch.answered_at:
            watch.answered_at = perf_counter()
        try:
            answer.feed(data)
        except NotHttp as error:
            self._finish(error)
        else:
            if answer.is_over:
                self._finish()

    def _end(self, *, is_clean: bool, cause: Exception | None = None) -> None:
        answer = self._answer
        if answer is None or not self._is_waiting:
            return
        try:
            answer.end(is_clean=is_clean)
        except ConnectionResetError as error:
            self._finish(cause if isinstance(cause, ssl.SSLError) else error)
        except NotHttp as error:
            self._finish(error)
        else:
            self._finish()

    def _finish(self, error: Exception | None = None) -> None:
        self._error = error
        if self._done is not None and not self._done.done():
            self._done.set_result(None)
        self._resume()

    def _resume(self) -> None:
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)

    async def _write_in_pieces(
        self, transport: asyncio.Transport, head: bytes, body: bytes, done: asyncio.Future[None]
    ) -> None:
        transport.write(head)
        rest = memoryview(body)
        while rest and not done.done():
            transport.write(rest[:MAX_PIECE_LENGTH])
            rest = rest[MAX_PIECE_LENGTH:]
            if self._is_paused:
                self._resumed = self._loop.create_future()
                await self._resumed
            else:
                await asyncio.sleep(0)

    def _read_what_is_left(self) -> None:
        """Read what the kernel still holds: where writing failed first, an answer may lie there unread."""
        transport = self.transport
        if transport is None or transport.get_extra_info("sslcontext") is not None:
            return
        plug: Any = transport.get_extra_info("socket")
        with suppress(OSError, ValueError):
            while self._is_waiting and (data := os.read(plug.fileno(), MAX_BYTES_READ)):
                self._feed(data)
