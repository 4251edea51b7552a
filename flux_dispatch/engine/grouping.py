"""Grouping: what arrives while a commit is under way shares the next one, and what arrives alone does not wait."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Grouped(Generic[Item, Result]):
    """Turns a commit of many into a call for one.

    Args:
        commit: stores a group and returns one result for each item, in order.
        most: how many items one group may have.
        lanes: how many commits may be under way at once.
        linger_seconds: how long a group that is not full waits for company; 0 for not at all.

    A call raises what its group's commit raised.
    """

    def __init__(
        self,
        commit: Callable[[list[Item]], Awaitable[Sequence[Result]]],
        *,
        most: int,
        lanes: int,
        linger_seconds: float = 0,
    ) -> None:
        self._commit = commit
        self._most = most
        self._linger_seconds = linger_seconds
        self._free_lanes = lanes
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._lanes: set[asyncio.Task[None]] = set()

    async def __call__(self, item: Item) -> Result:
        """Return the item's result once the group that it went with is committed."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._free_lanes:
            self._free_lanes -= 1
            lane = asyncio.create_task(self._run())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                if self._linger_seconds and len(self._waiting) < self._most:
                    await asyncio.sleep(self._linger_seconds)
                group = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
                await self._commit_group(group)
        finally:
            self._free_lanes += 1

    async def _commit_group(self, group: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._commit([item for item, _ in group])
        except Exception as error:  # noqa: BLE001 - whatever it was, it belongs to the callers of this group
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(group, results, strict=True):
            if not future.done():
                future.set_result(result)
