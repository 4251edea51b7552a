"""The guard: no connection is opened to an address that the operator did not allow, whatever DNS said."""

import errno
import os
import socket
from ipaddress import ip_address
from typing import Any

from flux_dispatch.domain.address import AddressPolicy
from flux_dispatch.http.routes import leads_to


class BlockedAddress(OSError):
    """The name led to an address that may not be reached; an OSError, so that the next address is tried."""

    def __init__(self) -> None:
        # the same words for every address: the connector joins different ones into one opaque error
        super().__init__("the host's address is not a public one")


class AddressGuard:
    """Makes the sockets of the connector: called with each address that is really dialled, after DNS."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy

    def __call__(self, address: tuple[Any, ...]) -> socket.socket:
        """Return a socket for a `getaddrinfo` tuple.

        Raises:
            BlockedAddress: the policy does not permit it.
            OSError: no socket is left; or this machine has no route there by IPv6, and the next address is tried.
        """
        family, kind, protocol, _, destination = address
        if family not in {socket.AF_INET, socket.AF_INET6} or not self._policy.permits(ip_address(destination[0])):
            raise BlockedAddress
        if family == socket.AF_INET6 and not leads_to(family, destination[0]):
            # said here: where IPv6 is switched off, connecting would say that every local port is taken
            raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made
