"""Why a local server did not answer: a word for programs, and for people a sentence with what to do."""

import errno
import os
import ssl
from typing import Final

import aiohttp

from flux_dispatch.cli.listen.local_resolver import NotThisMachine
from flux_dispatch.cli.listen.local_url import LocalUrl

CONNECT_SECONDS: Final = 5.0
"""How long a connection may take to be made."""


def why_failed(error: Exception, local: LocalUrl, seconds: float) -> tuple[str, str]:
    """Return the code of a failure and its sentence; `seconds` is for how long an answer was awaited."""
    match error:
        case aiohttp.ClientConnectorError() | ssl.SSLError():
            return _unconnected(error, local)
        case aiohttp.ConnectionTimeoutError():
            return "timeout", f"{local.origin} cannot be connected to within {CONNECT_SECONDS:g} s."
        case TimeoutError():
            return "timeout", f"{local.origin} did not answer within {seconds:g} s."
        case aiohttp.ServerDisconnectedError() | ConnectionError() | aiohttp.ClientPayloadError():
            return "connection_lost", f"{local.origin} closed the connection before it had answered."
        case aiohttp.ClientResponseError() | aiohttp.ClientOSError():
            return "bad_answer", f"What {local.origin} answers is not HTTP."
        case _:
            return "bad_request", f"The request cannot be sent on: {error}."


def _unconnected(error: aiohttp.ClientConnectorError | ssl.SSLError, local: LocalUrl) -> tuple[str, str]:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            why = getattr(error.certificate_error, "verify_message", "") or str(error.certificate_error)
            return "tls_error", f"The certificate of {local.origin} is not trusted ({why}). Give --skip-verify."
        case aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            return "tls_error", f"{local.origin} does not speak TLS. Does --forward-to begin with the right scheme?"
        case aiohttp.ClientConnectorDNSError() if isinstance(error.os_error, NotThisMachine):
            return "not_local", f"{error.os_error}. Give --allow-remote to allow that."
        case aiohttp.ClientConnectorDNSError():
            return "dns_error", f"{local.host} is not known."
        case _ if _is_refused(error.os_error):
            return "connection_refused", f"Nothing listens at {local.origin}. Start your server."
        case _:
            return "unreachable", f"{local.origin} cannot be reached: {words_of(error.os_error)}."


def words_of(error: OSError) -> str:
    """Return what the system says of a connection that could not be made."""
    if _is_refused(error):
        return os.strerror(errno.ECONNREFUSED)
    # the name of a host that is not known has a number of its own kind, and asyncio's words hold addresses
    return str(error.strerror) if error.errno is None or error.errno < 0 else os.strerror(error.errno)


def _is_refused(error: OSError) -> bool:
    # where a name has several addresses, asyncio tells of all in one error without a number
    return error.errno == errno.ECONNREFUSED or f"[Errno {errno.ECONNREFUSED}]" in str(error)
