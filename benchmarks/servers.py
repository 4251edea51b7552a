"""The parts of a measurement: real servers in a temporary place, and processes that are gone when it ends."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from flux_dispatch.cli.embedded import EmbeddedPostgres, free_port, redis_command

_PATIENCE_SECONDS = 30
_ENCRYPTION_KEY = b64encode(bytes(32)).decode()
_CPU_FIELDS = range(11, 15)
"""utime, stime, cutime, cstime of proc_pid_stat(5), counted from the state."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Where PostgreSQL and Redis answer, and the process ids of the postmaster and of Redis."""

    database_url: str
    redis_url: str
    postmaster: int
    redis: int

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a process that uses them."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("FLUX_")}
        settings = {
            "FLUX_DATABASE_URL": self.database_url,
            "FLUX_REDIS_URL": self.redis_url,
            "FLUX_ALLOW_NETWORKS": "127.0.0.0/8",
            "FLUX_REQUIRE_HTTPS": "false",
            "FLUX_ENCRYPTION_KEYS": _ENCRYPTION_KEY,
        }
        return ours | settings | more


@contextmanager
def servers() -> Iterator[Servers]:
    """Start PostgreSQL (with fsync, as in production) and Redis."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flux-bench-")))
        home.chmod(0o755)
        postgres = EmbeddedPostgres(home / "postgres")
        database_url = postgres.start()
        stack.callback(postgres.stop)
        command = redis_command(home / "redis", free_port())
        redis_process = stack.enter_context(process(command.arguments, dict(os.environ)))
        _wait_for_redis(command.url)
        yield Servers(database_url, command.url, postgres.pid, redis_process.pid)


@contextmanager
def process(
    arguments: list[str], environment: dict[str, str], output: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program for the time of the block."""
    started = subprocess.Popen(arguments, env=environment, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603
    try:
        yield started
    finally:
        started.terminate()
        started.wait(_PATIENCE_SECONDS)


def cpu_seconds(process_id: int) -> float:
    """Return the CPU time of a process, its children, and theirs that have ended."""
    # behind the program's name, which may hold spaces
    fields = _read(f"/proc/{process_id}/stat").rpartition(")")[2].split()
    children = _read(f"/proc/{process_id}/task/{process_id}/children").split()
    ticks = sum(int(fields[number]) for number in _CPU_FIELDS) if fields else 0
    return ticks / os.sysconf("SC_CLK_TCK") + sum(cpu_seconds(int(each)) for each in children)


def machine() -> dict[str, Any]:
    """Describe where a figure was measured."""
    return {
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "kernel": os.uname().release,
        "processor": _processor(),
    }


def _read(path: str) -> str:
    """Return what a file of /proc says; nothing when its process has ended."""
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return os.uname().machine


def _wait_for_redis(url: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
            except redis.RedisError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return


def wait_for_port(port: int) -> None:
    """Return when something listens at this port of loopback."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
