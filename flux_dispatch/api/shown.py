"""Resources as the API shows them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from flux_dispatch.domain.event import EventData, PublishResult, data_in, rfc3339_millis, rfc3339_seconds
from flux_dispatch.domain.ids import Prefix, format_id
from flux_dispatch.domain.webhook import Webhook


def in_json(shown: Mapping[str, Any]) -> str:
    """Write what is shown; the data of an event stands there as its publisher wrote it."""
    members = (
        f"{json.dumps(name)}: {value.text if isinstance(value, EventData) else json.dumps(value)}"
        for name, value in shown.items()
    )
    return f"{{{', '.join(members)}}}"


def webhook(shown: Webhook) -> dict[str, Any]:
    """Show a webhook, without its secret."""
    return {
        "id": shown.id,
        "object": "webhook",
        "url": shown.url,
        "events": list(shown.events),
        "description": shown.description,
        "headers": dict(shown.headers),
        "status": shown.status.value,
        "disabled_reason": shown.disabled_reason,
        "created": rfc3339_seconds(shown.created_at),
        "updated": rfc3339_seconds(shown.updated_at),
    }


def accepted(shown: PublishResult) -> bytes:
    """Show an event as its publisher sees it, in JSON; one that nobody wants says so.

    It is the payload that receivers get, whose bytes are at hand, with a few more fields.
    """
    more: dict[str, Any] = {"status": "pending" if shown.webhooks else "unmatched", "webhooks": shown.webhooks}
    if not shown.webhooks:
        more["note"] = _nobody_wants(shown.event.type)
    event_id, _, rest = shown.event.body.partition(b",")
    last = json.dumps(more, separators=(",", ":")).encode()
    return event_id + b',"object":"event",' + rest[:-1] + b"," + last[1:]


def event(row: Row[Any]) -> dict[str, Any]:
    """Show an event with the counts of its deliveries."""
    shown = {
        "id": format_id(Prefix.EVENT, row.id.hex),
        "object": "event",
        "type": row.type,
        "created": rfc3339_seconds(row.created_at),
        "data": data_in(row.body),
        "status": row.status,
        "deliveries": {
            "total": row.total,
            "pending": row.open,
            "delivered": row.delivered,
            "failed": row.failed,
            "canceled": row.canceled,
        },
    }
    if row.status == "unmatched":
        shown["note"] = _nobody_wants(row.type)
    return shown


def delivery(row: Row[Any]) -> dict[str, Any]:
    """Show a delivery without its attempts."""
    return {
        "id": format_id(Prefix.DELIVERY, row.id.hex),
        "object": "delivery",
        "event": format_id(Prefix.EVENT, row.event_id.hex),
        "event_type": row.event_type,
        "webhook": format_id(Prefix.WEBHOOK, row.webhook_id.hex),
        "url": row.url,
        "status": row.state,
        "reason": row.reason,
        "attempts_made": row.attempts,
        "next_attempt_at": rfc3339_millis(row.due_at) if row.due_at else None,
        "created": rfc3339_seconds(_made_at(row.id)),
        "ended": rfc3339_millis(row.ended_at) if row.ended_at else None,
    }


def attempt(row: Row[Any]) -> dict[str, Any]:
    """Show an attempt."""
    started_at = row.ended_at - timedelta(seconds=row.duration_seconds)
    return {
        "number": row.number,
        "started_at": rfc3339_millis(started_at),
        "ended_at": rfc3339_millis(row.ended_at),
        "duration_ms": round(row.duration_seconds * 1000, 1),
        "status": row.status,
        "error": row.error,
        "response": row.detail,
    }


def alert(row: Row[Any]) -> dict[str, Any]:
    """Show an alert with what it is about."""
    return {
        "id": format_id(Prefix.ALERT, row.id.hex),
        "object": "alert",
        "reason": row.reason,
        "webhook": format_id(Prefix.WEBHOOK, row.webhook_id.hex),
        "url": row.url,
        "event": format_id(Prefix.EVENT, row.event_id.hex),
        "event_type": row.event_type,
        "delivery": format_id(Prefix.DELIVERY, row.delivery_id.hex),
        "last_status": row.last_status,
        "last_error": row.last_error,
        "created": rfc3339_seconds(row.created_at),
    }


def _made_at(uuid7: UUID) -> datetime:
    """Return the time that a version 7 UUID was made at."""
    return datetime.fromtimestamp((uuid7.int >> 80) / 1000, UTC)


def _nobody_wants(event_type: str) -> str:
    return (
        f"No enabled webhook of this account wanted {event_type}, so nothing is sent. "
        "Create one with POST /v1/webhooks, and publish again."
    )
