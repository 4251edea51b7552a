"""`flux deliveries`: see whether it arrived, and if not, why; and have it attempted again, over the API."""

from typing import Annotated, Any, Literal

import typer

from flux_dispatch.cli.client.completion import delivery_ids, event_ids, webhook_ids
from flux_dispatch.cli.client.connection import connected
from flux_dispatch.cli.client.ids import whole_id, whole_ids
from flux_dispatch.cli.client.listing import show_list
from flux_dispatch.cli.client.one import show_one, tell
from flux_dispatch.cli.commands.group import Group
from flux_dispatch.cli.input.filters import CreatedAfter, CreatedBefore
from flux_dispatch.cli.input.instants import parse_optional

app = Group("Did it arrive, and if not, why: each is one event owed to one webhook.")

DeliveryId = Annotated[
    str,
    typer.Argument(metavar="DELIVERY", help="dlv_…, as `flux deliveries list` shows it.", autocompletion=delivery_ids),
]
State = Literal["pending", "sending", "scheduled", "exhausted", "delivered", "failed", "canceled"]
Outcome = Literal[
    "http_status",
    "timeout",
    "connection_refused",
    "connection_reset",
    "connection_failed",
    "dns_error",
    "tls_error",
    "bad_response",
    "blocked_address",
    "worker_lost",
]


@app.listing(
    examples="""
    flux deliveries list --status failed --webhook wh_019bc0d6f4c57b3e9f21c4d8e6a70002
    flux deliveries list --outcome timeout --created-after 1d --json
    flux deliveries list --watch
    """
)
def list_deliveries(
    *,
    status: Annotated[
        State | None,
        typer.Option(metavar="STATUS", help="pending, sending, scheduled, exhausted, delivered, failed or canceled."),
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(metavar="WEBHOOK", help="To this webhook.", autocompletion=webhook_ids)
    ] = None,
    event: Annotated[str | None, typer.Option(metavar="EVENT", help="Of this event.", autocompletion=event_ids)] = None,
    outcome: Annotated[
        Outcome | None,
        typer.Option(
            metavar="CLASS", help="How the last attempt failed: http_status, timeout, tls_error and the like."
        ),
    ] = None,
    created_after: CreatedAfter = None,
    created_before: CreatedBefore = None,
) -> None:
    """List deliveries, those of the newest events first."""
    from flux_dispatch.cli.views.deliveries import COLUMNS, EMPTY

    filters: dict[str, Any] = {
        "status": status,
        "webhook": webhook,
        "event": event,
        "outcome": outcome,
        "created_after": parse_optional(created_after, "--created-after"),
        "created_before": parse_optional(created_before, "--created-before"),
    }
    show_list(COLUMNS, lambda flux, limit: flux.deliveries.list(**whole_ids(flux, filters), limit=limit), empty=EMPTY)


@app.command(examples="flux deliveries show dlv_019bc0d6f4c57b3e9f21c4d8e6a70004")
def show(delivery: DeliveryId) -> None:
    """Show a delivery, every attempt, and what to do about the last one if it failed."""
    from flux_dispatch.cli.views.deliveries import fields, say_attempts

    with connected() as flux:
        found = flux.deliveries.get(whole_id(flux, delivery))
    show_one(found, fields(found))
    say_attempts(found)


@app.command(examples="flux deliveries retry dlv_019bc0d6f4c57b3e9f21c4d8e6a70004")
def retry(delivery: DeliveryId) -> None:
    """Have a delivery attempted at once, though it waits, failed or was canceled."""
    from flux_dispatch.cli.views.deliveries import fields

    with connected() as flux:
        due = flux.deliveries.retry(whole_id(flux, delivery))
    show_one(due, fields(due))
    tell("", "It is due now. How it goes:", f"  flux deliveries show {due.id}")
