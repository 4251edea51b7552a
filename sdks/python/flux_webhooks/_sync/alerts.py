"""The alerts of an account: one for each delivery that was given up."""

from __future__ import annotations

from flux_webhooks._sync.pages import Page
from flux_webhooks._sync.resource import Resource
from flux_webhooks.checks import path_id, query_id, query_truth
from flux_webhooks.given import given
from flux_webhooks.models import Alert


class Alerts(Resource):
    """Alerts."""

    def list(
        self,
        *,
        webhook: str | None = None,
        acknowledged: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        account: str | None = None,
    ) -> Page[Alert]:
        """List alerts, of one webhook or by whether somebody has seen them if asked."""
        query = {
            "webhook": given(query_id, webhook, "webhook", "wh"),
            "acknowledged": given(query_truth, acknowledged, "acknowledged"),
        }
        return self._page(Alert, "alerts.list", query=query, limit=limit, cursor=cursor, account=account)

    def acknowledge(self, id: str, *, account: str | None = None) -> Alert:
        """Say that somebody has seen an alert; saying it again changes nothing."""
        return self._one(Alert, "alerts.acknowledge", path={"id": path_id(id, "alrt")}, account=account)
