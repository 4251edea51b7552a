"""What people are told of deliveries, and of each attempt of one."""

from typing import Final

from flux_webhooks.models import Attempt, Delivery

from flux_dispatch.cli.commands.options import shared_options
from flux_dispatch.cli.output.tables import Column, Kind, fitted, plain_row
from flux_dispatch.cli.output.terminal import coloured, is_terminal, say, width
from flux_dispatch.cli.output.text import cut_end, one_line

EMPTY: Final = (
    "No delivery is like that. An event makes one for each webhook that wants it:\n  flux trigger order.completed"
)

COLUMNS: Final = (
    Column("delivery", lambda each: each.id, Kind.ID),
    Column("status", lambda each: each.status, Kind.STATUS),
    Column("type", lambda each: each.event_type),
    Column("attempts", lambda each: each.attempts_made, Kind.NUMBER, may_go=True),
    Column("created", lambda each: each.created, Kind.TIME, may_go=True),
    Column("url", lambda each: each.url, Kind.URL, may_go=True),
    Column("next attempt", lambda each: each.next_attempt_at, Kind.TIME, may_go=True),
)

_ATTEMPTS: Final = (
    Column("attempt", lambda each: each.number, Kind.NUMBER),
    Column("started", lambda each: each.started_at, Kind.TIME),
    Column("status", lambda each: each.status or each.error, Kind.TEXT),
    Column("took", lambda each: f"{each.duration_ms:.0f} ms", Kind.NUMBER),
    Column("detail", lambda each: each.error_detail or _excerpt(each), may_go=True),
)
_MOST_OF_AN_EXCERPT: Final = 200


def fields(delivery: Delivery) -> dict[str, object]:
    """Return the fields of one delivery, but its attempts."""
    return {
        "id": delivery.id,
        "status": delivery.status,
        "reason": delivery.reason,
        "event": delivery.event,
        "event_type": delivery.event_type,
        "test": delivery.test or None,
        "webhook": delivery.webhook,
        "url": delivery.url,
        "attempts_made": delivery.attempts_made,
        "next_attempt_at": delivery.next_attempt_at,
        "created": delivery.created,
        "ended": delivery.ended,
    }


def say_attempts(delivery: Delivery, *, with_advice: bool = True) -> None:
    """Print the attempts of a delivery, and what to do about the last one, unless the caller says it; no JSON."""
    attempts = delivery.attempts or []
    if shared_options().as_json or not attempts:
        return
    if not is_terminal():
        for each in attempts:
            say("attempt\t" + plain_row(_ATTEMPTS, each))
        return
    table = fitted(_ATTEMPTS, attempts, width())
    say()
    say(table.head())
    for each in attempts:
        say(table.row(each))
    if with_advice and attempts[-1].advice:
        say()
        say(coloured(one_line(attempts[-1].advice), "yellow"))


def _excerpt(attempt: Attempt) -> str | None:
    return cut_end(one_line(attempt.response.excerpt), _MOST_OF_AN_EXCERPT) if attempt.response else None
