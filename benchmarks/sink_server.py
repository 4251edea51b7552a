"""A sink for machines without nginx: costs as little as Python allows, answers 200 and logs what came.

    python -m benchmarks.sink_server PORT LOG [FAILING_PATH]

A line of the log is `<unix seconds> <flux-delivery> <webhook-id> <path>`. Below FAILING_PATH it answers 500, and logs
nothing.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import Final, cast

import uvloop

FLUSH_SECONDS: Final = 0.05

_OK: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
_FAILED: Final = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\n\r\nno"
_END: Final = b"\r\n\r\n"
_lines: list[str] = []
_failing = tuple(f"{path}/".encode() for path in sys.argv[3:])


class Sink(asyncio.Protocol):
    """One connection; understands just what our clients send."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast(asyncio.Transport, transport)
        self._received = b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._received += data
        while (head := self._received.find(_END)) >= 0:
            headers = self._received[:head]
            end = head + len(_END) + int(_value(headers, b"content-length") or 0)
            if len(self._received) < end:
                return
            self._received = self._received[end:]
            path = headers.split(b" ", 2)[1]
            if path.startswith(_failing):
                self._transport.write(_FAILED)
                continue
            self._transport.write(_OK)
            delivery, event = _value(headers, b"flux-delivery"), _value(headers, b"webhook-id")
            _lines.append(f"{time.time():.3f} {delivery.decode()} {event.decode()} {path.decode()}\n")


def _value(headers: bytes, name: bytes) -> bytes:
    start = headers.lower().find(b"\n" + name + b":")
    if start < 0:
        return b""
    return headers[start + len(name) + 2 :].split(b"\r\n", 1)[0].strip()


async def _serve(port: int, log: Path) -> None:
    await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port, backlog=4096)
    with log.open("a") as file:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            file.writelines(_lines)
            file.flush()
            _lines.clear()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), Path(sys.argv[2])))
