"""Whether the schema in the database is the one that this version of the code works with."""

import re
from enum import Enum, auto
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.store.connect import connect
from flux_dispatch.store.trouble import driver_error, is_passing, sqlstate

MIGRATIONS: Final = Path(__file__).parent / "migrations"

log = structlog.get_logger("flux.store")


class Schema(Enum):
    """How the schema in the database stands to this version of the code."""

    MISSING = auto()
    OLDER = auto()
    CURRENT = auto()
    NEWER = auto()
    """Of a later release, which keeps what this one needs."""

    FOREIGN = auto()
    """Somebody else's migrations are noted in this database."""


async def schema_of(database: AsyncEngine) -> Schema:
    """Return how the schema stands to this version of the code.

    Raises:
        Unavailable: the database cannot be asked; the message says what to do.
    """
    try:
        async with connect(database) as connection:
            return await schema_on(connection)
    except DBAPIError as error:
        raise Unavailable(await how_to_mend(database, driver_error(error))) from error


async def check_current(database: AsyncEngine) -> None:
    """Return when this version of the code can work with the schema: its own, or that of a later release.

    Raises:
        Unavailable: it cannot; the message says what to run.
    """
    match await schema_of(database):
        case Schema.CURRENT:
            return
        case Schema.NEWER:
            log.warning("database.schema_newer", consequence="this release works on, until it is replaced")
        case Schema.FOREIGN:
            raise Unavailable(FOREIGN)
        case Schema.MISSING | Schema.OLDER:
            raise Unavailable("The database's schema is older than this version. Run `flux migrate` first.")


def newest_version() -> str:
    """Return the version that this code was written for."""
    return max(_versions())


async def schema_on(connection: AsyncConnection) -> Schema:
    """Return how the schema stands, on a connection that is there.

    Alembic would say so, too; it stays out of processes that only ask, for the sake of their memory.
    """
    if not (await connection.execute(_IS_NOTED)).scalar():
        return Schema.MISSING
    noted = (await connection.execute(_NOTED)).scalars().all()
    if not noted:
        return Schema.MISSING
    if noted == [newest_version()]:
        return Schema.CURRENT
    if len(noted) == 1 and noted[0] in _versions():
        return Schema.OLDER
    return Schema.NEWER if all(_OURS.fullmatch(each) for each in noted) else Schema.FOREIGN


def _versions() -> set[str]:
    return {each.stem.partition("_")[0] for each in (MIGRATIONS / "versions").glob("[0-9]*.py")}


async def how_to_mend(database: AsyncEngine, error: BaseException) -> str:
    """Say in one line what to do about an error of PostgreSQL's."""
    said = str(error).splitlines()[0].removesuffix(".")
    match sqlstate(error):
        case "42501" if "for schema" in said:
            role, schema = await _who_and_where(database)
            mend = f"Have its owner run: GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}; and then run this again."
        case "42501":
            mend = "Use the role that ran `flux migrate` first, or have that one GRANT its rights."
        case "3F000":
            mend = "No schema of the role's search_path is there for it: create one, or GRANT USAGE, CREATE on it."
        case "25006":
            mend = "It is a standby, or set read-only: give the primary in FLUX_DATABASE_URL."
        case _ if is_passing(error):
            mend = "Try again."
        case state:
            mend = f"Nothing was changed (SQLSTATE {state})."
    return f"PostgreSQL says: {said}. {mend}"


async def _who_and_where(database: AsyncEngine) -> tuple[str, str]:
    names = text("SELECT quote_ident(current_user), quote_ident(coalesce(current_schema(), 'public'))")
    async with connect(database) as connection:
        role, schema = (await connection.execute(names)).one()
    return role, schema


_OURS = re.compile(r"\d{4}")
"""What the name of each revision looks like, so that one of a later release is known as ours."""

FOREIGN = (
    "The table alembic_version in this database belongs to another application. "
    "Give Flux Dispatch a database of its own in FLUX_DATABASE_URL."
)

_IS_NOTED = text("SELECT to_regclass('alembic_version') IS NOT NULL")
_NOTED = text("SELECT version_num FROM alembic_version")
