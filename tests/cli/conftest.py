"""Tests of commands get an API that runs, a believable shop behind it, and the command with each kind of key."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.api_keys import ApiKeyStore
from flux_dispatch.store.connect import open_database
from tests.conftest import new_database
from tests.support.api_thread import api_in_thread
from tests.support.believable import Believable, believable
from tests.support.command import Command
from tests.support.installation import Installation


@dataclass(frozen=True)
class Shop:
    """An API, what there is to look at in it, and keys: two of accounts, one that reads, one of the platform."""

    api_url: str
    database_url: str
    found: Believable
    key: str
    new_key: str
    reading_key: str
    platform_key: str


@pytest.fixture(scope="session")
def shop(postgres: str, template: str, redis_server: str) -> Iterator[Shop]:
    with new_database(postgres, template) as database_url:
        found, *keys = asyncio.run(_fill(database_url))
        settings = {"require_https": "false", "allow_networks": "127.0.0.0/8", "delivery_timeout": "1"}
        with api_in_thread(database_url, redis_server, **settings) as url:
            yield Shop(url, database_url, found, *keys)


@pytest.fixture
def flux(shop: Shop, tmp_path: Path) -> Iterator[Command]:
    """The command of the shop: much to look at, and nothing that another test may not have changed."""
    command = Command(tmp_path, FLUX_API_URL=shop.api_url, FLUX_API_KEY=shop.key)
    yield command
    command.close()


@pytest.fixture
def fresh(flux: Command, shop: Shop) -> Command:
    """The command of an account of this test's own."""
    return flux.with_settings(FLUX_API_KEY=_account_key(flux, shop))


@pytest.fixture
def platform(flux: Command, shop: Shop) -> Command:
    """The command with a platform key."""
    return flux.with_settings(FLUX_API_KEY=shop.platform_key)


@pytest.fixture(scope="session")
def running(
    postgres: str, template: str, redis_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """An installation of an API and a worker, as processes; its second attempts are due at once."""
    with new_database(postgres, template) as url:
        # of a number of its own, which no other test empties
        broker = f"{redis_server.rpartition('/')[0]}/1"
        home = tmp_path_factory.mktemp("running")
        with Installation(url, broker, home, {"FLUX_RETRY_DELAYS": "0,0"}) as installation:
            installation.start_api()
            installation.start_worker()
            yield installation


def _account_key(flux: Command, shop: Shop) -> str:
    platform = flux.with_settings(FLUX_API_KEY=shop.platform_key)
    account = platform.done("accounts", "create", "A test").fields["id"]
    return platform.done("keys", "create", "--account", account).out.strip()


async def _fill(database_url: str) -> tuple[Believable, str, str, str, str]:
    database = open_database(database_url)
    found, keys = await believable(database), ApiKeyStore(database)
    new = await AccountStore(database).create("New")

    async def key(account: AccountId | None, scope: Scope) -> str:
        return (await keys.create(account, [scope]))[1]

    made = (
        await key(found.account, Scope.ADMIN),
        await key(new, Scope.ADMIN),
        await key(found.account, Scope.READ),
        await key(None, Scope.ADMIN),
    )
    await database.dispose()
    return found, *made
