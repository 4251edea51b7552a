"""A process: one child process that is watched, started again when it dies, and ended when we end."""

import asyncio
import ctypes
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.up.console import Console

FIRST_PAUSE_SECONDS: Final = 0.5
MAX_PAUSE_SECONDS: Final = 30.0
STABLE_SECONDS: Final = 30.0
"""A process that lived this long is started again at once, not after a growing pause."""

READY: Final = " ready."
"""What a Celery worker says when it consumes."""

_MAX_LINE_BYTES: Final = 1 << 20
_PR_SET_PDEATHSIG: Final = 1


class Process:
    """A program under supervision.

    Args:
        name: what its lines are printed behind.
        arguments: the program and its arguments.
        environment: all of its environment.
        console: where its lines go.
        stop_seconds: how long it may take to end before it is killed.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        console: Console,
        stop_seconds: float = 10,
    ) -> None:
        self.name = name
        self._arguments = arguments
        self._environment = environment
        self._screen = console
        self._stop_seconds = stop_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._stop = asyncio.Event()
        self._starting: asyncio.Future[None] | None = None
        self._lines: list[str] = []
        self._watcher: asyncio.Task[None] | None = None
        self.has_reported_ready = False
        self.on_restart: Callable[[], None] = lambda: None

    @property
    def pid(self) -> int:
        """The process id now; 0 between two lives."""
        return self._process.pid if self._process else 0

    async def start(self) -> None:
        """Start it, and keep it running from now on."""
        self._starting = asyncio.ensure_future(self._spawn())
        # a start that is given up goes on: stop() waits for it
        await asyncio.shield(self._starting)
        self._watcher = asyncio.create_task(self._watch())

    def has_ended(self) -> bool:
        """Say whether its first life is over already, which at the beginning means that it cannot start."""
        return self._process is not None and self._process.returncode is not None

    def last_line(self) -> str:
        """Return the last line that it printed."""
        return self._lines[-1] if self._lines else "it said nothing"

    async def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL when its time is over."""
        self._stop.set()
        if self._starting:
            await asyncio.wait({self._starting})
        if self._process and self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), self._stop_seconds)
            except TimeoutError:
                self._screen.part_said(self.name, f"does not end within {self._stop_seconds:.0f} s and is killed")
                self.kill()
        if self._watcher:
            await self._watcher

    def kill(self) -> None:
        """End it at once and for good."""
        self._stop.set()
        if self._process and self._process.returncode is None:
            self._process.kill()

    async def _spawn(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._arguments,
            env=dict(self._environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # out of the terminal's reach: Ctrl-C comes to us, and we end the processes in order
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            limit=_MAX_LINE_BYTES,
        )

    async def _watch(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            born = time.monotonic()
            status = await self._live()
            if self._stop.is_set():
                return
            pause = FIRST_PAUSE_SECONDS if time.monotonic() - born > STABLE_SECONDS else pause
            self._screen.part_said(self.name, f"ended ({_in_words(status)}) and is started again in {pause:g} s")
            if await self._told_to_stop_within(pause):
                return
            pause = min(pause * 2, MAX_PAUSE_SECONDS)
            await self._spawn()
            if self._stop.is_set():
                # told while this life was being made: stop() saw the one before
                self.kill()
                return
            self.on_restart()

    async def _live(self) -> int:
        process = self._process
        if process is None or process.stdout is None:
            raise CliError(f"{self.name} was not started.")
        while line := await _next_line(process.stdout):
            text = line.decode("utf-8", "replace").rstrip()
            if text:
                self._lines = [*self._lines[-49:], text]
                self.has_reported_ready = self.has_reported_ready or READY in text
                self._screen.part_said(self.name, text)
        return await process.wait()

    async def _told_to_stop_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)
        return self._stop.is_set()


async def _next_line(stream: asyncio.StreamReader) -> bytes:
    """Return the next line, empty at the end; of a line that is too long, its beginning is left out."""
    while True:
        with suppress(ValueError):
            return await stream.readline()


def _in_words(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def _die_with_parent() -> None:
    """Have the kernel end this child when its parent is gone, however it went (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
