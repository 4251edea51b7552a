"""A receiver that costs as little as Python allows, in a process of its own: answers 200 and counts what came.

    python -m benchmarks.sink PORT

GET /report answers {"requests": …, "distinct": …} and forgets what it counted.
"""

import asyncio
import json
import sys
from typing import cast

import uvloop

_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
_END = b"\r\n\r\n"


class Sink(asyncio.Protocol):
    """One connection; understands just what aiohttp sends."""

    deliveries: list[bytes] = []  # noqa: RUF012 - shared by all connections on purpose

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast(asyncio.Transport, transport)
        self._received = b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._received += data
        while (head := self._received.find(_END)) >= 0:
            headers = self._received[:head].lower()
            end = head + len(_END) + int(_value(headers, b"content-length") or 0)
            if len(self._received) < end:
                return
            self._received = self._received[end:]
            self._answer(headers)

    def _answer(self, headers: bytes) -> None:
        if headers.startswith(b"get "):
            report = {"requests": len(self.deliveries), "distinct": len(set(self.deliveries))}
            self.deliveries.clear()
            body = json.dumps(report).encode()
            self._write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            return
        self.deliveries.append(_value(headers, b"flux-delivery"))
        self._write(_OK)

    def _write(self, data: bytes) -> None:
        self._transport.write(data)


def _value(headers: bytes, name: bytes) -> bytes:
    start = headers.find(b"\r\n" + name + b": ")
    if start < 0:
        return b""
    start += len(name) + 4
    end = headers.find(b"\r\n", start)
    return headers[start : end if end >= 0 else None]


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
