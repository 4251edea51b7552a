"""How late the event loop is for its timers: what everything on it waits for, whatever it is that keeps it busy."""

import asyncio
from typing import Final

from flux_dispatch.engine.flow.meter import Histogram

LOOK_SECONDS: Final = 0.5
BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class LoopLag:
    """Sets a timer on the running loop, again and again, and counts how late each one is."""

    def __init__(self) -> None:
        self.late = Histogram(BOUNDS)
        self._loop = asyncio.get_running_loop()
        self._timer = self._set()

    def close(self) -> None:
        """Set none any more."""
        self._timer.cancel()

    def _set(self) -> asyncio.TimerHandle:
        self._due_at = self._loop.time() + LOOK_SECONDS
        return self._loop.call_at(self._due_at, self._look)

    def _look(self) -> None:
        self.late.add(max(self._loop.time() - self._due_at, 0.0))
        self._timer = self._set()
