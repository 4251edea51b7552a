"""The accounts of a platform: its customers. These calls take a platform key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from flux_webhooks import checks
from flux_webhooks._sync.pages import Page
from flux_webhooks._sync.resource import Resource
from flux_webhooks.checks import path_account
from flux_webhooks.given import UNSET, Unset, given, named, nullable
from flux_webhooks.models import Account


class Accounts(Resource):
    """Accounts; an `id` is acct_…, or ext: and the platform's own id."""

    def create(
        self, name: str, *, external_id: str | None = None, metadata: Mapping[str, str] | None = None
    ) -> Account:
        """Create an account, or return the one that has this `external_id` already, as it is."""
        body = named(
            name=checks.text_of(name, "name", most=200),
            external_id=given(checks.external_id, external_id),
            metadata=given(checks.metadata, metadata),
        )
        return self._one(Account, "accounts.create", body=body, repeatable=external_id is not None)

    def list(self, *, limit: int | None = None, cursor: str | None = None) -> Page[Account]:
        """List accounts."""
        return self._page(Account, "accounts.list", query={}, limit=limit, cursor=cursor)

    def get(self, id: str) -> Account:
        """Return an account."""
        return self._one(Account, "accounts.get", path={"id": path_account(id)})

    def update(
        self,
        id: str,
        *,
        name: str | None = None,
        external_id: str | Literal[Unset.UNSET] | None = UNSET,
        metadata: Mapping[str, str] | None = None,
    ) -> Account:
        """Change what is given; `metadata` takes the place of all that was there, external_id None takes it away."""
        body = {
            **named(name=given(checks.text_of, name, "name", most=200), metadata=given(checks.metadata, metadata)),
            **nullable("external_id", external_id, checks.external_id),
        }
        return self._one(Account, "accounts.update", path={"id": path_account(id)}, body=body)

    def delete(self, id: str) -> None:
        """Delete an account: its keys and webhooks end now, its rows are erased in the background."""
        self._connection.send("accounts.delete", path={"id": path_account(id)})
