"""`flux audit-log`: who did what, listed and exported, over the API."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from flux_dispatch.cli.client.connection import connected
from flux_dispatch.cli.client.ids import whole_ids
from flux_dispatch.cli.client.listing import show_list
from flux_dispatch.cli.client.one import tell
from flux_dispatch.cli.commands.group import ConnectionCommand, Group
from flux_dispatch.cli.input.instants import TIME_HELP, TIME_METAVAR, parse_optional

app = Group("Who did what, and from where. Takes the scope audit_log:read.")

Action = Annotated[
    str | None,
    typer.Option(metavar="ACTION", help="Like webhook.updated, or webhook.* for all that is done to webhooks."),
]
Actor = Annotated[
    str | None,
    typer.Option(
        metavar="ACTOR", help="A key (key_…), a session of the dashboard (dsess_…), or a kind, like operator."
    ),
]
AuditTarget = Annotated[
    str | None, typer.Option("--target", metavar="ID", help="What it was done to: an id, or an event type.")
]
After = Annotated[str | None, typer.Option("--created-after", metavar=TIME_METAVAR, help=f"From then on: {TIME_HELP}")]
Before = Annotated[str | None, typer.Option("--created-before", metavar=TIME_METAVAR, help="Before then.")]


@app.listing(
    examples="""
    flux audit-log list --action 'webhook.*' --created-after 1d
    flux audit-log list --watch
    """
)
def list_entries(
    *,
    action: Action = None,
    actor: Actor = None,
    target: AuditTarget = None,
    created_after: After = None,
    created_before: Before = None,
) -> None:
    """List entries, the newest first. A platform key that names no account sees the platform's own."""
    from flux_dispatch.cli.views.audit_log import COLUMNS, EMPTY

    filters = _filters(action, actor, target, created_after, created_before)
    show_list(COLUMNS, lambda flux, limit: flux.audit_log.list(**whole_ids(flux, filters), limit=limit), empty=EMPTY)


@app.command(
    cls=ConnectionCommand,
    examples="""
    flux audit-log export --created-after 30d > audit-log.jsonl
    flux audit-log export --format csv --to audit-log.csv
    """,
)
def export(
    *,
    action: Action = None,
    actor: Actor = None,
    target: AuditTarget = None,
    created_after: After = None,
    created_before: Before = None,
    file_format: Annotated[
        Literal["jsonl", "csv"],
        typer.Option("--format", metavar="FORMAT", help="jsonl, one entry a line, or csv.", show_default=False),
    ] = "jsonl",
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Write it there, whole or not at all. [standard output]")
    ] = None,
) -> None:
    """Export all entries that the filters leave, of any length. The export itself is an entry."""
    from flux_dispatch.cli.output.pieces import say_pieces, write_pieces

    filters = _filters(action, actor, target, created_after, created_before)
    with connected() as flux:
        pieces = flux.audit_log.export(format=file_format, **whole_ids(flux, filters))
        if to is None:
            say_pieces(pieces)
        else:
            write_pieces(pieces, to)
    if to is not None:
        tell(f"{to} holds it.")


def _filters(
    action: str | None, actor: str | None, target: str | None, after: str | None, before: str | None
) -> dict[str, Any]:
    return {
        "action": action,
        "actor": actor,
        "target": target,
        "created_after": parse_optional(after, "--created-after"),
        "created_before": parse_optional(before, "--created-before"),
    }
