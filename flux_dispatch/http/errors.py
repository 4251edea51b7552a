"""Which error class each fault of the network belongs to, and which of them are no fault of the receiver."""

import errno
import re
import ssl
from typing import Final

import aiohttp

from flux_dispatch.domain.outcome import ErrorClass, NoResponse, Unsent
from flux_dispatch.http.address_guard import BlockedAddress
from flux_dispatch.http.response import NotHttp
from flux_dispatch.http.routes import leads_anywhere

MAX_DETAIL_LENGTH: Final = 300

OURS: Final = frozenset(
    {
        errno.EMFILE,  # this process has as many files open as it may
        errno.ENFILE,  # so has the whole machine
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.EADDRNOTAVAIL,  # every local port is taken
        errno.EPERM,  # a filter on this machine
    }
)
"""What the system says when this machine cannot begin a connection, whoever is at its other end."""

OURS_WITHOUT_ROUTE: Final = frozenset({errno.ENETUNREACH, errno.ENETDOWN})
"""Ours too when there is no route to anywhere. With one, a receiver that has only IPv6 addresses may be out of reach
for a machine without IPv6 for ever: such an attempt has failed."""

_DNS_UNREACHED: Final = 11
"""c-ares, ARES_ECONNREFUSED: none of our name servers could be asked, for want of a socket or of a server. What the
name's own servers do wrong has other numbers."""
_DNS_NO_MEMORY: Final = 15


def fault(error: Exception) -> NoResponse | Unsent:
    """Return the outcome of a POST that ended in this error."""
    if isinstance(error, aiohttp.ClientConnectorError) and (lack := _lack(error)):
        return Unsent(lack[:MAX_DETAIL_LENGTH])
    kind = _class_of(error)
    return NoResponse(kind, _DETAILS.get(kind) or (str(error) or type(error).__name__)[:MAX_DETAIL_LENGTH])


def _lack(error: aiohttp.ClientConnectorError) -> str:
    """Say what of ours was missing to begin a connection; empty when nothing was."""
    cause = error.os_error
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        code = cause.__cause__.args[0] if cause.__cause__ is not None and cause.__cause__.args else cause.errno
        is_ours = code in {_DNS_UNREACHED, _DNS_NO_MEMORY}
        return f"No name server could be asked: {cause.strerror}" if is_ours else ""
    if isinstance(cause, ssl.SSLError):  # numbered by OpenSSL, not by the system
        return ""
    numbers = _errnos(cause)
    if numbers & OURS or (numbers and numbers <= OURS_WITHOUT_ROUTE and not leads_anywhere()):
        return str(cause)
    return ""


def _errnos(cause: OSError) -> set[int]:
    """Return the system's numbers of an error; of several addresses the connector leaves them in the text alone."""
    if cause.errno is not None:
        return {cause.errno}
    return {int(number) for number in _ERRNO.findall(str(cause))}


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
        case ConnectionResetError() | BrokenPipeError():
            return ErrorClass.CONNECTION_RESET
        case NotHttp():
            return ErrorClass.BAD_RESPONSE
        case aiohttp.ClientOSError():
            return ErrorClass.CONNECTION_RESET
        case _:
            return ErrorClass.CONNECTION_FAILED


_DETAILS = {
    ErrorClass.TIMEOUT: "No complete answer within the time limit.",
    ErrorClass.BLOCKED_ADDRESS: "The host's address is not a public one.",
    ErrorClass.CONNECTION_REFUSED: "Nothing listens at that port.",
    ErrorClass.CONNECTION_RESET: "The connection was closed before an answer came.",
}
_ERRNO = re.compile(r"\[Errno ([0-9]+)\]")
