"""Opens the database: a pool for each process, and the one door through which statements go."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, cast
from weakref import WeakKeyDictionary

import asyncpg
from sqlalchemy import Engine, event, text
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.exc import DBAPIError, DisconnectionError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool
from sqlalchemy.util import await_only

from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.store.database_url import CONNECT_SECONDS, BadUrl, read_url
from flux_dispatch.store.session import Generation, Opener, Session, Way
from flux_dispatch.store.trouble import BROKEN, driver_error, ends_connection, is_passing, reason, sqlstate

STATEMENT_SECONDS = 10
ENGINE_STATEMENT_SECONDS = 5
"""How long PostgreSQL works on one statement before it gives up; well below the shortest lease."""

SILENCE_SECONDS = 1
"""How much longer than that an answer may take: whoever is there has given up by then, and said so."""


class Plans(Enum):
    """How PostgreSQL plans the statements of a pool."""

    AS_USUAL = "as usual"

    GENERIC = "generic"
    """For the statements that every event and delivery needs, all of which go by their indexes: each connection plans
    them once."""

    CUSTOM = "custom"
    """For lists, which people compose: each goes by its index, and is planned for what it asks."""


_SETTINGS = {
    Plans.AS_USUAL: {"jit": "off"},
    Plans.GENERIC: {
        "jit": "off",
        # planning one of these statements takes PostgreSQL as long as running it for twenty deliveries
        "plan_cache_mode": "force_generic_plan",
        # a plan that is made once must not depend on how small a table was then
        "enable_seqscan": "off",
    },
    Plans.CUSTOM: {
        "jit": "off",
        # a page of the newest is best found by walking an index until it is full; all else might read everything
        "enable_seqscan": "off",
        "enable_bitmapscan": "off",
        # one account has a thousand times as much as another
        "plan_cache_mode": "force_custom_plan",
    },
}


def open_database(
    url: str,
    *,
    pool_size: int = 10,
    plans: Plans = Plans.AS_USUAL,
    statement_seconds: float | None = None,
    generation: Generation | None = None,
) -> AsyncEngine:
    """Return the engine of a `postgresql://` URL; nothing is connected before the first statement.

    Whatever libpq's form allows (sockets, sslmode, several hosts) works, as far as the driver can. Each statement
    commits by itself unless a verb opens a transaction: the verbs of the engine are one statement each.

    Args:
        url: where it is.
        pool_size: how many connections this process may hold.
        plans: how its statements are planned.
        statement_seconds: how long PostgreSQL may work on one statement, where the usual limit does not fit.
        generation: what pools on the same database share, so that one of them finds a dead host for all.

    Raises:
        Unavailable: the URL cannot be used; the message says what to mend.
    """
    seconds = statement_seconds or (ENGINE_STATEMENT_SECONDS if plans is Plans.GENERIC else STATEMENT_SECONDS)
    settings = _SETTINGS[plans] | {"statement_timeout": f"{seconds * 1000:.0f}"}
    return _engine(url, settings, pool_size, generation or Generation(), patience=seconds + SILENCE_SECONDS)


@asynccontextmanager
async def connect(database: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Lend a connection for one verb; behind a pooler what is done with it is one transaction.

    Raises:
        Unavailable: the database could not be reached, went away or cannot do it now; the verb may be tried again.
    """
    async with _place(database), _connected(database, "") as connection:
        yield connection


@asynccontextmanager
async def transaction(database: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Lend a connection for the few verbs that take more than one statement: all of them, or none.

    Raises:
        Unavailable: as above; nothing is changed, unless the answer to the commit was lost.
    """
    async with _place(database), _connected(database, "BEGIN") as connection:
        yield connection


@asynccontextmanager
async def _place(database: AsyncEngine) -> AsyncIterator[None]:
    places = _PLACES[database.sync_engine]
    if places.locked():
        await places.wait()
    else:
        await places.acquire()
    try:
        yield
    finally:
        places.release()


@asynccontextmanager
async def _connected(database: AsyncEngine, opening: str) -> AsyncIterator[AsyncConnection]:
    try:
        connection = await database.connect()
    except (*_NO_CONNECTION, asyncpg.PostgresError) as error:
        # whatever it is, there is no connection: refused, shutting down, too many clients, a changed password
        raise Unavailable(_UNAVAILABLE) from error
    try:
        session = _session_of(connection)
        async with _bounded(session, session.opening or opening):
            yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def _bounded(session: Session, opening: str) -> AsyncIterator[None]:
    """Open and close a transaction, if it takes one, and end a session that says nothing or is spent."""
    silence = session.await_answer()
    try:
        if opening:
            await session.execute(opening)
        yield
        if opening:
            await session.execute("COMMIT")
    except (*BROKEN, asyncpg.PostgresError, DBAPIError) as error:
        if session.is_closed() or ends_connection(error):
            session.give_up()
            raise Unavailable(_UNAVAILABLE) from error
        if opening:
            await _roll_back(session)
        if is_passing(error):
            raise Unavailable(_UNAVAILABLE) from error
        raise
    except BaseException:
        if opening:
            session.end()
        raise
    finally:
        silence.cancel()


async def _roll_back(session: Session) -> None:
    try:
        await session.execute("ROLLBACK")
    except (*BROKEN, asyncpg.PostgresError):
        session.give_up()


class DriverStatement:
    """A statement with named parameters that goes straight to the driver.

    On the way of every delivery SQLAlchemy's rows and parameters would cost as much as PostgreSQL's work on them.
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
            DBAPIError: PostgreSQL refused the statement or its parameters.
        """
        async with connect(database) as connection:
            return await self.rows_on(connection, parameters)

    async def rows_on(self, connection: AsyncConnection, parameters: Mapping[str, object]) -> list[asyncpg.Record]:
        """Run it on this connection, as a part of the transaction that it is in.

        Raises:
            DBAPIError: as above.
        """
        session = _session_of(connection)
        try:
            rows: list[asyncpg.Record] = await session.fetch(self._sql, *(parameters[name] for name in self._names))
        except asyncpg.PostgresError as error:
            raise DBAPIError(self._sql, None, error, connection_invalidated=session.is_closed()) from error
        return rows


@dataclass(frozen=True, slots=True)
class PoolUse:
    """How a pool is used: up to `size` connections, of which some are in use and some idle; and who waits for one."""

    size: int
    in_use: int
    idle: int
    waiting: int


def pool_use(database: AsyncEngine) -> PoolUse:
    """Return how the pool of this database is used at this moment."""
    pool = cast(QueuePool, database.pool)
    return PoolUse(pool.size(), pool.checkedout(), pool.checkedin(), _PLACES[database.sync_engine].waiting)


async def trouble_of(database: AsyncEngine) -> str | None:
    """Return why nothing can be stored now, in a few words that tell strangers nothing; None when all is well."""
    try:
        async with connect(database) as connection:
            if (await connection.execute(_IS_READ_ONLY)).scalar():
                # a session that began while the server was read-only stays so when it is not any more
                raise asyncpg.ReadOnlySQLTransactionError
    except Unavailable as error:
        return reason(error.__cause__)
    return None


async def check_database(url: str) -> None:
    """Return when the database answers.

    Raises:
        Unavailable: it does not; the message says what it answered, without the password.
    """
    database = open_database(url, pool_size=1)
    try:
        async with database.connect():
            return
    except ValueError:
        # the driver's own words would quote a piece of the URL, which may be one of the password
        raise Unavailable(_NOT_UNDERSTOOD) from None
    except (*_NO_CONNECTION, asyncpg.PostgresError) as error:
        raise Unavailable(_no_entry(driver_error(error))) from error
    finally:
        await database.dispose()


class _Places(asyncio.Semaphore):
    """For how many there are connections; `waiting` is how many wait for one."""

    waiting = 0

    async def wait(self) -> None:
        self.waiting += 1
        try:
            await asyncio.wait_for(self.acquire(), CONNECT_SECONDS)
        except TimeoutError:
            # the cause that asyncio names is a CancelledError, which would tell nobody anything in a log
            raise Unavailable(_UNAVAILABLE) from TimeoutError(_ALL_IN_USE)
        finally:
            self.waiting -= 1


def _engine(
    url: str, settings: Mapping[str, str], pool_size: int, generation: Generation, *, patience: float
) -> AsyncEngine:
    try:
        opener = Opener(read_url(url), settings, generation, patience)
    except BadUrl as error:
        raise Unavailable(str(error)) from None
    except ValueError:
        raise Unavailable(_NOT_UNDERSTOOD) from None
    engine = create_async_engine(
        "postgresql+asyncpg://",
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=CONNECT_SECONDS,
        # the one that worked last is the one that works best: it is alive, and its plans are made
        pool_use_lifo=True,
        isolation_level="AUTOCOMMIT",
        # parameters hold secrets and payloads, and the text of an error may be logged
        hide_parameters=True,
    )
    _PLACES[engine.sync_engine] = _Places(pool_size)
    event.listen(engine.sync_engine, "do_connect", partial(_connect, opener))
    event.listen(engine.sync_engine, "connect", _end_opening)
    event.listen(engine.sync_engine, "checkout", partial(_check, generation))
    event.listen(engine.sync_engine, "close", _end)
    event.listen(engine.sync_engine, "do_execute", _execute)
    return engine


def _connect(opener: Opener, dialect: Any, *_: object) -> Any:  # noqa: ANN401 - SQLAlchemy's, of the driver
    """Connect in SQLAlchemy's stead: how statements may be prepared is known only when the session is there."""
    session = await_only(opener.open())

    async def opened() -> Session:
        return session

    prepared: dict[str, Any] = {}
    if session.way is Way.POOLED:
        prepared = {"prepared_statement_cache_size": 0, "prepared_statement_name_func": str}
    return dialect.loaded_dbapi.connect(async_creator_fn=opened, **prepared)


def _end_opening(connection: Any, _: object) -> None:  # noqa: ANN401 - as above
    """End the transaction that what SQLAlchemy asks of a new session was asked in; it is ready now."""
    session: Session = connection.driver_connection
    if session.opening:
        connection.run_async(lambda session: session.execute("COMMIT"))
    session.begins.cancel()


def _check(generation: Generation, connection: Any, *_: object) -> None:  # noqa: ANN401 - as above
    """Give nobody a connection that is dead, or as old as one that was."""
    session: Session = connection.driver_connection
    if session.is_closed() or session.generation != generation.current:
        session.end()
        raise DisconnectionError


def _end(connection: Any, _: object) -> None:  # noqa: ANN401 - as above
    """Close a connection without waiting for the other end, which may not be there."""
    connection.driver_connection.end()


def _execute(cursor: Any, sql: str, parameters: Any, context: Any) -> bool:  # noqa: ANN401 - as above
    """Run a statement, once more if a migration changed its columns since it was prepared; it has not run then."""
    try:
        cursor.execute(sql, parameters)
    except context.dialect.loaded_dbapi.InvalidCachedStatementError as error:
        if context.root_connection.connection.driver_connection.is_in_transaction():
            raise
        context.handle_dbapi_exception(error)
        context.pre_exec()
        cursor.execute(sql, parameters)
    return True


def _session_of(connection: AsyncConnection) -> Session:
    return cast(Session, connection.sync_connection.connection.driver_connection)  # type: ignore[union-attr] # it is begun


def _no_entry(error: BaseException) -> str:
    lines = str(error).splitlines()
    said = lines[0].removesuffix(".") if lines else type(error).__name__
    if sqlstate(error) == _UNKNOWN_SETTING:
        return f"PostgreSQL does not know a parameter of FLUX_DATABASE_URL: {said}. Leave it out."
    return f"PostgreSQL cannot be reached: {said}. Check FLUX_DATABASE_URL."


_NO_CONNECTION = (*BROKEN, DBAPIError, InvalidRequestError)
"""How the pool says that it has none; InvalidRequestError when a new one was dead as well."""

_PLACES: WeakKeyDictionary[Engine, _Places] = WeakKeyDictionary()
"""For how many each pool has connections. Who waits for one waits here: SQLAlchemy's pool wakes nobody when connecting
has failed, and all who wait there would wait out the whole time limit."""

_UNKNOWN_SETTING = "42704"

_IS_READ_ONLY = text("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean")

_UNAVAILABLE = "The database is not available at the moment. Try again in a second."
_ALL_IN_USE = f"no connection was free for {CONNECT_SECONDS:g} s"
_NOT_UNDERSTOOD = (
    "FLUX_DATABASE_URL is not understood. Write it as postgresql://user:password@host/db, "
    "special characters of a user name or password as %XX."
)
