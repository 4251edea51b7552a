"""A day of reconnections leaves nothing behind: no session, no task, no key in Redis, no open file."""

import asyncio
import os
from datetime import timedelta

import aiohttp
import redis
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.listen_session import KEPT_FOR
from flux_dispatch.engine.expire import Expire
from flux_dispatch.store.listen_sessions import ListenSessionExpiry
from tests.support.api import Caller, api_client, running_api
from tests.support.listener import Command, listen
from tests.support.store_harness import StoreHarness
from tests.support.waiting import eventually_async

A_DAY = timedelta(days=1)
STEP = timedelta(minutes=4.5)
UNSEEN_SECONDS = 300.0
OF_POOLS = 10
"""By how many connections to the servers the pools of both processes may have grown meanwhile."""


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only how many


class Day:
    """A day of a session whose command comes and goes, at this process and at that."""

    def __init__(self, world: StoreHarness, caller: Caller, *apis: str) -> None:
        self.world = world
        self.caller = caller
        self.apis = apis
        self.expire = Expire(ListenSessionExpiry(world.database), UNSEEN_SECONDS, sure_after_seconds=0)
        self.count = 0

    async def begin(self, anyone: aiohttp.ClientSession) -> None:
        self.anyone = anyone
        self.command = Command(await listen(self.caller.http), self.caller.key)
        self.path = "/in/" + self.command.session["url"].rpartition("/")[2]

    async def go_on(self, until: int) -> None:
        while self.count < until:
            connected_to, asked = self.apis[self.count % 2], self.apis[self.count % 3 == 0]
            async with self.command.connected(connected_to), self.anyone.post(asked + self.path, data=b"x") as answer:
                assert await answer.read() == b"x"
            self.command.frames.clear()
            if self.count % 30 == 0:
                await listen(self.caller.http)  # its command vanishes before it ever connects
            self.count += 1
            await self.pass_time(STEP)

    async def pass_time(self, time: timedelta) -> None:
        await self.world.advance_clock(time.total_seconds())
        await self.expire.run_once()

    async def end(self) -> None:
        await self.caller.http.delete(f"/v1/listen/{self.command.session['id']}")
        for _ in range(3):
            await self.pass_time(KEPT_FOR + timedelta(seconds=UNSEEN_SECONDS))


async def test_a_day_of_reconnections_leaves_nothing_behind(
    database_url: str, redis_url: str, database: AsyncEngine, world: StoreHarness
) -> None:
    await world.advance_clock(0)
    async with (
        running_api(database_url, redis_url) as first,
        running_api(database_url, redis_url) as second,
        api_client(first, database) as caller,
        aiohttp.ClientSession() as anyone,
    ):
        day = Day(world, caller, first, second)
        await day.begin(anyone)
        await day.go_on(10)
        files, tasks = open_files(), len(asyncio.all_tasks())
        await day.go_on(10 + A_DAY // STEP)

        async def are_few() -> bool:
            return open_files() <= files + OF_POOLS and len(asyncio.all_tasks()) <= tasks

        await eventually_async(are_few, f"there are {files} files and {tasks} tasks, as before")
        assert len(day.command.forwarded) == day.count
        with redis.Redis.from_url(redis_url) as client:
            assert list(client.scan_iter("flux.tunnel.owner.*")) == []
        await day.end()
        assert await world.scalar("SELECT count(*) FROM listen_sessions") == 0
        assert await world.scalar("SELECT count(*) FROM webhooks WHERE deleted_at IS NULL") == 0
