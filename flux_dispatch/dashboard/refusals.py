"""Why a delivery is not retried or an event not resent, for people who have pages and no calls to make."""

from collections.abc import Mapping
from typing import Final

from flux_dispatch.domain.errors import InvalidRequest

_RETRY: Final[Mapping[str, str]] = {
    "is_test": "It was a test, which has one attempt. Send another test from the page of its webhook.",
    "already_delivered": "It was delivered, so there is nothing to retry. Resend sends it once more.",
    "webhook_not_enabled": (
        "Its webhook is disabled or deleted. Enable it first, or resend the event to another webhook."
    ),
}
_RESEND: Final[Mapping[str, str]] = {
    "is_test": "It was the test of one webhook. Send another test from the page of that webhook.",
    "webhook_not_enabled": "This webhook is disabled. Enable it first, then resend.",
    "unmatched": (
        "No enabled webhook wants this type of event now, so nothing was sent. Add or enable one first, or choose one "
        "by its name."
    ),
}


def retry_refused(error: InvalidRequest) -> InvalidRequest:
    """Return why a delivery is not retried."""
    return _worded(error, _RETRY)


def resend_refused(error: InvalidRequest) -> InvalidRequest:
    """Return why an event is not resent."""
    return _worded(error, _RESEND)


def _worded(error: InvalidRequest, words: Mapping[str, str]) -> InvalidRequest:
    message = words.get(error.code, error.message)
    return InvalidRequest(message, param=error.param, code=error.code, status=error.status)
