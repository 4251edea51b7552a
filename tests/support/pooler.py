"""A PgBouncer before PostgreSQL, as hosters put one there."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from flux_dispatch.cli.embedded import free_port
from tests.support.proxy import Proxy
from tests.support.waiting import eventually

PREPARES_SINCE = (1, 21)
"""The version that first brought prepared statements along."""


def pgbouncer() -> str:
    """Return the program; the test is skipped where it is not installed."""
    found = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
    if found is None:
        pytest.skip("no pgbouncer is installed")
    return found


def version_of(program: str) -> tuple[int, ...]:
    """Return its version."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    numbers = re.search(r"(\d+)\.(\d+)", said)
    assert numbers, said
    return tuple(map(int, numbers.groups()))


@contextmanager
def pooled(database_url: str, directory: Path, **settings: str) -> Iterator[str]:
    """Yield the URL of the same database through a PgBouncer that gives each transaction any of three sessions."""
    program, port = pgbouncer(), free_port()
    with Proxy(database_url) as proxy:
        given = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(port),
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": "transaction",
            "default_pool_size": "3",
            "server_round_robin": "1",
            **settings,
        }
        lines = [f"{name} = {value}" for name, value in given.items()]
        databases = f"[databases]\n* = host=127.0.0.1 port={proxy.port} user=postgres\n[pgbouncer]\n"
        configuration = directory / f"pgbouncer-{port}.ini"
        configuration.write_text(databases + "\n".join(lines) + "\n")
        # it refuses to run as root
        user = "nobody" if os.geteuid() == 0 else None
        with configuration.open() as given_file:
            process = subprocess.Popen(
                [program, "-q", "/dev/stdin"],
                stdin=given_file,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                user=user,
            )
        try:
            eventually(lambda: _listens(port), "PgBouncer listens")
            yield f"postgresql://postgres@127.0.0.1:{port}{urlsplit(database_url).path}"
        finally:
            process.kill()  # how long its gentler ends wait for clients differs by version
            process.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
