"""A short memory of what the database said: asked anew before it is forgotten, and once for all who ask at a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

MAX_REMEMBERED: Final = 10_000

RENEW_AFTER: Final = 0.5
"""From this part of its time on, what is asked for is asked anew, while what is known still serves."""

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Known(Generic[Value]):
    value: Value
    renew_at: float
    forget_at: float


class ShortMemory(Generic[Key, Value]):
    """Remembers values for a few seconds; what is not there is not remembered.

    Args:
        find: looks a value up; None when there is none.
        seconds: for how long a value is trusted, counted from before it was looked up.
    """

    def __init__(self, find: Callable[[Key], Awaitable[Value | None]], seconds: float) -> None:
        self._find = find
        self._seconds = seconds
        self._known: dict[Key, _Known[Value]] = {}
        self._asked: dict[Key, asyncio.Task[Value | None]] = {}

    async def get(self, key: Key) -> Value | None:
        """Return what is known, or what is found."""
        now = time.monotonic()
        known = self._known.get(key)
        if known is None or known.forget_at <= now:
            return await asyncio.shield(self._ask(key))
        if known.renew_at <= now:
            self._ask(key)
        return known.value

    def forget(self, is_changed: Callable[[Value], bool]) -> None:
        """Ask anew, at the next time, for each value of which this is true."""
        for key in [key for key, known in self._known.items() if is_changed(known.value)]:
            del self._known[key]

    def _ask(self, key: Key) -> asyncio.Task[Value | None]:
        if key not in self._asked:
            self._asked[key] = task = asyncio.create_task(self._look_up(key))
            # nobody may wait for it; whoever asks after it has failed asks again
            task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._asked[key]

    async def _look_up(self, key: Key) -> Value | None:
        began = time.monotonic()
        try:
            found = await self._find(key)
        finally:
            del self._asked[key]
        if found is None:
            self._known.pop(key, None)
        else:
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            self._known[key] = _Known(found, began + RENEW_AFTER * self._seconds, began + self._seconds)
        return found
