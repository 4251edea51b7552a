"""What the test of a webhook says: an event type that the webhook knows, and data that nobody takes for real."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flux_dispatch.domain.ids import WebhookId

TEST_TYPE: Final = "flux.test"
"""The type of a test where neither the caller nor the webhook names one."""


def default_type(patterns: Sequence[str]) -> str:
    """Return the first event type that a webhook names exactly, else `flux.test`."""
    return next((pattern for pattern in patterns if "*" not in pattern), TEST_TYPE)


def example_of(event_type: str, webhook: WebhookId, example: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the data of a test: it says so before anything else, and then looks as the catalogue's example does."""
    message = f"This is a test of {webhook}, sent by Flux Dispatch because somebody asked for it. "
    message += f"No {event_type} has happened."
    said = {"test": True, "webhook": webhook, "message": message}
    # in the first place, whatever the example says there
    return said | dict(example or {}) | {"test": True}
