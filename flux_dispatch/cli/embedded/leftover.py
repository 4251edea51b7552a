"""A PostgreSQL server that was left behind in a data directory, told from a stranger that has its process id now."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flux_dispatch.cli.embedded.missing import ServerUnavailable

END_SECONDS: Final = 30
"""How long a server that is already ending may take, its clients finishing their work."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """Who lives under the process id that postmaster.pid names: 0 for nobody; `is_ours` for a server on this data."""

    directory: Path
    pid: int
    is_ours: bool

    def end(self) -> None:
        """End it: as long as `END_SECONDS` its clients may finish, then they may not.

        Raises:
            ServerUnavailable: it does not end, or is not ours to end.
        """
        for how in (signal.SIGTERM, signal.SIGINT):
            try:
                os.kill(self.pid, how)
            except ProcessLookupError:
                return
            except PermissionError:
                break
            deadline = time.monotonic() + END_SECONDS
            while time.monotonic() < deadline:
                if not leftover_in(self.directory).is_ours:
                    return
                time.sleep(0.1)
        raise ServerUnavailable(
            f"Another PostgreSQL (process {self.pid}) runs in {self.directory} and does not end. Stop it, or set "
            "FLUX_HOME to another directory."
        )


def leftover_in(directory: Path) -> Leftover:
    """Return who lives under the process id that a server wrote into this data directory."""
    nobody = Leftover(directory, 0, is_ours=False)
    try:
        # negative in a server for one user, which has no socket
        pid = abs(int((directory / "postmaster.pid").read_bytes().split(b"\n", 1)[0]))
        os.kill(pid, 0)
    except (OSError, ValueError):
        # nobody; or another user's process, of which PostgreSQL knows by itself that it is none of its own
        return nobody
    return Leftover(directory, pid, is_ours=_serves(pid, directory))


def _serves(pid: int, directory: Path) -> bool:
    if sys.platform == "linux":
        place = Path("/proc", str(pid))
        try:
            return (place / "cwd").samefile(directory) and (place / "exe").readlink().name.startswith("postgres")
        except OSError:
            return False
    command = ["ps", "-o", "command=", "-p", str(pid)]
    listed = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True)  # noqa: S603 - as it is
    return str(directory).encode() in listed.stdout
