"""Ports to listen on: a taken one is refused, or passed over, while there is still somebody to tell."""

import errno
import socket
from collections.abc import Callable

from flux_dispatch.cli.errors import CliError

_NEXT = 20
"""How many ports after a taken one are tried before any free one will do."""


def resolve_port(host: str, port: int, how: str) -> int:
    """Return this port, or a free one for 0.

    Args:
        host: the address to listen on.
        port: 0 to 65535.
        how: what to set for another one.

    Raises:
        CliError: it is taken, or the address is none of this machine's.
    """
    try:
        return _bindable(host, port)
    except OSError as error:
        raise CliError(f"{host}:{port} cannot be used ({error.strerror}). Choose another with {how}.") from None


def port_or_next(host: str, port: int, how: str, say: Callable[[str], None]) -> int:
    """Return this port, which nobody asked for, or one of those after it; tell where it is another.

    Raises:
        CliError: the address is none of this machine's.
    """
    for each in range(port, min(port + _NEXT, 65536)):
        try:
            found = _bindable(host, each)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
            return resolve_port(host, port, how)
        if found != port:
            say(f"Port {port} is taken on {host}, so it is {found} this time. {how} chooses one.")
        return found
    return resolve_port(host, 0, how)


def _bindable(host: str, port: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return int(probe.getsockname()[1])
