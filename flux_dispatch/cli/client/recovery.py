"""A recovery as commands begin one: counted, or begun and followed to its end with a bar."""

import time
from datetime import datetime
from typing import Any, Final

import flux_webhooks

from flux_dispatch.cli.client.connection import connected
from flux_dispatch.cli.client.ids import whole_id
from flux_dispatch.cli.client.one import show_one, tell
from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.input.instants import TIME_HELP, TIME_METAVAR, parse_instant, parse_optional

__all__ = ["TIME_HELP", "TIME_METAVAR", "follow", "recover_missed"]

LOOK_SECONDS: Final = 0.5


def recover_missed(webhook: str, since: str, until: str | None, *, dry_run: bool, wait: bool) -> None:
    """Have all delivered that a webhook missed.

    Raises:
        BadParameter: `since` or `until` is no time.
        CliError: the API refused, or the recovery was canceled before its end.
    """
    first, end = parse_instant(since, "--since"), parse_optional(until, "--until")
    with connected() as flux:
        webhook = whole_id(flux, webhook)
        if dry_run:
            _count(flux, webhook, first, end)
            return
        begun = flux.webhooks.recover(webhook, first, until=end)
        if wait:
            follow(flux, begun.id)
            return
    _show(begun)
    tell("", "It goes on by itself. To follow it:", f"  flux recoveries follow {begun.id}")


def follow(flux: "flux_webhooks.Flux", recovery_id: str) -> None:
    """Show how a recovery comes along, until it ends; Ctrl-C leaves it to itself.

    Raises:
        CliError: it was canceled before its end.
    """
    from flux_dispatch.cli.output.progress import progress

    try:
        with progress("Recovering") as bar:
            while (recovery := flux.recoveries.get(recovery_id)).ended is None:
                bar(_part(recovery.since, recovery.position, recovery.until), f"{recovery.recovered.total:,} so far")
                time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        tell("", f"{recovery_id} goes on by itself; `flux recoveries cancel {recovery_id}` would end it.")
        raise
    _show(recovery)
    if recovery.status == "canceled":
        raise CliError(f"{recovery_id} was canceled before its end ({recovery.reason}).")


def _count(flux: "flux_webhooks.Flux", webhook: str, first: datetime, end: datetime | None) -> None:
    from flux_dispatch.cli.views.recoveries import missed_fields

    found = flux.webhooks.recover(webhook, first, until=end, dry_run=True)
    show_one(found, {"since": found.since, "until": found.until, **missed_fields(found.missed)})


def _show(recovery: Any) -> None:  # noqa: ANN401 - the SDK's Recovery, which takes long to load
    from flux_dispatch.cli.views.recoveries import fields

    show_one(recovery, fields(recovery))


def _part(first: datetime, reached: datetime, end: datetime) -> float:
    whole = (end - first).total_seconds()
    return (reached - first).total_seconds() / whole if whole > 0 else 1.0
