"""How long to wait before connecting once more: not at all at first, then for longer and longer, each a bit unlike."""

import random
from collections.abc import Callable
from typing import Final

FIRST_SECONDS: Final = 0.5
MOST_SECONDS: Final = 15.0
LASTING_SECONDS: Final = 10.0
"""A connection that lasted so long was a good one: what comes after it begins anew."""


class Backoff:
    """Counts the attempts of one outage."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        """Take a chance from 0 up to 1, by which many commands that lost one server do not come back at one moment."""
        self._chance = chance
        self._tries = 0

    def next_seconds(self) -> float:
        """Return how long to wait now: 0, then about 0.5, 1, 2 … 15 s, of which up to a half is left off."""
        tries = self._tries
        self._tries += 1
        if tries == 0:
            return 0.0
        most = min(MOST_SECONDS, FIRST_SECONDS * 2.0 ** min(tries - 1, 10))
        return most * (1 - self._chance() / 2)

    def lasted(self, seconds: float) -> None:
        """Take note of a connection that has ended after so many seconds."""
        if seconds >= LASTING_SECONDS:
            self._tries = 0
