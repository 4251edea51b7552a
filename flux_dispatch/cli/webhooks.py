"""`flux webhooks`: make, look at, change, test and delete webhooks, over the API."""

from typing import Annotated, Literal

import typer

from flux_dispatch.cli.client.completion import event_types, webhook_ids
from flux_dispatch.cli.client.connection import connected
from flux_dispatch.cli.client.ids import whole_id
from flux_dispatch.cli.client.listing import show_list
from flux_dispatch.cli.client.one import show_one, show_value, tell
from flux_dispatch.cli.client.recovery import TIME_HELP, TIME_METAVAR, recover_missed
from flux_dispatch.cli.commands.group import Group
from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.input.confirm import confirm
from flux_dispatch.cli.input.pairs import parse_list, parse_optional_list, parse_pairs

app = Group("Endpoints: what they want, and their secrets.")

WebhookId = Annotated[
    str,
    typer.Argument(metavar="WEBHOOK", help="wh_…, as `flux webhooks list` shows it.", autocompletion=webhook_ids),
]
Events = Annotated[
    list[str] | None,
    typer.Option(
        "--events",
        metavar="TYPES",
        help="Event types, comma-separated: order.completed, order.*, or *.",
        autocompletion=event_types,
    ),
]
Description = Annotated[str | None, typer.Option(metavar="TEXT", help="What it is for; up to 500 characters.")]
Header = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="'NAME: VALUE'", help="Sent with every POST; may be given again."),
]
Metadata = Annotated[
    list[str] | None,
    typer.Option("--metadata", metavar="NAME=TEXT", help="A text of your own, kept beside it; may be given again."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command(
    examples="""
    flux webhooks create https://example.com/hooks --events order.completed,invoice.paid
    flux webhooks create https://example.com/hooks --header 'X-Team: billing' --json
    """
)
def create(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where its events are POSTed to.")],
    events: Events = None,
    description: Description = None,
    header: Header = None,
    metadata: Metadata = None,
) -> None:
    """Create a webhook, and print its signing secret. Without --events it gets all of them."""
    from flux_dispatch.cli.views.webhooks import fields

    headers, texts = parse_pairs(header, "--header", ":"), parse_pairs(metadata, "--metadata")
    with connected() as flux:
        made = flux.webhooks.create(
            url,
            ["*"] if events is None else parse_list(events),
            description=description,
            headers=headers,
            metadata=texts,
        )
    show_one(made, {**fields(made), "secret": made.secret})
    tell(
        "",
        "Its receiver verifies with the secret; `flux webhooks secret` prints it again. Next:",
        f"  flux webhooks test {made.id}",
    )


@app.listing(examples="flux webhooks list\nflux webhooks list --all --json")
def list_webhooks() -> None:
    """List webhooks, the newest first."""
    from flux_dispatch.cli.views.webhooks import COLUMNS, EMPTY

    show_list(COLUMNS, lambda flux, limit: flux.webhooks.list(limit=limit), empty=EMPTY)


@app.command(examples="flux webhooks show wh_019bc0d6f4c57b3e9f21c4d8e6a70002")
def show(webhook: WebhookId) -> None:
    """Show a webhook, and how its attempts of the last 24 hours went."""
    from flux_dispatch.cli.views.webhooks import fields, stats_fields

    with connected() as flux:
        found = flux.webhooks.get(whole_id(flux, webhook))
        stats = flux.webhooks.stats(found.id)
    show_one(found, fields(found) | stats_fields(stats))


@app.command(
    examples="""
    flux webhooks update wh_019bc0d6f4c57b3e9f21c4d8e6a70002 --events 'order.*'
    flux webhooks update wh_019bc0d6f4c57b3e9f21c4d8e6a70002 --status disabled --reason 'The shop moved'
    """
)
def update(
    webhook: WebhookId,
    *,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Where its events are POSTed to.")] = None,
    events: Events = None,
    description: Description = None,
    header: Header = None,
    metadata: Metadata = None,
    status: Annotated[
        Literal["enabled", "disabled"] | None, typer.Option(metavar="STATUS", help="enabled or disabled.")
    ] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why it is disabled.")] = None,
) -> None:
    """Change what is given. Headers and metadata take the place of all that were there; '' takes them all away."""
    from flux_dispatch.cli.views.webhooks import fields

    change = {
        "url": url,
        "events": parse_optional_list(events),
        "description": description,
        "headers": parse_pairs(header, "--header", ":"),
        "metadata": parse_pairs(metadata, "--metadata"),
        "status": status,
        "disabled_reason": reason,
    }
    if all(value is None for value in change.values()):
        raise typer.BadParameter("Nothing was given that shall change: name a URL, events or another option.")
    with connected() as flux:
        changed = flux.webhooks.update(whole_id(flux, webhook), **change)  # type: ignore[arg-type] # each is what its option says
    show_one(changed, fields(changed))


@app.command(examples="flux webhooks delete wh_019bc0d6f4c57b3e9f21c4d8e6a70002 --yes")
def delete(webhook: WebhookId, yes: Yes = False) -> None:
    """Delete a webhook. What was still to be delivered to it is canceled."""
    with connected() as flux:
        found = flux.webhooks.get(whole_id(flux, webhook))
        confirm(f"Delete {found.id} ({found.url})? What it was still to get is canceled.", yes=yes)
        flux.webhooks.delete(found.id)
    tell(f"{found.id} is deleted.")


@app.command(examples="SECRET=$(flux webhooks secret wh_019bc0d6f4c57b3e9f21c4d8e6a70002)")
def secret(webhook: WebhookId) -> None:
    """Print the secret that signs."""
    with connected() as flux:
        found = flux.webhooks.secret(whole_id(flux, webhook))
    show_value(found, found.secret)


@app.command(
    "rotate-secret",
    examples="""
    flux webhooks rotate-secret wh_019bc0d6f4c57b3e9f21c4d8e6a70002
    flux webhooks rotate-secret wh_019bc0d6f4c57b3e9f21c4d8e6a70002 --expires-in 0
    """,
)
def rotate_secret(
    webhook: WebhookId,
    expires_in: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=604_800,
            metavar="SECONDS",
            help="For how long the old one signs, too; 0 ends all older ones now. [86400]",
        ),
    ] = None,
) -> None:
    """Make a new secret, and print it. The old one signs beside it for a day, so that no receiver has to hurry."""
    from flux_dispatch.cli.output.times import local

    with connected() as flux:
        made = flux.webhooks.rotate_secret(whole_id(flux, webhook), expires_in=expires_in)
    show_value(made, made.secret)
    ends = [each.expires for each in made.older]
    tell(f"The one before signs beside it until {local(max(ends))}." if ends else "All older ones ended.")


@app.command("test", examples="flux webhooks test wh_019bc0d6f4c57b3e9f21c4d8e6a70002 --type order.completed")
def send_test(
    webhook: WebhookId,
    event_type: Annotated[
        str | None,
        typer.Option(
            "--type",
            metavar="TYPE",
            help="Which event; the first that it names, else flux.test.",
            autocompletion=event_types,
        ),
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait for the answer.")] = False,
) -> None:
    """Send one POST to a webhook, and show what it answered. Exits 1 if that was no success."""
    from flux_dispatch.cli.views.deliveries import fields, say_attempts

    with connected() as flux:
        sent = flux.webhooks.test(whole_id(flux, webhook), type=event_type, wait=not no_wait)
    show_one(sent, fields(sent))
    say_attempts(sent, with_advice=False)
    if not no_wait and sent.status != "delivered":
        looked = f"There is no answer yet: `flux deliveries show {sent.id}` will have it. Does a worker run?"
        raise CliError((sent.attempts and sent.attempts[-1].advice) or looked)


@app.command(
    examples="""
    flux webhooks recover wh_019bc0d6f4c57b3e9f21c4d8e6a70002 --since 2h
    flux webhooks recover wh_019bc0d6f4c57b3e9f21c4d8e6a70002 --since 2026-01-15 --until 2026-01-16 --dry-run
    """
)
def recover(
    webhook: WebhookId,
    since: Annotated[str, typer.Option(metavar=TIME_METAVAR, help=f"From when on: {TIME_HELP}")],
    until: Annotated[str | None, typer.Option(metavar=TIME_METAVAR, help="Before when. [now]")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what it would find.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not follow it to its end.")] = False,
) -> None:
    """Have all delivered that a webhook missed in a span of time: failed, canceled or never attempted."""
    recover_missed(webhook, since, until, dry_run=dry_run, wait=not no_wait)
