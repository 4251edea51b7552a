"""What a reason for which a webhook was disabled means, and what to do about it."""

from collections.abc import Mapping
from typing import Final

from flux_dispatch.domain.webhook import BY_HAND
from flux_dispatch.domain.webhook_health import FAILING

REASONS: Final[Mapping[str, str]] = {
    BY_HAND: "It was disabled by hand. Nothing is sent to it, and what happens meanwhile can be recovered afterwards.",
    "gone": (
        "Your endpoint answered 410, which says that it is gone for good. If it is not, mend it, enable the webhook, "
        "and recover what it missed."
    ),
    FAILING: (
        "Every attempt has failed for days, so nothing is sent to it any more. See what the last failure says, mend "
        "the endpoint, enable the webhook, and recover what it missed."
    ),
}
"""By what is stored; what is not here was written by whoever disabled it."""


def why_disabled(reason: str | None) -> str:
    """Return why a webhook is disabled, in words."""
    return REASONS.get(reason or BY_HAND) or f"{reason}"
