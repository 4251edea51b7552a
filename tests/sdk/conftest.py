"""The SDK's tests against a real API: one that runs, an account's key and a platform's."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.api_key import Scope
from flux_dispatch.store.api_keys import ApiKeyStore
from tests.support.api_fixtures import api, tenant, world

__all__ = ["api", "tenant", "world"]


@pytest.fixture
async def platform_key(database: AsyncEngine) -> str:
    _, key = await ApiKeyStore(database).create(None, [Scope.ADMIN])
    return key
