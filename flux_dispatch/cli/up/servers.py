"""PostgreSQL and Redis for `flux up`: those that the settings name, or our own out of wheels."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from config.settings import Settings
from flux_dispatch.cli.broker import broker_client
from flux_dispatch.cli.embedded import EmbeddedPostgres, ServerUnavailable, free_port, redis_command
from flux_dispatch.cli.embedded.environment import server_environment
from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.up.console import Console
from flux_dispatch.cli.up.home import Home
from flux_dispatch.cli.up.process import Process
from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.store.connect import check_database

_LOOK_SECONDS = 1.0
_REDIS_SECONDS = 10.0
_WRITTEN = "It is written, special characters of the password as %XX,"


class Database:
    """PostgreSQL, ours to watch if we brought it."""

    def __init__(self, settings: Settings, home: Home, console: Console) -> None:
        self._given = settings.database_url
        self._own = None if self._given else EmbeddedPostgres(home.directory / "postgres")
        self._screen = console
        self._starting: asyncio.Future[str] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self.on_restart: Callable[[], None] = lambda: None

    @property
    def is_ours(self) -> bool:
        """Say whether we bring it."""
        return self._own is not None

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, if it is ours."""
        return self._own.pid if self._own else None

    async def start(self) -> str:
        """Return its URL once it answers."""
        if self._own is None:
            return await _given_database(str(self._given))
        self._starting = asyncio.ensure_future(asyncio.to_thread(self._own.start))
        # a start that is given up goes on in its thread: stop() waits for it
        url = await asyncio.shield(self._starting)
        self._watcher = asyncio.create_task(self._watch(self._own))
        return url

    async def stop(self) -> None:
        """Stop it if it is ours, also in the middle of its start."""
        self._stop.set()
        under_way = [each for each in (self._starting, self._watcher) if each]
        await asyncio.gather(*under_way, return_exceptions=True)
        if self._own:
            await asyncio.to_thread(self._own.stop)

    async def _watch(self, own: EmbeddedPostgres) -> None:
        while not await self._told_to_stop():
            if own.is_running():
                continue
            self._screen.part_said("postgres", "ended and is started again")
            try:
                await asyncio.to_thread(own.restart)
            except ServerUnavailable as error:
                self._screen.part_said("postgres", str(error))
            else:
                self.on_restart()

    async def _told_to_stop(self) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), _LOOK_SECONDS)
        return self._stop.is_set()


class Broker:
    """Redis, ours to supervise if we brought it."""

    def __init__(self, settings: Settings, home: Home, console: Console) -> None:
        self._given = settings.redis_url
        self.url = str(self._given)
        self.process: Process | None = None
        if not self._given:
            command = redis_command(home.directory / "redis", free_port())
            self.url = command.url
            self.process = Process("redis", command.arguments, server_environment(), console)

    async def start(self) -> str:
        """Return its URL once it answers.

        Raises:
            CliError: it does not.
        """
        if self.process:
            await self.process.start()
        deadline = asyncio.get_running_loop().time() + (_REDIS_SECONDS if self.process else 0)
        while (trouble := await asyncio.to_thread(_ping, self.url)) is not None:
            if asyncio.get_running_loop().time() >= deadline:
                raise CliError(f"Redis cannot be reached: {trouble}. {self._mend()}")
            await asyncio.sleep(0.02)
        return self.url

    async def stop(self) -> None:
        """Stop it if it is ours."""
        if self.process:
            await self.process.stop()

    def _mend(self) -> str:
        if self.process:
            return f"It said: {self.process.last_line()}. Set FLUX_REDIS_URL to use another server."
        return "Check FLUX_REDIS_URL, which is written redis://:password@host:6379/0."


async def _given_database(url: str) -> str:
    try:
        await check_database(url)
    except Unavailable as error:
        if isinstance(error.__cause__, ValueError):
            # the driver's words would quote what it took for the port, which may be a piece of the password
            raise CliError(
                f"FLUX_DATABASE_URL is not understood. {_WRITTEN} postgresql://user:password@host/db."
            ) from None
        raise
    return url


def _ping(url: str) -> str | None:
    """Return None when Redis answers, or what is wrong; asked as the processes will ask it."""
    try:
        with broker_client(url) as client:
            client.ping()
    except Exception as error:  # noqa: BLE001 - they have no common root
        return str(error).removesuffix(".")
    return None
