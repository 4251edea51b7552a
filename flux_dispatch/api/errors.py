"""The one form of every error that the API answers."""

import json
import math
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from flux_dispatch.domain.errors import (
    FluxError,
    IdempotencyConflict,
    InvalidRequest,
    NotFound,
    RateLimited,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from flux_dispatch.domain.listen_session import ListenerNotConnected

DOCUMENTATION: Final = "https://github.com/flux-dispatch/flux-dispatch/blob/main/docs"

RETRY_SECONDS: Final = "1"
"""What Retry-After says while the database is unavailable, or an account reads too much at once."""


def error_response(error: FluxError, request_id: str) -> web.Response:
    """Return the response for an error of ours or the caller's."""
    headers = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, Unavailable | TooManyRequests):
        headers["Retry-After"] = RETRY_SECONDS
    if isinstance(error, RateLimited | ListenerNotConnected):
        headers["Retry-After"] = str(math.ceil(error.retry_seconds))
    body: dict[str, Any] = {
        "type": error.kind,
        "code": error.code,
        "message": error.message,
        "param": error.param if isinstance(error, InvalidRequest | IdempotencyConflict) else None,
        "doc_url": f"{DOCUMENTATION}/errors.md#{error.code}",
        "request_id": request_id,
    }
    return web.json_response({"error": body}, status=error.status, headers=headers, dumps=json.dumps)


def from_http(error: web.HTTPException) -> FluxError:
    """Return our error for one that aiohttp raised."""
    match error.status:
        case HTTPStatus.NOT_FOUND:
            return NotFound("There is nothing at this address. docs/api.md lists the endpoints.")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return _wrong_request(
                "This address does not take that method.", code="method_not_allowed", status=error.status
            )
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return _wrong_request(
                "The request body is larger than allowed.", code="body_too_large", status=error.status
            )
        case HTTPStatus.EXPECTATION_FAILED:
            return bad_request("The only expectation that is met here is Expect: 100-continue.", error.status)
        case _:
            return bad_request(f"{error.reason}.", error.status)


def bad_request(message: str, status: int) -> FluxError:
    """Return the error for what is not good HTTP."""
    return _wrong_request(message, code="bad_request", status=status)


def _wrong_request(message: str, *, code: str, status: int) -> InvalidRequest:
    return InvalidRequest(message, code=code, status=HTTPStatus(status))
