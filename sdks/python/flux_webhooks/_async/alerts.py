"""The alerts of an account: one for each delivery that was given up."""

from __future__ import annotations

from flux_webhooks._async.pages import AsyncPage
from flux_webhooks._async.resource import AsyncResource
from flux_webhooks.checks import path_id, query_id, query_truth
from flux_webhooks.given import given
from flux_webhooks.models import Alert


class AsyncAlerts(AsyncResource):
    """Alerts."""

    async def list(
        self,
        *,
        webhook: str | None = None,
        acknowledged: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        account: str | None = None,
    ) -> AsyncPage[Alert]:
        """List alerts, of one webhook or by whether somebody has seen them if asked."""
        query = {
            "webhook": given(query_id, webhook, "webhook", "wh"),
            "acknowledged": given(query_truth, acknowledged, "acknowledged"),
        }
        return await self._page(Alert, "alerts.list", query=query, limit=limit, cursor=cursor, account=account)

    async def acknowledge(self, id: str, *, account: str | None = None) -> Alert:
        """Say that somebody has seen an alert; saying it again changes nothing."""
        return await self._one(Alert, "alerts.acknowledge", path={"id": path_id(id, "alrt")}, account=account)
