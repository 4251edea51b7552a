"""Webhooks: created, found, changed, deleted; a deleted one stays as the name of its past deliveries."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

import structlog
from sqlalchemy import Row, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.errors import CannotUnseal
from flux_dispatch.domain.ids import AccountId, Prefix, WebhookId, format_id, parse_id
from flux_dispatch.domain.webhook import (
    NewWebhook,
    SigningSecrets,
    Status,
    Webhook,
    WebhookChange,
    expiries_after_rotation,
)
from flux_dispatch.store.connect import connect, transaction
from flux_dispatch.store.pages import Page, Queries
from flux_dispatch.store.sealed_webhooks import WebhookSeals, keeps_plain
from flux_dispatch.store.tables import accounts, webhooks

_WEBHOOKS = """
    SELECT id, account_id, url, events, description, headers, sealed_headers, metadata, status, disabled_reason,
           secrets, sealed_secrets, secrets_expire_at, created_at, updated_at, flux_now() AS now
    FROM webhooks
    WHERE account_id = :account AND deleted_at IS NULL AND {where}
"""

FORGOTTEN: Final[Mapping[str, Any]] = {
    "secrets": [],
    "sealed_secrets": None,
    "secrets_expire_at": None,
    "headers": {},
    "sealed_headers": None,
}
"""What a deleted webhook holds of its secrets and headers."""

log = structlog.get_logger("flux.store")


class WebhookStore:
    """Writes webhooks; what must not be read in the database is sealed."""

    def __init__(self, database: AsyncEngine, seals: WebhookSeals) -> None:
        self._database = database
        self._seals = seals

    async def create(self, account: AccountId, draft: NewWebhook, secret: str, *, most: int) -> Webhook | None:
        """Store a new webhook, enabled from now on; None when the account has as many as it may have."""
        owner = UUID(parse_id(Prefix.ACCOUNT, account))
        theirs = and_(webhooks.c.account_id == owner, webhooks.c.deleted_at.is_(None))
        async with transaction(self._database) as connection:
            # one at a time for each account: the count that follows sees what the one before has stored
            whose = select(accounts.c.id).where(accounts.c.id == owner)
            await connection.execute(whose.with_for_update(key_share=True))
            counted = select(func.count().label("existing"), func.flux_new_id().label("id")).where(theirs)
            found = (await connection.execute(counted)).one()
            if found.existing >= most:
                return None
            is_plain = await keeps_plain(connection)
            values = {
                "id": found.id,
                "account_id": owner,
                "url": draft.url,
                "events": list(draft.events),
                "description": draft.description,
                "metadata": dict(draft.metadata),
                "status": Status.ENABLED.value,
                "secrets": [secret] if is_plain else [],
                "sealed_secrets": [self._seals.seal_secret(found.id, secret)],
                "secrets_expire_at": [None],
                **self._headers(found.id, draft.headers, is_plain=is_plain),
            }
            made = await connection.execute(insert(webhooks).values(values).returning(webhooks))
            return _webhook_from_row(made.one(), self._seals)

    async def update(self, account: AccountId, webhook: WebhookId, change: WebhookChange) -> Webhook | None:
        """Change a webhook; None when the account has no such one.

        An event that is published after the commit goes by what it is then, an attempt that is claimed after it too.
        One that is enabled keeps what was not canceled yet: a trigger takes its mark away.
        """
        fields = {"url": change.url, "events": change.events, "description": change.description}
        values: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
        if change.metadata is not None:
            values["metadata"] = dict(change.metadata)
        if change.status is not None:
            values |= {"status": change.status, "disabled_reason": change.disabled_reason}
        async with transaction(self._database) as connection:
            if change.headers is not None:
                is_plain = await keeps_plain(connection)
                values |= self._headers(_uuid(webhook), change.headers, is_plain=is_plain)
            values["updated_at"] = func.flux_now() if values else webhooks.c.updated_at
            changed = update(webhooks).where(_is_theirs(account, webhook)).values(**values).returning(webhooks)
            row = (await connection.execute(changed)).one_or_none()
            return _webhook_from_row(row, self._seals) if row else None

    async def rotate_secret(
        self, account: AccountId, webhook: WebhookId, secret: str, overlap: timedelta
    ) -> SigningSecrets | None:
        """Have a new secret sign first; None when the account has no such webhook.

        Raises:
            InvalidRequest: too many would sign at once; nothing is changed.
        """
        async with transaction(self._database) as connection:
            is_plain = await keeps_plain(connection)
            found = select(webhooks, func.flux_now().label("now")).where(_is_theirs(account, webhook))
            row = (await connection.execute(found.with_for_update(key_share=True))).one_or_none()
            if row is None:
                return None
            ends = expiries_after_rotation(_expire_at(row), row.now, overlap)
            kept = [number for number, until in enumerate(ends) if until is not None]
            sealed = self._sealed_secrets(row)
            values = {
                "secrets": [secret, *(row.secrets[number] for number in kept)] if is_plain else [],
                "sealed_secrets": [self._seals.seal_secret(row.id, secret), *(sealed[number] for number in kept)],
                "secrets_expire_at": [None, *(ends[number] for number in kept)],
                "updated_at": func.flux_now(),
            }
            await connection.execute(update(webhooks).where(webhooks.c.id == row.id).values(**values))
            return SigningSecrets(secret, tuple(until for until in ends if until is not None))

    async def delete(self, account: AccountId, webhook: WebhookId) -> bool:
        """Delete a webhook; False when the account has no such one. No event reaches it from this commit on.

        Its secrets and headers are not needed any more, and go at once.
        """
        change = (
            update(webhooks)
            .where(_is_theirs(account, webhook))
            .values(deleted_at=func.flux_now(), updated_at=func.flux_now(), **FORGOTTEN)
        )
        async with connect(self._database) as connection:
            return bool((await connection.execute(change)).rowcount)

    def _headers(self, webhook: UUID, headers: Mapping[str, str], *, is_plain: bool) -> dict[str, Any]:
        sealed = self._seals.seal_headers(webhook, headers)
        return {"headers": dict(headers) if is_plain else {}, "sealed_headers": sealed}

    def _sealed_secrets(self, row: Row[Any]) -> Sequence[bytes]:
        """Return the secrets of a row as they lie there, or sealed now."""
        if row.sealed_secrets is not None:
            sealed: Sequence[bytes] = row.sealed_secrets
            return sealed
        return [self._seals.seal_secret(row.id, each) for each in row.secrets]


class WebhookQueries(Queries):
    """Reads webhooks."""

    def __init__(self, database: AsyncEngine, seals: WebhookSeals) -> None:
        super().__init__(database)
        self._seals = seals

    async def page(self, account: AccountId, page: Page) -> list[Webhook]:
        """Return webhooks that were not deleted."""
        rows = await self._page(_WEBHOOKS, "webhooks.id", account, page)
        return [_webhook_from_row(row, self._seals) for row in rows]

    async def get(self, account: AccountId, webhook: WebhookId) -> Webhook | None:
        """Return a webhook that was not deleted."""
        row = await self._found(account, webhook)
        return _webhook_from_row(row, self._seals) if row else None

    async def secrets(self, account: AccountId, webhook: WebhookId) -> SigningSecrets | None:
        """Return what signs for a webhook that was not deleted.

        Raises:
            CannotUnseal: its newest secret does not open.
        """
        row = await self._found(account, webhook)
        if row is None:
            return None
        sealed = (row.sealed_secrets or [])[:1] or None
        try:
            newest, *_ = self._seals.secrets(row.id, row.secrets, sealed, [None], row.now)
        except CannotUnseal as error:
            log.warning("webhook.cannot_unseal", reason=str(error), consequence="its secret cannot be shown")
            raise
        return SigningSecrets(newest, tuple(each for each in _expire_at(row) if each and each > row.now))

    async def _found(self, account: AccountId, webhook: WebhookId) -> Row[Any] | None:
        query = _WEBHOOKS.format(where="webhooks.id = CAST(:id AS uuid)")
        return await self._one(query, account, parse_id(Prefix.WEBHOOK, webhook))


def _webhook_from_row(row: Row[Any], seals: WebhookSeals) -> Webhook:
    """Return the webhook that a row of the table holds."""
    try:
        headers = seals.headers(row.id, row.headers, row.sealed_headers)
    except CannotUnseal as error:
        headers = None
        log.warning("webhook.cannot_unseal", reason=str(error), consequence="it is shown without its headers")
    return Webhook(
        id=cast(WebhookId, format_id(Prefix.WEBHOOK, row.id.hex)),
        account=cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex)),
        url=row.url,
        events=tuple(row.events),
        description=row.description,
        headers=headers,
        metadata=row.metadata,
        status=Status(row.status),
        disabled_reason=row.disabled_reason,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _expire_at(row: Row[Any]) -> list[datetime | None]:
    """Return when each secret ends, the newest first; rows of the release before know no end."""
    return list(row.secrets_expire_at or [None] * len(row.secrets))


def _is_theirs(account: AccountId, webhook: WebhookId) -> Any:  # noqa: ANN401 - SQLAlchemy's
    return and_(
        webhooks.c.id == _uuid(webhook),
        webhooks.c.account_id == UUID(parse_id(Prefix.ACCOUNT, account)),
        webhooks.c.deleted_at.is_(None),
    )


def _uuid(webhook: WebhookId) -> UUID:
    return UUID(parse_id(Prefix.WEBHOOK, webhook))
