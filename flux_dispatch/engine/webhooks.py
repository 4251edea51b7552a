"""Webhooks: a customer's endpoint begins, or ends, to want events."""

import os
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Protocol

from flux_dispatch.domain.address import AddressPolicy
from flux_dispatch.domain.errors import InvalidRequest, NotFound
from flux_dispatch.domain.ids import AccountId, WebhookId
from flux_dispatch.domain.signing import SECRET_BYTES, encode_secret
from flux_dispatch.domain.url import normalize_url
from flux_dispatch.domain.webhook import NewWebhook, Webhook, validate_description, validate_headers, validate_patterns


class WebhookStore(Protocol):
    """What these verbs need of the store."""

    async def create(self, account: AccountId, draft: NewWebhook, secret: str, *, most: int) -> Webhook | None:
        """Store a new webhook; None when the account has `most` already."""
        ...

    async def delete(self, account: AccountId, webhook: WebhookId) -> bool:
        """Delete a webhook; False when the account has no such one."""
        ...


class Webhooks:
    """Creates and deletes webhooks.

    Args:
        webhooks: the store.
        policy: which addresses a URL may name.
        require_https: whether `http://` is refused.
        most: how many webhooks an account may have; each of its events may have to be sent to all of them.
    """

    def __init__(self, webhooks: WebhookStore, policy: AddressPolicy, *, require_https: bool, most: int) -> None:
        self._webhooks = webhooks
        self._policy = policy
        self._require_https = require_https
        self._most = most

    async def create(
        self, account: AccountId, *, url: str, events: Sequence[str], description: str, headers: Mapping[str, str]
    ) -> Webhook:
        """Create a webhook with a new secret.

        Raises:
            InvalidRequest: a value is not what it must be, then `param` names it; or the account has as many webhooks
                as it may have. Nothing is stored.
        """
        draft = NewWebhook(
            url=normalize_url(url, require_https=self._require_https, policy=self._policy),
            events=validate_patterns(events),
            description=validate_description(description),
            headers=validate_headers(headers),
        )
        made = await self._webhooks.create(account, draft, encode_secret(os.urandom(SECRET_BYTES)), most=self._most)
        if made is None:
            message = f"This account has {self._most} webhooks and may not have more. Delete those that nobody needs, "
            message += "or have an operator raise FLUX_WEBHOOKS_PER_ACCOUNT."
            raise InvalidRequest(message, code="too_many_webhooks", status=HTTPStatus.CONFLICT)
        return made

    async def delete(self, account: AccountId, webhook: WebhookId) -> None:
        """Delete a webhook; what was still to be delivered to it is canceled.

        Raises:
            NotFound: the account has no such webhook.
        """
        if not await self._webhooks.delete(account, webhook):
            raise NotFound(f"There is no webhook {webhook}.")
