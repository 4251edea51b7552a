"""Brings the schema to the newest version: one locked run, however many processes ask at once."""

import re
from enum import Enum, auto
from pathlib import Path

import asyncpg
import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.store.connect import connect
from flux_dispatch.store.trouble import driver_error, is_passing, sqlstate

_LOCK = 0x666C7578  # "flux" in ASCII, as the key of the advisory lock

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


async def migrate(database: AsyncEngine) -> Schema:
    """Apply every migration that is missing, in one transaction; a second caller waits for the first.

    Returns how the schema stood before; a newer one is left as it is.

    Raises:
        Unavailable: PostgreSQL did not let us; the message says what to run.
    """
    transactional = database.execution_options(isolation_level="READ COMMITTED")
    try:
        async with transactional.begin() as connection:
            # it takes as long as it takes, also for whoever waits for somebody else's
            await connection.execute(text("SET LOCAL statement_timeout = 0"))
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            found = await connection.run_sync(_found)
            if found is Schema.FOREIGN:
                raise Unavailable(_FOREIGN)
            if found in {Schema.MISSING, Schema.OLDER}:
                await connection.run_sync(_upgrade)
    except (DBAPIError, asyncpg.PostgresError) as error:
        raise Unavailable(await _mend(database, driver_error(error))) from error
    return found


async def is_current(database: AsyncEngine) -> bool:
    """Say whether the schema is the one that this version of the code was written for."""
    return await schema_of(database) is Schema.CURRENT


async def schema_of(database: AsyncEngine) -> Schema:
    """Return how the schema stands to this version of the code.

    Raises:
        Unavailable: the database cannot be asked; the message says what to do.
    """
    try:
        async with connect(database) as connection:
            return await connection.run_sync(_found)
    except DBAPIError as error:
        raise Unavailable(await _mend(database, driver_error(error))) from error


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
            raise Unavailable(_FOREIGN)
        case Schema.MISSING | Schema.OLDER:
            raise Unavailable("The database's schema is older than this version. Run `flux migrate` first.")


def _found(connection: Connection) -> Schema:
    revision = MigrationContext.configure(connection).get_current_revision()
    scripts = ScriptDirectory.from_config(_config())
    if revision is None:
        return Schema.MISSING
    if revision == scripts.get_current_head():
        return Schema.CURRENT
    if revision in {each.revision for each in scripts.walk_revisions()}:
        return Schema.OLDER
    return Schema.NEWER if _OURS.fullmatch(revision) else Schema.FOREIGN


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def _mend(database: AsyncEngine, error: BaseException) -> str:
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


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


_OURS = re.compile(r"\d{4}")
"""What the name of each revision looks like, so that one of a later release is known as ours."""

_FOREIGN = (
    "The table alembic_version in this database belongs to another application. "
    "Give Flux Dispatch a database of its own in FLUX_DATABASE_URL."
)
