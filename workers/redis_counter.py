"""Counts what keys ask for, in Redis: one round trip, for all processes; where Redis does not answer, nobody counts."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import structlog
from redis.exceptions import RedisError

from config.redis_url import RedisUrl
from flux_dispatch.api.dependencies import Allowance, Use
from workers.redis_client import open_redis

WAIT_SECONDS: Final = 0.05
"""For how long a request waits to be counted."""

COOLDOWN_SECONDS: Final = 1.0
"""For how long nobody is counted after Redis did not answer."""

MAX_AT_ONCE: Final = 16
"""How many are counted at a time, each on a connection of its own."""

# GCRA, in microseconds of Redis's clock: what is kept of a limit is when all of it is there again, and it holds what is
# for one second. ARGV: for each limit how many a second, how many are taken, and how many the same request took before.
_TAKE: Final = """
    local clock = redis.call('TIME')
    local now = clock[1] * 1000000 + clock[2]
    local full, answer, refused = {}, {}, false
    for index, key in ipairs(KEYS) do
        local step = 1000000 / ARGV[3 * index - 2]
        full[index] = math.max(tonumber(redis.call('GET', key) or '0'), now)
        if full[index] - now + step * (1 - ARGV[3 * index]) > 1000001 then refused = true end
    end
    for index, key in ipairs(KEYS) do
        local step = 1000000 / ARGV[3 * index - 2]
        local retry = math.max(full[index] - now + step * (1 - ARGV[3 * index]) - 1000000, 0)
        if not refused then
            retry = 0
            full[index] = full[index] + step * ARGV[3 * index - 1]
            local life = math.ceil((full[index] - now) / 1000)
            redis.call('SET', key, string.format('%.0f', full[index]), 'PX', string.format('%.0f', life))
        elseif retry <= 1 then
            retry = 0
        end
        local left = math.max(math.floor((1000001 - full[index] + now) / step), 0)
        table.insert(answer, math.ceil(left))
        table.insert(answer, math.ceil(full[index] - now))
        table.insert(answer, math.ceil(retry))
    end
    return answer
"""

log = structlog.get_logger("flux.api")


class RedisCounter:
    """Counts in the broker's Redis.

    Args:
        broker: where it is.
    """

    def __init__(self, broker: RedisUrl) -> None:
        self._client = open_redis(broker)
        self._script = self._client.register_script(_TAKE)
        self._places = asyncio.Semaphore(MAX_AT_ONCE)
        self._cools_down_until = 0.0
        self._counting: set[asyncio.Task[list[int]]] = set()

    async def take(self, key_id: str, uses: Sequence[Use]) -> list[Allowance] | None:
        """Take all that a request uses, or nothing if a limit has nothing left.

        None when Redis does not answer in time: whoever asks is served, uncounted.
        """
        if time.monotonic() < self._cools_down_until:
            return None
        task = asyncio.create_task(self._take(key_id, uses))
        self._counting.add(task)
        task.add_done_callback(self._done)
        # it is not given up with the wait: a first connection may take longer, and serves the next ones
        done, _ = await asyncio.wait({task}, timeout=WAIT_SECONDS)
        if not done or task.exception():
            self._cool_down(task.exception() if done else None)
            return None
        said = task.result()
        return [
            Allowance(use, remaining, full / 1e6, retry / 1e6)
            for use, remaining, full, retry in zip(uses, said[::3], said[1::3], said[2::3], strict=True)
        ]

    async def close(self) -> None:
        """Close the connections."""
        for task in list(self._counting):
            task.cancel()
        await asyncio.gather(*self._counting, return_exceptions=True)
        await self._client.aclose()

    async def _take(self, key_id: str, uses: Sequence[Use]) -> list[int]:
        keys = [f"flux.limit.{{{key_id}}}.{use.name}" for use in uses]
        arguments = [number for use in uses for number in (use.per_second, use.cost, use.taken)]
        async with self._places:
            said: list[int] = await self._script(keys=keys, args=arguments)
        return said

    def _done(self, task: "asyncio.Task[list[int]]") -> None:
        self._counting.discard(task)
        if not task.cancelled():
            task.exception()  # it may be nobody's any more

    def _cool_down(self, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, RedisError | OSError):
            log.error("limits.failed", exc_info=error)
        if time.monotonic() >= self._cools_down_until:
            why = type(error).__name__ if error else "no answer in time"
            log.warning("limits.uncounted", error=why, consequence="keys are held to no limit meanwhile")
        self._cools_down_until = time.monotonic() + COOLDOWN_SECONDS
