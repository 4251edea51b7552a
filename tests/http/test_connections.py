"""A connection is used again exactly when it stands where the next answer begins, and none is left behind."""

import asyncio
import socket
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import trustme
import uvloop
from aiohttp.connector import TCPConnector

from flux_dispatch.domain.outcome import ErrorClass, NoResponse, Rejected, Succeeded
from flux_dispatch.http.idle import REST_SECONDS, SURELY_READ_BYTES
from flux_dispatch.http.sender import AiohttpSender, SenderLimits
from tests.http.test_sender import LOCAL, claim
from tests.support.raw_receivers import OK, Script, listening, read_request
from tests.support.waiting import eventually_async, pause

POSTS = 3


@pytest.fixture
async def sender() -> AsyncIterator[AiohttpSender]:
    async with AiohttpSender(SenderLimits(timeout_seconds=2), LOCAL) as sender:
        yield sender


def counting(answer: bytes, connections: Counter[str]) -> Script:
    """Answer every request on every connection, and count both."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections["connections"] += 1
        while True:
            await read_request(reader)
            connections["requests"] += 1
            writer.write(answer)

    return talk


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\netag: a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: y\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.1 500 No\r\ncontent-length: 60000\r\n\r\n" + b"a" * 60_000,
        b"HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nconnection: keep-alive, x\r\ncontent-length: 2\r\n\r\nok",
    ],
)
async def test_after_a_clean_answer_the_connection_is_used_again(sender: AiohttpSender, answer: bytes) -> None:
    count: Counter[str] = Counter()
    async with listening(counting(answer, count)) as port:
        outcomes = [await sender.send(claim(f"http://127.0.0.1:{port}/"), int(time.time())) for _ in range(POSTS)]
    assert all(isinstance(each, Succeeded | Rejected) for each in outcomes)
    assert count == {"connections": 1, "requests": POSTS}


@pytest.mark.parametrize("run", [uvloop.run, asyncio.run], ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("length", [100, 200_000])
def test_a_connection_with_tls_is_used_again(
    monkeypatch: pytest.MonkeyPatch, run: Callable[[Coroutine[Any, Any, Any]], Any], length: int
) -> None:
    authority = trustme.CA()
    context, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(trusting)
    monkeypatch.setattr(TCPConnector, "_get_ssl_context", lambda *_: trusting)
    count: Counter[str] = Counter()

    async def send_some() -> list[object]:
        async with AiohttpSender(SenderLimits(5), LOCAL) as sender, listening(counting(OK, count), context) as port:
            sent = claim(f"https://localhost:{port}/", body=b"a" * length)
            outcomes: list[object] = []
            for _ in range(POSTS):
                outcomes.append(await sender.send(sent, 1))
                await pause(REST_SECONDS if length > SURELY_READ_BYTES else 0)
            return outcomes

    assert run(send_some()) == [Succeeded(200, "ok")] * POSTS
    assert count == {"connections": 1, "requests": POSTS}


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
        OK + OK,
        OK + b"x",
        b"HTTP/1.1 200 OK\r\na : b\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 12\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 70000\r\n\r\n" + b"a" * 70_000,
    ],
)
async def test_after_any_other_it_is_not(sender: AiohttpSender, answer: bytes) -> None:
    count: Counter[str] = Counter()
    async with listening(counting(answer, count)) as port:
        outcomes = [await sender.send(claim(f"http://127.0.0.1:{port}/"), int(time.time())) for _ in range(POSTS)]
    assert all(isinstance(each, Succeeded | Rejected) for each in outcomes)
    assert count == {"connections": POSTS, "requests": POSTS}


async def test_what_comes_unasked_after_an_answer_is_not_taken_for_the_next(sender: AiohttpSender) -> None:
    is_said = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK)
        await is_said.wait()
        writer.write(b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n")
        await reader.read()  # ends when the sender hangs up
        is_said.clear()

    async with listening(talk) as port:
        url = f"http://127.0.0.1:{port}/"
        assert await sender.send(claim(url), 1) == Succeeded(200, "ok")
        is_said.set()
        await eventually_async(lambda: _is_clear(is_said), "the sender hangs up")
        assert await sender.send(claim(url), 1) == Succeeded(200, "ok")


async def test_a_connection_that_the_receiver_closed_meanwhile_is_not_used(sender: AiohttpSender) -> None:
    count: Counter[str] = Counter()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        count["requests"] += 1
        writer.write(OK)
        writer.write_eof()
        await reader.read()
        count["hung up"] += 1

    async with listening(talk) as port:
        url = f"http://127.0.0.1:{port}/"
        for number in range(1, POSTS + 1):
            assert await sender.send(claim(url), 1) == Succeeded(200, "ok")
            await eventually_async(lambda number=number: _is(count["hung up"] == number), "the sender hangs up")
    assert count["requests"] == POSTS


async def test_a_post_that_a_closing_connection_swallowed_is_a_reset_and_not_repeated(sender: AiohttpSender) -> None:
    requests: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        writer.write(OK)
        requests.append(await read_request(reader))
        writer.transport.abort()

    async with listening(talk) as port:
        url = f"http://127.0.0.1:{port}/"
        assert await sender.send(claim(url), 1) == Succeeded(200, "ok")
        outcome = await sender.send(claim(url), 1)
    assert isinstance(outcome, NoResponse)
    assert outcome.error is ErrorClass.CONNECTION_RESET
    assert len(requests) == 2


async def test_a_receiver_that_never_reads_keeps_no_socket_of_ours() -> None:
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        deaf.settimeout(5)
        sent = claim(f"http://127.0.0.1:{deaf.getsockname()[1]}/", body=b"a" * 3_000_000)
        async with AiohttpSender(SenderLimits(timeout_seconds=0.3), LOCAL) as sender:
            outcome = await sender.send(sent, 1)
            assert isinstance(outcome, NoResponse)
            assert outcome.error is ErrorClass.TIMEOUT
            connection, _ = await asyncio.to_thread(deaf.accept)
            with connection:
                connection.settimeout(5)
                await asyncio.to_thread(_read_to_the_end, connection)


def _read_to_the_end(connection: socket.socket) -> None:
    """Read until the other side is gone; what it still wanted to write is not awaited."""
    read = 0
    try:
        while data := connection.recv(65536):
            read += len(data)
    except ConnectionResetError:
        pass
    assert read < 3_000_000


async def _is_clear(event: asyncio.Event) -> bool:
    return not event.is_set()


async def _is(value: bool) -> bool:  # noqa: FBT001 - a probe
    return value
