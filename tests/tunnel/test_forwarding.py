"""What anyone sends to the URL of a session reaches the command, and its answer comes back, as they are."""

import asyncio
import gzip
import os
from collections.abc import AsyncIterator

import aiohttp
import pytest

from flux_dispatch.tunnel.frames import MAX_BODY_BYTES, Answer, Failed, Gone, Received, Request
from tests.support.api import Caller
from tests.support.listener import Command, listen
from tests.support.waiting import eventually_async, let_others_run

EVERY_BYTE = bytes(range(256))


@pytest.fixture
async def anyone() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that knows nothing but a URL."""
    async with aiohttp.ClientSession(auto_decompress=False) as client:
        yield client


@pytest.fixture
async def command(api: str, tenant: Caller) -> AsyncIterator[Command]:
    """A command that is connected, and answers what it gets."""
    command = Command(await listen(tenant.http), tenant.key)
    async with command.connected(api):
        yield command


async def test_all_of_a_request_travels(command: Command) -> None:
    headers = [("X-One", "1"), ("X-One", "2"), ("X-Latin", "caf\udce9"), ("authorization", "Basic x")]
    path = "/a%20b//%c3%bc/../c;d?e=%2F&f&g=a+b"
    url = command.session["url"]
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.split(":")[2].split("/")[0]))
    head = f"PUT {url[url.index('/in/') :]}{path} HTTP/1.1\r\nHost: Flux.Example.com\r\nContent-Length: 256\r\n"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    writer.write(head.encode() + lines.encode(errors="surrogateescape") + b"\r\n" + EVERY_BYTE)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
    writer.close()
    (request,) = command.forwarded
    assert (request.method, request.body) == ("PUT", EVERY_BYTE)
    assert f"{request.path}?{request.query}" == path
    assert request.headers == (("Host", "Flux.Example.com"), *headers)
    assert request.delivery is None
    assert request.received_at.endswith("Z")


@pytest.mark.parametrize("size", [0, 1, 70_000, MAX_BODY_BYTES])
async def test_bodies_are_the_same_both_ways(command: Command, anyone: aiohttp.ClientSession, size: int) -> None:
    body = (EVERY_BYTE + os.urandom(MAX_BODY_BYTES))[:size]
    async with anyone.post(command.session["url"], data=body) as answer:
        assert await answer.read() == body
    assert command.forwarded[0].body == body


async def test_what_is_compressed_stays_so(command: Command, anyone: aiohttp.ClientSession) -> None:
    packed = gzip.compress(EVERY_BYTE)

    async def answer(request: Request) -> Answer:
        return Answer(request.id, 200, (("Content-Encoding", "gzip"),), request.body)

    command.local = answer
    async with anyone.post(command.session["url"], data=packed, headers={"Content-Encoding": "gzip"}) as got:
        assert (await got.read(), got.headers["Content-Encoding"]) == (packed, "gzip")
    assert command.forwarded[0].body == packed
    assert ("Content-Encoding", "gzip") in command.forwarded[0].headers


async def test_a_body_in_chunks_is_one(command: Command, anyone: aiohttp.ClientSession) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield EVERY_BYTE

    async with anyone.post(command.session["url"], data=chunks()) as answer:
        assert await answer.read() == 3 * EVERY_BYTE


@pytest.mark.parametrize("status", [200, 201, 204, 304, 301, 400, 410, 418, 500, 503, 799])
async def test_the_local_status_is_the_answer_s(command: Command, anyone: aiohttp.ClientSession, status: int) -> None:
    async def answer(request: Request) -> Answer:
        return Answer(request.id, status, (("Location", "/elsewhere"), ("X-Local", "1")), b"")

    command.local = answer
    async with anyone.get(command.session["url"], allow_redirects=False) as got:
        assert (got.status, got.headers["X-Local"], got.headers["Location"]) == (status, "1", "/elsewhere")
    async with anyone.head(command.session["url"] + "/x", allow_redirects=False) as got:
        assert got.status == status
    assert [each.method for each in command.forwarded] == ["GET", "HEAD"]


async def test_what_a_proxy_keeps_is_kept(command: Command, anyone: aiohttp.ClientSession) -> None:
    dropped = {
        *("Connection", "Keep-Alive", "TE", "Trailer", "Upgrade", "Proxy-Authorization", "Proxy-Connection"),
        *("Cookie", "X-Named", "Expect", "Content-Length", "Transfer-Encoding"),
    }
    headers = {
        "Connection": "x-named, TE",
        "Keep-Alive": "timeout=5",
        "TE": "trailers",
        "Trailer": "x-end",
        "Upgrade": "h2c",
        "Proxy-Authorization": "Basic x",
        "Proxy-Connection": "close",
        "Cookie": "__Host-flux=secret",
        "X-Named": "1",
        "X-Kept": "1",
    }
    async with anyone.post(command.session["url"], headers=headers, data=b"x") as answer:
        assert answer.status == 200
    (request,) = command.forwarded
    names = {name.title() for name, _ in request.headers}
    assert not names & {each.title() for each in dropped}
    assert "X-Kept" in names


async def test_what_would_hold_for_the_whole_host_is_taken_out(command: Command, anyone: aiohttp.ClientSession) -> None:
    bad = {
        "Set-Cookie": "flux_session=mine",
        "Clear-Site-Data": '"*"',
        "Strict-Transport-Security": "max-age=1",
        "Service-Worker-Allowed": "/",
        "Alt-Svc": "clear",
        "WWW-Authenticate": "Basic",
        "NEL": "{}",
        "Content-Security-Policy": "default-src *",
        "X-Content-Type-Options": "no",
        "Connection": "X-Hop",
        "X-Hop": "1",
        "Transfer-Encoding": "chunked",
        "Content-Length": "7",
        "Proxy-Authenticate": "Basic",
    }
    odd = {"no name": "1", "X-Split": "a\r\nX-Smuggled: 1", "X-Nul": "\0"}

    async def answer(request: Request) -> Answer:
        kept = (("X-Kept", "1"), ("X-Latin", "caf\udce9"), ("x-kept", "2"))
        return Answer(request.id, 200, (*bad.items(), *odd.items(), *kept), b"<script>1</script>")

    command.local = answer
    async with anyone.get(command.session["url"]) as got:
        names = {each.title() for each in got.headers}
        assert await got.read() == b"<script>1</script>"
    assert not names & {"Set-Cookie", "Clear-Site-Data", "Strict-Transport-Security", "Service-Worker-Allowed"}
    assert not names & {"Alt-Svc", "Www-Authenticate", "Nel", "X-Hop", "X-Split", "X-Smuggled", "X-Nul", "No Name"}
    assert got.headers.getall("X-Kept") == ["1", "2"]
    assert got.headers["X-Latin"] == "café"
    assert got.headers["Content-Length"] == "18"
    assert got.headers.getall("Content-Security-Policy") == ["sandbox"]
    assert got.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_command_is_told_when_it_may_forget_an_answer(
    command: Command, anyone: aiohttp.ClientSession
) -> None:
    async with anyone.get(command.session["url"]) as answer:
        assert answer.status == 200
    (request,) = command.forwarded

    async def is_told() -> bool:
        return command.of_kind(Received) == [Received(request.id)]

    await eventually_async(is_told, "the answer is confirmed")
    assert not command.of_kind(Gone)


async def test_a_local_server_that_is_down_is_a_502_and_the_session_lives(
    command: Command, anyone: aiohttp.ClientSession
) -> None:
    async def refuse(request: Request) -> Failed:
        return Failed(request.id, "connection_refused", "Nothing listens at 127.0.0.1:3000.")

    command.local = refuse
    async with anyone.post(command.session["url"], data=b"x") as answer:
        said = (await answer.json())["error"]
        assert (answer.status, said["code"]) == (502, "local_server_failed")
        assert "connection_refused" in said["message"]
        assert "3000" not in said["message"], "strangers are told nothing of the machine"
    command.local = Command.local
    async with anyone.post(command.session["url"], data=b"x") as answer:
        assert await answer.read() == b"x"


async def test_a_sender_that_hangs_up_is_no_error_and_its_answer_is_said_to_be_for_nobody(
    command: Command, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    let_go = asyncio.Event()

    async def slow(request: Request) -> Answer:
        await let_go.wait()
        return Answer(request.id, 200, (), bytes(MAX_BODY_BYTES))

    command.local = slow
    url = command.session["url"]
    _, writer = await asyncio.open_connection("127.0.0.1", int(url.split(":")[2].split("/")[0]))
    writer.write(f"GET {url[url.index('/in/') :]} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await eventually_async(lambda: has_come(command), "it came")
    writer.transport.abort()
    await let_others_run(3)
    let_go.set()

    async def is_told() -> bool:
        return bool(command.of_kind(Gone))

    await eventually_async(is_told, "nobody waits for it")
    assert not command.of_kind(Received)
    assert "request.failed" not in capsys.readouterr().out
    assert not caplog.records


async def has_come(command: Command) -> bool:
    return bool(command.forwarded)


async def test_a_request_that_is_cut_off_reaches_nobody(command: Command) -> None:
    url = command.session["url"]
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.split(":")[2].split("/")[0]))
    writer.write(f"POST {url[url.index('/in/') :]} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf".encode())
    writer.write_eof()
    await reader.read()
    writer.close()
    assert not command.forwarded
