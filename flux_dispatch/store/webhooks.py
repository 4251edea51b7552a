"""Webhooks: created, found, deleted; a deleted one stays as the name of its past deliveries."""

from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.ids import AccountId, Prefix, WebhookId, format_id, parse_id
from flux_dispatch.domain.webhook import NewWebhook, Status, Webhook
from flux_dispatch.store.connect import statement, transaction
from flux_dispatch.store.tables import accounts, webhooks


class WebhookStore:
    """Writes webhooks."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def add(self, account: AccountId, draft: NewWebhook, secret: str, *, most: int) -> Webhook | None:
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
            return webhook_of(made.one())

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
        async with statement(self._database) as connection:
            return bool((await connection.execute(change)).rowcount)


def webhook_of(row: Row[Any]) -> Webhook:
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
