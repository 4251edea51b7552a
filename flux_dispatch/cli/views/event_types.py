"""What people are told of event types."""

import json
from typing import Final

from flux_webhooks.models import EventType

from flux_dispatch.cli.commands.options import shared_options
from flux_dispatch.cli.output.tables import Column
from flux_dispatch.cli.output.terminal import coloured, is_terminal, say
from flux_dispatch.cli.output.text import harmless

EMPTY: Final = "The catalogue is empty. Put a type into it:\n  flux event-types create order.completed"


def _has(event_type: EventType) -> str:
    parts = {
        "schema": event_type.schema is not None,
        "example": event_type.example is not None,
        "archived": event_type.archived_at is not None,
    }
    return ", ".join(name for name, is_so in parts.items() if is_so)


COLUMNS: Final = (
    Column("type", lambda each: each.name),
    Column("group", lambda each: each.group, may_go=True),
    Column("has", _has, may_go=True),
    Column("description", lambda each: each.description, may_go=True),
)


def fields(event_type: EventType) -> dict[str, object]:
    """Return the fields of one event type, but its example and schema."""
    return {
        "name": event_type.name,
        "description": event_type.description or None,
        "group": event_type.group,
        "default": event_type.default or None,
        "created": event_type.created,
        "updated": event_type.updated,
        "archived_at": event_type.archived_at,
    }


def say_objects(event_type: EventType) -> None:
    """Print the example and the schema; nothing where JSON is wanted."""
    if shared_options().as_json:
        return
    for name, value in (("example", event_type.example), ("schema", event_type.schema)):
        if value is None:
            continue
        if is_terminal():
            say()
            say(coloured(name, bold=True))
            say(harmless(json.dumps(value, indent=2, ensure_ascii=False)))
        else:
            say(f"{name}\t{json.dumps(value)}")
