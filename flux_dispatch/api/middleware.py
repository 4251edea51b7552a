"""What every request passes: an id, a place in the counts, who asks, and one form for what goes wrong."""

import time
from functools import partial

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from flux_dispatch.api.auth import ACCOUNT, API_KEY, PLATFORM, Authenticator, Handler
from flux_dispatch.api.caller import caller_of
from flux_dispatch.api.errors import error_response, from_http
from flux_dispatch.api.rate_limit import HEADERS, RateLimit
from flux_dispatch.api.request_meter import RequestMeter
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import FluxError, InternalError, Unavailable
from flux_dispatch.domain.url import RELAYED
from flux_dispatch.engine.flow.read_limit import ReadLimit
from flux_dispatch.store.acting import acting_as
from flux_dispatch.web.request_id import REQUEST_ID, in_log, new_request_id

log = structlog.get_logger("flux.api")


class UnavailableLog:
    """Logs why requests cannot be served: at most once a second, for they come by the thousand."""

    def __init__(self) -> None:
        self._quiet_until = 0.0
        self._unlogged = 0

    def note(self, error: Unavailable, request_id: str) -> None:
        """Log it, or count it for the next line."""
        now = time.monotonic()
        if now < self._quiet_until:
            self._unlogged += 1
            return
        log.warning("request.unavailable", request_id=request_id, cause=error.cause, others_before=self._unlogged)
        self._quiet_until, self._unlogged = now + 1, 0


def make_counting(meter: RequestMeter) -> Middleware:
    """Return the outer middleware: it gives a request the id that its log lines carry, and counts it."""

    @web.middleware
    async def count_request(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[REQUEST_ID] = request_id = new_request_id()
        began, response = time.perf_counter(), None
        meter.begin()
        try:
            with in_log(request_id):
                response = await handler(request)
        finally:
            meter.end(request, response, time.perf_counter() - began)
        return response

    return count_request


def _in_words(request: web.Request) -> dict[str, str]:
    """Return what the log says of a request; whoever reads the URL of a listen session can send to it."""
    path = f"{RELAYED}…" if request.path.startswith(RELAYED) else request.path
    return {"request_id": request[REQUEST_ID], "method": request.method, "path": path}


def make_middleware(authenticator: Authenticator, rate_limit: RateLimit, read_limit: ReadLimit) -> Middleware:
    """Return the inner middleware."""
    unavailable_log = UnavailableLog()

    @web.middleware
    async def handle_request(request: web.Request, handler: Handler) -> web.StreamResponse:
        request_id = request[REQUEST_ID]
        try:
            scope = getattr(handler, "required_scope", None)
            if scope is not None:
                await authenticator.authenticate(request, scope, handler.acts_for)  # type: ignore[attr-defined]
                await rate_limit.check(request, scope)
            with acting_as(partial(caller_of, request)):
                if scope is Scope.READ or getattr(handler, "reads_much", False):
                    async with read_limit.place(request.get(ACCOUNT, PLATFORM)):
                        response = await handler(request)
                else:
                    response = await handler(request)
        except FluxError as error:
            if isinstance(error, Unavailable):
                unavailable_log.note(error, request_id)
            elif isinstance(error, InternalError):
                log.exception("request.failed", **_in_words(request), error=error.message)
            response = error_response(error, request_id)
        except web.HTTPException as error:
            response = error_response(from_http(error), request_id)
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
        except Exception:
            log.exception("request.failed", **_in_words(request))
            response = error_response(
                InternalError(f"Something broke on our side; it is logged as {request_id}."), request_id
            )
        return _with_headers(request, response)

    return handle_request


def _with_headers(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    response.headers["X-Request-Id"] = request[REQUEST_ID]
    response.headers.update(request.get(HEADERS, {}))
    if API_KEY in request:  # what is answered to a key is for nobody else, and of this moment
        response.headers["Cache-Control"] = "no-store"
    return response
