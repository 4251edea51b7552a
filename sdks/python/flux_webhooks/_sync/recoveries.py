"""Recoveries: everything that a webhook missed is delivered to it after all. `webhooks.recover` begins one."""

from __future__ import annotations

from flux_webhooks._sync.pages import Page
from flux_webhooks._sync.resource import Resource
from flux_webhooks.checks import path_id, query_id
from flux_webhooks.given import given
from flux_webhooks.models import Recovery


class Recoveries(Resource):
    """Recoveries."""

    def list(
        self,
        *,
        webhook: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        account: str | None = None,
    ) -> Page[Recovery]:
        """List recoveries, those of one webhook if asked."""
        query = {"webhook": given(query_id, webhook, "webhook", "wh")}
        return self._page(Recovery, "recoveries.list", query=query, limit=limit, cursor=cursor, account=account)

    def get(self, id: str, *, account: str | None = None) -> Recovery:
        """Return how far a recovery has come."""
        return self._one(Recovery, "recoveries.get", path={"id": path_id(id, "rec")}, account=account)

    def cancel(self, id: str, *, account: str | None = None) -> Recovery:
        """Cancel a recovery; what it has recovered stays so."""
        return self._one(Recovery, "recoveries.cancel", path={"id": path_id(id, "rec")}, account=account)
