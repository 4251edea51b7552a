"""Webhooks: a customer's endpoint begins, or ends, to want events."""

import os
from dataclasses import replace
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Protocol, TypeVar

from flux_dispatch.domain.address import AddressPolicy
from flux_dispatch.domain.errors import InvalidRequest, NotFound
from flux_dispatch.domain.ids import AccountId, WebhookId
from flux_dispatch.domain.metadata import validate_metadata
from flux_dispatch.domain.signing import SECRET_BYTES, encode_secret
from flux_dispatch.domain.url import normalize_url
from flux_dispatch.domain.webhook import (
    NewWebhook,
    SigningSecrets,
    Webhook,
    WebhookChange,
    validate_description,
    validate_headers,
    validate_overlap,
    validate_patterns,
    validate_status,
)

Found = TypeVar("Found")


class WebhookStore(Protocol):
    """What these verbs need of the store."""

    async def create(self, account: AccountId, draft: NewWebhook, secret: str, *, most: int) -> Webhook | None:
        """Store a new webhook; None when the account has `most` already."""
        ...

    async def update(self, account: AccountId, webhook: WebhookId, change: WebhookChange) -> Webhook | None:
        """Change a webhook; None when the account has no such one."""
        ...

    async def rotate_secret(
        self, account: AccountId, webhook: WebhookId, secret: str, overlap: timedelta
    ) -> SigningSecrets | None:
        """Have a new secret sign first, the one before for so much longer; None when there is no such webhook."""
        ...

    async def reveal_secret(self, account: AccountId, webhook: WebhookId) -> SigningSecrets | None:
        """Return what signs for a webhook, of which it is written that it was read; None when there is no such one."""
        ...

    async def delete(self, account: AccountId, webhook: WebhookId) -> bool:
        """Delete a webhook; False when the account has no such one."""
        ...


class Webhooks:
    """Creates, changes and deletes webhooks.

    Args:
        webhooks: the store.
        policy: which addresses a URL may name.
        require_https: whether `http://` is refused.
        most: how many webhooks an account may have; each of its events may have to be sent to all of them.
        own_url: where Flux itself is reached, if that is known: no webhook may aim at it.
    """

    def __init__(
        self, webhooks: WebhookStore, policy: AddressPolicy, *, require_https: bool, most: int, own_url: str | None
    ) -> None:
        self._webhooks = webhooks
        self._normalize = partial(normalize_url, require_https=require_https, policy=policy, own_url=own_url)
        self._most = most

    def check_url(self, url: str) -> None:
        """Pass a URL that a webhook may have; no name is looked up.

        Raises:
            InvalidRequest: it may not, and the message says what to change.
        """
        self._normalize(url)

    async def create(self, account: AccountId, wanted: NewWebhook) -> tuple[Webhook, str]:
        """Create a webhook, and return it with its new secret.

        Raises:
            InvalidRequest: a value is not what it must be, then `param` names it; or the account has as many webhooks
                as it may have. Nothing is stored.
        """
        draft = NewWebhook(
            url=self._normalize(wanted.url),
            events=validate_patterns(wanted.events),
            description=validate_description(wanted.description),
            headers=validate_headers(wanted.headers),
            metadata=validate_metadata(wanted.metadata),
        )
        secret = _new_secret()
        made = await self._webhooks.create(account, draft, secret, most=self._most)
        if made is None:
            message = f"This account has {self._most} webhooks and may not have more. Delete those that nobody needs, "
            message += "or have an operator raise FLUX_WEBHOOKS_PER_ACCOUNT."
            raise InvalidRequest(message, code="too_many_webhooks", status=HTTPStatus.CONFLICT)
        return made, secret

    async def update(self, account: AccountId, webhook: WebhookId, change: WebhookChange) -> Webhook:
        """Change what is named. A disabled webhook's deliveries are canceled; one enabled again keeps what is left.

        Raises:
            InvalidRequest: a value is not what it must be, then `param` names it. Nothing is changed.
            NotFound: the account has no such webhook.
        """
        status, reason = validate_status(change.status, change.disabled_reason)
        checked = replace(
            change,
            url=None if change.url is None else self._normalize(change.url),
            events=None if change.events is None else validate_patterns(change.events),
            description=None if change.description is None else validate_description(change.description),
            headers=None if change.headers is None else validate_headers(change.headers),
            metadata=None if change.metadata is None else validate_metadata(change.metadata),
            status=status,
            disabled_reason=reason,
        )
        return _found(await self._webhooks.update(account, webhook, checked), webhook)

    async def rotate_secret(self, account: AccountId, webhook: WebhookId, expires_in_seconds: int) -> SigningSecrets:
        """Have a new secret sign, and the one before beside it for so long; 0 ends all older ones.

        Raises:
            InvalidRequest: that is longer than it may be, or too many would sign at once. Nothing is changed.
            NotFound: the account has no such webhook.
        """
        overlap = validate_overlap(expires_in_seconds)
        return _found(await self._webhooks.rotate_secret(account, webhook, _new_secret(), overlap), webhook)

    async def reveal_secret(self, account: AccountId, webhook: WebhookId) -> SigningSecrets:
        """Return what signs for a webhook; that somebody asked for it is written before.

        Raises:
            NotFound: the account has no such webhook.
            CannotUnseal: its newest secret does not open.
        """
        return _found(await self._webhooks.reveal_secret(account, webhook), webhook)

    async def delete(self, account: AccountId, webhook: WebhookId) -> None:
        """Delete a webhook; what was still to be delivered to it is canceled.

        Raises:
            NotFound: the account has no such webhook.
        """
        _found(await self._webhooks.delete(account, webhook) or None, webhook)


def _new_secret() -> str:
    return encode_secret(os.urandom(SECRET_BYTES))


def _found(found: Found | None, webhook: WebhookId) -> Found:
    if found is None:
        raise NotFound(f"There is no webhook {webhook}.")
    return found
