"""`flux events`: publish events, look at them and send them again, over the API."""

from typing import Annotated, Any, Literal

import typer

from flux_dispatch.cli.client.completion import event_ids, event_types, webhook_ids
from flux_dispatch.cli.client.connection import connected
from flux_dispatch.cli.client.ids import whole_id, whole_ids
from flux_dispatch.cli.client.listing import show_list
from flux_dispatch.cli.client.one import show_one, tell
from flux_dispatch.cli.client.published import tell_published
from flux_dispatch.cli.commands.group import Group
from flux_dispatch.cli.commands.options import shared_options
from flux_dispatch.cli.input.filters import CreatedAfter, CreatedBefore
from flux_dispatch.cli.input.instants import parse_optional
from flux_dispatch.cli.input.json_input import read_object
from flux_dispatch.cli.output.json_lines import say_json
from flux_dispatch.cli.output.tables import show_rows
from flux_dispatch.cli.output.terminal import say

app = Group("Publish events, see what became of them, send them again.")

EventId = Annotated[
    str, typer.Argument(metavar="EVENT", help="evt_…, as `flux events list` shows it.", autocompletion=event_ids)
]


@app.command(
    examples="""
    flux events publish order.completed --data '{"order": 7, "total": "42.00"}'
    flux events publish order.completed --data @order.json --idempotency-key order-7-completed
    jq .order shop.json | flux events publish order.completed --data -
    """
)
def publish(
    event_type: Annotated[
        str, typer.Argument(metavar="TYPE", help="What happened, like order.completed.", autocompletion=event_types)
    ],
    data: Annotated[
        str, typer.Option(metavar="JSON", help="An object; @file reads it from a file, and - from standard input.")
    ],
    idempotency_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY", help="Your own name for what happened: however often you publish, it is one event."
        ),
    ] = None,
) -> None:
    """Publish an event. It is stored when this returns."""
    given = read_object(data, "--data")
    with connected() as flux:
        published = flux.events.publish(event_type, given, idempotency_key=idempotency_key)
        tell_published(flux, published)


@app.command(
    "publish-batch",
    examples="""
    flux events publish-batch events.jsonl
    jq -c '.orders[] | {type: "order.completed", data: .}' shop.json | flux events publish-batch -
    """,
)
def publish_batch(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="One event a line, with type, data and, if it shall be safe to do this again, idempotency_key; "
            "- reads standard input.",
        ),
    ],
) -> None:
    """Publish many events out of a file, a thousand at once, and print their ids.

    Each line is checked before anything is sent. A batch is stored whole or not at all; when one is refused, it is
    said in which line, and what was published before.
    """
    from flux_dispatch.cli.client.batches import publish_lines, read_lines

    lines = read_lines(source)
    with connected() as flux:
        publish_lines(flux, lines)


@app.listing(
    examples="""
    flux events list --type order.completed --status failed --created-after 2h
    flux events list --watch
    """
)
def list_events(
    *,
    event_type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Of this type.", autocompletion=event_types)
    ] = None,
    status: Annotated[
        Literal["pending", "delivered", "failed", "canceled", "unmatched"] | None,
        typer.Option(metavar="STATUS", help="pending, delivered, failed, canceled or unmatched."),
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(metavar="WEBHOOK", help="With a delivery to this webhook.", autocompletion=webhook_ids),
    ] = None,
    created_after: CreatedAfter = None,
    created_before: CreatedBefore = None,
) -> None:
    """List events, the newest first."""
    from flux_dispatch.cli.views.events import COLUMNS, EMPTY

    filters: dict[str, Any] = {
        "type": event_type,
        "status": status,
        "webhook": webhook,
        "created_after": parse_optional(created_after, "--created-after"),
        "created_before": parse_optional(created_before, "--created-before"),
    }
    show_list(COLUMNS, lambda flux, limit: flux.events.list(**whole_ids(flux, filters), limit=limit), empty=EMPTY)


@app.command(
    examples="""
    flux events show evt_019bc0d6f4c57b3e9f21c4d8e6a70003
    flux events show evt_019bc0d6f4c57b3e9f21c4d8e6a70003 --body
    """
)
def show(
    event: EventId,
    body: Annotated[bool, typer.Option("--body", help="Print only the body, byte for byte as it is signed.")] = False,
) -> None:
    """Show an event, its data, and its deliveries."""
    from flux_dispatch.cli.views.deliveries import COLUMNS
    from flux_dispatch.cli.views.events import fields, say_data

    with connected() as flux:
        found = flux.events.get(whole_id(flux, event))
        if body:
            say(found.body or "")
            return
        show_one(found, fields(found))
        if not shared_options().as_json:
            say_data(found)
            newest = flux.events.deliveries(found.id, limit=20)
            show_rows(COLUMNS, newest.data)
            if newest.has_more:
                tell(f"There are more: flux deliveries list --event {found.id} --all")


@app.command(
    examples="""
    flux events resend evt_019bc0d6f4c57b3e9f21c4d8e6a70003
    flux events resend evt_019bc0d6f4c57b3e9f21c4d8e6a70003 --webhook wh_019bc0d6f4c57b3e9f21c4d8e6a70002
    """
)
def resend(
    event: EventId,
    webhook: Annotated[
        str | None, typer.Option(metavar="WEBHOOK", help="To this one alone.", autocompletion=webhook_ids)
    ] = None,
) -> None:
    """Send an event again, under its own id: to every webhook that wants it now, or to one."""
    from flux_dispatch.cli.views.deliveries import COLUMNS

    with connected() as flux:
        resent = flux.events.resend(whole_id(flux, event), webhook=webhook and whole_id(flux, webhook))
    if shared_options().as_json:
        say_json(resent.raw)
        return
    show_rows(COLUMNS, resent.data)
    more = f" These are {len(resent.data)} of them." if resent.has_more else ""
    tell(f"{resent.total} {'delivery is' if resent.total == 1 else 'deliveries are'} due now.{more}")
