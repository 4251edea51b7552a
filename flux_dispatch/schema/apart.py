"""Asks the process that checks apart, and makes a new one when it has ended."""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import suppress
from typing import IO, Any, Final

from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.domain.event_type import Mismatch

COMMAND: Final = (sys.executable, "-P", "-m", "flux_dispatch.schema.process")


class TookTooLongError(Exception):
    """A check took more time or memory than one may, and its process has ended."""


class ApartChecker:
    """Checks one after the other in a process of its own, which starts with the first."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = asyncio.Lock()

    async def mismatch(self, schema: str, data: str) -> Mismatch | None:
        """Return the first place where data does not meet the schema; both are JSON in ASCII.

        Raises:
            TookTooLongError: it took too long, or too much memory. Unavailable: no process could be made.
        """
        async with self._turn:
            answer = await asyncio.to_thread(self._ask, schema.encode("ascii"), data.encode("ascii"))
        found: Any = json.loads(answer)
        return Mismatch(tuple(found[0]), found[1], found[2]) if found else None

    async def close(self) -> None:
        """End the process."""
        async with self._turn:
            await asyncio.to_thread(self._end)

    def _ask(self, schema: bytes, data: bytes) -> bytes:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = _start()
        answer = b""
        with suppress(BrokenPipeError):
            _pipe(self._process.stdin).write(b"%d %d\n%b%b" % (len(schema), len(data), schema, data))
            _pipe(self._process.stdin).flush()
            answer = _pipe(self._process.stdout).readline()
        if not answer.endswith(b"\n"):
            self._end()
            raise TookTooLongError
        return answer

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _start() -> subprocess.Popen[bytes]:
    # what we were told, secrets among it, is none of its business
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLUX_")}
    try:
        return subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)  # noqa: S603 - our own words
    except OSError as error:
        raise Unavailable("The process that checks data against schemas could not be started.") from error


def _pipe(made: IO[bytes] | None) -> IO[bytes]:
    if made is None:
        raise TypeError("a process has the pipes that it was started with")
    return made
