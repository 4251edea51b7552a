"""The steps that a worker does again and again, by their names: when each was last done, and how often it failed."""

import time
from collections import Counter
from typing import Final

SAY_AGAIN_SECONDS: Final = 60.0
"""How long a step fails for one cause before it is said again."""


class Steps:
    """Keeps count.

    Attributes:
        done_at: when each was last done, in monotonic seconds; of one that never was, when it was first begun.
        failures: how often each failed.
    """

    def __init__(self) -> None:
        self.done_at: dict[str, float] = {}
        self.failures = Counter[str]()
        self._said: dict[str, tuple[str, float]] = {}

    def done(self, step: str) -> bool:
        """Take note that it was done, or is begun for the first time; say whether it had failed until now."""
        self.done_at[step] = time.monotonic()
        return self._said.pop(step, None) is not None

    def fail(self, step: str, cause: str) -> bool:
        """Take note that it failed; say whether that is news: a worker's steps all fail each second of an outage."""
        self.failures[step] += 1
        now = time.monotonic()
        said, at = self._said.get(step, ("", 0.0))
        is_news = said != cause or now >= at + SAY_AGAIN_SECONDS
        if is_news:
            self._said[step] = (cause, now)
        return is_news
