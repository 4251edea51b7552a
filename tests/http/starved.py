"""A process that may open no more files, and what becomes of its POSTs.

    python -m tests.http.starved connections|names

POSTs while there is no socket left to connect with, or to ask a name server; prints what came of it. It is a process
of its own because in another one something might be closed at that moment.
"""

import asyncio
import gc
import os
import resource
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop
from aiohttp.resolver import AsyncResolver

from flux_dispatch.http.sender import AiohttpSender, SenderLimits
from tests.http.test_sender import LOCAL, claim
from tests.support.raw_receivers import OK, answering, listening

POSTS = 40


@contextmanager
def files_left(count: int) -> Iterator[None]:
    """Let this process open so many files more, and no others."""
    gc.collect()  # what is closed meanwhile would be one more
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = [os.dup(0) for _ in range(count)]
    highest = os.dup(0)  # numbers are given out from the lowest free one
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
    for each in (*spare, highest):
        os.close(each)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def _connect() -> str:
    async with AiohttpSender(SenderLimits(5), LOCAL) as sender, listening(answering(OK)) as port:
        sent = claim(f"http://127.0.0.1:{port}/")
        with files_left(0):
            outcomes = Counter(await asyncio.gather(*(sender.send(sent, 1) for _ in range(POSTS))))
        starving = "; ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
        return f"{starving}\n{await sender.send(sent, 1)}"


async def _ask() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        names = AsyncResolver(timeout=1, tries=1, nameservers=[f"127.0.0.1:{silent.getsockname()[1]}"])
        async with AiohttpSender(SenderLimits(5), LOCAL, names) as sender:
            await names.resolve("localhost")  # it has read its own files then
            with files_left(0):
                return repr(await sender.send(claim("http://hook.example.com/"), 1))


if __name__ == "__main__":
    said = uvloop.run(_connect() if sys.argv[1] == "connections" else _ask())
    sys.stdout.write(said)
