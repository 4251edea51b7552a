"""What to do about a failed attempt: one sentence for each outcome, the same wherever it is shown."""

from http import HTTPStatus
from typing import Final

from flux_dispatch.domain.outcome import ErrorClass
from flux_dispatch.domain.phases import Phase

MAX_ADVICE_LENGTH: Final = 200
"""In characters: it stands in a line of a list, and in an alert."""


def advise(error: ErrorClass, status: int | None = None, phase: Phase | None = None) -> str:
    """Return what went wrong, and what to do about it, to whoever runs the endpoint.

    Args:
        error: how the attempt failed.
        status: what the endpoint answered, from 100 to 599; None when no answer came.
        phase: in which part of the attempt it failed, as far as that is known.
    """
    if error is ErrorClass.HTTP_STATUS and status is not None:
        return f"Your endpoint answered {status}. {_OF_STATUS.get(status) or _of_group(status)}"
    if error is ErrorClass.TIMEOUT and phase is not None:
        return _OF_TIMEOUT[phase]
    return _OF_ERROR[error]


def _of_group(status: int) -> str:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "Something failed behind it: look into its log at the time of this attempt."
    if status >= HTTPStatus.BAD_REQUEST:
        return "It does not accept the request: look into its log for what it objects to, and have it answer 2xx."
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        return "Redirects are not followed: give the webhook the URL that it really lives at."
    return "That is no final answer: have it answer POST requests with 2xx."


_CREDENTIALS = (
    "It asks for credentials that are not sent: let this path in without them, and verify the signature instead."
)
_UNACCEPTABLE = "It does not take this body: allow JSON of this size and form at this path, then answer 2xx."

_OF_STATUS: Final = {
    401: _CREDENTIALS,
    403: f"{_CREDENTIALS} A firewall in front of it can be the reason, too.",
    404: "Nothing is at this path: correct the webhook's URL, or add the route to your server.",
    405: "It does not take POST at this path: allow POST there, or correct the webhook's URL.",
    410: (
        "That says it is gone for good. If it is not, have it answer 2xx, and enable the webhook again if this "
        "disabled it."
    ),
    413: _UNACCEPTABLE,
    415: _UNACCEPTABLE,
    422: _UNACCEPTABLE,
    429: "It gets more requests than it allows: raise its limit for webhooks, or answer first and do the work later.",
}

_OF_TIMEOUT: Final = {
    Phase.DNS: "The name servers of your host did not answer in time: check that its DNS records are served.",
    Phase.CONNECT: "No connection came about in time. A firewall may drop the requests: open this port to them.",
    Phase.TLS: (
        "The TLS handshake did not end in time: check that this port speaks TLS, and that the server is not overloaded."
    ),
    Phase.WAIT: (
        "Your endpoint was reached but did not answer in time: "
        "answer 2xx as soon as the event is stored, and work on it later."
    ),
    Phase.READ: (
        "Your endpoint began to answer but did not finish in time: send a short answer, or none but the status."
    ),
}

_OF_ERROR: Final = {
    ErrorClass.HTTP_STATUS: "Your endpoint did not answer 2xx: look into its log at the time of this attempt.",
    ErrorClass.TIMEOUT: (
        "No whole answer came in time: answer 2xx as soon as the event is stored, and work on it later."
    ),
    ErrorClass.CONNECTION_REFUSED: (
        "Nothing listens at this port: start your server, or correct the port of the webhook's URL."
    ),
    ErrorClass.CONNECTION_RESET: (
        "The connection was cut before an answer came: see if your server, or a proxy before it, crashes or hangs up."
    ),
    ErrorClass.CONNECTION_FAILED: (
        "No connection came about: check from another network that your host can be reached at this port."
    ),
    ErrorClass.DNS_ERROR: "The name of your host leads to no address: check its spelling and its DNS records.",
    ErrorClass.TLS_ERROR: (
        "Your certificate or TLS is not good: see the detail, then renew the certificate or serve its whole chain."
    ),
    ErrorClass.BAD_RESPONSE: (
        "What came back is not HTTP/1: check that the port is the one of your web server, and its scheme http or https."
    ),
    ErrorClass.BLOCKED_ADDRESS: (
        "Your host leads to an address that is not public, so nothing was sent: "
        "use a public one, or ask the operator to allow it."
    ),
    ErrorClass.WORKER_LOST: (
        "Nothing is wrong at your end: what sent this died, several times over. Tell the operator, who "
        "should read its log."
    ),
}
