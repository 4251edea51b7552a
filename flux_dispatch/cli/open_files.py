"""How many files and sockets a process may have open: what the system allows, not the few that shells start with."""

import resource
import sys
from contextlib import suppress
from typing import Final

_ENOUGH: Final = 10_240 if sys.platform == "darwin" else 65_536
"""A POST takes a socket; macOS takes no number above its OPEN_MAX."""


def raise_open_files() -> None:
    """Raise the soft limit (256 on a Mac, 1024 on most servers) as far as the hard one allows and we have use for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # a system that has less to give than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
