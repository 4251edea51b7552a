"""Writes lines to standard output in a thread of its own: a terminal that is held (Ctrl-S) holds up no delivery."""

import asyncio
import select
import sys
import threading
from contextlib import suppress
from queue import Empty, Full, Queue
from types import TracebackType
from typing import Final, Self

MOST_WAITING: Final = 1000
"""How many lines may wait to be written; then whoever writes waits, too."""

LOOK_SECONDS: Final = 1.0
"""How often to look whether somebody still reads, when there is nothing to write."""

FINISH_SECONDS: Final = 2.0


class LineWriter:
    """Writes for as long as its `with` block, and says in `closed` when nobody reads any more."""

    def __init__(self) -> None:
        """Take standard output as it is now; made where an event loop runs."""
        self.closed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._lines: Queue[str | None] = Queue(MOST_WAITING)
        self._is_broken = False
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    def write(self, line: str) -> None:
        """Have a line written."""
        if not self._is_broken:
            self._lines.put(line)

    @property
    def is_stuck(self) -> bool:
        """Whether something was not written, because whoever should read it does not, and does not hang up."""
        return self._thread.is_alive()

    def finish(self) -> None:
        """Return when all is written, or cannot be within two seconds."""
        with suppress(Full):
            self._lines.put(None, timeout=FINISH_SECONDS)
        self._thread.join(FINISH_SECONDS)

    def _run(self) -> None:
        try:
            while True:
                try:
                    line = self._lines.get(timeout=LOOK_SECONDS)
                except Empty:
                    if _has_no_reader():
                        raise BrokenPipeError from None
                    continue
                if line is None:
                    return
                sys.stdout.write(line + "\n")
                if self._lines.empty():
                    sys.stdout.flush()
        except (OSError, ValueError):
            self._break_off()

    def _break_off(self) -> None:
        self._is_broken = True
        # whoever waits to write need not wait any more
        while not self._lines.empty():
            with suppress(Empty):
                self._lines.get_nowait()
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.closed.set)


def _has_no_reader() -> bool:
    """Say whether standard output is a pipe whose other end was closed."""
    with suppress(OSError, ValueError, AttributeError):
        look = select.poll()
        look.register(sys.stdout.fileno(), 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in look.poll(0))
    return False
