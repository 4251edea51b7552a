"""One sentence for whatever the API refuses, or its client sees before it is sent, with what to do about it."""

import re
from typing import Final

from flux_webhooks import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APITimeoutError,
    AuthenticationError,
    FluxError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)

from flux_dispatch.cli.client.target import UP_FILE, Target, in_options
from flux_dispatch.cli.output.text import harmless

LISTED_BY: Final = {
    "wh": "flux webhooks list",
    "evt": "flux events list",
    "dlv": "flux deliveries list",
    "alrt": "flux alerts list",
    "chan": "flux alert-channels list",
    "rec": "flux recoveries list",
    "key": "flux keys list",
    "acct": "flux accounts list",
    "event type": "flux event-types list",
}
"""Which command shows what there is."""

COMMANDS: Final = (
    (r"POST /v1/events/(\S+?)/resend", r"`flux events resend \1`"),
    (r"POST /v1/webhooks/(\S+?)/test", r"`flux webhooks test \1`"),
    (r"POST /v1/recoveries/(\S+?)/cancel", r"`flux recoveries cancel \1`"),
    (r"PATCH /v1/event-types/(\S+?)(\.?)$", r"`flux event-types update \1`\2"),
)
"""Which command does what the API says is to be done."""

_NOUN = re.compile(r"\b(wh|evt|dlv|alrt|chan|rec|key|acct)_|(event type)")


def refusal(error: FluxError, target: Target) -> str:
    """Return what to tell of an error of the client; never the key."""
    said = harmless(_said(error, target)).replace("\n", " ")
    for request, command in COMMANDS:
        said = re.sub(request, command, said)
    return said


def _said(error: FluxError, target: Target) -> str:  # noqa: PLR0911 - one for each kind
    match error:
        case AuthenticationError():
            return (
                f"The API key from {target.key_from} does not work at {target.api_url}: it was never made there, was "
                "revoked, or is over. `flux keys create` makes one."
            )
        case PermissionDeniedError():
            return f"{error.message} The key came from {target.key_from}."
        case NotFoundError():
            return _where_to_look(error.message) or f"{target.api_url}: {error.message}"
        case RateLimitError() if error.retry_after:
            return f"{error.message} Ask again in {error.retry_after:.0f} s."
        case ServerError():
            return f"{error.message} [{error.request_id or error.status}]"
        case APIError():
            # what data does not meet stands there
            is_told = error.param is None or error.param in error.message
            return error.message if is_told else f"{error.param}: {error.message}"
        case APITimeoutError() | APIResponseError():
            return f"{target.api_url}: {in_options(error.message)}"
        case APIConnectionError():
            return f"{target.api_url} does not answer: {_cause(error.message)}. {_mend(target)}"
        case _:
            return in_options(error.message)


def _where_to_look(message: str) -> str:
    noun = _NOUN.search(message)
    return f"{message} `{LISTED_BY[noun[1] or noun[2]]}` shows what there is." if noun else ""


def _cause(message: str) -> str:
    return re.sub(r"\[Errno -?\d+\] ", "", message.removeprefix("No answer came from the API: ").partition(". ")[0])


def _mend(target: Target) -> str:
    if target.url_from.endswith(UP_FILE):
        return f"Is `flux up` still running? {target.url_from} says that it is."
    return f"Check {target.url_from}; `flux up` starts an API here."
