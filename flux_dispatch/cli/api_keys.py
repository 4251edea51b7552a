"""`flux keys`: make, list and revoke API keys, and renew the encryption key, straight in the database."""

import os
from base64 import b64encode
from typing import Annotated

import typer

from flux_dispatch.cli.errors import CliError
from flux_dispatch.domain.api_key import Scope

_ENCRYPTION_KEY_BYTES = 32

app = typer.Typer(help="API keys, and the keys that seal secrets in the database.", no_args_is_help=True)


@app.command()
def create(
    account: Annotated[str | None, typer.Option(help="The account, acct_…; without it a new one is made.")] = None,
    platform: Annotated[bool, typer.Option("--platform", help="A key that acts for any account.")] = False,
    scope: Annotated[list[str] | None, typer.Option(help="What it may do; may be given again. [admin]")] = None,
) -> None:
    """Make a key; it is shown this once."""
    from flux_dispatch.cli.given import given_settings
    from flux_dispatch.cli.stored_api_keys import new_key

    scopes = scope or [Scope.ADMIN.value]
    for each in scopes:
        if each not in set(Scope):
            raise CliError(f"{each} is not a scope. There are: {', '.join(Scope)}.")
    if platform and account:
        raise CliError("A platform key belongs to no account: give --platform or --account, not both.")
    owner, key = new_key(given_settings(), account, scopes, platform=platform)
    typer.echo(f"Account  {owner or 'any (platform key: name it in the header Flux-Account)'}", err=True)
    typer.echo("Key      shown this once, and not kept:", err=True)
    typer.echo(key)


@app.command("list")
def list_keys() -> None:
    """List keys, without the keys themselves."""
    from flux_dispatch.cli.given import given_settings
    from flux_dispatch.cli.stored_api_keys import known_keys

    for key in known_keys(given_settings()):
        state = f"revoked {key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else "works"
        typer.echo(f"{key.id}  …{key.last4}  {key.account or 'platform':37}  {','.join(key.scopes)}  {state}")


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="key_…, as `flux keys list` shows it.")]) -> None:
    """End a key; it stops working within five seconds."""
    from flux_dispatch.cli.given import given_settings
    from flux_dispatch.cli.stored_api_keys import revoke_key

    if not revoke_key(given_settings(), key_id):
        raise CliError(f"There is no working key {key_id}. `flux keys list` shows them.")
    typer.echo(f"{key_id} is revoked.")


@app.command("new-encryption-key")
def new_encryption_key() -> None:
    """Print a new key for FLUX_ENCRYPTION_KEYS; it is kept nowhere."""
    typer.echo(b64encode(os.urandom(_ENCRYPTION_KEY_BYTES)).decode())


@app.command("rotate-encryption")
def rotate_encryption() -> None:
    """Seal every webhook under the newest of FLUX_ENCRYPTION_KEYS, while all runs; may be ended and begun again."""
    from flux_dispatch.cli.given import given_settings
    from flux_dispatch.cli.reseal import reseal_all

    sealed, key = reseal_all(given_settings())
    typer.echo(f"{sealed} webhooks were sealed under the key {key}. None is in plain text or under an older one now.")
