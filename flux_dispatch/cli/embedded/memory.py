"""PostgreSQL's memory on machines and in containers that have little of a kind, or none, or only seem to have it."""

import os
import sys
from typing import Final

_LEAST_SHARED_BYTES: Final = 128 << 20
"""Containers often have 64 MB; initdb alone wants more than one, and parallel queries as much as they join."""


def memory_options() -> list[str]:
    """Return what initdb and the server are started with."""
    # a container may see huge pages that it may not use, and ends with a bus error
    options = ["-c", "huge_pages=off"]
    if sys.platform == "linux" and _shared_bytes() < _LEAST_SHARED_BYTES:
        # in files of its own instead of /dev/shm
        options += ["-c", "dynamic_shared_memory_type=mmap"]
    return options


def _shared_bytes() -> int:
    try:
        room = os.statvfs("/dev/shm")  # noqa: S108 - asked, not written to
    except OSError:
        return 0
    return room.f_bavail * room.f_frsize
