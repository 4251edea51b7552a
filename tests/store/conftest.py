"""Store tests get a harness of their own."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.store_harness import StoreHarness


@pytest.fixture
def world(database: AsyncEngine) -> StoreHarness:
    return StoreHarness(database)
