"""Asks the processes that send messages, each bounded in time, and makes new ones as they are needed."""

import asyncio
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, Final

COMMAND: Final = (sys.executable, "-P", "-B", "-m", "flux_dispatch.channels.process")

MAX_SECONDS: Final = 20.0
"""How long one message may take, from the first byte to the server's answer."""

START_SECONDS: Final = 30.0
"""How much longer the first request to a process may take, which must load its libraries, on a busy machine."""

MOST_PROCESSES: Final = 4
IDLE_SECONDS: Final = 60.0
"""How long a process without work is kept: it has some 70 MB."""

_CHUNK: Final = 65_536
_CUSTOMERS_KEEP: Final = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "TZ")
"""What of the environment those get that send for customers: no proxy, no home, no password of anybody."""


class TookTooLongError(Exception):
    """A process took more time than it may, or died, and is no more."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the processes may do.

    Attributes:
        is_guarded: whether they send for customers: only to listed services, and only to addresses that are permitted.
        require_https: whether secrets may only go where they are encrypted.
        allow: networks that may be reached though they are private.
        deny: networks that may not be reached though they are public.
    """

    is_guarded: bool
    require_https: bool = False
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


class ApartSenders:
    """Some processes, all under the same rules, of which each does one thing after the other."""

    def __init__(self, rules: Rules, *, most: int = MOST_PROCESSES, max_seconds: float = MAX_SECONDS) -> None:
        self._rules = rules
        self._max_seconds = max_seconds
        self._places = asyncio.Semaphore(most)
        # of their own: whoever shares the loop's threads would wait for servers that hang
        self._threads = ThreadPoolExecutor(most, "flux-channels")
        self._idle: list[_Process] = []
        self._reaper: asyncio.TimerHandle | None = None

    async def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to a request.

        Raises:
            TookTooLongError: it took too long, or the process died of it. OSError: no process could be made.
        """
        async with self._places:
            process = self._idle.pop() if self._idle else _Process(self._rules)
            loop = asyncio.get_running_loop()
            asking = loop.run_in_executor(self._threads, process.ask, request, self._max_seconds)
            try:
                answer = await asyncio.shield(asking)
            except BaseException:
                process.kill()
                with suppress(Exception):
                    await asking
                raise
            self._keep(process)
            return answer

    async def close(self) -> None:
        """End all processes that do nothing; those that do were asked by somebody who waits."""
        if self._reaper is not None:
            self._reaper.cancel()
        while self._idle:
            await asyncio.to_thread(self._idle.pop().end)
        self._threads.shutdown(wait=False)

    def _keep(self, process: "_Process") -> None:
        self._idle.append(process)
        if self._reaper is None:
            self._reaper = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._reap)

    def _reap(self) -> None:
        self._reaper = None
        until = time.monotonic() - IDLE_SECONDS
        for process in [each for each in self._idle if each.used_at <= until]:
            self._idle.remove(process)
            process.end()
        if self._idle:
            self._reaper = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._reap)


class _Process:
    """One process; made when it is first asked."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._process: subprocess.Popen[bytes] | None = None
        self._is_killed = False
        self.used_at = 0.0

    def ask(self, request: Mapping[str, Any], max_seconds: float) -> dict[str, Any]:
        seconds = max_seconds
        if self._process is None:
            self._process = _start(self._rules)
            self._write(_rules_in_json(self._rules))
            seconds += START_SECONDS
        self._write(json.dumps(dict(request)))
        answer = self._read_line(time.monotonic() + seconds)
        self.used_at = time.monotonic()
        found: dict[str, Any] = json.loads(answer)
        return found

    def kill(self) -> None:
        self._is_killed = True
        if self._process is not None:
            self._process.kill()

    def end(self) -> None:
        """End it, now that it does nothing."""
        self.kill()
        if self._process is not None:
            self._process.communicate()

    def _write(self, line: str) -> None:
        with suppress(BrokenPipeError):
            pipe = _pipe(self._process, "stdin")
            pipe.write(line.encode("ascii") + b"\n")
            pipe.flush()

    def _read_line(self, deadline: float) -> bytes:
        pipe, answer = _pipe(self._process, "stdout"), b""
        while not answer.endswith(b"\n"):
            left = deadline - time.monotonic()
            ready, _, _ = select.select([pipe], [], [], max(left, 0))
            chunk = os.read(pipe.fileno(), _CHUNK) if ready and not self._is_killed else b""
            if not chunk:
                self.end()
                raise TookTooLongError
            answer += chunk
        return answer


def _start(rules: Rules) -> subprocess.Popen[bytes]:
    if rules.is_guarded:
        environment = {name: os.environ[name] for name in _CUSTOMERS_KEEP if name in os.environ}
    else:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FLUX_")}
    return subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)  # noqa: S603 - our own words


def _rules_in_json(rules: Rules) -> str:
    return json.dumps(
        {
            "is_guarded": rules.is_guarded,
            "require_https": rules.require_https,
            "allow": rules.allow,
            "deny": rules.deny,
        }
    )


def _pipe(process: subprocess.Popen[bytes] | None, name: str) -> IO[bytes]:
    made: IO[bytes] | None = getattr(process, name)
    if made is None:
        raise TypeError("a process has the pipes that it was started with")
    return made
