"""The steps that a worker does again and again, by their names: when each was last done, and how often it failed."""

import time
from collections import Counter


class Steps:
    """Keeps count.

    Attributes:
        done_at: when each was last done, in monotonic seconds; of one that never was, when it was first begun.
        failures: how often each failed.
    """

    def __init__(self) -> None:
        self.done_at: dict[str, float] = {}
        self.failures = Counter[str]()

    def done(self, step: str) -> None:
        """Take note that it was done, or is begun for the first time."""
        self.done_at[step] = time.monotonic()

    def fail(self, step: str) -> None:
        """Take note that it failed."""
        self.failures[step] += 1
