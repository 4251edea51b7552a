"""Ports to listen on: a taken one is refused while there is still somebody to tell."""

import socket

from flux_dispatch.cli.refusal import Refusal


def port_to_use(host: str, port: int, how: str) -> int:
    """Return this port, or a free one for 0.

    Args:
        host: the address to listen on.
        port: 0 to 65535.
        how: what to set for another one.

    Raises:
        Refusal: it is taken, or the address is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Refusal(f"{host}:{port} cannot be used ({error.strerror}). Choose another with {how}.") from None
        return int(probe.getsockname()[1])
