"""`flux keys`: make, list and revoke API keys, in the database or over the API; and renew the encryption key."""

import os
from base64 import b64encode
from typing import Annotated

import typer
from flux_webhooks.checks import SCOPES

from flux_dispatch.cli.client.completion import account_ids
from flux_dispatch.cli.client.ids import whole_among
from flux_dispatch.cli.client.one import tell
from flux_dispatch.cli.commands.group import Command, Group, KeysCommand
from flux_dispatch.cli.commands.options import shared_options
from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.output.json_lines import say_json
from flux_dispatch.cli.output.terminal import say

_ENCRYPTION_KEY_BYTES = 32

app = Group(
    "API keys, and the keys that seal secrets in the database."
    "\n\nWhere FLUX_DATABASE_URL is set, or `flux up` runs here, create, list and revoke work in the database, for all "
    "accounts. With --api-url or --api-key, or FLUX_API_URL or FLUX_API_KEY alone, they go over the API, and may do "
    "what that key may.",
    kind=KeysCommand,
)


@app.command(
    examples="""
    flux keys create --scope events:write --scope read --name 'billing service'
    KEY=$(flux keys create --platform)
    """
)
def create(
    *,
    account: Annotated[
        str | None,
        typer.Option(
            metavar="ACCOUNT",
            help="Whose key it is. Without, in the database, an account is made for it.",
            autocompletion=account_ids,
        ),
    ] = None,
    platform: Annotated[bool, typer.Option("--platform", help="A key that acts for any account.")] = False,
    scope: Annotated[
        list[str] | None,
        typer.Option(metavar="SCOPE", help=f"What it may do: {', '.join(SCOPES)}; may be given again. [admin]"),
    ] = None,
    name: Annotated[str, typer.Option(metavar="TEXT", help="What it is for; up to 100 characters.")] = "",
    expires_in: Annotated[
        int | None, typer.Option(min=1, max=36_500, metavar="DAYS", help="When it ends by itself. [never]")
    ] = None,
) -> None:
    """Make a key, and print it, this once."""
    from flux_dispatch.cli.keys_place import WantedKey, keys_place

    scopes = scope or ["admin"]
    for each in scopes:
        if each not in SCOPES:
            raise CliError(f"{each} is not a scope. There are: {', '.join(SCOPES)}.")
    if platform and account:
        raise CliError("A platform key belongs to no account: give --platform or --account, not both.")
    made = keys_place().create(WantedKey(account, tuple(scopes), name, expires_in, platform=platform))
    if shared_options().as_json:
        say_json(made)
        return
    tell(f"Account  {made['account'] or 'any (platform key: name it in the header Flux-Account, or with --account)'}")
    tell("Key      shown this once, and not kept:")
    say(made["key"])


@app.command("list", examples="flux keys list")
def list_keys() -> None:
    """List keys, without the keys themselves."""
    from flux_dispatch.cli.keys_place import keys_place
    from flux_dispatch.cli.views.api_keys import say_keys

    say_keys(keys_place().known())


@app.command(examples="flux keys revoke key_019bc0d6f4c57b3e9f21c4d8e6a70007")
def revoke(key_id: Annotated[str, typer.Argument(metavar="KEY", help="key_…, as `flux keys list` shows it.")]) -> None:
    """End a key; it stops working within five seconds."""
    from flux_dispatch.cli.keys_place import keys_place

    place = keys_place()
    key_id = whole_among(key_id, lambda: (str(each["id"]) for each in place.known()))
    place.revoke(key_id)
    if shared_options().as_json:
        say_json({"id": key_id, "object": "api_key", "revoked": True})
    else:
        say(f"{key_id} is revoked.")


@app.command("new-encryption-key", cls=Command, examples="export FLUX_ENCRYPTION_KEYS=$(flux keys new-encryption-key)")
def new_encryption_key() -> None:
    """Print a new key for FLUX_ENCRYPTION_KEYS; it is kept nowhere."""
    typer.echo(b64encode(os.urandom(_ENCRYPTION_KEY_BYTES)).decode())


@app.command("rotate-encryption", cls=Command, examples="flux keys rotate-encryption")
def rotate_encryption() -> None:
    """Seal every webhook and alert channel under the newest of FLUX_ENCRYPTION_KEYS, while all runs.

    It may be ended and begun again.
    """
    from flux_dispatch.cli.given import given_settings
    from flux_dispatch.cli.reseal import reseal_all

    webhooks, channels, key = reseal_all(given_settings())
    typer.echo(
        f"{webhooks} webhooks and {channels} alert channels were sealed under the key {key}. "
        "None is in plain text or under an older one now."
    )
