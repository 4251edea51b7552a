"""Turns an HTTP response into the JSON that it holds, or into the error that it is."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from flux_webhooks.errors import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APITimeoutError,
    AuthenticationError,
    FluxError,
    IdempotencyError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from flux_webhooks.lazy_httpx import httpx
from flux_webhooks.retries import retry_after_seconds

_BY_TYPE: Final[dict[str, type[APIError]]] = {
    kind.type: kind
    for kind in (
        InvalidRequestError,
        AuthenticationError,
        PermissionDeniedError,
        NotFoundError,
        IdempotencyError,
        RateLimitError,
        ServerError,
    )
}
_SERVER_SIDE: Final = 500


class Answer(NamedTuple):
    """A good answer: its JSON (None for a 204), and whether it only repeated an earlier one."""

    json: Any
    replayed: bool


def read_response(response: httpx.Response, body: bytes) -> Answer:
    """Return what a response says.

    Raises:
        APIError: it is an error of the API's.
        APIResponseError: it is not the API's at all.
    """
    if not response.is_success:
        raise _refusal(response, body)
    if response.status_code == httpx.codes.NO_CONTENT:
        return Answer(None, replayed=False)
    if (parsed := _parsed(body)) is None:
        raise _strange(response, "is not the API's JSON")
    return Answer(parsed, response.headers.get("Idempotent-Replayed") == "true")


def retry_after_of(error: FluxError) -> float | None:
    """Return for how many seconds the server asks to wait."""
    return error.retry_after if isinstance(error, (RateLimitError, ServerError, APIResponseError)) else None


def connection_error(error: httpx.RequestError, timeout: float) -> FluxError:
    """Return our error for what came instead of an answer; it tells no header, since the key is in one."""
    if isinstance(error, httpx.TimeoutException):
        return timed_out(timeout)
    words = (str(error) or type(error).__name__).rstrip(".")
    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in words:
        return APIResponseError(f"What answers is not HTTP: {words}. Check api_url, and the proxies before it.")
    return APIConnectionError(f"No answer came from the API: {words}. Check api_url, and that it can be reached.")


def cut_off(error: httpx.RequestError, timeout: float, response: httpx.Response) -> FluxError:
    """Return our error for an answer that began, and did not come to a good end."""
    if isinstance(error, httpx.TimeoutException):
        return timed_out(timeout)
    words = (str(error) or type(error).__name__).rstrip(".")
    message = f"The answer was cut off or is damaged: {words}. The request may have been carried out."
    return APIResponseError(message, status=response.status_code, request_id=response.headers.get("X-Request-Id"))


def timed_out(timeout: float) -> APITimeoutError:
    """Return the error for an answer that did not come in time."""
    return APITimeoutError(f"No whole answer came within {timeout:g} seconds. The request may have been carried out.")


def _refusal(response: httpx.Response, body: bytes) -> FluxError:
    status = response.status_code
    if response.is_redirect:
        return _strange(response, "is a redirect, which is not followed: give the address that answers itself")
    parsed = _parsed(body)
    error = parsed.get("error") if isinstance(parsed, dict) else None
    if not isinstance(error, dict) or not all(isinstance(error.get(each), str) for each in ("code", "message")):
        return _strange(response, "is not one of the API's errors")
    kind = _BY_TYPE.get(str(error.get("type")), ServerError if status >= _SERVER_SIDE else InvalidRequestError)
    made = kind(
        error["message"],
        code=error["code"],
        status=status,
        param=_text(error.get("param")),
        doc_url=_text(error.get("doc_url")),
        request_id=_text(error.get("request_id")) or response.headers.get("X-Request-Id"),
    )
    if isinstance(made, (RateLimitError, ServerError)):
        made.retry_after = retry_after_seconds(response.headers.get("Retry-After"))
    return made


def _strange(response: httpx.Response, what: str) -> APIResponseError:
    kind = response.headers.get("Content-Type", "no content type")[:60]
    message = f"The answer {what} (status {response.status_code}, {kind}). Check api_url, and the proxies before it."
    error = APIResponseError(message, status=response.status_code, request_id=response.headers.get("X-Request-Id"))
    # a proxy that limits or is overloaded asks for patience as the API does
    error.retry_after = retry_after_seconds(response.headers.get("Retry-After"))
    return error


def _parsed(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds; None for what is no JSON
    try:
        return json.loads(body.decode())
    except (ValueError, RecursionError):
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
