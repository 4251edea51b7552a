"""Opens the database: one pool for each process, on the driver's own understanding of a PostgreSQL URL."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg
from sqlalchemy import text
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from flux_dispatch.domain.errors import Unavailable

CONNECT_TIMEOUT_SECONDS = 5
COMMAND_TIMEOUT_SECONDS = 30


_SETTINGS = {"application_name": "flux-dispatch", "jit": "off"}

_HOT_SETTINGS = {
    # planning one of the hot statements takes PostgreSQL as long as running it for twenty deliveries
    "plan_cache_mode": "force_generic_plan",
    # a plan that is made once must not depend on how small a table was then
    "enable_seqscan": "off",
}


_LIST_SETTINGS = {
    # a page of the newest is best found by walking an index until it is full; what else PostgreSQL might do reads all
    **dict.fromkeys(("enable_seqscan", "enable_bitmapscan"), "off"),
    # one account has a thousand times as much as another
    "plan_cache_mode": "force_custom_plan",
}


def open_database(
    url: str, *, pool_size: int = 10, is_hot: bool = False, statement_timeout_seconds: float | None = None
) -> AsyncEngine:
    """Return the engine of a `postgresql://` URL; nothing is connected before the first statement.

    The URL goes to asyncpg as it is, so whatever libpq's form allows (sockets, sslmode, several hosts) works. Each
    statement commits by itself unless a verb opens a transaction: the hot verbs are one statement each.

    Args:
        url: where it is.
        pool_size: how many connections this process may hold.
        is_hot: for the statements that every event and delivery needs, all of which go by their indexes: each
            connection plans them once.
        statement_timeout_seconds: after how long PostgreSQL gives a statement up, for lists, which people compose: each
            goes by its index and is planned for what it asks.
    """
    settings = _SETTINGS | (_HOT_SETTINGS if is_hot else {})
    if statement_timeout_seconds is not None:
        timeout = f"{statement_timeout_seconds * 1000:.0f}"
        settings |= _LIST_SETTINGS | {"statement_timeout": timeout}

    async def connect() -> Any:  # noqa: ANN401 - asyncpg has no types
        return await asyncpg.connect(
            _for_driver(url),
            timeout=CONNECT_TIMEOUT_SECONDS,
            command_timeout=COMMAND_TIMEOUT_SECONDS,
            server_settings=settings,
        )

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT_SECONDS,
        isolation_level="AUTOCOMMIT",
        # parameters hold secrets and payloads, and the text of an error may be logged
        hide_parameters=True,
    )


@asynccontextmanager
async def statement(database: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Lend a connection for one verb.

    Raises:
        Unavailable: the database could not be reached, or went away; the verb may be tried again.
    """
    try:
        async with database.connect() as connection:
            yield connection
    except _AWAY_ERRORS as error:
        raise Unavailable(_AWAY) from error
    except DBAPIError as error:
        if error.connection_invalidated or _is_passing(error):
            raise Unavailable(_AWAY) from error
        raise


class HotStatement:
    """A statement with named parameters that goes straight to the driver.

    On the hot path SQLAlchemy's rows and parameters would cost as much as PostgreSQL's work on them.
    """

    def __init__(self, sql: str) -> None:
        self.text = sql
        compiled = text(sql).compile(dialect=asyncpg_dialect())  # type: ignore[no-untyped-call]
        self._sql = str(compiled)
        self._names = list(compiled.positiontup or ())

    async def rows(self, database: AsyncEngine, parameters: Mapping[str, object]) -> list[asyncpg.Record]:
        """Run it, committed by itself.

        Raises:
            Unavailable: the database could not be reached, or went away; the verb may be tried again.
        """
        async with statement(database) as connection:
            driver = await _driver_of(connection)
            if driver.is_closed():  # it ended while it lay in the pool: the server was restarted
                await connection.invalidate()
                driver = await _driver_of(connection)
            try:
                rows: list[asyncpg.Record] = await driver.fetch(self._sql, *(parameters[name] for name in self._names))
            except asyncpg.PostgresError as error:
                is_lost = driver.is_closed() or (error.sqlstate or "").startswith(_ENDING)
                if is_lost:
                    await connection.invalidate()
                raise DBAPIError(self._sql, None, error, connection_invalidated=is_lost) from error
            except _BROKEN as error:
                await connection.invalidate()
                raise Unavailable(_AWAY) from error
            return rows


async def _driver_of(connection: AsyncConnection) -> asyncpg.Connection:
    return cast(asyncpg.Connection, (await connection.get_raw_connection()).driver_connection)


async def answers(database: AsyncEngine) -> bool:
    """Say whether the database answers now."""
    try:
        async with statement(database) as connection:
            await connection.execute(text("SELECT 1"))
    except Unavailable:
        return False
    return True


async def check_database(url: str) -> None:
    """Return when the database answers.

    Raises:
        Unavailable: it does not; the message says what it answered, without the password.
    """
    try:
        connection = await asyncpg.connect(_for_driver(url), timeout=CONNECT_TIMEOUT_SECONDS)
    except ValueError:
        # the driver's own words would quote a piece of the URL, which may be one of the password
        raise Unavailable(
            "FLUX_DATABASE_URL is not understood. Write it as postgresql://user:password@host/db, "
            "special characters of a user name or password as %XX."
        ) from None
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        message = f"PostgreSQL cannot be reached: {error or type(error).__name__}. Check FLUX_DATABASE_URL."
        raise Unavailable(message) from error
    await connection.close()


def _is_passing(error: DBAPIError) -> bool:
    """Say whether PostgreSQL reports a trouble of the moment: connection, resources, shutdown, deadlock, lock."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return state[:2] in {"08", "53", "57"} or state in {"40001", "40P01", "55P03"}


_AWAY_ERRORS = (
    *(OSError, TimeoutError, PoolTimeoutError, InterfaceError, OperationalError),
    # as the driver raises them while a connection is being made: refused, shutting down, too many clients
    *(asyncpg.PostgresError, asyncpg.InterfaceError),
)
_BROKEN = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""What the driver raises when its connection cannot be used any more, whatever the statement was."""

_ENDING = ("08", "57P")
"""SQLSTATEs after which the server closes the connection, though it may not have done so yet."""

_AWAY = "The database is not available at the moment. Try again in a second."


def _for_driver(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}://{rest}"
