"""`flux accounts`: the customers of a platform, over the API; these take a platform key."""

from typing import Annotated, Any

import typer

from flux_dispatch.cli.client.completion import account_ids
from flux_dispatch.cli.client.connection import connected
from flux_dispatch.cli.client.ids import whole_id
from flux_dispatch.cli.client.listing import show_list
from flux_dispatch.cli.client.one import show_one, tell
from flux_dispatch.cli.commands.group import Group
from flux_dispatch.cli.input.confirm import confirm
from flux_dispatch.cli.input.pairs import parse_pairs

app = Group("The customers of your platform. Takes a platform key.")

AccountName = Annotated[
    str,
    typer.Argument(metavar="ACCOUNT", help="acct_…, or ext: and your own id of it.", autocompletion=account_ids),
]
Metadata = Annotated[
    list[str] | None,
    typer.Option("--metadata", metavar="NAME=TEXT", help="A text of your own, kept beside it; may be given again."),
]


@app.listing(examples="flux accounts list --all --json")
def list_accounts() -> None:
    """List accounts, the newest first."""
    from flux_dispatch.cli.views.accounts import COLUMNS, EMPTY

    show_list(COLUMNS, lambda flux, limit: flux.accounts.list(limit=limit), empty=EMPTY)


@app.command(examples="flux accounts show ext:cus_42")
def show(account: AccountName) -> None:
    """Show an account."""
    from flux_dispatch.cli.views.accounts import fields

    with connected() as flux:
        found = flux.accounts.get(whole_id(flux, account))
    show_one(found, fields(found))


@app.command(examples="flux accounts create Acme --external-id cus_42 --metadata plan=gold")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    external_id: Annotated[
        str | None, typer.Option(metavar="ID", help="Your own id of it; one that is known gives that account.")
    ] = None,
    metadata: Metadata = None,
) -> None:
    """Create an account. With an external id that is known, it is that account, as it is."""
    from flux_dispatch.cli.views.accounts import fields

    with connected() as flux:
        made = flux.accounts.create(name, external_id=external_id, metadata=parse_pairs(metadata, "--metadata"))
    show_one(made, fields(made))
    named = f"ext:{made.external_id}" if made.external_id else made.id
    tell("", "To act for it, name it:", f"  flux webhooks create https://example.com/hooks --account {named}")


@app.command(examples="flux accounts update ext:cus_42 --name 'Acme & Sons'")
def update(
    account: AccountName,
    *,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="What people call it.")] = None,
    external_id: Annotated[str | None, typer.Option(metavar="ID", help="Your own id of it; '' takes it away.")] = None,
    metadata: Metadata = None,
) -> None:
    """Change what is given. Metadata takes the place of all that was there; '' takes it all away."""
    from flux_dispatch.cli.views.accounts import fields

    change: dict[str, Any] = {"name": name, "metadata": parse_pairs(metadata, "--metadata")}
    if external_id is not None:
        change["external_id"] = external_id or None
    if all(value is None for value in change.values()) and external_id is None:
        raise typer.BadParameter("Nothing was given that shall change.")
    with connected() as flux:
        changed = flux.accounts.update(whole_id(flux, account), **change)
    show_one(changed, fields(changed))


@app.command(examples="flux accounts delete ext:cus_42 --yes")
def delete(account: AccountName, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Delete an account. Its keys and webhooks end at once, and all that is its own is erased; there is no way back."""
    with connected() as flux:
        found = flux.accounts.get(whole_id(flux, account))
        confirm(f"Delete {found.name} ({found.id}), with its webhooks, events and keys, for good?", yes=yes)
        flux.accounts.delete(found.id)
    tell(f"{found.id} is deleted; its rows are erased in the background.")
