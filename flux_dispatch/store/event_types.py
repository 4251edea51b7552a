"""The catalogue: an account's event types, and under them those that every account has."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import Target, TargetKind, changes_between, made_with
from flux_dispatch.domain.event_type import EventType, NewEventType
from flux_dispatch.domain.ids import AccountId, Prefix, format_id, parse_id
from flux_dispatch.store.audit_log import note
from flux_dispatch.store.connect import connect, transaction
from flux_dispatch.store.pages import Page, Queries, behind
from flux_dispatch.store.webhooks import lock_account

EVERYBODY: Final = UUID(int=0)
"""Whose event types every account has, unless it has one of the same name."""

# An archived one may be made anew; one that is not is in the way.
_CREATE = text("""
    INSERT INTO event_types (account_id, name, description, type_group, example, schema)
    SELECT :account, :name, :description, :group, :example, :schema
    WHERE (SELECT count(*) FROM (SELECT FROM event_types WHERE account_id = :account LIMIT :most) AS owned) < :most
       OR EXISTS (SELECT FROM event_types WHERE account_id = :account AND name = :name)
    ON CONFLICT (account_id, name) DO UPDATE
    SET description = excluded.description, type_group = excluded.type_group, example = excluded.example,
        schema = excluded.schema, updated_at = flux_now(), archived_at = NULL, version = event_types.version + 1
    WHERE event_types.archived_at IS NOT NULL
    RETURNING *
""")

# What every account has is copied before the account changes it.
_OWN = text("""
    INSERT INTO event_types (account_id, name, description, type_group, example, schema, created_at, version)
    SELECT :account, name, description, type_group, example, schema, created_at, version
    FROM event_types WHERE account_id = :everybody AND name = :name
    ON CONFLICT DO NOTHING
""")
_UPDATE = text("""
    UPDATE event_types
    SET description = :description, type_group = :group, example = :example, schema = :schema, updated_at = flux_now(),
        version = version + 1
    WHERE account_id = :account AND name = :name AND version = :version
    RETURNING *
""")
_FOR_CHANGE = text("SELECT * FROM event_types WHERE account_id = :account AND name = :name FOR UPDATE")
_ARCHIVE = text("""
    UPDATE event_types SET archived_at = coalesce(archived_at, flux_now()), version = version + 1
    WHERE account_id = :account AND name = :name
""")

_EVENT_TYPES = """
    SELECT * FROM event_types AS listed
    WHERE account_id IN (:account, '00000000-0000-0000-0000-000000000000') AND {where}
      AND (account_id = :account OR NOT EXISTS (
          SELECT FROM event_types AS own WHERE own.account_id = :account AND own.name = listed.name
      ))
"""

# What every account has accepts all data, so it is not looked at.
_VERSIONS = text("""
    SELECT account_id, name, version FROM event_types
    WHERE account_id = ANY(:accounts) AND schema IS NOT NULL AND archived_at IS NULL
""")
_SCHEMA = text("""
    SELECT version, schema FROM event_types
    WHERE account_id = :account AND name = :name AND schema IS NOT NULL AND archived_at IS NULL
""")


class EventTypeStore:
    """Writes event types."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def create(self, account: AccountId, draft: NewEventType, *, most: int) -> EventType | None:
        """Store a new event type; None when there is one of this name, or `most` of the account."""
        values = _values(account, draft)
        async with transaction(self._database) as connection:
            await lock_account(connection, values["account"])
            row = (await connection.execute(_CREATE, values | {"most": most})).one_or_none()
            if row is None:
                return None
            made = _from_row(row)
            await note(connection, Action.EVENT_TYPE_CREATED, account, _target(made.name), made_with(**_told(made)))
        return made

    async def update(self, account: AccountId, draft: NewEventType, *, version: int) -> EventType | None:
        """Store what an event type has become; None when there is none of this name, or no longer of this version."""
        values = _values(account, draft)
        async with transaction(self._database) as connection:
            await connection.execute(_OWN, _name_of(account, draft.name))
            before = (await connection.execute(_FOR_CHANGE, values)).one_or_none()
            row = (await connection.execute(_UPDATE, values | {"version": version})).one_or_none()
            if before is None or row is None:
                return None
            updated = _from_row(row)
            if changed := changes_between(_told(_from_row(before)), _told(updated)):
                await note(connection, Action.EVENT_TYPE_UPDATED, account, _target(updated.name), changed)
        return updated

    async def archive(self, account: AccountId, name: str) -> bool:
        """Archive an event type; False when there is none of this name. One that is archived already stays so."""
        async with transaction(self._database) as connection:
            await connection.execute(_OWN, _name_of(account, name))
            values = {"account": UUID(parse_id(Prefix.ACCOUNT, account)), "name": name}
            before = (await connection.execute(_FOR_CHANGE, values)).one_or_none()
            if before is None:
                return False
            await connection.execute(_ARCHIVE, values)
            if before.archived_at is None:
                await note(connection, Action.EVENT_TYPE_ARCHIVED, account, _target(name))
        return True

    async def schema_versions(self, accounts: Sequence[AccountId]) -> list[dict[str, int]]:
        """Return which types of each of these accounts have a schema that data must meet, in which version."""
        ids = [UUID(parse_id(Prefix.ACCOUNT, each)) for each in accounts]
        async with connect(self._database) as connection:
            rows = (await connection.execute(_VERSIONS, {"accounts": ids})).all()
        found: dict[UUID, dict[str, int]] = {each: {} for each in ids}
        for row in rows:
            found[row.account_id][row.name] = row.version
        return [found[each] for each in ids]

    async def schema_of(self, account: AccountId, name: str) -> tuple[int, str] | None:
        """Return the schema that data of this type must meet, with its version; None where there is none."""
        values = {"account": UUID(parse_id(Prefix.ACCOUNT, account)), "name": name}
        async with connect(self._database) as connection:
            found = (await connection.execute(_SCHEMA, values)).one_or_none()
        return (found.version, found.schema) if found else None


class EventTypeQueries(Queries):
    """Reads event types."""

    async def page(self, account: AccountId, page: Page, filters: Mapping[str, Any]) -> list[EventType]:
        """Return event types; filter: archived, which leaves the others out."""
        query, parameters = event_types_query(page, filters)
        return [_from_row(row) for row in await self._list(query, account, page, parameters)]

    async def get(self, account: AccountId, name: str) -> EventType | None:
        """Return an event type."""
        rows = await self._rows(_EVENT_TYPES.format(where="name = :name"), account, {"name": name})
        return _from_row(rows[0]) if rows else None


def event_types_query(page: Page, filters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the statement for a page of event types, and its parameters besides the account and the page's own."""
    where = behind(page, "id")
    if "archived" in filters:
        where += " AND archived_at IS NOT NULL" if filters["archived"] else " AND archived_at IS NULL"
    return f"{_EVENT_TYPES.format(where=where)} ORDER BY id DESC LIMIT :limit", {}


def _target(name: str) -> Target:
    return Target(TargetKind.EVENT_TYPE, name)


def _told(event_type: EventType) -> dict[str, Any]:
    return {
        "description": event_type.description,
        "group": event_type.group,
        "example": event_type.example,
        "schema": event_type.schema,
    }


def _name_of(account: AccountId, name: str) -> dict[str, Any]:
    return {"account": UUID(parse_id(Prefix.ACCOUNT, account)), "everybody": EVERYBODY, "name": name}


def _values(account: AccountId, draft: NewEventType) -> dict[str, Any]:
    return {
        "account": UUID(parse_id(Prefix.ACCOUNT, account)),
        "name": draft.name,
        "description": draft.description,
        "group": draft.group,
        "example": draft.example,
        "schema": draft.schema,
    }


def _from_row(row: Row[Any]) -> EventType:
    return EventType(
        id=format_id(Prefix.EVENT_TYPE, row.id.hex),
        name=row.name,
        description=row.description,
        group=row.type_group,
        example=row.example,
        schema=row.schema,
        version=row.version,
        is_default=row.account_id == EVERYBODY,
        created_at=row.created_at,
        updated_at=row.updated_at,
        archived_at=row.archived_at,
    )
