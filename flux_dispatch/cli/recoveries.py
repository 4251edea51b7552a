"""`flux recoveries`, and `flux recover` that begins one: what a webhook missed is delivered after all."""

from typing import Annotated

import typer

from flux_dispatch.cli.client.completion import recovery_ids, webhook_ids
from flux_dispatch.cli.client.connection import connected
from flux_dispatch.cli.client.ids import whole_id
from flux_dispatch.cli.client.listing import show_list
from flux_dispatch.cli.client.one import show_one
from flux_dispatch.cli.client.recovery import TIME_HELP, TIME_METAVAR, follow, recover_missed
from flux_dispatch.cli.commands.group import Group

app = Group("How far each recovery has come, and an end to it.")
begin = Group()

RecoveryId = Annotated[
    str,
    typer.Argument(metavar="RECOVERY", help="rec_…, as `flux recoveries list` shows it.", autocompletion=recovery_ids),
]


@begin.command(
    examples="""
    flux recover wh_019bc0d6f4c57b3e9f21c4d8e6a70002 --since 2h
    flux recover wh_019bc0d6f4c57b3e9f21c4d8e6a70002 --since 2026-01-15 --until 2026-01-16 --dry-run
    """
)
def recover(
    webhook: Annotated[
        str,
        typer.Argument(metavar="WEBHOOK", help="wh_…, as `flux webhooks list` shows it.", autocompletion=webhook_ids),
    ],
    since: Annotated[str, typer.Option(metavar=TIME_METAVAR, help=f"From when on: {TIME_HELP}")],
    until: Annotated[str | None, typer.Option(metavar=TIME_METAVAR, help="Before when. [now]")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what it would find.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not follow it to its end.")] = False,
) -> None:
    """Have all delivered that a webhook missed in a span of time: failed, canceled or never attempted."""
    recover_missed(webhook, since, until, dry_run=dry_run, wait=not no_wait)


@app.listing(examples="flux recoveries list --webhook wh_019bc0d6f4c57b3e9f21c4d8e6a70002")
def list_recoveries(
    webhook: Annotated[
        str | None, typer.Option(metavar="WEBHOOK", help="Of this webhook.", autocompletion=webhook_ids)
    ] = None,
) -> None:
    """List recoveries, the newest first."""
    from flux_dispatch.cli.views.recoveries import COLUMNS, EMPTY

    show_list(
        COLUMNS,
        lambda flux, limit: flux.recoveries.list(webhook=webhook and whole_id(flux, webhook), limit=limit),
        empty=EMPTY,
    )


@app.command(examples="flux recoveries show rec_019bc0d6f4c57b3e9f21c4d8e6a70005")
def show(recovery: RecoveryId) -> None:
    """Show how far a recovery has come."""
    from flux_dispatch.cli.views.recoveries import fields

    with connected() as flux:
        found = flux.recoveries.get(whole_id(flux, recovery))
    show_one(found, fields(found))


@app.command("follow", examples="flux recoveries follow rec_019bc0d6f4c57b3e9f21c4d8e6a70005")
def follow_recovery(recovery: RecoveryId) -> None:
    """Wait until a recovery ends, with a bar, and show what it came to. Ctrl-C leaves it to itself."""
    with connected() as flux:
        follow(flux, whole_id(flux, recovery))


@app.command(examples="flux recoveries cancel rec_019bc0d6f4c57b3e9f21c4d8e6a70005")
def cancel(recovery: RecoveryId) -> None:
    """End a recovery. What it has recovered stays so."""
    from flux_dispatch.cli.views.recoveries import fields

    with connected() as flux:
        ended = flux.recoveries.cancel(whole_id(flux, recovery))
    show_one(ended, fields(ended))
