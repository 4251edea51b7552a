"""Looks names up as this machine does, and takes of what it finds only what may be forwarded to."""

import asyncio
import socket
from ipaddress import ip_address

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from flux_dispatch.cli.listen.local_url import LocalUrl


class NotThisMachine(OSError):
    """A name leads to another machine, which `--allow-remote` allows."""


class LocalResolver(AbstractResolver):
    """Resolves to addresses of loopback alone, each time anew, unless other machines are allowed."""

    def __init__(self, *, allow_remote: bool) -> None:
        self._allow_remote = allow_remote
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a host.

        Raises:
            NotThisMachine: none of them is this machine's, and others are not allowed.
            OSError: the name is not known.
        """
        found = await self._system.resolve(host, port, family)
        if self._allow_remote:
            return found
        local = [each for each in found if ip_address(each["host"].partition("%")[0]).is_loopback]
        if not local:
            raise NotThisMachine(f"{host} is {found[0]['host']}, which is not this machine")
        return local

    async def close(self) -> None:
        """Nothing is open."""


async def is_on_this_machine(local: LocalUrl) -> bool | None:
    """Say whether a URL's host is this machine; None for a name that is not known."""
    try:
        return ip_address(local.host).is_loopback
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(local.host, local.port, type=socket.SOCK_STREAM)
    except OSError:
        return None
    return all(ip_address(str(each[4][0]).partition("%")[0]).is_loopback for each in found)
