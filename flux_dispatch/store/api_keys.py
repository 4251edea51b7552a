"""API keys: stored as digests, shown once."""

import os
from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.api_key import ApiKey, digest, encode_api_key
from flux_dispatch.domain.ids import AccountId, Prefix, format_id, parse_id
from flux_dispatch.store.connect import connect
from flux_dispatch.store.tables import api_keys

_RANDOM_BYTES = 24
_HINT_CHARACTERS = 4


class ApiKeyStore:
    """Makes, finds and revokes keys."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def create(self, account: AccountId | None, scopes: Sequence[str]) -> tuple[ApiKey, str]:
        """Make a key for an account (None: a platform key); return its record and the key, which is not kept."""
        key = encode_api_key(os.urandom(_RANDOM_BYTES))
        values = {
            "account_id": UUID(parse_id(Prefix.ACCOUNT, account)) if account else None,
            "digest": digest(key),
            "last4": key[-_HINT_CHARACTERS:],
            "scopes": list(scopes),
        }
        async with connect(self._database) as connection:
            made = await connection.execute(insert(api_keys).values(values).returning(api_keys))
            return _api_key_from_row(made.one()), key

    async def find(self, key: str) -> ApiKey | None:
        """Return the record of a key that was not revoked."""
        query = select(api_keys).where(api_keys.c.digest == digest(key), api_keys.c.revoked_at.is_(None))
        async with connect(self._database) as connection:
            row = (await connection.execute(query)).one_or_none()
        return _api_key_from_row(row) if row else None

    async def list_all(self, account: AccountId | None = None) -> list[ApiKey]:
        """Return the keys of an account, or all keys, oldest first."""
        query = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
        if account:
            query = query.where(api_keys.c.account_id == UUID(parse_id(Prefix.ACCOUNT, account)))
        async with connect(self._database) as connection:
            return [_api_key_from_row(row) for row in await connection.execute(query)]

    async def revoke(self, key_id: str) -> bool:
        """End a key; False when there is none of this id that still works."""
        change = (
            update(api_keys)
            .where(api_keys.c.id == UUID(parse_id(Prefix.API_KEY, key_id)), api_keys.c.revoked_at.is_(None))
            .values(revoked_at=func.flux_now())
        )
        async with connect(self._database) as connection:
            return bool((await connection.execute(change)).rowcount)


def _api_key_from_row(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=format_id(Prefix.API_KEY, row.id.hex),
        account=cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex)) if row.account_id else None,
        scopes=tuple(row.scopes),
        last4=row.last4,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
