"""The time limit of POSTs: it is the same for all, so one alarm serves them, where aiohttp would set one for each."""

import asyncio
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

STALL_SECONDS: Final = 0.1
"""An alarm that comes so late says that the process was stopped, or its loop was starved. An answer may have come
meanwhile: the loop gets as much time again to read it, or a success would count as a failure, and be sent twice."""


class SharedDeadline:
    """Cancels what takes too long, on the loop that runs when it is made.

    Args:
        seconds: how long each may take.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        # in the order of their ends, because each begins after the one before
        self._running: dict[Deadline, float] = {}
        self._alarm: asyncio.TimerHandle | None = None

    def start(self) -> "Deadline":
        """Begin to count for the task that calls this."""
        running = Deadline(self, asyncio.current_task(self._loop))
        self._running[running] = self._loop.time() + self._seconds
        if self._alarm is None:
            self._alarm = self._loop.call_later(self._seconds, self._look)
        return running

    def forget(self, running: "Deadline") -> None:
        """Count no longer."""
        self._running.pop(running, None)

    def _look(self, *, is_again: bool = False) -> None:
        self._alarm = None
        while self._running:
            first = next(iter(self._running))
            late_seconds = self._loop.time() - self._running[first]
            if late_seconds < 0:
                self._alarm = self._loop.call_at(self._running[first], self._look)
                return
            if late_seconds > STALL_SECONDS and not is_again:
                self._alarm = self._loop.call_later(STALL_SECONDS, partial(self._look, is_again=True))
                return
            self.forget(first)
            first.end()


class Deadline:
    """Something that the limit holds for, from `start` to `stop`; `with` turns the limit's end into a TimeoutError."""

    __slots__ = ("_is_over", "_limit", "_task")

    def __init__(self, limit: SharedDeadline, task: "asyncio.Task[Any] | None") -> None:
        self._limit = limit
        self._task = task
        self._is_over = False

    def end(self) -> None:
        """Cancel it, whatever it waits for."""
        self._is_over = True
        if self._task is not None:
            self._task.cancel()

    def stop(self) -> None:
        """Let it take as long as it likes from now on."""
        self._limit.forget(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_over and kind is asyncio.CancelledError and self._task is not None:
            self._task.uncancel()
            raise TimeoutError
