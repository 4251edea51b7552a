"""A progress: the deliveries of one message, counted as they end, and waited for only while a thread can be spared."""

import asyncio
from collections import Counter, deque
from enum import StrEnum
from typing import Final

DETACH_AFTER_SECONDS: Final = 0.5
"""How long a message waits for its slowest endpoint; what is not answered then goes on after the
task has returned."""


class DeliveryResult(StrEnum):
    """What became of a delivery in this message, as the task's result says it."""

    DELIVERED = "delivered"
    RETRYING = "retrying"
    EXHAUSTED = "exhausted"
    RELEASED = "released"
    LEASE_LOST = "lease lost"
    SENDING = "still sending"
    WAITING = "still waiting"
    SKIPPED = "skipped"


class MessageProgress:
    """So many deliveries, of which some have ended.

    Args:
        asked: how many the message named; all of them wait to be claimed.
    """

    def __init__(self, asked: int) -> None:
        self._counts = Counter({DeliveryResult.WAITING: asked})
        self._is_detached: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def begin(self) -> None:
        """Count one that is claimed."""
        self._move(DeliveryResult.WAITING, DeliveryResult.SENDING)

    def skip(self, count: int) -> None:
        """Count those that are not claimed, because they are not due, not owed, or another's."""
        self._move(DeliveryResult.WAITING, DeliveryResult.SKIPPED, count)

    def note(self, result: DeliveryResult) -> None:
        """Count the end of one that was claimed."""
        self._move(DeliveryResult.SENDING, result)

    def fail(self, error: Exception) -> None:
        """End the waiting with this error, if anybody still waits."""
        if not self._is_detached.done():
            self._is_detached.set_exception(error)
            self._is_detached.exception()  # seen, also if nobody waits: the sweeper finds what this progress held

    def detach(self) -> None:
        """End the waiting, whatever is still being sent."""
        if not self._is_detached.done():
            self._is_detached.set_result(None)

    def _move(self, source: DeliveryResult, target: DeliveryResult, count: int = 1) -> None:
        self._counts[source] -= count
        self._counts[target] += count
        if not self._counts[DeliveryResult.WAITING] and not self._counts[DeliveryResult.SENDING]:
            self.detach()

    async def wait(self) -> Counter[DeliveryResult]:
        """Return how many ended how, when all have or when this progress is handed over.

        Raises:
            Unavailable: the database was unavailable; what this progress named is found by the sweeper.
        """
        alarm = asyncio.get_running_loop().call_later(DETACH_AFTER_SECONDS, self.detach)
        try:
            await self._is_detached
        finally:
            alarm.cancel()
        return +self._counts


class WaiterLimit:
    """The progresses that threads wait for.

    Args:
        places: how many may wait at once. One more, and the progress that has waited longest is handed over: its
            deliveries go on, its thread is free. So slow endpoints never hold all of a worker's threads.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._waiting: deque[MessageProgress] = deque()

    async def wait_for(self, progress: MessageProgress) -> Counter[DeliveryResult]:
        """Return how many ended how."""
        self._waiting.append(progress)
        if len(self._waiting) > self._places:
            self._waiting.popleft().detach()
        try:
            return await progress.wait()
        finally:
            if progress in self._waiting:
                self._waiting.remove(progress)
