"""Notices that this machine slept, or this process was stopped: its connections are likely dead by then."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

STEP_SECONDS: Final = 1.0
MOST_JUMP_SECONDS: Final = 5.0
"""The wall clock goes on while a machine sleeps, the monotonic one does not."""

MOST_STEP_SECONDS: Final = 15.0
"""A step that took so long: the process was stopped (Ctrl-Z), and has missed the server's pings."""


class ClockWatch:
    """Compares two clocks, step by step."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._before = wall(), monotonic()

    def paused_seconds(self) -> float:
        """Return for how long nothing ran here since the last call, 0 unless it was noticeably long."""
        now = self._wall(), self._monotonic()
        wall, monotonic = now[0] - self._before[0], now[1] - self._before[1]
        self._before = now
        slept, stopped = abs(wall - monotonic) > MOST_JUMP_SECONDS, monotonic > MOST_STEP_SECONDS
        return max(wall, monotonic) if slept or stopped else 0.0

    async def watch(self, paused: Callable[[], None]) -> None:
        """Call back each time that something paused; runs until it is canceled."""
        while True:
            await asyncio.sleep(STEP_SECONDS)
            if self.paused_seconds():
                paused()
