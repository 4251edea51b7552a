"""What `flux keys` does in the database; apart from the command, so that `flux --help` loads no database library."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from config.settings import Settings
from flux_dispatch.cli.errors import CliError
from flux_dispatch.domain.api_key import ApiKey
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.api_keys import ApiKeyStore
from flux_dispatch.store.connect import check_database, open_database
from flux_dispatch.store.migrate import check_current

Value = TypeVar("Value")


def new_key(
    settings: Settings, account: str | None, scopes: Sequence[str], *, platform: bool
) -> tuple[AccountId | None, str]:
    """Make a key and return its account (None: any) and the key; without an account, a new one is made for it.

    Raises:
        CliError: there is no such account.
    """

    async def make(accounts: AccountStore, keys: ApiKeyStore) -> tuple[AccountId | None, str]:
        owner = None if platform else await _owner(accounts, account)
        _, key = await keys.create(owner, scopes)
        return owner, key

    return _with_stores(settings, make)


def known_keys(settings: Settings) -> list[ApiKey]:
    """Return every key's record, oldest first."""
    return _with_stores(settings, lambda _, keys: keys.list_all())


def revoke_key(settings: Settings, key_id: str) -> bool:
    """End a key; False when there is none of this id that works."""
    return _with_stores(settings, lambda _, keys: keys.revoke(key_id))


def _with_stores(settings: Settings, use: Callable[[AccountStore, ApiKeyStore], Awaitable[Value]]) -> Value:
    url = settings.need_database_url()

    async def run() -> Value:
        await check_database(url)
        database = open_database(url)
        try:
            await check_current(database)
            return await use(AccountStore(database), ApiKeyStore(database))
        finally:
            await database.dispose()

    return asyncio.run(run())


async def _owner(accounts: AccountStore, account: str | None) -> AccountId:
    if account is None:
        return await accounts.create("default")
    if not await accounts.exists(AccountId(account)):
        raise CliError(f"There is no account {account}.")
    return AccountId(account)
