"""Tests of the dashboard get a running API, and the database behind it."""

from tests.support.api_fixtures import api, other_tenant, tenant, world
from tests.system.conftest import installation

__all__ = ["api", "installation", "other_tenant", "tenant", "world"]
