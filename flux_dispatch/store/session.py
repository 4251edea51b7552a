"""One session with PostgreSQL: opened directly or through a pooler, and ended when the other end is gone."""

import asyncio
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum, auto
from typing import Any, cast

import asyncpg
import structlog

from flux_dispatch.store.database_url import Alive, Target

log = structlog.get_logger("flux.store")


class Way(Enum):
    """What stands between us and PostgreSQL."""

    DIRECT = auto()
    """Nothing: a session is ours, with its settings and its prepared statements."""

    POOLED = auto()
    """A pooler that may give each transaction another session, and knows nothing of prepared statements."""

    POOLED_AND_PREPARED = auto()
    """A pooler that brings prepared statements along."""


class Generation:
    """Counts how often the connections of one database were found dead: whatever is older is not used again.

    Pools on the same database share one: a host that vanished took the connections of all of them along.
    """

    def __init__(self) -> None:
        self.current = 0

    def end(self, which: int) -> None:
        """Note that a connection of this generation was dead; of many that were, one counts."""
        if which == self.current:
            self.current += 1


class Session(asyncpg.Connection):  # type: ignore[misc] # asyncpg has no types
    """A connection of the driver that knows how it may be used.

    `opening` begins each transaction, and is empty where a statement needs none of its own. `patience` is how many
    seconds it may say nothing.
    """

    way = Way.DIRECT
    opening = ""
    patience: float
    generations: Generation
    generation: int
    begins: asyncio.TimerHandle
    """Ends it if it says nothing before it is ready; to be cancelled then."""

    def await_answer(self) -> asyncio.TimerHandle:
        """End the session unless the handle is cancelled in time.

        It is the session that ends, not the statement: PostgreSQL gives that up by itself, and a request to cancel it
        would have it stop waiting for its synchronous standbys.
        """
        return asyncio.get_running_loop().call_later(self.patience, self.end)

    def give_up(self) -> None:
        """End it, and with it whatever was opened before it was found dead."""
        self.generations.end(self.generation)
        self.end()

    def end(self) -> None:
        """End it at once; the other end may hear of it or not."""
        if not self.is_closed():
            self.terminate()


class Opener:
    """Opens sessions with settings that hold, whatever stands between."""

    def __init__(self, target: Target, settings: Mapping[str, str], generation: Generation, patience: float) -> None:
        self.way = Way.DIRECT
        self._target = target
        self._dsns = list(target.dsns)
        self._ours = settings
        self._settings = {**target.settings, **settings}
        self._generation = generation
        self._patience = patience
        self._learning = asyncio.Lock()

    async def open(self) -> Session:
        """Return a new session; behind a pooler a transaction is begun, for what is asked at its beginning.

        Raises:
            OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError: it cannot be had.
        """
        if self.way is Way.DIRECT:
            session = await self._open_directly()
            if session is not None:
                return session
            async with self._learning:
                if self.way is Way.DIRECT:
                    await self._learn_pooler()
        session = await self._connect(self.way)
        with _ended_on_error(session):
            await session.execute(session.opening)
        return session

    async def _open_directly(self) -> Session | None:
        """Return a session that is ours; None where a pooler stands between."""
        try:
            session = await self._connect(Way.DIRECT)
        except asyncpg.PostgresError as error:
            if _refuses_settings(error):
                return None
            raise
        with _ended_on_error(session):
            if await self._is_ours(session):
                return session
        session.end()
        return None

    async def _connect(self, way: Way) -> Session:
        """Connect to the first host that may be used, beginning with the one that was used last."""
        troubles: list[Exception] = []
        for dsn in tuple(self._dsns):
            try:
                session = await self._connect_to(dsn, way)
            except _NEXT_HOST as error:
                troubles.append(error)
            else:
                self._dsns.remove(dsn)
                self._dsns.insert(0, dsn)
                return session
        raise troubles[-1]

    async def _connect_to(self, dsn: str, way: Way) -> Session:
        generation = self._generation.current
        is_direct = way is Way.DIRECT
        session: Session = await asyncpg.connect(
            dsn,
            **self._target.arguments,
            timeout=self._target.connect_seconds,
            connection_class=Session,
            server_settings=self._target.startup | (self._settings if is_direct else {}),
            statement_cache_size=0 if way is Way.POOLED else 100,
        )
        session.way = way
        session.generations = self._generation
        session.generation = generation
        session.patience = self._patience
        session.opening = "" if is_direct else _opening(self._settings)
        _keep_alive(session, self._target.alive)
        session.begins = session.await_answer()
        return session

    async def _is_ours(self, session: Session) -> bool:
        """Say whether a session that took the settings is one with PostgreSQL itself, and has them."""
        # one transaction, and a statement without a name: right also where this is no session of ours
        await session.execute("BEGIN")
        ask = await session.prepare(
            "SELECT pg_backend_pid() AS pid, name, setting FROM pg_settings WHERE name = ANY($1::text[])", name=""
        )
        found = await ask.fetch(list(self._ours))
        await session.execute("COMMIT")
        if found[0]["pid"] != session.get_server_pid():
            return False
        differing = [row["name"] for row in found if row["setting"] != self._ours[row["name"]]]
        if differing:
            log.warning("database.settings_ignored", settings=differing, consequence="plans may be slow")
        return True

    async def _learn_pooler(self) -> None:
        """Find out whether the pooler knows prepared statements: it then has names of its own for them."""
        session = await self._connect(Way.POOLED)
        try:
            await session.execute("BEGIN")
            name = f"flux_{secrets.token_hex(8)}"
            ask = await session.prepare("SELECT name FROM pg_prepared_statements", name=name)
            brings_along = name not in {row["name"] for row in await ask.fetch()}
            if not brings_along:
                await session.execute(f"DEALLOCATE {name}")
            await session.execute("ROLLBACK")
        finally:
            session.end()
        self.way = Way.POOLED_AND_PREPARED if brings_along else Way.POOLED
        log.info("database.pooler", prepared_statements="kept" if brings_along else "planned each time")


@contextmanager
def _ended_on_error(session: Session) -> Iterator[None]:
    """End a session that nobody will get."""
    try:
        yield
    except BaseException:
        session.end()
        raise


_NEXT_HOST = (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.TargetServerAttributeNotMatched)


def _refuses_settings(error: asyncpg.PostgresError) -> bool:
    """Say whether a pooler refused to pass settings on, as PgBouncer does in these words."""
    return error.sqlstate == "08P01" and "startup parameter" in str(error)


def _opening(settings: Mapping[str, str]) -> str:
    """Begin a transaction in which these settings hold; values are taken as at the beginning of a session."""
    values = (tuple(word.replace("'", "''") for word in setting) for setting in settings.items())
    return "BEGIN; SELECT " + ", ".join(f"set_config('{name}', '{value}', true)" for name, value in values)


def _keep_alive(session: Session, alive: Alive) -> None:
    """Have the kernel find out when the other end is gone; a socket of this machine needs none of it."""
    wire: socket.socket | None = cast(asyncio.Transport, session._transport).get_extra_info("socket")  # noqa: SLF001 - no other way
    if wire is None or wire.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(alive.is_asked))
    milliseconds = int(alive.unanswered * 1000) if alive.unanswered else None
    options: list[tuple[str, int | None]] = [("TCP_USER_TIMEOUT", milliseconds)]
    if alive.is_asked:
        options += [("TCP_KEEPIDLE", alive.idle), ("TCP_KEEPALIVE", alive.idle)]  # the second on macOS
        options += [("TCP_KEEPINTVL", alive.interval), ("TCP_KEEPCNT", alive.count)]
    for name, value in options:
        number: Any = getattr(socket, name, None)
        if number is not None and value is not None:
            wire.setsockopt(socket.IPPROTO_TCP, number, value)
