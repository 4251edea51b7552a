"""How a process of ours is set up: as many sockets as it may have, rare collection of garbage, one heap for threads."""

import ctypes
import gc
import resource
import sys
from typing import Final

_M_ARENA_MAX: Final = -8  # malloc.h of glibc


def raise_open_files_limit() -> None:
    """Raise the soft limit of open files to the hard one: each POST in flight and each client is a socket.

    Where that is none, as on macOS, which takes no soft limit like it, what the command `flux` has raised it to stays.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def tune_gc() -> None:
    """Leave what start-up made out of garbage collection, and look for cycles a tenth as often: requests make few."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def share_one_heap() -> None:
    """Have all threads allocate from one heap of the C library; to be called before there are others than the first.

    Each would have its own, and keep the most that it ever took. They take turns anyway: Python lets one run at a time.
    """
    if sys.platform == "linux":
        # another C library than glibc has no such heaps
        getattr(ctypes.CDLL(None), "mallopt", lambda *_: None)(_M_ARENA_MAX, 1)
