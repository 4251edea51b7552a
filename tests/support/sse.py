"""Reads Server-Sent Events as a browser does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx


@dataclass(frozen=True)
class Message:
    """One message: its id, its name, and its data."""

    id: str
    kind: str
    data: str


class Stream:
    """What a server tells, message by message; each is waited for with a deadline."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.aiter_lines()

    async def message(self, seconds: float = 20) -> Message | None:
        """Return the next message; None when the server has ended the stream."""
        fields: dict[str, list[str]] = {}
        async with asyncio.timeout(seconds):
            async for line in self._lines:
                if not line and "data" in fields:
                    return Message(*("\n".join(fields.get(name, [])) for name in ("id", "event", "data")))
                name, _, value = line.partition(":")
                if line and name:
                    fields.setdefault(name, []).append(value.removeprefix(" "))
        return None

    async def until(self, piece: str) -> Message:
        """Return the next message that has this in it."""
        while message := await self.message():
            if piece in message.data:
                return message
        raise AssertionError(f"the stream ended before it said {piece}")


@asynccontextmanager
async def streaming(client: httpx.AsyncClient, path: str, last_seen: str | None = None) -> AsyncIterator[Stream]:
    """Yield the stream at this path, begun behind the message that was seen last."""
    headers = {"Last-Event-ID": last_seen} if last_seen else {}
    async with client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        yield Stream(answer)
