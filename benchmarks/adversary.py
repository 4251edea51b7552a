"""The adversary: an account that knows the rules and publishes by one pattern until it is stopped.

    python -m benchmarks.adversary API_URL KEY --connections 64 --burst-seconds 0.9 --pause-seconds 0.9

Each connection publishes an event as soon as the one before is answered, whatever the answer. After each burst, of so
many seconds or of one event, it pauses.
"""

import argparse
import asyncio
import contextlib
import time
from typing import Final, cast
from urllib.parse import urlsplit

import uvloop

from benchmarks.load_generator import request_of
from benchmarks.seed import type_of

AFTER_A_BROKEN_CONNECTION_SECONDS: Final = 0.05
_END: Final = b"\r\n\r\n"


async def _publish(options: argparse.Namespace) -> None:
    parts = urlsplit(options.url)
    request = request_of(parts.netloc, options.key, type_of(0))
    address = cast(str, parts.hostname), cast(int, parts.port)
    await asyncio.gather(*(_keep_on(address, request, options) for _ in range(options.connections)))


async def _keep_on(address: tuple[str, int], request: bytes, options: argparse.Namespace) -> None:
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(*address)
            while True:
                await _burst(reader, writer, request, options.burst_seconds)
                await asyncio.sleep(options.pause_seconds)
        await asyncio.sleep(AFTER_A_BROKEN_CONNECTION_SECONDS)


async def _burst(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, seconds: float) -> None:
    """Publish at least one event, and more until the time is over."""
    ends = time.perf_counter() + seconds
    while True:
        writer.write(request)
        head = await reader.readuntil(_END)
        await reader.readexactly(int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]))
        if time.perf_counter() >= ends:
            return


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--burst-seconds", type=float, default=0)
    parser.add_argument("--pause-seconds", type=float, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(_publish(_options()))
