"""The raw limit: aiohttp and uvloop in one process POST signed bodies as fast as they can; nothing is stored.

    python -m benchmarks.raw URL COUNT CONCURRENCY

Prints {"seconds": …, "posts": …}.
"""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime

import aiohttp
import uvloop

from benchmarks.payload import DATA, SECRET, TYPE
from flux_dispatch.domain.event import compose_body
from flux_dispatch.domain.ids import Prefix, new_id
from flux_dispatch.domain.signing import sign_flux, sign_standard


async def _post(session: aiohttp.ClientSession, url: str) -> None:
    event = new_id(Prefix.EVENT, int(time.time() * 1000))
    delivery = new_id(Prefix.DELIVERY, int(time.time() * 1000))
    now = int(time.time())
    body = compose_body(event, TYPE, datetime.now(UTC), DATA)
    headers = {
        "content-type": "application/json",
        "flux-signature": sign_flux([SECRET], now, body),
        "webhook-id": event,
        "webhook-timestamp": str(now),
        "webhook-signature": sign_standard([SECRET], event, now, body),
        "flux-delivery": delivery,
        "flux-attempt": "1",
    }
    async with session.post(url, data=body, headers=headers) as response:
        await response.read()


async def _run(url: str, count: int, concurrency: int) -> None:
    left = iter(range(count))

    async def work(session: aiohttp.ClientSession) -> None:
        for _ in left:
            await _post(session, url)

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        await _post(session, url)
        started = time.perf_counter()
        await asyncio.gather(*(work(session) for _ in range(concurrency)))
        sys.stdout.write(json.dumps({"seconds": time.perf_counter() - started, "posts": count}))


if __name__ == "__main__":
    uvloop.run(_run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
