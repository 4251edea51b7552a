"""Hostile receivers: each is a few lines of raw HTTP on a real socket of loopback."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from queue import SimpleQueue

from tests.support.waiting import pause

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

NEVER_SECONDS = 30
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@asynccontextmanager
async def listening(
    talk: Script, context: ssl.SSLContext | None = None, port: int = 0, already: socket.socket | None = None
) -> AsyncIterator[int]:
    """Serve connections with a conversation; yields the port, a free one unless it or what listens already is given."""
    talks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task:
            talks.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    listener = already or socket.create_server(("127.0.0.1", port), backlog=100)
    server = await asyncio.start_server(serve, sock=listener, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Return one request, head and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return head + await reader.readexactly(length)


def answering(*pieces: bytes) -> Script:
    """Read the request, send these bytes, close."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return talk


def repeating(head: bytes, piece: bytes, pause_seconds: float = 0) -> Script:
    """Read the request, send the head, then the piece without end."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()
            await pause(pause_seconds)

    return talk


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Read until the other side gives up, and never answer."""
    await reader.read()


async def resetting(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reset the connection before the request is read."""
    writer.transport.abort()


async def resetting_after(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reset the connection when the request is read."""
    await read_request(reader)
    writer.transport.abort()


@contextmanager
def answering_when_told(answer: bytes) -> Iterator[tuple[int, threading.Event, Callable[[], None]]]:
    """Take one request in a thread, beside whatever the caller's loop does.

    Yields the port, the event that a request has come, and what has it answered: a call that returns when the answer
    is sent.
    """
    has_come, may_answer, is_answered = threading.Event(), threading.Event(), threading.Event()

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            has_come.set()
            may_answer.wait(NEVER_SECONDS)
            connection.sendall(answer)
            is_answered.set()
            connection.recv(1)  # until the sender hangs up

    def tell() -> None:
        may_answer.set()
        assert is_answered.wait(NEVER_SECONDS)

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(NEVER_SECONDS)
        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], has_come, tell
        thread.join()


@contextmanager
def answering_each(answers: Mapping[str, bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """Answer each request with the bytes for its path, in a thread; yields the URL, and the requests as they came."""
    requests: list[bytes] = []
    is_over = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        path = requests[-1].decode("latin-1").split(" ")[1].partition("?")[0]
        writer.write(answers.get(path, OK))
        await writer.drain()

    async def serve() -> None:
        async with listening(talk) as port:
            ports.put(port)
            await is_over.wait()

    ports, loop = SimpleQueue[int](), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=[serve()])
    thread.start()
    yield f"http://127.0.0.1:{ports.get(timeout=NEVER_SECONDS)}", requests
    loop.call_soon_threadsafe(is_over.set)
    thread.join()
    loop.close()
