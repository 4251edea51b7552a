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
    SKIPPED = "skipped"


class Batch:
    """So many deliveries, of which some have ended.

    Args:
        asked: how many the message named.
        claimed: how many of these this worker may send; the others are skipped.
    """

    def __init__(self, asked: int, claimed: int) -> None:
        self._words = Counter({Word.SENDING: claimed, Word.SKIPPED: asked - claimed})
        self._is_over = asyncio.get_running_loop().create_future()

    def note(self, word: Word) -> None:
        """Count the end of one delivery."""
        self._words[word] += 1
        self._words[Word.SENDING] -= 1
        if not self._words[Word.SENDING]:
            self.hand_over()

    def hand_over(self) -> None:
        """End the waiting, whatever is still being sent."""
        if not self._is_over.done():
            self._is_over.set_result(None)

    async def over(self) -> Counter[Word]:
        """Return how many ended how, when all have or when this batch is handed over."""
        alarm = asyncio.get_running_loop().call_later(HANDOVER_SECONDS, self.hand_over)
        await self._is_over
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
        words = await batch.over()
        if batch in self._waiting:
            self._waiting.remove(batch)
        return words
