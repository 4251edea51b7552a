"""The schema that the migrations make is the one that the code believes in."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.store.migrate import is_current, migrate
from flux_dispatch.store.tables import metadata


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_server_default": False})
    return list(compare_metadata(context, metadata))


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
async def test_the_migrations_make_the_tables_that_the_code_names(database: AsyncEngine) -> None:
    async with database.connect() as connection:
        assert await connection.run_sync(_differences) == []


async def test_migrating_twice_and_at_once_changes_nothing(database: AsyncEngine) -> None:
    await asyncio.gather(migrate(database), migrate(database))
    assert await is_current(database)


async def test_new_ids_are_uuid7_and_sort_by_time(database: AsyncEngine) -> None:
    async with database.connect() as connection:
        made = (await connection.execute(text("SELECT flux_new_id() FROM generate_series(1, 50)"))).scalars().all()
    assert all(
        isinstance(each, UUID) and each.version == 7 and each.variant == "specified in RFC 4122" for each in made
    )
    stamps = [datetime.fromtimestamp((each.int >> 80) / 1000, UTC) for each in made]
    assert stamps == sorted(stamps)
    assert abs(stamps[0] - datetime.now(UTC)) < timedelta(minutes=1)
