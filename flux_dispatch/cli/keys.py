"""`flux keys`: make, list and revoke API keys, straight in the database."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from flux_dispatch.cli.refusal import Refusal
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.keys import KeyStore

app = typer.Typer(help="API keys.", no_args_is_help=True)

Value = TypeVar("Value")


@app.command()
def create(
    account: Annotated[str | None, typer.Option(help="The account, acct_…; without it a new one is made.")] = None,
    platform: Annotated[bool, typer.Option("--platform", help="A key that acts for any account.")] = False,
    scope: Annotated[list[str] | None, typer.Option(help="What it may do; may be given again. [admin]")] = None,
) -> None:
    """Make a key; it is shown this once."""
    scopes = scope or [Scope.ADMIN.value]
    for each in scopes:
        if each not in set(Scope):
            raise Refusal(f"{each} is not a scope. There are: {', '.join(Scope)}.")
    if platform and account:
        raise Refusal("A platform key belongs to no account: give --platform or --account, not both.")

    async def make(accounts: AccountStore, keys: KeyStore) -> tuple[AccountId | None, str]:
        owner = None if platform else await _owner(accounts, account)
        _, key = await keys.create(owner, scopes)
        return owner, key

    owner, key = _with_stores(make)
    typer.echo(f"Account  {owner or 'any (platform key: name it in the header Flux-Account)'}", err=True)
    typer.echo("Key      shown this once, and not kept:", err=True)
    typer.echo(key)


@app.command("list")
def list_keys() -> None:
    """List keys, without the keys themselves."""
    found = _with_stores(lambda _, keys: keys.list_all())
    for key in found:
        state = f"revoked {key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else "works"
        typer.echo(f"{key.id}  …{key.hint}  {key.account or 'platform':37}  {','.join(key.scopes)}  {state}")


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="key_…, as `flux keys list` shows it.")]) -> None:
    """End a key; it stops working within five seconds."""
    if not _with_stores(lambda _, keys: keys.revoke(key_id)):
        raise Refusal(f"There is no working key {key_id}. `flux keys list` shows them.")
    typer.echo(f"{key_id} is revoked.")


def _with_stores(use: Callable[..., Awaitable[Value]]) -> Value:
    from config.settings import load_settings
    from flux_dispatch.store.connect import check_database, open_database
    from flux_dispatch.store.migrate import check_current

    url = load_settings().need_database_url()

    async def run() -> Value:
        await check_database(url)
        database = open_database(url)
        try:
            await check_current(database)
            return await use(AccountStore(database), KeyStore(database))
        finally:
            await database.dispose()

    return asyncio.run(run())


async def _owner(accounts: AccountStore, account: str | None) -> AccountId:
    if account is None:
        return await accounts.create("default")
    if not await accounts.exists(AccountId(account)):
        raise Refusal(f"There is no account {account}.")
    return AccountId(account)
