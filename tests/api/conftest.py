"""API tests get a running API, two accounts with keys, and the database behind them."""

from tests.support.api_fixtures import api, other_tenant, tenant, world

__all__ = ["api", "other_tenant", "tenant", "world"]
