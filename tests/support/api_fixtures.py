"""Fixtures for tests that call a real API: one that runs, two accounts with keys, and the database behind them."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.api import Caller, api_client, running_api
from tests.support.store_harness import StoreHarness


@pytest.fixture
async def api(database_url: str, redis_url: str) -> AsyncIterator[str]:
    """The URL of an API with the default settings."""
    async with running_api(database_url, redis_url) as url:
        yield url


@pytest.fixture
async def tenant(api: str, database: AsyncEngine) -> AsyncIterator[Caller]:
    async with api_client(api, database) as caller:
        yield caller


@pytest.fixture
async def other_tenant(api: str, database: AsyncEngine) -> AsyncIterator[Caller]:
    async with api_client(api, database) as caller:
        yield caller


@pytest.fixture
def world(database: AsyncEngine) -> StoreHarness:
    return StoreHarness(database)
