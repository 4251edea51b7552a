"""Outgoing: the messages that wait for the queue's thread, those of one account's bulk apart from those that share."""

import threading
import time
from collections import deque
from typing import Final, Generic, Protocol, TypeVar

from flux_dispatch.engine.flow.batcher import Linger

LINGER: Final = Linger()
"""After sending, the thread waits for more to send together: a message costs a worker as much as ten or twenty
deliveries do. So the first of many, and each of a few, goes at once. The bulk of one account waits for more of its own
only, so that nobody else's waits for it.
"""

MAX_WAITING: Final = 20_000
"""How many may wait; beyond that the oldest is pushed out, of bulk first where most of it is."""


class Sendable(Protocol):
    """What can wait here."""

    @property
    def ids(self) -> tuple[str, ...]:
        """What it is about."""
        ...

    @property
    def owner(self) -> str | None:
        """The account whose bulk it is; None when it shares messages with others'."""
        ...


Item = TypeVar("Item", bound=Sendable)


class Outgoing(Generic[Item]):
    """Two lines, each with a pause of its own after it was last taken from; safe between threads."""

    def __init__(self) -> None:
        self._shared = _Line[Item]()
        self._bulk = _Line[Item]()
        self._changed = threading.Condition()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._shared.items) + len(self._bulk.items)

    def put(self, item: Item) -> Item | None:
        """Have an item taken; return the one that it pushes out, if very many wait."""
        line = self._bulk if item.owner else self._shared
        with self._changed:
            line.items.append(item)
            pushed_out = self._longer().items.popleft() if len(self) > MAX_WAITING else None
            if len(line.items) == 1:  # the thread waits for a line that was not empty for as long as it must
                self._changed.notify()
        return pushed_out

    def take(self) -> list[Item]:
        """Wait for items, and take those of each line whose pause is over; none when it is closed and empty."""
        with self._changed:
            while True:
                now = time.monotonic()
                lines = [line for line in (self._shared, self._bulk) if line.items]
                ready = [line for line in lines if self._is_closed or line.not_before <= now]
                if ready or self._is_closed:
                    return [item for line in ready for item in line.take_all(now)]
                self._changed.wait(min((line.not_before - now for line in lines), default=None))

    def close(self) -> None:
        """Have what waits taken without a pause."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def _longer(self) -> "_Line[Item]":
        return max(self._bulk, self._shared, key=lambda line: len(line.items))


class _Line(Generic[Item]):
    def __init__(self) -> None:
        self.items = deque[Item]()
        self.not_before = 0.0

    def take_all(self, now: float) -> list[Item]:
        taken = list(self.items)
        self.items.clear()
        self.not_before = now + LINGER.seconds_after(sum(len(item.ids) for item in taken))
        return taken
