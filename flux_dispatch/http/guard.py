"""The guard: no connection is opened to an address that the operator did not allow, whatever DNS said."""

import socket
from ipaddress import ip_address
from typing import Any

from flux_dispatch.domain.address import AddressPolicy


class BlockedAddress(OSError):
    """The name led to an address that may not be reached; an OSError, so that the next address is tried."""

    def __init__(self) -> None:
        # the same words for every address: the connector joins different ones into one opaque error
        super().__init__("the host's address is not a public one")


class Guard:
    """Makes the sockets of the connector: called with each address that is really dialled, after DNS."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy

    def __call__(self, address: tuple[Any, ...]) -> socket.socket:
        """Return a socket for a `getaddrinfo` tuple.

        Raises:
            BlockedAddress: the policy does not permit it.
        """
        family, kind, protocol, _, destination = address
        if family not in {socket.AF_INET, socket.AF_INET6} or not self._policy.permits(ip_address(destination[0])):
            raise BlockedAddress
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made
