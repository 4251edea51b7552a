"""The API's HTTP server: aiohttp's, with a limit for how long a client may take, and with our form of errors."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from flux_dispatch.api.errors import bad_request, error_response, from_http
from flux_dispatch.domain.errors import FluxError, InternalError
from flux_dispatch.web.request_id import new_request_id

HEAD_SECONDS: Final = 10
"""How long after it was opened the first request of a connection may take to arrive, but for its body."""

IDLE_SECONDS: Final = 75
"""How long a connection may be idle between two requests; proxies and clients keep theirs for a minute."""

ANSWER_SECONDS: Final = 60
"""How long a client may take to read what does not fit the buffers of its connection."""

log = structlog.get_logger("flux.api")


class ApiRunner(web.AppRunner):
    """Runs the application on our server.

    Args:
        application: what answers; its owner closes its parts.
        shutdown_timeout: how many seconds requests in flight get when the server stops.
    """

    def __init__(self, application: web.Application, *, shutdown_timeout: float = 60) -> None:
        super().__init__(
            application,
            handle_signals=False,
            access_log=None,
            keepalive_timeout=IDLE_SECONDS,
            auto_decompress=False,  # what goes through the tunnel is handed on as it came
            shutdown_timeout=shutdown_timeout,
        )

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(_with_our_errors(made.request_handler), request_factory=made.request_factory, **made._kwargs)  # noqa: SLF001


class _Server(web.Server):
    """Closes connections that send nothing whole."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - they are aiohttp's
        super().__init__(*arguments, **options)
        self._first_heads: dict[RequestHandler, asyncio.TimerHandle] = {}

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        self._first_heads[handler] = self._loop.call_later(HEAD_SECONDS, self._expect_request, handler)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        if timer := self._first_heads.pop(handler, None):
            timer.cancel()
        super().connection_lost(handler, exc)

    def _expect_request(self, handler: RequestHandler) -> None:
        self._first_heads.pop(handler, None)
        if not handler._request_count:  # noqa: SLF001 - it has no public way
            handler.force_close()


class _Connection(RequestHandler):
    """One connection: what the parser refuses is answered as all errors are, and nobody reads for ever."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("An answer was begun already.")
        request_id = new_request_id()
        error: FluxError
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            error = bad_request(_in_words(exc, message), status)
        else:
            log.error("request.failed", request_id=request_id, exc_info=exc)
            error = InternalError(f"Something broke on our side; it is logged as {request_id}.")
        response = _named(error_response(error, request_id), request_id)
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        if not (isinstance(resp, web.Response) and isinstance(resp.body, bytes) and len(resp.body) > _FITS):
            return await super().finish_response(request, resp, start_time)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:
            if self.transport is not None:
                self.transport.abort()  # to close it would be to wait until it is read
            raise ConnectionError("The client does not read its answer.") from None


def _with_our_errors(handler: Callable[[Any], Awaitable[web.StreamResponse]]) -> Callable[..., Any]:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:  # what aiohttp answers before the application's own gate
            request_id = new_request_id()
            return _named(error_response(from_http(error), request_id), request_id)

    return handle


def _in_words(exc: BaseException | None, message: str | None) -> str:
    if isinstance(exc, LineTooLong):
        return "The URL or a header of the request is longer than 8190 bytes."
    words = (message or "it cannot be understood").strip().splitlines()[0][:200].rstrip(".:")
    return f"The request is not good HTTP/1.1: {words}."


def _named(response: web.Response, request_id: str) -> web.Response:
    response.headers["X-Request-Id"] = request_id
    return response


_FITS: Final = 65_536
"""An answer of so many bytes is taken by the buffers, so nobody waits for its reader."""
