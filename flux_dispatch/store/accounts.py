"""Accounts: whose events and webhooks these are; a deleted one is gone at once, and erased later."""

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row, Select, and_, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.account import EXTERNAL, Account, NewAccount, is_external_id
from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import Target, TargetKind, changes_between, made_with
from flux_dispatch.domain.errors import MalformedId
from flux_dispatch.domain.ids import AccountId, Prefix, format_id, parse_id
from flux_dispatch.store.audit_log import note
from flux_dispatch.store.connect import connect, transaction
from flux_dispatch.store.pages import Page, behind, containing
from flux_dispatch.store.tables import accounts
from flux_dispatch.store.trouble import sqlstate

_PAGE = "SELECT * FROM accounts WHERE deleted_at IS NULL AND {where} ORDER BY accounts.id DESC LIMIT :limit"
_IS_ALIKE = "(name ILIKE CAST(:search AS text) OR external_id ILIKE CAST(:search AS text))"

# From this commit on no key of the account is found, and no event finds a webhook of it. What is made by a call that
# saw the account as it was before is erased with the rest.
_DELETE = text("""
    WITH gone AS (
        UPDATE accounts
        SET deleted_at = flux_now(), erase_at = flux_now(), updated_at = flux_now(), external_id = NULL
        WHERE id = CAST(:id AS uuid) AND deleted_at IS NULL
        RETURNING id
    ), revoked AS (
        UPDATE api_keys SET revoked_at = flux_now()
        FROM gone WHERE api_keys.account_id = gone.id AND api_keys.revoked_at IS NULL
    ), ended AS (
        UPDATE webhooks SET deleted_at = flux_now(), updated_at = flux_now()
        FROM gone WHERE webhooks.account_id = gone.id AND webhooks.deleted_at IS NULL
    )
    SELECT id FROM gone
""")

_UNIQUE_VIOLATION = "23505"


class ExternalIdTakenError(Exception):
    """Another account has this external id."""


class AccountStore:
    """Makes, finds, changes and deletes accounts."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def create(self, name: str) -> AccountId:
        """Make an account and return its id."""
        made, _ = await self.add(NewAccount(name))
        return made.id

    async def add(self, wanted: NewAccount) -> tuple[Account, bool]:
        """Make an account, or return the one that has this external id already, as it is; and say whether it is new."""
        values = {"name": wanted.name, "external_id": wanted.external_id, "metadata": dict(wanted.metadata or {})}
        has_external_id = accounts.c.external_id.is_not(None)
        change = (
            insert(accounts)
            .values(values)
            .on_conflict_do_nothing(index_elements=["external_id"], index_where=has_external_id)
            .returning(accounts)
        )
        known = select(accounts).where(accounts.c.external_id == wanted.external_id)
        async with transaction(self._database) as connection:
            while True:  # the one in the way may be deleted before it is read
                if made := (await connection.execute(change)).one_or_none():
                    account = _account_from_row(made)
                    details = made_with(external_id=wanted.external_id, metadata=wanted.metadata)
                    await note(connection, Action.ACCOUNT_CREATED, None, _target(account), details)
                    return account, True
                if found := (await connection.execute(known)).one_or_none():
                    return _account_from_row(found), False

    async def get(self, name: str) -> Account | None:
        """Return the account that is named by its id, or by `ext:` and its external id; None when there is none."""
        query = _named(select(accounts), name)
        if query is None:
            return None
        async with connect(self._database) as connection:
            row = (await connection.execute(query)).one_or_none()
        return _account_from_row(row) if row else None

    async def page(self, page: Page, search: str = "") -> list[Account]:
        """Return accounts, the newest first.

        What is searched for is a piece of the name or of the external id, in capitals or not; all accounts are gone
        through for it.
        """
        parameters: dict[str, Any] = {f"after_{index}": each for index, each in enumerate(page.after or ())}
        where = behind(page, "accounts.id")
        if search:
            where += f" AND {_IS_ALIKE}"
            parameters["search"] = containing(search)
        async with connect(self._database) as connection:
            rows = await connection.execute(text(_PAGE.format(where=where)), {**parameters, "limit": page.limit})
            return [_account_from_row(row) for row in rows]

    async def change(self, account: AccountId, changes: Mapping[str, Any]) -> Account | None:
        """Set these of name, external_id and metadata; None when there is no such account.

        Raises:
            ExternalIdTakenError: another account has it; nothing is changed.
        """
        which = and_(accounts.c.id == UUID(parse_id(Prefix.ACCOUNT, account)), accounts.c.deleted_at.is_(None))
        found = select(accounts).where(which).with_for_update(key_share=True)
        change = update(accounts).where(which).values({**changes, "updated_at": func.flux_now()}).returning(accounts)
        try:
            async with transaction(self._database) as connection:
                row = (await connection.execute(found)).one_or_none()
                if row is None:
                    return None
                before, after = _account_from_row(row), _account_from_row((await connection.execute(change)).one())
                if changed := changes_between(_told(before), _told(after)):
                    await note(connection, Action.ACCOUNT_UPDATED, None, _target(after), changed)
        except DBAPIError as error:
            if sqlstate(error) == _UNIQUE_VIOLATION:
                raise ExternalIdTakenError from None
            raise
        return after

    async def delete(self, account: AccountId) -> bool:
        """End an account with its keys and webhooks, and have it erased; False when there is no such one."""
        async with transaction(self._database) as connection:
            gone = await connection.execute(_DELETE, {"id": parse_id(Prefix.ACCOUNT, account)})
            if gone.one_or_none() is None:
                return False
            # this stays when the account is erased, so it says nothing of it but its id
            await note(connection, Action.ACCOUNT_DELETED, None, Target(TargetKind.ACCOUNT, account))
            return True

    async def exists(self, account: AccountId) -> bool:
        """Say whether there is such an account.

        Raises:
            MalformedId: the text cannot be an account's id.
        """
        parse_id(Prefix.ACCOUNT, account)
        return await self.get(account) is not None

    async def first(self) -> AccountId | None:
        """Return the oldest account, if there is any."""
        query = select(accounts.c.id).where(accounts.c.deleted_at.is_(None)).order_by(accounts.c.id).limit(1)
        async with connect(self._database) as connection:
            found = (await connection.execute(query)).scalar()
        return _account_id(found) if found else None


def _named(query: "Select[Any]", name: str) -> "Select[Any] | None":
    """Narrow the query to the account of this name; None when the text cannot be one."""
    query = query.where(accounts.c.deleted_at.is_(None))
    if name.startswith(EXTERNAL):
        external_id = name.removeprefix(EXTERNAL)
        return query.where(accounts.c.external_id == external_id) if is_external_id(external_id) else None
    try:
        return query.where(accounts.c.id == UUID(parse_id(Prefix.ACCOUNT, name)))
    except MalformedId:
        return None


def _target(account: Account) -> Target:
    return Target(TargetKind.ACCOUNT, account.id, account.name)


def _told(account: Account) -> dict[str, Any]:
    return {"name": account.name, "external_id": account.external_id, "metadata": dict(account.metadata)}


def _account_from_row(row: Row[Any]) -> Account:
    metadata: Mapping[str, str] = row._mapping["metadata"]  # noqa: SLF001 - a public name, despite its underscore
    return Account(_account_id(row.id), row.name, row.external_id, metadata, row.created_at, row.updated_at)


def _account_id(value: UUID) -> AccountId:
    return cast(AccountId, format_id(Prefix.ACCOUNT, value.hex))
