"""The middleware that every request passes: an id for it, who asks, and one form for what goes wrong."""

import time

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from flux_dispatch.api.auth import ACCOUNT, PLATFORM, Authenticator, Handler
from flux_dispatch.api.errors import error_response, from_http, new_request_id
from flux_dispatch.api.rate_limit import HEADERS, RateLimit
from flux_dispatch.api.read_limit import ReadLimit
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import FluxError, InternalError, Unavailable

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


def make_middleware(authenticator: Authenticator, rate_limit: RateLimit) -> Middleware:
    """Return the middleware."""
    read_limit = ReadLimit()
    unavailable_log = UnavailableLog()

    @web.middleware
    async def handle_request(request: web.Request, handler: Handler) -> web.StreamResponse:
        request_id = new_request_id()
        try:
            scope = getattr(handler, "required_scope", None)
            if scope is not None:
                await authenticator.authenticate(request, scope, handler.acts_for)  # type: ignore[attr-defined]
                await rate_limit.check(request, scope)
            if scope is Scope.READ or getattr(handler, "reads_much", False):
                async with read_limit.place(request.get(ACCOUNT, PLATFORM)):
                    response = await handler(request)
            else:
                response = await handler(request)
        except FluxError as error:
            if isinstance(error, Unavailable):
                unavailable_log.note(error, request_id)
            response = error_response(error, request_id)
        except web.HTTPException as error:
            response = error_response(from_http(error), request_id)
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
        except Exception:
            log.exception("request.failed", request_id=request_id, method=request.method, path=request.path)
            response = error_response(
                InternalError(f"Something broke on our side; it is logged as {request_id}."), request_id
            )
        response.headers["X-Request-Id"] = request_id
        response.headers.update(request.get(HEADERS, {}))
        return response

    return handle_request
