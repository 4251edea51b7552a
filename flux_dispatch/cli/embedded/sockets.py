"""Where PostgreSQL's Unix socket lies: with its data, or in a private place where that path cannot take one."""

import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from flux_dispatch.cli.embedded.missing import ServerUnavailable
from flux_dispatch.cli.embedded.owner import Owner

_PLAIN = re.compile(r"[A-Za-z0-9/._-]+")
"""What needs quoting in none of: PostgreSQL's list of directories, a URL, and the drivers' list of hosts."""

_PROBE = ".s.PGSQL.0000"
"""As long as the name that PostgreSQL gives its socket: a path may have 107 bytes on Linux, 103 on a Mac."""


class SocketPlace:
    """The directory of the socket; only the server's owner (and root) gets through it."""

    def __init__(self, data: Path, owner: Owner) -> None:
        self.directory = data if _takes_sockets(data) else _private(owner)
        self._is_private = self.directory != data

    @property
    def url(self) -> str:
        """Where the server's first database answers, whatever PG* variables say."""
        return f"postgresql://postgres:@/postgres?host={self.directory}&port=5432"

    def clear(self) -> None:
        """Remove it, if it was made for the socket alone."""
        if self._is_private:
            shutil.rmtree(self.directory, ignore_errors=True)


def _takes_sockets(directory: Path) -> bool:
    """Say whether a socket can be here: not on a path too long for one, nor on some shared and foreign file systems."""
    if not _PLAIN.fullmatch(str(directory)):
        return False
    probe = directory / _PROBE
    try:
        probe.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(probe))
        probe.unlink()
    except OSError:
        return False
    return True


def _private(owner: Owner) -> Path:
    for place in _temporary_places():
        try:
            made = Path(tempfile.mkdtemp(prefix="flux-", dir=place)).resolve()
        except OSError:
            continue
        if owner.can_reach(made.parent) and _takes_sockets(made):
            owner.give(made)
            return made
        made.rmdir()
    raise ServerUnavailable(
        "PostgreSQL finds no place for its socket: set TMPDIR to a directory with a short, plain path that can be "
        "written to, or FLUX_DATABASE_URL to use another server."
    )


def _temporary_places() -> Iterator[str]:
    # it raises where neither TMPDIR nor the usual ones can be written to
    with suppress(FileNotFoundError):
        yield tempfile.gettempdir()
    yield from ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - what is made there is private
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        yield runtime
