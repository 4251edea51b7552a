"""How many sockets there may be: what the operating system grants a process bounds what it may have in flight."""

import resource
from typing import Final

MAX_RESERVED: Final = 256
"""Files for everything but POSTs: the database, Redis, name servers, logs."""

UNLIMITED: Final = 1_048_576


def max_open_posts() -> int:
    """Return how many POSTs may be in flight at once with the open files that this process may have now.

    An eighth of them, at most 256, is left for everything else; of the rest, a quarter is for connections that are
    kept between POSTs. Call it after the limit was raised.
    """
    return max(_files_for_posts() * 3 // 4, 1)


def max_idle_connections() -> int:
    """Return how many connections may be kept between POSTs."""
    return _files_for_posts() // 4


def _files_for_posts() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    granted = UNLIMITED if soft == resource.RLIM_INFINITY else soft
    return granted - min(granted // 8, MAX_RESERVED)
