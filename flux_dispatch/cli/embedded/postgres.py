"""A PostgreSQL server of our own: a child process over a data directory, reached through a Unix socket."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from flux_dispatch.cli.embedded.cluster import ensure_cluster, last_line
from flux_dispatch.cli.embedded.environment import server_environment
from flux_dispatch.cli.embedded.leftover import END_SECONDS, Leftover, leftover_in
from flux_dispatch.cli.embedded.memory import memory_options
from flux_dispatch.cli.embedded.missing import ServerUnavailable
from flux_dispatch.cli.embedded.owner import Owner, owner_of
from flux_dispatch.cli.embedded.sockets import SocketPlace
from flux_dispatch.cli.embedded.wheels import postgres_files, postgres_programs

START_SECONDS: Final = 60
"""How long a start may take; a recovery after a crash is a process of it."""

_STILL_SHARED: Final = b"pre-existing shared memory block"
"""What the server says while children of one that was killed are still ending."""

# its standard input names the server and ends with us, however we went. PostgreSQL lets its clients, who end too,
# finish (smart shutdown), and waits for them no longer than END_SECONDS (fast shutdown)
_WATCHDOG: Final = f"""
while read -r line; do pid=$line; done
[ -n "$pid" ] || exit 0
kill -TERM "$pid" 2>/dev/null
n=0
while [ $n -lt {END_SECONDS} ]; do kill -0 "$pid" 2>/dev/null || exit 0; sleep 1; n=$((n + 1)); done
kill -INT "$pid"
"""


class EmbeddedPostgres:
    """A PostgreSQL 18 server under a directory; it ends with the process that starts it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()
        self._programs = Path()
        self._owner = Owner()
        self._socket: SocketPlace | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start it, making the data directory at the first time, and ending what was left behind there; return its URL.

        Raises:
            ServerUnavailable: the wheel is not installed, or the server does not start.
        """
        try:
            try:
                self._prepare()
            except OSError as error:
                raise self._missing(error) from error
            return self.restart()
        except ServerUnavailable:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """The process id of the postmaster; 0 when there is none."""
        return self._process.pid if self._process else 0

    def is_running(self) -> bool:
        """Say whether the postmaster lives."""
        return self._process is not None and self._process.poll() is None

    def restart(self) -> str:
        """Start it after it ended; return its URL, which is the same.

        Raises:
            ServerUnavailable: it does not start; what its last life left may still be ending, so try again.
        """
        try:
            # somebody may have shut a directory above in the meantime
            self._open_way()
            left = leftover_in(self._directory)
            if left.is_ours:
                left.end()
            deadline = time.monotonic() + START_SECONDS
            while (trouble := self._launched(left, deadline)) is not None:
                if _STILL_SHARED not in trouble or time.monotonic() > deadline:
                    raise ServerUnavailable(
                        f"PostgreSQL does not start in {self._directory}: {last_line(trouble)}. Its own words are in "
                        f"{self._log}. Set FLUX_DATABASE_URL to use another server."
                    )
                time.sleep(0.2)
            return self._place().url
        except OSError as error:
            raise self._missing(error) from error

    def stop(self) -> None:
        """Stop it, letting no client wait (PostgreSQL's fast shutdown); nothing to do if it never started."""
        self._end_process()
        self._tell_guard("")
        if self._guard:
            self._guard.communicate()
            self._guard = None
        if self._socket:
            self._socket.clear()
            self._socket = None

    @property
    def _log(self) -> Path:
        return self._directory / "log"

    def _place(self) -> SocketPlace:
        if self._socket is None:
            self._socket = SocketPlace(self._directory, self._owner)
        return self._socket

    def _prepare(self) -> None:
        """Have a data directory that the server's user gets to."""
        self._programs = postgres_programs()
        self._owner = owner_of(self._directory)
        self._directory.parent.mkdir(parents=True, exist_ok=True)
        if self._owner.uid is not None:
            for each in postgres_files(self._programs):
                self._owner.open_programs(each)
        self._open_way()
        ensure_cluster(self._programs, self._directory, self._owner)
        self._guard = self._guard or _guard()

    def _missing(self, error: OSError) -> ServerUnavailable:
        where = f" ({error.filename})" if error.filename else ""
        return ServerUnavailable(
            f"PostgreSQL does not start in {self._directory}: {error.strerror or error}{where}. "
            "Set FLUX_HOME to another directory, or FLUX_DATABASE_URL to use another server."
        )

    def _open_way(self) -> None:
        if self._owner.uid is not None:
            self._owner.open_way(self._directory.parent)

    def _launched(self, left: Leftover, deadline: float) -> bytes | None:
        """Start the server and wait until it takes clients; return what it said if it ended instead.

        Raises:
            OSError: its program or its log cannot be opened.
        """
        # a process that has the number of a server from before a reboot is none
        stranger = {"PG_GRANDPARENT_PID": str(left.pid)} if left.pid and not left.is_ours else {}
        writing = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        with os.fdopen(os.open(self._log, writing, 0o600), "wb") as log, self._log.open("rb") as said:
            said.seek(0, os.SEEK_END)
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                [str(self._programs / "postgres"), "-D", str(self._directory), *self._options()],
                env=server_environment() | stranger,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # out of the terminal's reach: Ctrl-C comes to us, and we end it
                start_new_session=True,
                **self._owner.options,
            )
            self._tell_guard(str(self._process.pid))
            while not self._is_ready():
                if not self.is_running():
                    return said.read()
                if time.monotonic() > deadline:
                    self._end_process()
                    return b"FATAL: it is not ready after %d s" % START_SECONDS
                time.sleep(0.02)
        return None

    def _options(self) -> list[str]:
        place = self._place().directory
        return ["-c", "listen_addresses=", "-c", f"unix_socket_directories={place}", *memory_options()]

    def _is_ready(self) -> bool:
        try:
            lines = (self._directory / "postmaster.pid").read_bytes().splitlines()
        except OSError:
            return False
        return lines[:1] == [b"%d" % self.pid] and lines[-1].strip() == b"ready"

    def _end_process(self) -> None:
        for how, seconds in ((signal.SIGINT, END_SECONDS), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
            if self._process and self.is_running():
                self._process.send_signal(how)
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(seconds)

    def _tell_guard(self, pid: str) -> None:
        if self._guard and self._guard.stdin:
            self._guard.stdin.write(f"{pid}\n".encode())
            self._guard.stdin.flush()


def _guard() -> subprocess.Popen[bytes]:
    """Start what ends the server when we are gone."""
    command = ["/bin/sh", "-c", _WATCHDOG]
    return subprocess.Popen(  # noqa: S603 - our own words
        command, stdin=subprocess.PIPE, cwd="/", start_new_session=True
    )
