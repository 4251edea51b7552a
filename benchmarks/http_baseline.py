"""The raw limit: aiohttp and uvloop in one process POST signed bodies as fast as they can; nothing is stored.

    python -m benchmarks.http_baseline URL COUNT CONCURRENCY [--ours]

With `--ours` it is the client that a worker uses, in place of aiohttp's session. Prints {"seconds": …, "posts": …}.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import aiohttp
import uvloop

from benchmarks.payload import DATA, SECRET, TYPE
from flux_dispatch.domain.event import compose_body, serialised
from flux_dispatch.domain.ids import Prefix, new_id
from flux_dispatch.domain.signing import sign_flux, sign_standard
from flux_dispatch.http.client import PostClient, PostConnector
from flux_dispatch.http.response import Answer
from flux_dispatch.http.stopwatch import Stopwatch
from flux_dispatch.http.target import Target

_SECRETS = (SECRET,)
_EVENT = new_id(Prefix.EVENT, int(time.time() * 1000))
_BODY = compose_body(_EVENT, TYPE, datetime.now(UTC), serialised(DATA))
"""Stored deliveries are sent as they are: so nothing is composed here either."""


def _headers(number: int) -> dict[str, str]:
    now = int(time.time())
    return {
        "content-type": "application/json",
        "user-agent": "raw",
        "flux-signature": sign_flux(_SECRETS, now, _BODY),
        "webhook-id": _EVENT,
        "webhook-timestamp": str(now),
        "webhook-signature": sign_standard(_SECRETS, _EVENT, now, _BODY),
        "flux-delivery": f"dlv_{number:032x}",
        "flux-attempt": "1",
    }


async def _with_session(url: str, count: int, concurrency: int) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def post(number: int) -> None:
            async with session.post(url, data=_BODY, headers=_headers(number)) as response:
                await response.read()

        await _run(post, count, concurrency)


async def _with_ours(url: str, count: int, concurrency: int) -> None:
    client, target = PostClient(PostConnector(limit=0)), Target(url)

    async def post(number: int) -> None:
        await client.post(target, _headers(number), _BODY, Answer(), Stopwatch())

    await _run(post, count, concurrency)
    await client.close()


async def _run(post: Callable[[int], Awaitable[None]], count: int, concurrency: int) -> None:
    left = iter(range(count))

    async def work() -> None:
        for number in left:
            await post(number)

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - started, "posts": count}))


if __name__ == "__main__":
    run = _with_ours if "--ours" in sys.argv else _with_session
    uvloop.run(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
