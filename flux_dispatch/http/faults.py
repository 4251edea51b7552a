"""Which error class each fault of the network belongs to."""

import ssl
from typing import Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from flux_dispatch.domain.outcome import ErrorClass, Unanswered
from flux_dispatch.http.guard import BlockedAddress

LONGEST_DETAIL: Final = 300


def unanswered(error: Exception) -> Unanswered:
    """Return the outcome of a POST that ended in this error."""
    kind = _class_of(error)
    return Unanswered(kind, _DETAILS.get(kind) or _said(error))


def _class_of(error: Exception) -> ErrorClass:  # noqa: PLR0911 - a list of cases reads best as one
    match error:
        case TimeoutError():
            return ErrorClass.TIMEOUT
        case aiohttp.ClientConnectorDNSError():
            return ErrorClass.DNS_ERROR
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return ErrorClass.TLS_ERROR
        case aiohttp.ClientConnectorError(os_error=cause) if cause is not error:
            return _class_of(cause)
        case BlockedAddress():
            return ErrorClass.BLOCKED_ADDRESS
        case ConnectionRefusedError():
            return ErrorClass.CONNECTION_REFUSED
        case aiohttp.ServerDisconnectedError() | ConnectionResetError() | BrokenPipeError():
            return ErrorClass.CONNECTION_RESET
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError() | HttpProcessingError():
            return ErrorClass.BAD_RESPONSE
        case aiohttp.ClientOSError():
            return ErrorClass.CONNECTION_RESET
        case _:
            return ErrorClass.CONNECTION_FAILED


def _said(error: Exception) -> str:
    words = error.message if isinstance(error, aiohttp.ClientResponseError) else str(error)
    return (words or type(error).__name__)[:LONGEST_DETAIL]


_DETAILS = {
    ErrorClass.TIMEOUT: "No complete answer within the time limit.",
    ErrorClass.BLOCKED_ADDRESS: "The host's address is not a public one.",
    ErrorClass.CONNECTION_REFUSED: "Nothing listens at that port.",
    ErrorClass.CONNECTION_RESET: "The connection was closed before an answer came.",
}
