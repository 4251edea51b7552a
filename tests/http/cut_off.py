"""A POST from a machine whose only network is loopback: run in a network namespace of its own.

    python -m tests.http.cut_off ADDRESS...

The receiver's name leads to these addresses. Prints the name of the outcome's class.
"""

import asyncio
import fcntl
import socket
import struct
import sys
from ipaddress import ip_network
from typing import Final

import uvloop

from flux_dispatch.domain.address import AddressPolicy
from flux_dispatch.http.sender import AiohttpSender, SenderLimits
from tests.http.test_sender import Names, claim
from tests.support.raw_receivers import OK, answering, listening

_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 1


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        name, flags = struct.unpack("16sh", fcntl.ioctl(asking, _SIOCGIFFLAGS, struct.pack("16sh", b"lo", 0)))
        fcntl.ioctl(asking, _SIOCSIFFLAGS, struct.pack("16sh", name, flags | _IFF_UP))


async def _post(addresses: list[str]) -> str:
    policy = AddressPolicy(allow=(ip_network("127.0.0.0/8"),))
    names = Names(hook=addresses)
    async with AiohttpSender(SenderLimits(5), policy, names) as sender, listening(answering(OK)) as port:
        return type(await sender.send(claim(f"http://hook.example.com:{port}/"), 1)).__name__


if __name__ == "__main__":
    _raise_loopback()
    said = asyncio.run(_post(sys.argv[1:]))
    assert said == uvloop.run(_post(sys.argv[1:]))
    sys.stdout.write(said)
