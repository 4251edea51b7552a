"""Grouping: what arrives while a commit is under way shares the next one, and what arrives alone does not wait."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Groups(Generic[Item]):
    """Commits items in groups; who puts one in does not wait for it.

    Args:
        commit: stores a group; it sees to its own errors.
        most: how many items one group may have.
        lanes: how many commits may be under way at once.
        linger_seconds: how long a group that is not full waits for company; 0 for not at all.
    """

    def __init__(
        self,
        commit: Callable[[list[Item]], Awaitable[None]],
        *,
        most: int,
        lanes: int,
        linger_seconds: float = 0,
    ) -> None:
        self._commit = commit
        self._most = most
        self._linger_seconds = linger_seconds
        self._free_lanes = lanes
        self._waiting: deque[Item] = deque()
        self._lanes: set[asyncio.Task[None]] = set()

    def put(self, item: Item) -> None:
        """Have the item committed with those that come at about the same time."""
        self._waiting.append(item)
        if self._free_lanes:
            self._free_lanes -= 1
            lane = asyncio.create_task(self._run())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)

    async def all_committed(self) -> None:
        """Return when nothing waits and no commit is under way."""
        while self._lanes:
            await asyncio.wait(set(self._lanes))

    async def _run(self) -> None:
        try:
            while self._waiting:
                if self._linger_seconds and len(self._waiting) < self._most:
                    await asyncio.sleep(self._linger_seconds)
                group = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
                if group:
                    await self._commit(group)
        finally:
            self._free_lanes += 1


class Grouped(Generic[Item, Result]):
    """Turns a commit of many into a call for one.

    Args:
        commit: stores a group and returns one result for each item, in order.
        most: how many items one group may have.
        lanes: how many commits may be under way at once.

    A call raises what its group's commit raised.
    """

    def __init__(self, commit: Callable[[list[Item]], Awaitable[Sequence[Result]]], *, most: int, lanes: int) -> None:
        self._commit = commit
        self._groups = Groups[tuple[Item, asyncio.Future[Result]]](self._commit_group, most=most, lanes=lanes)

    async def __call__(self, item: Item) -> Result:
        """Return the item's result once the group that it went with is committed."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._groups.put((item, future))
        return await future

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
