"""The statements behind reseal: what is to be sealed, found by how it lies there, a bounded batch at a time."""

from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Row, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import made_with
from flux_dispatch.domain.errors import CannotUnseal
from flux_dispatch.domain.ids import Prefix, WebhookId, format_id, parse_id
from flux_dispatch.domain.webhook import Resealed
from flux_dispatch.store.audit_log import note
from flux_dispatch.store.connect import connect, transaction
from flux_dispatch.store.sealed_webhooks import WebhookSeals
from flux_dispatch.store.tables import sealing, webhooks
from flux_dispatch.store.webhooks import FORGOTTEN

# a value that is sealed under the newest key begins with :head
_IS_TO_BE_SEALED: Final = """
    (secrets <> '{}' OR headers <> '{}'
     OR substring(sealed_headers FROM 1 FOR length(CAST(:head AS bytea))) <> CAST(:head AS bytea)
     OR EXISTS (
         SELECT FROM unnest(sealed_secrets) AS sealed
         WHERE substring(sealed FROM 1 FOR length(CAST(:head AS bytea))) <> CAST(:head AS bytea)
     ))
"""
_COUNT = text(f"SELECT count(*) FROM webhooks WHERE {_IS_TO_BE_SEALED}")  # noqa: S608 - a constant
_BATCH = text(f"""
    SELECT id, secrets, sealed_secrets, secrets_expire_at, headers, sealed_headers, deleted_at IS NOT NULL AS is_deleted
    FROM webhooks
    WHERE id > CAST(:after AS uuid) AND {_IS_TO_BE_SEALED}
    ORDER BY id LIMIT :limit
    FOR NO KEY UPDATE
""")  # noqa: S608 - as above


class ResealStore:
    """Seals what lies in plain text or under an older key."""

    def __init__(self, database: AsyncEngine, seals: WebhookSeals) -> None:
        self._database = database
        self._seals = seals

    async def end_plain(self) -> int:
        """Have nothing more stored in plain text; return how many webhooks are to be sealed.

        Whoever stores a webhook at this moment is waited for, and what it stored is counted.
        """
        async with connect(self._database) as connection:
            await connection.execute(update(sealing).where(sealing.c.keeps_plain).values(keeps_plain=False))
            count = int((await connection.execute(_COUNT, {"head": self._seals.head})).scalar_one())
        if count:
            async with transaction(self._database) as connection:
                await note(connection, Action.ENCRYPTION_KEY_ROTATED, None, changes=made_with(webhooks=count))
        return count

    async def reseal(self, after: str | None, limit: int) -> Resealed | None:
        """Seal up to `limit` webhooks behind this one, in one transaction; None when none is left."""
        behind = parse_id(Prefix.WEBHOOK, after) if after else "0" * 32
        parameters = {"after": behind, "limit": limit, "head": self._seals.head}
        shut: list[str] = []
        async with transaction(self._database) as connection:
            rows = (await connection.execute(_BATCH, parameters)).all()
            for row in rows:
                try:
                    values = self._sealed_anew(row)
                except CannotUnseal:
                    shut.append(_webhook_id(row.id))
                else:
                    await connection.execute(update(webhooks).where(webhooks.c.id == row.id).values(**values))
        return Resealed(_webhook_id(rows[-1].id), len(rows) - len(shut), tuple(shut)) if rows else None

    def _sealed_anew(self, row: Row[Any]) -> dict[str, Any]:
        if row.is_deleted:
            return dict(FORGOTTEN)
        plain = self._seals.all_secrets(row.id, row.secrets, row.sealed_secrets)
        headers = self._seals.headers(row.id, row.headers, row.sealed_headers)
        return {
            "secrets": [],
            "sealed_secrets": [self._seals.seal_secret(row.id, each) for each in plain],
            "secrets_expire_at": row.secrets_expire_at or [None] * len(plain),
            "headers": {},
            "sealed_headers": self._seals.seal_headers(row.id, headers),
        }


def _webhook_id(value: UUID) -> WebhookId:
    return cast(WebhookId, format_id(Prefix.WEBHOOK, value.hex))
