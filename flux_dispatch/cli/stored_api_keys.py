"""What `flux keys` does in the database; apart from the command, so that `flux --help` loads no database library."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from flux_dispatch.cli.caller import caller
from flux_dispatch.cli.errors import CliError
from flux_dispatch.domain.api_key import ApiKey, NewApiKey
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.acting import acting_as
from flux_dispatch.store.api_keys import ApiKeyStore
from flux_dispatch.store.connect import check_database, open_database
from flux_dispatch.store.schema_version import check_current

Value = TypeVar("Value")


def new_key(url: str, account: str | None, wanted: NewApiKey, *, platform: bool) -> tuple[ApiKey, str]:
    """Make a key, and return its record and the key; without an account, a new one is made for it.

    Raises:
        CliError: there is no such account, or the key would be over already.
    """

    async def make(accounts: AccountStore, keys: ApiKeyStore) -> tuple[ApiKey, str]:
        owner = None if platform else await _owner(accounts, account)
        made = await keys.add(owner, wanted)
        if made is None:
            raise CliError("The end of the key has passed already.")
        return made

    return _with_stores(url, make)


def known_keys(url: str) -> list[ApiKey]:
    """Return every key's record, oldest first."""
    return _with_stores(url, lambda _, keys: keys.list_all())


def revoke_key(url: str, key_id: str) -> bool:
    """End a key; False when there is none of this id that works."""
    return _with_stores(url, lambda _, keys: keys.revoke(key_id))


def _with_stores(url: str, use: Callable[[AccountStore, ApiKeyStore], Awaitable[Value]]) -> Value:
    async def run() -> Value:
        await check_database(url)
        database = open_database(url)
        try:
            await check_current(database)
            return await use(AccountStore(database), ApiKeyStore(database))
        finally:
            await database.dispose()

    with acting_as(caller):
        return asyncio.run(run())


async def _owner(accounts: AccountStore, account: str | None) -> AccountId:
    if account is None:
        return await accounts.create("default")
    found = await accounts.get(account)
    if found is None:
        raise CliError(f"There is no account {account}.")
    return found.id
