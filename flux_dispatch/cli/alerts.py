"""`flux alerts`: the deliveries that were given up, and saying that somebody has seen it, over the API."""

from typing import Annotated

import typer

from flux_dispatch.cli.client.completion import alert_ids, webhook_ids
from flux_dispatch.cli.client.connection import connected
from flux_dispatch.cli.client.ids import LOOKED_THROUGH, whole_id, whole_ids
from flux_dispatch.cli.client.listing import show_list
from flux_dispatch.cli.client.one import show_one, tell
from flux_dispatch.cli.commands.group import Group
from flux_dispatch.cli.errors import CliError

app = Group("One for each delivery that was given up.")

AlertId = Annotated[
    str, typer.Argument(metavar="ALERT", help="alrt_…, as `flux alerts list` shows it.", autocompletion=alert_ids)
]


@app.listing(examples="flux alerts list --open\nflux alerts list --webhook wh_019bc0d6f4c57b3e9f21c4d8e6a70002 --watch")
def list_alerts(
    webhook: Annotated[
        str | None, typer.Option(metavar="WEBHOOK", help="Of this webhook.", autocompletion=webhook_ids)
    ] = None,
    acknowledged: Annotated[
        bool | None, typer.Option("--acknowledged/--open", help="Only those that somebody has seen, or has not.")
    ] = None,
) -> None:
    """List alerts, the newest first."""
    from flux_dispatch.cli.views.alerts import COLUMNS, EMPTY

    filters = {"webhook": webhook, "acknowledged": acknowledged}
    show_list(COLUMNS, lambda flux, limit: flux.alerts.list(**whole_ids(flux, filters), limit=limit), empty=EMPTY)


@app.command(examples="flux alerts show alrt_019bc0d6f4c57b3e9f21c4d8e6a70006")
def show(alert: AlertId) -> None:
    """Show one of the newest thousand alerts, and the attempts of the delivery that it is about."""
    from itertools import islice

    from flux_dispatch.cli.views.alerts import fields
    from flux_dispatch.cli.views.deliveries import say_attempts

    with connected() as flux:
        wanted = whole_id(flux, alert)
        found = next((each for each in islice(flux.alerts.list(limit=100), LOOKED_THROUGH) if each.id == wanted), None)
        if found is None:
            raise CliError(f"No alert {alert} is among the newest {LOOKED_THROUGH:,}. `flux alerts list` shows them.")
        delivery = flux.deliveries.get(found.delivery)
    show_one(found, fields(found))
    say_attempts(delivery)


@app.command(examples="flux alerts acknowledge alrt_019bc0d6f4c57b3e9f21c4d8e6a70006")
def acknowledge(alert: AlertId) -> None:
    """Say that somebody has seen an alert."""
    from flux_dispatch.cli.views.alerts import fields

    with connected() as flux:
        seen = flux.alerts.acknowledge(whole_id(flux, alert))
    show_one(seen, fields(seen))
    tell("", "To have the delivery attempted again:", f"  flux deliveries retry {seen.delivery}")
