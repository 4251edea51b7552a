"""Opens the database: one pool for each process, on the driver's own understanding of a PostgreSQL URL."""

from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from flux_dispatch.domain.errors import Unavailable

CONNECT_TIMEOUT_SECONDS = 5
COMMAND_TIMEOUT_SECONDS = 30


def open_database(url: str, *, pool_size: int = 10) -> AsyncEngine:
    """Return the engine of a `postgresql://` URL; nothing is connected before the first statement.

    The URL goes to asyncpg as it is, so whatever libpq's form allows (sockets, sslmode, several hosts) works. Each
    statement commits by itself unless a verb opens a transaction: the hot verbs are one statement each.
    """

    async def connect() -> Any:  # noqa: ANN401 - asyncpg has no types
        return await asyncpg.connect(
            _for_driver(url),
            timeout=CONNECT_TIMEOUT_SECONDS,
            command_timeout=COMMAND_TIMEOUT_SECONDS,
            server_settings={"application_name": "flux-dispatch", "jit": "off"},
        )

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT_SECONDS,
        isolation_level="AUTOCOMMIT",
    )


async def check_database(url: str) -> None:
    """Return when the database answers.

    Raises:
        Unavailable: it does not; the message says what it answered, without the password.
    """
    try:
        connection = await asyncpg.connect(_for_driver(url), timeout=CONNECT_TIMEOUT_SECONDS)
    except (TimeoutError, OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        message = f"PostgreSQL cannot be reached: {error or type(error).__name__}. Check FLUX_DATABASE_URL."
        raise Unavailable(message) from error
    await connection.close()


def _for_driver(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}://{rest}"
