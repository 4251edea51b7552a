"""A receiver may answer before it has read a POST, and hang up: its answer counts."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trustme
import uvloop
from aiohttp.connector import TCPConnector

from flux_dispatch.domain.outcome import Outcome, Rejected, Succeeded, Unsent
from flux_dispatch.http.sender import AiohttpSender, SenderLimits
from tests.http.test_sender import LOCAL, claim
from tests.support.raw_receivers import NEVER_SECONDS, listening
from tests.support.waiting import pause

BODY = b'{"data": "' + b"a" * 250_000 + b'"}'
TRIES = 50


@pytest.fixture
async def sender() -> AsyncIterator[AiohttpSender]:
    async with AiohttpSender(SenderLimits(timeout_seconds=10), LOCAL) as sender:
        yield sender


@contextmanager
def hanging_up(answer: bytes, buffer_bytes: int | None) -> Iterator[int]:
    """Answer each POST when its head has come, and close with the rest of it unread; in a thread, so at any moment."""

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                read = b""
                while b"\r\n\r\n" not in read:
                    read += connection.recv(1024)
                connection.sendall(answer)

    with socket.socket() as server:
        if buffer_bytes is not None:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
        server.bind(("127.0.0.1", 0))
        server.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(NEVER_SECONDS)


async def post(sender: AiohttpSender, url: str) -> Outcome | Unsent:
    return await sender.send(claim(url, body=BODY), 1)


async def try_often(port: int) -> list[Outcome | Unsent]:
    async with AiohttpSender(SenderLimits(timeout_seconds=10), LOCAL) as sender:
        return [await post(sender, f"http://127.0.0.1:{port}/") for _ in range(TRIES)]


@pytest.mark.parametrize("buffer_bytes", [4096, 32_768, None])
@pytest.mark.parametrize("status", [200, 410, 413])
@pytest.mark.parametrize("length", [b"content-length: 2\r\n", b"connection: close\r\n"])
@pytest.mark.parametrize("run", [uvloop.run, asyncio.run], ids=["uvloop", "asyncio"])
def test_an_answer_before_the_end_of_the_post_counts(
    run: Callable[[Coroutine[Any, Any, Any]], Any], status: int, length: bytes, buffer_bytes: int | None
) -> None:
    with hanging_up(b"HTTP/1.1 %d Enough\r\n%s\r\nok" % (status, length), buffer_bytes) as port:
        outcomes = run(try_often(port))
    said = {(each.status, each.excerpt[:2]) for each in outcomes if isinstance(each, Succeeded | Rejected)}
    assert [each for each in outcomes if not isinstance(each, Succeeded | Rejected)] == []
    assert said == {(status, "ok")}
    assert all(isinstance(each, Succeeded) is (status == 200) for each in outcomes)


async def test_an_answer_over_tls_before_the_end_of_the_post_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    monkeypatch.setattr(TCPConnector, "_get_ssl_context", lambda *_: trusting)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 410 Gone\r\ncontent-length: 2\r\n\r\nok")
        await writer.drain()

    async with AiohttpSender(SenderLimits(timeout_seconds=10), LOCAL) as sender, listening(talk, context) as port:
        outcomes = [await post(sender, f"https://localhost:{port}/") for _ in range(TRIES)]
    assert [each for each in outcomes if each != Rejected(410, "ok")] == []


async def test_writing_stops_when_the_answer_has_come(sender: AiohttpSender) -> None:
    read = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal read
        read += len(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 413 Too much\r\ncontent-length: 2\r\n\r\nno")
        await writer.drain()
        while data := await reader.read(65536):  # goes on reading slowly, for as long as anything comes
            read += len(data)
            await pause(0.01)

    async with listening(talk) as port:
        sent = claim(f"http://127.0.0.1:{port}/", body=b"a" * 20_000_000)
        assert await sender.send(sent, 1) == Rejected(413, "no")
    assert read < 15_000_000


async def test_a_large_post_arrives_whole(sender: AiohttpSender) -> None:
    got = b""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        while True:
            await reader.readuntil(b"\r\n\r\n")
            got = await reader.readexactly(len(BODY))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    async with listening(talk) as port:
        for _ in range(3):
            assert await post(sender, f"http://127.0.0.1:{port}/") == Succeeded(200, "ok")
            assert got == BODY
            got = b""
