"""`flux listen`: what may be given on the command line, checked before anything is sent."""

from typing import Annotated, Final, Literal

import typer

from flux_dispatch.cli.client.completion import event_types
from flux_dispatch.cli.commands.group import Group

app = Group()

MAX_SECONDS: Final = 3600.0

ForwardTo = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Your local server: 3000, localhost:3000/path or https://…; without it, only show."
    ),
]
Events = Annotated[
    list[str] | None,
    typer.Option(
        "--events",
        metavar="TYPES",
        help="Event types, comma-separated: order.completed, order.*. [all]",
        autocompletion=event_types,
    ),
]
Header = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="'NAME: VALUE'", help="Added to what is forwarded; may be given again."),
]
Seconds = Annotated[
    float,
    typer.Option(
        "--timeout", min=0.1, max=MAX_SECONDS, metavar="SECONDS", help="How long your server may take to answer. [30]"
    ),
]
AllowRemote = Annotated[bool, typer.Option("--allow-remote", help="Forward to another machine than this one, too.")]
SkipVerify = Annotated[bool, typer.Option("--skip-verify", help="Believe any certificate of your local server.")]
Format = Annotated[
    Literal["text", "json"],
    typer.Option("--format", metavar="FORMAT", help="text, or json: one object a line, as docs/test-locally.md says."),
]
PrintSecret = Annotated[bool, typer.Option("--print-secret", help="Print the signing secret of this machine, and end.")]


@app.command(
    examples="""
    flux listen --forward-to localhost:3000/webhooks/flux
    flux listen --forward-to 3000 --events order.completed,user.*
    flux listen --forward-to https://localhost:8443/hooks --skip-verify --header 'Host: shop.test'
    flux listen --forward-to 3000 --format json
    WEBHOOK_SECRET=$(flux listen --print-secret)
    """
)
def listen(
    *,
    forward_to: ForwardTo = None,
    events: Events = None,
    header: Header = None,
    timeout: Seconds = 30.0,
    allow_remote: AllowRemote = False,
    skip_verify: SkipVerify = False,
    output: Format = "text",
    print_secret: PrintSecret = False,
) -> None:
    """Receive events on this machine: a public URL that ends with this command, and leads to your local server."""
    from flux_dispatch.cli.client.target import find_target
    from flux_dispatch.cli.commands.options import shared_options
    from flux_dispatch.cli.listen.options import (
        ForwardOptions,
        ListenOptions,
        checked_events,
        checked_headers,
        checked_local_url,
    )
    from flux_dispatch.cli.listen.signing_secret import kept_secret, secret_or_none

    shared = shared_options()
    options = ListenOptions(
        local=checked_local_url(forward_to),
        events=checked_events(events),
        forwarding=ForwardOptions(checked_headers(header), timeout, allow_remote, skip_verify),
        account=shared.account,
        as_json=shared.as_json or output == "json",
    )
    target = find_target(shared)
    if print_secret:
        typer.echo(kept_secret(target.api_url))
        return
    from flux_dispatch.cli.listen.run import run_listen

    run_listen(options, target, secret_or_none(target.api_url))
