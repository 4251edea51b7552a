"""`flux trigger`: publish the example of an event type, to see something happen."""

from difflib import get_close_matches
from typing import Annotated

import flux_webhooks
import typer

from flux_dispatch.cli.client.completion import event_types
from flux_dispatch.cli.client.connection import connected
from flux_dispatch.cli.client.published import tell_published
from flux_dispatch.cli.commands.group import Group
from flux_dispatch.cli.errors import CliError
from flux_dispatch.domain.event import OWN_EVENTS

app = Group()


@app.command(examples="flux trigger order.completed")
def trigger(
    event_type: Annotated[
        str, typer.Argument(metavar="TYPE", help="Of the catalogue, like order.completed.", autocompletion=event_types)
    ],
) -> None:
    """Publish the example of an event type, as an event like any other."""
    with connected() as flux:
        try:
            example = flux.event_types.get(event_type).example
        except flux_webhooks.NotFoundError:
            raise CliError(_unknown(event_type, flux)) from None
        if example is None:
            raise CliError(
                f"{event_type} has no example in the catalogue. Give it one with `flux event-types update {event_type} "
                f"--example JSON`, or publish data of your own: `flux events publish {event_type} --data JSON`."
            )
        tell_published(flux, flux.events.publish(event_type, example))


def _unknown(event_type: str, flux: "flux_webhooks.Flux") -> str:
    if event_type.startswith(OWN_EVENTS):
        return (
            f"Only Flux Dispatch itself publishes {event_type[:128]}. To see one arrive, have a test sent: "
            f"`flux webhooks test WEBHOOK --type {event_type[:128]}`."
        )
    names = [each.name for each in flux.event_types.list(archived=False, limit=100)]
    close = get_close_matches(event_type, names, n=1)
    meant = f" Did you mean {close[0]}?" if close else ""
    return f"There is no event type {event_type[:128]!r} in the catalogue.{meant} `flux event-types list` shows them."
