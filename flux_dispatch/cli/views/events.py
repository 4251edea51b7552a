"""What people are told of events."""

import json
from typing import Final

from flux_webhooks.models import DeliveryCounts, Event, PublishedEvent

from flux_dispatch.cli.output.tables import Column, Kind
from flux_dispatch.cli.output.terminal import is_terminal, say
from flux_dispatch.cli.output.text import harmless

EMPTY: Final = "No event is like that. Publish one:\n  flux trigger order.completed"

COLUMNS: Final = (
    Column("event", lambda each: each.id, Kind.ID),
    Column("type", lambda each: each.type),
    Column("status", lambda each: each.status, Kind.STATUS),
    Column("created", lambda each: each.created, Kind.TIME, may_go=True),
    Column("deliveries", lambda each: counted(each.deliveries), may_go=True),
)


def fields(event: Event) -> dict[str, object]:
    """Return the fields of one event, but its data."""
    return {
        "id": event.id,
        "type": event.type,
        "status": event.status,
        "test": event.test or None,
        "created": event.created,
        "deliveries": counted(event.deliveries),
    }


def published_fields(event: PublishedEvent) -> dict[str, object]:
    """Return the fields of an event as its publisher sees it."""
    return {
        "id": event.id,
        "type": event.type,
        "status": event.status,
        "webhooks": event.webhooks,
        "created": event.created,
        "replayed": event.replayed or None,
    }


def counted(counts: DeliveryCounts) -> str:
    """Return what has become of the deliveries of an event, in words."""
    parts = {
        "delivered": counts.delivered,
        "failed": counts.failed,
        "canceled": counts.canceled,
        "pending": counts.pending,
    }
    return ", ".join(f"{count} {name}" for name, count in parts.items() if count) or "none"


def say_data(event: Event) -> None:
    """Print the data of an event: to be read on a terminal, in one line elsewhere."""
    if not is_terminal():
        say(f"data\t{json.dumps(event.data)}")
        return
    say()
    say(harmless(json.dumps(event.data, indent=2, ensure_ascii=False)))
    say()
