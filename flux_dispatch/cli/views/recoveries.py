"""What people are told of recoveries."""

from typing import Final

from flux_webhooks.models import Missed, Recovery

from flux_dispatch.cli.output.tables import Column, Kind

EMPTY: Final = "Nothing was recovered yet. What a webhook missed is delivered with:\n  flux recover WEBHOOK --since 2h"

COLUMNS: Final = (
    Column("recovery", lambda each: each.id, Kind.ID),
    Column("status", lambda each: each.status, Kind.STATUS),
    Column("recovered", lambda each: each.recovered.total, Kind.NUMBER),
    Column("created", lambda each: each.created, Kind.TIME, may_go=True),
    Column("webhook", lambda each: each.webhook, Kind.ID, may_go=True),
    Column("since", lambda each: each.since, Kind.TIME, may_go=True),
    Column("until", lambda each: each.until, Kind.TIME, may_go=True),
)


def fields(recovery: Recovery) -> dict[str, object]:
    """Return the fields of one recovery."""
    return {
        "id": recovery.id,
        "status": recovery.status,
        "reason": recovery.reason,
        "webhook": recovery.webhook,
        "since": recovery.since,
        "until": recovery.until,
        **missed_fields(recovery.recovered),
        "created": recovery.created,
        "ended": recovery.ended,
    }


def missed_fields(missed: Missed) -> dict[str, object]:
    """Return what was missed, by why."""
    return {
        "total": missed.total,
        "failed": missed.failed,
        "canceled": missed.canceled,
        "never_attempted": missed.never_attempted,
    }
