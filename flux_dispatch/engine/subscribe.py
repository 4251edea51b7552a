"""Subscribe: a customer's endpoint begins, or ends, to want events."""

import os
from collections.abc import Mapping, Sequence
from typing import Protocol

from flux_dispatch.domain.address import AddressPolicy
from flux_dispatch.domain.errors import NotFound
from flux_dispatch.domain.ids import AccountId, WebhookId
from flux_dispatch.domain.signing import SECRET_BYTES, secret_from
from flux_dispatch.domain.url import check_url
from flux_dispatch.domain.webhook import Draft, Webhook, check_description, check_headers, check_patterns


class Webhooks(Protocol):
    """What subscribing needs of the store."""

    async def add(self, account: AccountId, draft: Draft, secret: str) -> Webhook:
        """Store a new webhook."""
        ...

    async def delete(self, account: AccountId, webhook: WebhookId) -> bool:
        """Delete a webhook; False when the account has no such one."""
        ...


class Subscribe:
    """Creates and deletes webhooks.

    Args:
        webhooks: the store.
        policy: which addresses a URL may name.
        require_https: whether `http://` is refused.
    """

    def __init__(self, webhooks: Webhooks, policy: AddressPolicy, *, require_https: bool) -> None:
        self._webhooks = webhooks
        self._policy = policy
        self._require_https = require_https

    async def create(
        self, account: AccountId, *, url: str, events: Sequence[str], description: str, headers: Mapping[str, str]
    ) -> Webhook:
        """Create a webhook with a new secret.

        Raises:
            InvalidRequest: a value is not what it must be; `param` names it, and nothing is stored.
        """
        draft = Draft(
            url=check_url(url, require_https=self._require_https, policy=self._policy),
            events=check_patterns(events),
            description=check_description(description),
            headers=check_headers(headers),
        )
        return await self._webhooks.add(account, draft, secret_from(os.urandom(SECRET_BYTES)))

    async def delete(self, account: AccountId, webhook: WebhookId) -> None:
        """Delete a webhook; what was still to be delivered to it is canceled.

        Raises:
            NotFound: the account has no such webhook.
        """
        if not await self._webhooks.delete(account, webhook):
            raise NotFound(f"There is no webhook {webhook}.")
