"""The publisher: sends single events to the API from a process of its own, and costs little doing it.

    python -m benchmarks.load_generator API_URL KEY LOG SECONDS --rate 100
    python -m benchmarks.load_generator API_URL KEY LOG SECONDS --on-the-way-at-most 1000 --arrivals LOG_OF_THE_SINK

With `--rate` events leave by the clock, answered or not (open loop), and their time is when they should have left. With
`--on-the-way-at-most` 128 connections publish as fast as they are answered, as long as no more than that many events
have been published and have not arrived.
LOG gets `<unix seconds> <event id> <number of its endpoint>` for every 202. Prints {"published", "refused", "seconds",
"cpu"}: the last is the share of one core that publishing took.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections import deque
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

import uvloop

from benchmarks.payload import DATA
from benchmarks.seed import ENDPOINTS, type_of

CONNECTIONS: Final = 128
LOOK_SECONDS: Final = 0.02
LAST_ANSWERS_SECONDS: Final = 20

_ACCEPTED: Final = b"HTTP/1.1 202"
_END: Final = b"\r\n\r\n"


class Connection(asyncio.Protocol):
    """One connection to the API, with one request at a time on it."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._sent = (0.0, 0)
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport = cast(asyncio.Transport, transport)

    def send(self, request: bytes, sent: tuple[float, int]) -> None:
        """Send a request; `sent` is when it was to leave, and for which endpoint."""
        self._sent = sent
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Note the answer when it is whole."""
        self._received += data
        head = self._received.find(_END)
        if head < 0:
            return
        length = int(self._received.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(self._received) >= head + len(_END) + length:
            answer, self._received = self._received, b""
            self._load.answered(self, self._sent, answer)


class Load:
    """Publishes, and keeps the record."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        self._address = (cast(str, parts.hostname), cast(int, parts.port))
        self._requests = [request_of(parts.netloc, key, type_of(number)) for number in range(ENDPOINTS)]
        self._idle: deque[Connection] = deque()
        self._is_idle = asyncio.Event()
        self.sent = 0
        self.refused = 0
        self.lines: list[str] = []

    async def at_rate(self, rate: float, seconds: float) -> None:
        """Publish by the clock."""
        began, began_at = time.perf_counter(), time.time()
        for number in range(int(rate * seconds)):
            leaves = number / rate
            await asyncio.sleep(max(began + leaves - time.perf_counter(), 0))
            if not self._idle:
                await self._connect()
            self._send(self._idle.popleft(), began_at + leaves)

    async def while_few_are_on_the_way(self, most: int, arrivals: Path, seconds: float) -> None:
        """Publish as fast as it is answered, pausing while too much is on its way."""
        for _ in range(CONNECTIONS):
            await self._connect()
        ends = time.perf_counter() + seconds
        arrived = 0
        with arrivals.open("rb", buffering=0) as log:
            log.seek(0, os.SEEK_END)
            while time.perf_counter() < ends:
                arrived += log.read().count(b"\n")
                if self.sent - arrived < most:
                    await self._use_all_for(LOOK_SECONDS)
                else:
                    await asyncio.sleep(LOOK_SECONDS / 4)

    async def all_answered(self) -> None:
        """Return when every request has its answer."""
        deadline = time.perf_counter() + LAST_ANSWERS_SECONDS
        while len(self.lines) + self.refused < self.sent and time.perf_counter() < deadline:  # noqa: ASYNC110 - answers come to another place
            await asyncio.sleep(0.01)

    def answered(self, connection: Connection, sent: tuple[float, int], answer: bytes) -> None:
        """Note an answer."""
        if answer.startswith(_ACCEPTED):
            event = answer.split(b"evt_", 1)[1].split(b'"', 1)[0]
            self.lines.append(f"{sent[0]:.6f} evt_{event.decode()} {sent[1]}\n")
        else:
            self.refused += 1
        self._idle.append(connection)
        self._is_idle.set()

    async def _use_all_for(self, seconds: float) -> None:
        ends = time.perf_counter() + seconds
        while time.perf_counter() < ends:
            while self._idle:
                self._send(self._idle.popleft(), time.time())
            self._is_idle.clear()
            await self._is_idle.wait()

    def _send(self, connection: Connection, sent_at: float) -> None:
        endpoint = self.sent % ENDPOINTS
        connection.send(self._requests[endpoint], (sent_at, endpoint))
        self.sent += 1

    async def _connect(self) -> None:
        _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection(self), *self._address)
        self._idle.append(connection)


def request_of(host: str, key: str, event_type: str) -> bytes:
    """Return the POST that publishes an event of this type."""
    body = json.dumps({"type": event_type, "data": DATA}).encode()
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _publish(options: argparse.Namespace) -> None:
    load = Load(options.url, options.key)
    began, cpu = time.perf_counter(), time.process_time()
    if options.rate:
        await load.at_rate(options.rate, options.seconds)
    else:
        await load.while_few_are_on_the_way(options.on_the_way_at_most, options.arrivals, options.seconds)
    await load.all_answered()
    seconds = time.perf_counter() - began
    options.log.write_text("".join(load.lines))
    report = {
        "published": len(load.lines),
        "refused": load.refused,
        "seconds": round(seconds, 3),
        "cpu": round((time.process_time() - cpu) / seconds, 3),
    }
    sys.stdout.write(json.dumps(report))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("log", type=Path)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--on-the-way-at-most", type=int, default=1000)
    parser.add_argument("--arrivals", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(_publish(_options()))
