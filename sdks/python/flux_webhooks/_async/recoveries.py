"""Recoveries: everything that a webhook missed is delivered to it after all. `webhooks.recover` begins one."""

from __future__ import annotations

from flux_webhooks._async.pages import AsyncPage
from flux_webhooks._async.resource import AsyncResource
from flux_webhooks.checks import path_id, query_id
from flux_webhooks.given import given
from flux_webhooks.models import Recovery


class AsyncRecoveries(AsyncResource):
    """Recoveries."""

    async def list(
        self,
        *,
        webhook: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        account: str | None = None,
    ) -> AsyncPage[Recovery]:
        """List recoveries, those of one webhook if asked."""
        query = {"webhook": given(query_id, webhook, "webhook", "wh")}
        return await self._page(Recovery, "recoveries.list", query=query, limit=limit, cursor=cursor, account=account)

    async def get(self, id: str, *, account: str | None = None) -> Recovery:
        """Return how far a recovery has come."""
        return await self._one(Recovery, "recoveries.get", path={"id": path_id(id, "rec")}, account=account)

    async def cancel(self, id: str, *, account: str | None = None) -> Recovery:
        """Cancel a recovery; what it has recovered stays so."""
        return await self._one(Recovery, "recoveries.cancel", path={"id": path_id(id, "rec")}, account=account)
