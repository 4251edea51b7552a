"""PostgreSQL and Redis for `flux up`: those that the settings name, or our own out of wheels."""

import asyncio
import os
from collections.abc import Callable

import redis
import redis.asyncio

from config.settings import Settings
from flux_dispatch.cli.embedded import EmbeddedPostgres, free_port, redis_command
from flux_dispatch.cli.refusal import Refusal
from flux_dispatch.cli.up.home import Home
from flux_dispatch.cli.up.part import Part
from flux_dispatch.cli.up.screen import Screen
from flux_dispatch.store.connect import check_database

_LOOK_SECONDS = 1.0
_REDIS_SECONDS = 10.0


class Database:
    """PostgreSQL, ours to watch if we brought it."""

    def __init__(self, settings: Settings, home: Home, screen: Screen) -> None:
        self._given = settings.database_url
        self._own = None if self._given else EmbeddedPostgres(home.directory / "postgres")
        self._screen = screen
        self._watcher: asyncio.Task[None] | None = None
        self.on_restart: Callable[[], None] = lambda: None

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, if it is ours."""
        return self._own.pid if self._own else None

    async def start(self) -> str:
        """Return its URL once it answers."""
        if self._own is None:
            url = str(self._given)
            await check_database(url)
            return url
        url = await asyncio.to_thread(self._own.start)
        self._watcher = asyncio.create_task(self._watch(self._own))
        return url

    async def stop(self) -> None:
        """Stop it if it is ours."""
        if self._watcher:
            self._watcher.cancel()
        if self._own:
            await asyncio.to_thread(self._own.stop)

    async def _watch(self, own: EmbeddedPostgres) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if not own.is_running():
                self._screen.part_said("postgres", "ended and is started again")
                await asyncio.to_thread(own.restart)
                self.on_restart()


class Broker:
    """Redis, ours to supervise if we brought it."""

    def __init__(self, settings: Settings, home: Home, screen: Screen) -> None:
        self._given = settings.redis_url
        self.url = str(self._given)
        self.part: Part | None = None
        if not self._given:
            command = redis_command(home.directory / "redis", free_port())
            self.url = command.url
            self.part = Part("redis", command.arguments, os.environ, screen)

    async def start(self) -> str:
        """Return its URL once it answers.

        Raises:
            Refusal: it does not.
        """
        if self.part:
            await self.part.start()
        deadline = asyncio.get_running_loop().time() + (_REDIS_SECONDS if self.part else 0)
        while (trouble := await _ping(self.url)) is not None:
            if asyncio.get_running_loop().time() >= deadline:
                raise Refusal(f"Redis cannot be reached: {trouble}. Check FLUX_REDIS_URL.")
            await asyncio.sleep(0.02)
        return self.url

    async def stop(self) -> None:
        """Stop it if it is ours."""
        if self.part:
            await self.part.stop()


async def _ping(url: str) -> str | None:
    """Return None when Redis answers, or what is wrong."""
    try:
        client = redis.asyncio.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)
    except ValueError as error:
        return str(error)
    try:
        await client.ping()
    except (redis.RedisError, OSError) as error:
        return str(error)
    finally:
        await client.aclose()
    return None
