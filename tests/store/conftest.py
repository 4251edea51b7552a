"""Store tests get a world of their own."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.store.world import World


@pytest.fixture
def world(database: AsyncEngine) -> World:
    return World(database)
