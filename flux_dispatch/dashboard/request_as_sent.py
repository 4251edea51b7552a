"""The headers of a POST as a receiver gets them; what is secret in them is told by its form only."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from flux_dispatch import __version__

HIDDEN: Final = "••••••••"
"""Stands for the value of a header that the webhook's owner has set."""


def headers_as_sent(
    event: str, delivery: str, number: int, started_at: datetime | None, own_headers: Iterable[str]
) -> list[tuple[str, str]]:
    """Return the names and values of the headers of one attempt, `number` from 1; None: it was not begun yet."""
    timestamp = str(int(started_at.timestamp())) if started_at else "<unix seconds>"
    return [
        *((name, HIDDEN) for name in own_headers),
        ("content-type", "application/json"),
        ("user-agent", f"Flux-Dispatch/{__version__}"),
        ("flux-signature", f"t={timestamp},v1=<hex of the HMAC-SHA256>"),
        ("webhook-id", event),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", "v1,<base64 of the HMAC-SHA256>"),
        ("flux-delivery", delivery),
        ("flux-attempt", str(number)),
    ]
