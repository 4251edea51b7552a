"""What this machine's own routing table says: whether a failure to reach somebody is the machine's, or theirs.

Connecting a UDP socket looks up a route and sends nothing.
"""

import socket
from typing import Final

# root name servers (a.root-servers.net): of all addresses those that are the least likely to be routed apart
_SOMEWHERE_PUBLIC: Final = ((socket.AF_INET, "198.41.0.4"), (socket.AF_INET6, "2001:503:ba3e::2:30"))
_ANY_PORT: Final = 53


def leads_to(family: int, address: str) -> bool:
    """Say whether this machine has a route to an address.

    Raises:
        OSError: it has no socket left to ask with.
    """
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect((address, _ANY_PORT))
        except OSError:
            return False
    return True


def leads_anywhere() -> bool:
    """Say whether this machine has a route to the internet at all, by IPv4 or IPv6."""
    for family, address in _SOMEWHERE_PUBLIC:
        try:
            if leads_to(family, address):
                return True
        except OSError:
            continue
    return False
