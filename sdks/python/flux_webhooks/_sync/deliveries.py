"""The deliveries of an account: each is one event owed to one webhook."""

from __future__ import annotations

from datetime import datetime

from flux_webhooks._sync.pages import Page
from flux_webhooks._sync.resource import Resource
from flux_webhooks.checks import OUTCOMES, STATES, path_id, query_choice, query_id, query_instant
from flux_webhooks.given import given
from flux_webhooks.models import Delivery


class Deliveries(Resource):
    """Deliveries."""

    def list(
        self,
        *,
        status: str | None = None,
        webhook: str | None = None,
        event: str | None = None,
        outcome: str | None = None,
        created_after: datetime | str | None = None,
        created_before: datetime | str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        account: str | None = None,
    ) -> Page[Delivery]:
        """List deliveries; `outcome` is the error class of the last attempt, the times are those of their events."""
        query = {
            "status": None if status is None else query_choice(status, "status", STATES),
            "webhook": given(query_id, webhook, "webhook", "wh"),
            "event": given(query_id, event, "event", "evt"),
            "outcome": None if outcome is None else query_choice(outcome, "outcome", OUTCOMES),
            "created_after": given(query_instant, created_after, "created_after"),
            "created_before": given(query_instant, created_before, "created_before"),
        }
        return self._page(Delivery, "deliveries.list", query=query, limit=limit, cursor=cursor, account=account)

    def get(self, id: str, *, account: str | None = None) -> Delivery:
        """Return a delivery with every attempt."""
        return self._one(Delivery, "deliveries.get", path={"id": path_id(id, "dlv")}, account=account)

    def retry(self, id: str, *, account: str | None = None) -> Delivery:
        """Have a delivery attempted at once, and return it as it stands then."""
        return self._one(Delivery, "deliveries.retry", path={"id": path_id(id, "dlv")}, account=account)
