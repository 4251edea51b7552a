"""The attempts under way in this process: bounded in number, and waited for only as long as a thread can be spared."""

import asyncio
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any, Final, Generic, TypeVar

import structlog

HANDOVER_SECONDS: Final = 0.5
"""How long a message waits for its slowest endpoint; what is not answered then goes on beside it."""

MOST_UNDER_WAY: Final = 4096
"""Beyond this many, a message waits before it claims: the memory of a worker is bounded by it."""

Value = TypeVar("Value")

log = structlog.get_logger("flux.deliver")


class UnderWay(Generic[Value]):
    """Tasks of this loop that outlive the call that started them.

    Args:
        most_waiting: how many calls may wait for their tasks at once. One more, and the call that has waited longest is
            handed over: its tasks go on, its thread is free. So slow endpoints never hold all of a worker's threads.
    """

    def __init__(self, most_waiting: int) -> None:
        self._most_waiting = most_waiting
        self._tasks: set[asyncio.Task[Value]] = set()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._has_room = asyncio.Event()
        self._has_room.set()

    async def room(self) -> None:
        """Return when there is room for more."""
        await self._has_room.wait()

    def start(self, work: Coroutine[Any, Any, Value]) -> asyncio.Task[Value]:
        """Run a coroutine as a task."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)
        if len(self._tasks) >= MOST_UNDER_WAY:
            self._has_room.clear()
        return task

    async def wait_for(self, tasks: Sequence[asyncio.Task[Value]]) -> list[Value]:
        """Return the results of those that ended when all have, or when this call is handed over."""
        handover: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(handover)
        if len(self._waiting) > self._most_waiting:
            _resolve(self._waiting.popleft())
        awaited: set[asyncio.Future[Any]] = {asyncio.gather(*tasks, return_exceptions=True), handover}
        await asyncio.wait(awaited, timeout=HANDOVER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if handover in self._waiting:
            self._waiting.remove(handover)
        return [task.result() for task in tasks if task.done() and not task.exception()]

    async def all_ended(self) -> None:
        """Return when nothing is under way."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def _end(self, task: asyncio.Task[Value]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("attempt.broke", exc_info=error, consequence="it is made again when its lease ends")
        if len(self._tasks) < MOST_UNDER_WAY:
            self._has_room.set()


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
