"""Webhooks: created, found, deleted; a deleted one stays as the name of its past deliveries."""

from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.ids import AccountId, Prefix, WebhookId, format_id, parse_id
from flux_dispatch.domain.webhook import NewWebhook, Status, Webhook
from flux_dispatch.store.connect import connect, transaction
from flux_dispatch.store.pages import Page, Queries
from flux_dispatch.store.tables import accounts, webhooks

_WEBHOOKS = """
    SELECT id, account_id, url, events, description, headers, status, disabled_reason, secrets, created_at, updated_at
    FROM webhooks
    WHERE account_id = :account AND deleted_at IS NULL AND {where}
"""


class WebhookStore:
    """Writes webhooks."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def create(self, account: AccountId, draft: NewWebhook, secret: str, *, most: int) -> Webhook | None:
        """Store a new webhook, enabled from now on; None when the account has as many as it may have."""
        values = {
            "account_id": UUID(parse_id(Prefix.ACCOUNT, account)),
            "url": draft.url,
            "events": list(draft.events),
            "description": draft.description,
            "headers": dict(draft.headers),
            "status": Status.ENABLED.value,
            "secrets": [secret],
        }
        theirs = and_(webhooks.c.account_id == values["account_id"], webhooks.c.deleted_at.is_(None))
        async with transaction(self._database) as connection:
            # one at a time for each account: the count that follows sees what the one before has stored
            whose = select(accounts.c.id).where(accounts.c.id == values["account_id"])
            await connection.execute(whose.with_for_update(key_share=True))
            if (await connection.execute(select(func.count()).where(theirs))).scalar_one() >= most:
                return None
            made = await connection.execute(insert(webhooks).values(values).returning(webhooks))
            return _webhook_from_row(made.one())

    async def delete(self, account: AccountId, webhook: WebhookId) -> bool:
        """Delete a webhook; False when the account has no such one. No event reaches it from this commit on."""
        change = (
            update(webhooks)
            .where(
                webhooks.c.id == UUID(parse_id(Prefix.WEBHOOK, webhook)),
                webhooks.c.account_id == UUID(parse_id(Prefix.ACCOUNT, account)),
                webhooks.c.deleted_at.is_(None),
            )
            .values(deleted_at=func.flux_now(), updated_at=func.flux_now())
        )
        async with connect(self._database) as connection:
            return bool((await connection.execute(change)).rowcount)


def _webhook_from_row(row: Row[Any]) -> Webhook:
    """Return the webhook that a row of the table holds."""
    return Webhook(
        id=cast(WebhookId, format_id(Prefix.WEBHOOK, row.id.hex)),
        account=cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex)),
        url=row.url,
        events=tuple(row.events),
        description=row.description,
        headers=row.headers,
        status=Status(row.status),
        disabled_reason=row.disabled_reason,
        secret=row.secrets[0],
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


class WebhookQueries(Queries):
    """Reads webhooks."""

    async def page(self, account: AccountId, page: Page) -> list[Webhook]:
        """Return webhooks that were not deleted."""
        return [_webhook_from_row(row) for row in await self._page(_WEBHOOKS, "webhooks.id", account, page)]

    async def get(self, account: AccountId, webhook: WebhookId) -> Webhook | None:
        """Return a webhook that was not deleted."""
        query = _WEBHOOKS.format(where="webhooks.id = CAST(:id AS uuid)")
        row = await self._one(query, account, parse_id(Prefix.WEBHOOK, webhook))
        return _webhook_from_row(row) if row else None
