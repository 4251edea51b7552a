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

_SECRETS = (SECRET,)
_EVENT = new_id(Prefix.EVENT, int(time.time() * 1000))
_BODY = compose_body(_EVENT, TYPE, datetime.now(UTC), DATA)
"""Stored deliveries are sent as they are: so nothing is composed here either."""


async def _post(session: aiohttp.ClientSession, url: str, number: int) -> None:
    now = int(time.time())
    headers = {
        "content-type": "application/json",
        "user-agent": "raw",
        "flux-signature": sign_flux(_SECRETS, now, _BODY),
        "webhook-id": _EVENT,
        "webhook-timestamp": str(now),
        "webhook-signature": sign_standard(_SECRETS, _EVENT, now, _BODY),
        "flux-delivery": f"dlv_{number:032x}",
        "flux-attempt": "1",
    }
    async with session.post(url, data=_BODY, headers=headers) as response:
        await response.read()


async def _run(url: str, count: int, concurrency: int) -> None:
    left = iter(range(count))

    async def work(session: aiohttp.ClientSession) -> None:
        for number in left:
            await _post(session, url, number)

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        started = time.perf_counter()
        await asyncio.gather(*(work(session) for _ in range(concurrency)))
        sys.stdout.write(json.dumps({"seconds": time.perf_counter() - started, "posts": count}))


if __name__ == "__main__":
    uvloop.run(_run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
