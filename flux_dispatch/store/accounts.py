"""Accounts: whose events and webhooks these are."""

from typing import cast
from uuid import UUID

from sqlalchemy import exists, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.ids import AccountId, Prefix, format_id, parse_id
from flux_dispatch.store.connect import connect
from flux_dispatch.store.tables import accounts


class AccountStore:
    """Makes and finds accounts."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def create(self, name: str) -> AccountId:
        """Make an account and return its id."""
        async with connect(self._database) as connection:
            made = await connection.execute(insert(accounts).values(name=name).returning(accounts.c.id))
            return _account_id(made.scalar_one())

    async def exists(self, account: AccountId) -> bool:
        """Say whether there is such an account.

        Raises:
            MalformedId: the text cannot be an account's id.
        """
        query = select(exists().where(accounts.c.id == UUID(parse_id(Prefix.ACCOUNT, account))))
        async with connect(self._database) as connection:
            return bool((await connection.execute(query)).scalar())

    async def first(self) -> AccountId | None:
        """Return the oldest account, if there is any."""
        query = select(accounts.c.id).order_by(accounts.c.id).limit(1)
        async with connect(self._database) as connection:
            found = (await connection.execute(query)).scalar()
        return _account_id(found) if found else None


def _account_id(value: UUID) -> AccountId:
    return cast(AccountId, format_id(Prefix.ACCOUNT, value.hex))
