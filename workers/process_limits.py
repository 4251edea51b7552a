"""How a process of ours is set up: it may have as many sockets as it is allowed, and collects garbage rarely."""

import gc
import resource


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
