"""The one clock: PostgreSQL's, under the name that every statement asks for it by."""

from datetime import datetime
from typing import cast

from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.store.connect import DriverStatement

_NOW = DriverStatement("SELECT flux_now() AS now")


async def database_now(database: AsyncEngine) -> datetime:
    """Return the time as the database has it.

    Raises:
        Unavailable: it is unavailable.
    """
    (row,) = await _NOW.rows(database, {})
    return cast(datetime, row["now"])
