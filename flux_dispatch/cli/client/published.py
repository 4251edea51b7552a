"""What is told of an event that was just published: where it goes, or why it goes nowhere."""

from difflib import get_close_matches
from typing import Any

import flux_webhooks

from flux_dispatch.cli.client.one import show_one, tell


def tell_published(flux: "flux_webhooks.Flux", published: Any) -> None:  # noqa: ANN401 - the SDK's PublishedEvent
    """Print an event that was published; where nobody wanted it, suggest the type that may have been meant."""
    from flux_dispatch.cli.views.events import published_fields

    show_one(published, published_fields(published))
    if published.replayed:
        tell("", "It was published before with this idempotency key; nothing is sent again.")
    elif published.webhooks:
        tell("", "What becomes of it:", f"  flux events show {published.id}")
    else:
        tell("", f"No webhook wants {published.type}, so nothing is sent.", *suggested(flux, published.type))
        tell("Make one, and send it there:")
        tell(f"  flux webhooks create https://example.com/hooks --events {published.type}")
        tell(f"  flux events resend {published.id}")


def suggested(flux: "flux_webhooks.Flux", event_type: str) -> list[str]:
    """Return a line that asks whether another type of the catalogue was meant, if one is close."""
    names = [each.name for each in flux.event_types.list(archived=False, limit=100)]
    close = [] if event_type in names else get_close_matches(event_type, names, n=1)
    return [f"Did you mean {close[0]}?"] if close else []
