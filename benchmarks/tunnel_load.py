"""Commands that listen, and senders to their URLs, in a process of their own.

    python -m benchmarks.tunnel_load KEY SECONDS API_URL [API_URL …] --sessions 50 --rate 20 [--hanging]

Each session's command is connected to one API, in turn, and gets its requests from all of them by the clock, answered
or not (open loop). With --hanging, one more session's command never answers, and gets as many. Prints {"sent", "p50",
"p99", "failed"}: milliseconds from when a request should have left until its answer is there.
"""

import argparse
import asyncio
import json
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Final, cast
from urllib.parse import urlsplit

import aiohttp
import uvloop

from benchmarks.environment import percentile
from benchmarks.payload import DATA
from flux_dispatch.tunnel.frames import (
    INSTANCE_HEADER,
    MAX_MESSAGE_BYTES,
    SUBPROTOCOL,
    Answer,
    Request,
    decode,
    encode,
)

LAST_ANSWERS_SECONDS: Final = 20
BODY: Final = json.dumps(DATA).encode()
HEADERS: Final = b"Host: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)


class Sender(asyncio.Protocol):
    """One connection to an API, with one request at a time on it."""

    def __init__(self, load: "Load", api: int) -> None:
        self._load = load
        self._api = api
        self._received = b""
        self._at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport = cast(asyncio.Transport, transport)

    def send(self, path: str, at: float) -> None:
        """Send a request that was to leave at this time."""
        self._at = at
        self._transport.write(f"POST {path} HTTP/1.1\r\n".encode() + HEADERS + BODY)

    def data_received(self, data: bytes) -> None:
        """Note the answer when it is whole."""
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        length = int(self._received[:head].lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(self._received) >= head + 4 + length:
            answer, self._received = self._received, b""
            self._load.answered(self, self._api, self._at, is_whole=answer.endswith(BODY))


class Load:
    """Sends by the clock, and keeps the record."""

    def __init__(self, apis: list[str]) -> None:
        self._apis = [(parts.hostname or "", parts.port or 80) for parts in map(urlsplit, apis)]
        self._idle: list[list[Sender]] = [[] for _ in apis]
        self._under_way = 0
        self._is_over = asyncio.Event()
        self.milliseconds: list[float] = []
        self.failed = 0

    async def send_for(self, seconds: float, paths: list[str], rate: float) -> None:
        """Send to each path so many times a second, evenly over all of them."""
        pause, began = 1 / (rate * len(paths)), time.perf_counter()
        for number in range(round(seconds / pause)):
            at = began + number * pause
            if (early := at - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            await self._send(paths[number % len(paths)], number // 2 % len(self._apis), at)
        self._is_over.clear()
        if self._under_way:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_over.wait(), LAST_ANSWERS_SECONDS)
        self.failed += self._under_way

    def answered(self, sender: Sender, api: int, at: float, *, is_whole: bool) -> None:
        """Note an answer, and the connection that has nothing to do now."""
        self._under_way -= 1
        if not self._under_way:
            self._is_over.set()
        self._idle[api].append(sender)
        if is_whole:
            self.milliseconds.append((time.perf_counter() - at) * 1000)
        else:
            self.failed += 1

    async def _send(self, path: str, api: int, at: float) -> None:
        self._under_way += 1
        if self._idle[api]:
            sender = self._idle[api].pop()
        else:
            _, sender = await asyncio.get_running_loop().create_connection(lambda: Sender(self, api), *self._apis[api])
        sender.send(path, at)


async def fill(client: aiohttp.ClientSession, url: str, seconds: float, rate: float) -> None:
    """Send to a URL whose command does not answer; what comes of it is not looked at."""

    async def send() -> None:
        async with client.post(url, data=BODY) as answer:
            await answer.read()

    sending = set()
    for _ in range(round(seconds * rate)):
        sending.add(asyncio.create_task(send()))
        await asyncio.sleep(1 / rate)
    for task in sending:
        task.cancel()
    await asyncio.gather(*sending, return_exceptions=True)


@asynccontextmanager
async def command(client: aiohttp.ClientSession, key: str, api: str, *, hangs: bool = False) -> AsyncIterator[str]:
    """Be a command that is connected to this API; yield the path of its URL."""
    headers = {"Authorization": f"Bearer {key}"}
    async with client.post(f"{api}/v1/listen", headers=headers) as answer:
        answer.raise_for_status()
        session: dict[str, Any] = await answer.json()
    options: dict[str, Any] = {"protocols": (SUBPROTOCOL,), "max_msg_size": MAX_MESSAGE_BYTES}
    named = {**headers, INSTANCE_HEADER: uuid.uuid4().hex}
    async with client.ws_connect(f"{api}/v1/listen/{session['id']}/socket", headers=named, **options) as socket:
        await socket.receive()
        answering = asyncio.create_task(_answer(socket, hangs=hangs))
        yield urlsplit(session["url"]).path
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)


async def _answer(socket: aiohttp.ClientWebSocketResponse, *, hangs: bool) -> None:
    async for message in socket:
        request = decode(message.data)
        if isinstance(request, Request) and not hangs:
            await socket.send_bytes(encode(Answer(request.id, 200, (), request.body)))


async def _measure(options: argparse.Namespace) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as client, AsyncExitStack() as stack:
        apis = options.apis
        paths = [
            await stack.enter_async_context(command(client, options.key, apis[number % len(apis)]))
            for number in range(options.sessions)
        ]
        load = Load(apis)
        await load.send_for(1, paths, options.rate / 4)
        load.milliseconds.clear()
        if options.hanging:
            path = await stack.enter_async_context(command(client, options.key, apis[0], hangs=True))
            filling = asyncio.create_task(fill(client, apis[-1] + path, options.seconds, options.rate))
        await load.send_for(options.seconds, paths, options.rate)
        if options.hanging:
            await filling
        spread = {f"p{each}": round(percentile(load.milliseconds, each), 1) for each in (50, 99)}
        sys.stdout.write(json.dumps({"sent": len(load.milliseconds), **spread, "failed": load.failed}))


def main() -> None:
    """Listen and send for a while."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tunnel_load", description=__doc__)
    parser.add_argument("key")
    parser.add_argument("seconds", type=float)
    parser.add_argument("apis", nargs="+")
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--hanging", action="store_true")
    uvloop.run(_measure(parser.parse_args()))


if __name__ == "__main__":
    main()
