"""API keys: stored as digests, shown once."""

import os
from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row, Select, and_, exists, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.api_key import ApiKey, Limits, NewApiKey, digest, encode_api_key
from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import Changes, Target, TargetKind, made_with
from flux_dispatch.domain.ids import AccountId, ApiKeyId, DashboardSessionId, Prefix, format_id, parse_id
from flux_dispatch.store.audit_log import note
from flux_dispatch.store.connect import connect, transaction
from flux_dispatch.store.pages import Page
from flux_dispatch.store.tables import accounts, api_keys, dashboard_sessions

_RANDOM_BYTES = 24


class ApiKeyStore:
    """Makes, finds and revokes keys."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def create(self, account: AccountId | None, scopes: Sequence[str]) -> tuple[ApiKey, str]:
        """Make a key for an account (None: a platform key); return its record and the key, which is not kept."""
        made = await self.add(account, NewApiKey(tuple(scopes)))
        # it has no end that could be over
        return cast(tuple[ApiKey, str], made)

    async def add(self, account: AccountId | None, wanted: NewApiKey) -> tuple[ApiKey, str] | None:
        """Make a key, as create() does; None when its end is already over."""
        key = encode_api_key(os.urandom(_RANDOM_BYTES))
        values = {
            "account_id": _uuid(account),
            "digest": digest(key),
            "last4": key[-4:],
            "scopes": list(wanted.scopes),
            "name": wanted.name,
            "expires_at": wanted.expires_at,
            "events_per_second": wanted.limits.events_per_second,
            "requests_per_second": wanted.limits.requests_per_second,
        }
        row = select(*(literal(value, api_keys.c[name].type) for name, value in values.items()))
        if wanted.expires_at is not None:
            row = row.where(func.flux_now() < wanted.expires_at)
        async with transaction(self._database) as connection:
            made = await connection.execute(insert(api_keys).from_select(list(values), row).returning(api_keys))
            stored = made.one_or_none()
            if stored is None:
                return None
            record = _api_key_from_row(stored)
            await note(connection, Action.API_KEY_CREATED, account, _target(record), _told(record))
        return record, key

    async def find(self, key: str) -> ApiKey | None:
        """Return the record of a key that works: not revoked, not expired, its account not deleted."""
        is_owner_gone = exists().where(accounts.c.id == api_keys.c.account_id, accounts.c.deleted_at.is_not(None))
        query = select(api_keys).where(
            api_keys.c.digest == digest(key),
            api_keys.c.revoked_at.is_(None),
            or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > func.flux_now()),
            ~is_owner_gone,
        )
        return await self._one(query)

    async def find_ended(self, key: str) -> ApiKey | None:
        """Return the record of a key whether it works or not; None when there is none, or its account is deleted."""
        is_owner_gone = exists().where(accounts.c.id == api_keys.c.account_id, accounts.c.deleted_at.is_not(None))
        return await self._one(select(api_keys).where(api_keys.c.digest == digest(key), ~is_owner_gone))

    async def get(self, account: AccountId | None, key_id: ApiKeyId) -> ApiKey | None:
        """Return a key of this account (None: a platform key) that was not revoked."""
        whose = and_(api_keys.c.id == UUID(parse_id(Prefix.API_KEY, key_id)), _is_of(account))
        return await self._one(select(api_keys).where(whose, api_keys.c.revoked_at.is_(None)))

    async def of_session(self, session: DashboardSessionId) -> ApiKey | None:
        """Return the key that signed in to this session; None where a link did."""
        theirs = dashboard_sessions.c.id == UUID(parse_id(Prefix.DASHBOARD_SESSION, session))
        return await self._one(select(api_keys).join(dashboard_sessions).where(theirs))

    async def note_use(self, key_id: ApiKeyId) -> None:
        """Write that the key is in use, to the minute; once a minute, however often it is called."""
        minute = func.date_trunc("minute", func.flux_now())
        change = (
            update(api_keys)
            .where(
                api_keys.c.id == UUID(parse_id(Prefix.API_KEY, key_id)),
                or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < minute),
            )
            .values(last_used_at=minute)
        )
        async with connect(self._database) as connection:
            await connection.execute(change)

    async def page(self, account: AccountId | None, page: Page) -> list[ApiKey]:
        """Return the keys of an account (None: the platform keys) that were not revoked, the newest first."""
        query = select(api_keys).where(_is_of(account), api_keys.c.revoked_at.is_(None))
        if page.after is not None:
            query = query.where(api_keys.c.id < UUID(page.after[0]))
        async with connect(self._database) as connection:
            rows = await connection.execute(query.order_by(api_keys.c.id.desc()).limit(page.limit))
            return [_api_key_from_row(row) for row in rows]

    async def list_all(self, account: AccountId | None = None) -> list[ApiKey]:
        """Return the keys of an account, or all keys, oldest first."""
        query = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
        if account:
            query = query.where(_is_of(account))
        async with connect(self._database) as connection:
            return [_api_key_from_row(row) for row in await connection.execute(query)]

    async def revoke(self, key_id: str) -> bool:
        """End a key, whose ever it is; False when there is none of this id that still works."""
        return await self._revoke(api_keys.c.id == UUID(parse_id(Prefix.API_KEY, key_id)))

    async def revoke_of(self, account: AccountId | None, key_id: ApiKeyId) -> bool:
        """End a key of this account (None: a platform key); False when it has none of this id that still works."""
        return await self._revoke(and_(api_keys.c.id == UUID(parse_id(Prefix.API_KEY, key_id)), _is_of(account)))

    async def _one(self, query: Select[Any]) -> ApiKey | None:
        async with connect(self._database) as connection:
            row = (await connection.execute(query)).one_or_none()
        return _api_key_from_row(row) if row else None

    async def _revoke(self, which: Any) -> bool:  # noqa: ANN401 - a condition of SQLAlchemy's
        working = update(api_keys).where(which, api_keys.c.revoked_at.is_(None))
        change = working.values(revoked_at=func.flux_now()).returning(api_keys)
        async with transaction(self._database) as connection:
            row = (await connection.execute(change)).one_or_none()
            if row is None:
                return False
            revoked = _api_key_from_row(row)
            await note(connection, Action.API_KEY_REVOKED, revoked.account, _target(revoked))
        return True


def _target(key: ApiKey) -> Target:
    return Target(TargetKind.API_KEY, key.id, key.label)


def _told(key: ApiKey) -> Changes:
    return made_with(
        scopes=key.scopes,
        expires_at=key.expires_at,
        events_per_second=key.limits.events_per_second,
        requests_per_second=key.limits.requests_per_second,
    )


def _uuid(account: AccountId | None) -> UUID | None:
    return UUID(parse_id(Prefix.ACCOUNT, account)) if account else None


def _is_of(account: AccountId | None) -> Any:  # noqa: ANN401 - a condition of SQLAlchemy's
    return api_keys.c.account_id.is_(None) if account is None else api_keys.c.account_id == _uuid(account)


def _api_key_from_row(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=cast(ApiKeyId, format_id(Prefix.API_KEY, row.id.hex)),
        account=cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex)) if row.account_id else None,
        scopes=tuple(row.scopes),
        last4=row.last4,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        name=row.name,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        limits=Limits(row.events_per_second, row.requests_per_second),
    )
