"""Where PostgreSQL's processes share memory: in /dev/shm, or in files of its own where a container has little of it."""

import os
import sys
from typing import Final

_LEAST_BYTES: Final = 128 << 20
"""Containers often have 64 MB; initdb alone wants more than one, and parallel queries as much as they join."""


def shared_memory_options() -> list[str]:
    """Return what initdb and the server are started with."""
    if sys.platform != "linux" or _free_bytes() >= _LEAST_BYTES:
        return []
    return ["-c", "dynamic_shared_memory_type=mmap"]


def _free_bytes() -> int:
    try:
        room = os.statvfs("/dev/shm")  # noqa: S108 - asked, not written to
    except OSError:
        return 0
    return room.f_bavail * room.f_frsize
