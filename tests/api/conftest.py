"""API tests get a running API, two accounts with keys, and the database behind them."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.api.running import Caller, calling, running
from tests.store.world import World


@pytest.fixture
async def api(database_url: str, redis_url: str) -> AsyncIterator[str]:
    """The URL of an API with the default settings."""
    async with running(database_url, redis_url) as url:
        yield url


@pytest.fixture
async def ours(api: str, database: AsyncEngine) -> AsyncIterator[Caller]:
    async with calling(api, database) as caller:
        yield caller


@pytest.fixture
async def theirs(api: str, database: AsyncEngine) -> AsyncIterator[Caller]:
    async with calling(api, database) as caller:
        yield caller


@pytest.fixture
def world(database: AsyncEngine) -> World:
    return World(database)
