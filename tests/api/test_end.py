"""A process of the API that ends for whatever reason has closed all that it opened, so that it does end."""

import asyncio

import pytest

from config.settings import load_settings
from tests.support.api import ENCRYPTION_KEY
from workers.wiring.api import api_application


async def test_one_that_cannot_begin_leaves_nothing_running(database_url: str, redis_url: str) -> None:
    given = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "ENCRYPTION_KEYS": ENCRYPTION_KEY}
    before = asyncio.all_tasks()
    with pytest.raises(OSError, match="in use"):
        async with api_application(load_settings({f"FLUX_{name}": value for name, value in given.items()})):
            raise OSError("address already in use")
    assert asyncio.all_tasks() == before
