"""Brings the schema to the newest version: one locked run, however many processes ask at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.errors import Unavailable

_LOCK = 0x666C7578  # "flux" in ASCII, as the key of the advisory lock


async def migrate(database: AsyncEngine) -> None:
    """Apply every migration that is missing, in one transaction; a second caller waits for the first."""
    transactional = database.execution_options(isolation_level="READ COMMITTED")
    async with transactional.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        await connection.run_sync(_upgrade)


async def is_current(database: AsyncEngine) -> bool:
    """Say whether the schema is the one that this version of the code needs."""
    async with database.connect() as connection:
        return await connection.run_sync(_revision) == ScriptDirectory.from_config(_config()).get_current_head()


async def check_current(database: AsyncEngine) -> None:
    """Return when the schema is the one that this version of the code needs.

    Raises:
        Unavailable: it is not; the message says what to run.
    """
    if not await is_current(database):
        raise Unavailable("The database's schema is not that of this version. Run `flux migrate` first.")


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
