"""Browser tests get an API and a Chromium; those of the dashboard one of each for a module, with a bookshop in it."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
import redis
from playwright.async_api import Browser

from tests.conftest import new_database
from tests.support.api_fixtures import api, tenant, world
from tests.support.bookshop import Bookshop, bookshop
from tests.support.chromium import browser

__all__ = ["api", "tenant", "world"]


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    async with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def module_database(postgres: str, template: str) -> Iterator[str]:
    """The URL of an empty database for the tests of a module."""
    with new_database(postgres, template) as url:
        yield url


@pytest.fixture(scope="module")
def module_redis(redis_server: str) -> str:
    """The URL of a Redis that is empty when the module begins."""
    with redis.Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(module_database: str, module_redis: str) -> AsyncIterator[Bookshop]:
    """The dashboard of a believable account; its tests run in the loop of their module."""
    async with bookshop(module_database, module_redis) as opened:
        yield opened
