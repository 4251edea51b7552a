"""`flux alert-channels`: where people are told of failures, over the API."""

import sys
from typing import Annotated, Any, Literal

import typer

from flux_dispatch.cli.client.completion import alert_channel_ids
from flux_dispatch.cli.client.connection import connected
from flux_dispatch.cli.client.ids import whole_id
from flux_dispatch.cli.client.listing import show_list
from flux_dispatch.cli.client.one import show_one, tell
from flux_dispatch.cli.commands.group import Group
from flux_dispatch.cli.commands.options import shared_options
from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.input.confirm import confirm
from flux_dispatch.cli.input.pairs import parse_optional_list
from flux_dispatch.cli.output.json_lines import say_json

app = Group("Where people are told of failures: e-mail, Slack, PagerDuty and others.")

ChannelId = Annotated[
    str,
    typer.Argument(
        metavar="CHANNEL", help="chan_…, as `flux alert-channels list` shows it.", autocompletion=alert_channel_ids
    ),
]
Name = Annotated[str | None, typer.Option(metavar="TEXT", help="What people call it; up to 100 characters.")]
Kinds = Annotated[
    list[str] | None,
    typer.Option(
        "--kinds",
        metavar="KINDS",
        help="Of delivery_failed, webhook_failing, webhook_disabled and webhook_recovered, comma-separated.",
    ),
]


@app.command(
    examples="""
    flux alert-channels create 'mailtos://user:password@smtp.example.com?to=ops@example.com' --name 'On call'
    pass show slack | flux alert-channels create - --kinds webhook_disabled
    """
)
def create(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="An Apprise URL, or one that Slack, Discord or Teams give out; - reads it from standard input, where "
            "nobody sees the password in it.",
        ),
    ],
    name: Name = None,
    kinds: Kinds = None,
) -> None:
    """Create a channel. It is told of what happens from now on, of all kinds unless --kinds says otherwise."""
    from flux_dispatch.cli.views.alert_channels import fields

    with connected() as flux:
        made = flux.alert_channels.create(_given(url), name=name, kinds=parse_optional_list(kinds))
    show_one(made, fields(made))
    tell("", "To see whether messages arrive:", f"  flux alert-channels test {made.id}")


@app.listing(examples="flux alert-channels list")
def list_alert_channels() -> None:
    """List channels, and whether messages to them arrive."""
    from flux_dispatch.cli.views.alert_channels import COLUMNS, EMPTY

    show_list(COLUMNS, lambda flux, limit: flux.alert_channels.list(limit=limit), empty=EMPTY)


@app.command(examples="flux alert-channels show chan_019bc0d6f4c57b3e9f21c4d8e6a70008")
def show(channel: ChannelId) -> None:
    """Show a channel, and whether messages to it arrive. Its URL is shown to nobody."""
    from flux_dispatch.cli.views.alert_channels import fields

    with connected() as flux:
        found = flux.alert_channels.get(whole_id(flux, channel))
    show_one(found, fields(found))


@app.command(
    examples="""
    flux alert-channels update chan_019bc0d6f4c57b3e9f21c4d8e6a70008 --kinds delivery_failed,webhook_disabled
    flux alert-channels update chan_019bc0d6f4c57b3e9f21c4d8e6a70008 --status disabled
    """
)
def update(
    channel: ChannelId,
    *,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where its messages go; - reads it from standard input.")
    ] = None,
    name: Name = None,
    kinds: Kinds = None,
    status: Annotated[
        Literal["enabled", "disabled"] | None, typer.Option(metavar="STATUS", help="enabled or disabled.")
    ] = None,
) -> None:
    """Change what is given; each value takes the place of the whole one before."""
    from flux_dispatch.cli.views.alert_channels import fields

    change: dict[str, Any] = {"url": url, "name": name, "kinds": parse_optional_list(kinds), "status": status}
    if all(value is None for value in change.values()):
        raise typer.BadParameter("Nothing was given that shall change.")
    if url is not None:
        change["url"] = _given(url)
    with connected() as flux:
        changed = flux.alert_channels.update(whole_id(flux, channel), **change)
    show_one(changed, fields(changed))


@app.command(examples="flux alert-channels delete chan_019bc0d6f4c57b3e9f21c4d8e6a70008 --yes")
def delete(channel: ChannelId, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Delete a channel. What it was yet to be told is not sent."""
    with connected() as flux:
        found = flux.alert_channels.get(whole_id(flux, channel))
        confirm(f"Delete {found.id} ({found.service}, {found.target})?", yes=yes)
        flux.alert_channels.delete(found.id)
    tell(f"{found.id} is deleted.")


@app.command("test", examples="flux alert-channels test chan_019bc0d6f4c57b3e9f21c4d8e6a70008")
def send_test(channel: ChannelId) -> None:
    """Send a test message to a channel. Exits 1 if its service did not take it, and says why."""
    with connected() as flux:
        sent = flux.alert_channels.test(whole_id(flux, channel))
    if shared_options().as_json:
        say_json(sent.raw)
    if sent.status != "sent":
        raise CliError(f"It was not taken: {(sent.error or 'its service does not say why').rstrip('.')}.")
    tell("Its service took the message. Look whether it arrives.")


def _given(url: str) -> str:
    return sys.stdin.readline().strip() if url == "-" else url
