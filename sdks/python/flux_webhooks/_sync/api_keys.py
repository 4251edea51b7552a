"""The API keys of an account; or of the platform, with a platform key and no account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from flux_webhooks import checks
from flux_webhooks._sync.pages import Page
from flux_webhooks._sync.resource import Resource
from flux_webhooks.given import given, named
from flux_webhooks.models import ApiKey

_MOST_PER_SECOND = 1_000_000


class ApiKeys(Resource):
    """API keys; all of these take the scope `admin`."""

    def create(
        self,
        scopes: Sequence[str],
        *,
        name: str | None = None,
        expires_at: datetime | str | None = None,
        events_per_second: int | None = None,
        requests_per_second: int | None = None,
        account: str | None = None,
    ) -> ApiKey:
        """Create a key; this answer is the only one that holds it (`key`)."""
        body = named(
            scopes=checks.scopes(scopes),
            name=given(checks.text_of, name, "name", most=100, least=0),
            expires_at=given(checks.instant, expires_at, "expires_at"),
            events_per_second=given(
                checks.whole_of, events_per_second, "events_per_second", least=1, most=_MOST_PER_SECOND
            ),
            requests_per_second=given(
                checks.whole_of, requests_per_second, "requests_per_second", least=1, most=_MOST_PER_SECOND
            ),
        )
        return self._one(ApiKey, "api_keys.create", body=body, account=account)

    def list(self, *, limit: int | None = None, cursor: str | None = None, account: str | None = None) -> Page[ApiKey]:
        """List the keys that were not revoked, without the keys themselves."""
        return self._page(ApiKey, "api_keys.list", query={}, limit=limit, cursor=cursor, account=account)

    def revoke(self, id: str, *, account: str | None = None) -> None:
        """Revoke a key: it stops working within five seconds."""
        self._connection.send("api_keys.revoke", path={"id": checks.path_id(id, "key")}, account=account)
