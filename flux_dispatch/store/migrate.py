"""Brings the schema to the newest version: one locked run, however many processes ask at once."""

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.store.schema_version import FOREIGN, MIGRATIONS, Schema, how_to_mend, schema_on
from flux_dispatch.store.trouble import driver_error

_LOCK = 0x666C7578  # "flux" in ASCII, as the key of the advisory lock


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
            before = await schema_on(connection)
            if before is Schema.FOREIGN:
                raise Unavailable(FOREIGN)
            if before in {Schema.MISSING, Schema.OLDER}:
                await connection.run_sync(_upgrade)
    except (DBAPIError, asyncpg.PostgresError) as error:
        raise Unavailable(await how_to_mend(database, driver_error(error))) from error
    return before


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
