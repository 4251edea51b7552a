"""A command as `flux listen` is one: connects to the socket of a session, and answers what comes as a function says."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import httpx

from flux_dispatch.tunnel.frames import (
    INSTANCE_HEADER,
    MAX_MESSAGE_BYTES,
    SUBPROTOCOL,
    Answer,
    Failed,
    Frame,
    Ready,
    Request,
    decode,
    encode,
)
from tests.support.waiting import eventually_async

Local = Callable[[Request], Awaitable[Answer | Failed | None]]


async def echo(request: Request) -> Answer:
    """Answer what came."""
    return Answer(request.id, 200, (("content-type", "application/octet-stream"),), request.body)


@dataclass
class Command:
    """One run of the command; it may connect again and again, to any process."""

    session: dict[str, Any]
    key: str
    local: Local = echo
    instance: str = field(default_factory=lambda: uuid.uuid4().hex)
    requests: list[Request] = field(default_factory=list)
    """What came, repeats included."""

    forwarded: list[Request] = field(default_factory=list)
    """What was handed to the local server."""

    frames: list[Frame] = field(default_factory=list)
    close_code: int | None = None
    _answers: dict[str, asyncio.Task[Answer | Failed | None]] = field(default_factory=dict)
    _delivered: dict[str, Answer] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def connected(self, api: str, **options: Any) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Be connected to this process of the API; yields when it has said that it is ready."""
        async with aiohttp.ClientSession() as client:
            socket = await self.dial(client, api, **options)
            reading = asyncio.create_task(self._read(socket))
            try:
                await eventually_async(lambda: _true(any(isinstance(each, Ready) for each in self.frames)), "ready")
                yield socket
            finally:
                await socket.close()
                reading.cancel()
                for task in [reading, *self._tasks]:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task

    async def dial(self, client: aiohttp.ClientSession, api: str, **options: Any) -> aiohttp.ClientWebSocketResponse:
        """Connect, and read nothing."""
        headers = {"Authorization": f"Bearer {self.key}", INSTANCE_HEADER: self.instance}
        return await client.ws_connect(
            f"{api}/v1/listen/{self.session['id']}/socket",
            **{"headers": headers, "protocols": (SUBPROTOCOL,), "max_msg_size": MAX_MESSAGE_BYTES, **options},
        )

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            frame = decode(message.data)
            self.frames.append(frame)
            if isinstance(frame, Request):
                self.requests.append(frame)
                task = asyncio.create_task(self._answer(socket, frame))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        self.close_code = socket.close_code

    async def _answer(self, socket: aiohttp.ClientWebSocketResponse, request: Request) -> None:
        if request.delivery in self._delivered:
            answer: Answer | Failed | None = replace(self._delivered[request.delivery], id=request.id)
        else:
            if request.id not in self._answers:
                self.forwarded.append(request)
                self._answers[request.id] = asyncio.create_task(self._ask_local(request))
            answer = await asyncio.shield(self._answers[request.id])
        if isinstance(answer, Answer) and request.delivery and answer.status // 100 == 2:
            self._delivered[request.delivery] = answer
        if answer is not None:
            with suppress(ConnectionError):
                await socket.send_bytes(encode(answer))

    async def _ask_local(self, request: Request) -> Answer | Failed | None:
        return await self.local(request)

    def of_kind(self, kind: type[Frame]) -> list[Any]:
        """Return the frames of a kind that came."""
        return [each for each in self.frames if isinstance(each, kind)]


async def listen(http: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    """Make a session."""
    answer = await http.post("/v1/listen", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def _true(value: bool) -> bool:  # noqa: FBT001 - what was found
    return value
