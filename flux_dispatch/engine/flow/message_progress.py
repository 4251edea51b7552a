"""A batch: the deliveries of one message, counted as they end, and waited for only while a thread can be spared."""

import asyncio
from collections import Counter, deque
from enum import StrEnum
from typing import Final

HANDOVER_SECONDS: Final = 0.5
"""How long a message waits for its slowest endpoint; what is not answered then goes on beside it."""


class Word(StrEnum):
    """What became of a delivery in this message, as the task's result says it."""

    DELIVERED = "delivered"
    RETRYING = "retrying"
    EXHAUSTED = "exhausted"
    PUT_BACK = "put back"
    LEASE_LOST = "lease lost"
    SENDING = "still sending"
    WAITING = "still waiting"
    SKIPPED = "skipped"


class Batch:
    """So many deliveries, of which some have ended.

    Args:
        asked: how many the message named; all of them wait to be claimed.
    """

    def __init__(self, asked: int) -> None:
        self._words = Counter({Word.WAITING: asked})
        self._is_over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def begin(self) -> None:
        """Count one that is claimed."""
        self._move(Word.WAITING, Word.SENDING)

    def skip(self, count: int) -> None:
        """Count those that are not claimed, because they are not due, not owed, or another's."""
        self._move(Word.WAITING, Word.SKIPPED, count)

    def note(self, word: Word) -> None:
        """Count the end of one that was claimed."""
        self._move(Word.SENDING, word)

    def fail(self, error: Exception) -> None:
        """End the waiting with this error, if anybody still waits."""
        if not self._is_over.done():
            self._is_over.set_exception(error)
            self._is_over.exception()  # seen, also if nobody waits: the planner finds what this batch held

    def hand_over(self) -> None:
        """End the waiting, whatever is still being sent."""
        if not self._is_over.done():
            self._is_over.set_result(None)

    def _move(self, source: Word, target: Word, count: int = 1) -> None:
        self._words[source] -= count
        self._words[target] += count
        if not self._words[Word.WAITING] and not self._words[Word.SENDING]:
            self.hand_over()

    async def over(self) -> Counter[Word]:
        """Return how many ended how, when all have or when this batch is handed over.

        Raises:
            Unavailable: the database was away; what this batch named is found by the planner.
        """
        alarm = asyncio.get_running_loop().call_later(HANDOVER_SECONDS, self.hand_over)
        try:
            await self._is_over
        finally:
            alarm.cancel()
        return +self._words


class WaitingRoom:
    """The batches that threads wait for.

    Args:
        places: how many may wait at once. One more, and the batch that has waited longest is handed over: its
            deliveries go on, its thread is free. So slow endpoints never hold all of a worker's threads.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._waiting: deque[Batch] = deque()

    async def wait_for(self, batch: Batch) -> Counter[Word]:
        """Return how many ended how."""
        self._waiting.append(batch)
        if len(self._waiting) > self._places:
            self._waiting.popleft().hand_over()
        try:
            return await batch.over()
        finally:
            if batch in self._waiting:
                self._waiting.remove(batch)
