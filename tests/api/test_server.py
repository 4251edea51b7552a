"""Connections that do not do what they should: each is answered in our form or closed, and none stays for ever."""

import asyncio
import json
import resource
from typing import cast
from urllib.parse import urlsplit

import pytest

from flux_dispatch.api import server
from tests.support.api import Caller, documented_errors
from tests.support.store_harness import StoreHarness
from tests.support.waiting import eventually_async
from workers.process_limits import raise_open_files_limit

EVENT = b'{"type":"a","data":{}}'
HEAD = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer KEY\r\nContent-Type: application/json\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(EVENT)

REFUSED = {
    "an expectation": (HEAD + b"Expect: foo\r\n" + LENGTH + b"\r\n" + EVENT, 417),
    "an expectation at no address": (b"GET /nowhere HTTP/1.1\r\nHost: x\r\nExpect: foo\r\n\r\n", 417),
    "brotli": (HEAD + b"Content-Encoding: br\r\n" + LENGTH + b"\r\n" + EVENT, 400),
    "zstd": (HEAD + b"Content-Encoding: zstd\r\n" + LENGTH + b"\r\n" + EVENT, 400),
    "no HTTP": (b"hello\r\n\r\n", 400),
    "a TLS handshake": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64 + b"\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a very long URL": (b"GET /v1/events?" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a very long header": (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 20_000 + b"\r\n\r\n", 400),
    "very many headers": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 500 + b"\r\n", 400),
    "two lengths": (HEAD + LENGTH + b"Content-Length: 3\r\n\r\n" + EVENT, 400),
    "a length and chunks": (HEAD + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a length that is none": (HEAD + b"Content-Length: x\r\n\r\n", 400),
    "a NUL in a header": (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n", 400),
    "a header without a name": (b"GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", 400),
    "a method that is none": (b"WRONG /v1/events HTTP/1.1\r\nHost: x\r\n\r\n", None),
    "a URL that is none": (b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n", None),
}


@pytest.fixture
async def quick_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that a test can wait for; set before the server is started."""
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(server, "IDLE_SECONDS", 0.3)
    monkeypatch.setattr(server, "ANSWER_SECONDS", 0.5)


@pytest.mark.parametrize("what", REFUSED)
async def test_what_the_parser_refuses_is_answered_in_our_form(tenant: Caller, world: StoreHarness, what: str) -> None:
    sent, status = REFUSED[what]
    head, body = await _answer(tenant, sent.replace(b"KEY", tenant.key.encode()))
    error = json.loads(body)["error"]
    found = int(head.split()[1])
    assert found == status or (status is None and 400 <= found < 500)
    assert found in documented_errors()[error["code"]]
    assert f"X-Request-Id: {error['request_id']}" in head
    assert error["message"].endswith(".")
    assert await world.scalar("SELECT count(*) FROM events") == 0


async def test_what_is_refused_is_no_exception_in_the_log(tenant: Caller, caplog: pytest.LogCaptureFixture) -> None:
    await _answer(tenant, b"hello\r\n\r\n")
    assert not caplog.records


async def test_an_expectation_of_100_continue_is_met(tenant: Caller) -> None:
    reader, writer = await _open(tenant)
    writer.write(HEAD.replace(b"KEY", tenant.key.encode()) + LENGTH + b"Expect: 100-continue\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(EVENT)
    assert (await reader.readline()).startswith(b"HTTP/1.1 202 ")
    writer.close()


@pytest.mark.usefixtures("quick_limits")
@pytest.mark.parametrize("sent", [b"", b"G", b"POST /v1/events HTTP/1.1\r\nHost: x\r\n"])
async def test_a_head_that_never_ends_is_not_waited_for(tenant: Caller, sent: bytes) -> None:
    reader, writer = await _open(tenant)
    writer.write(sent)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


@pytest.mark.usefixtures("quick_limits")
async def test_a_connection_that_is_idle_is_closed_and_one_that_is_used_is_not(
    tenant: Caller,
) -> None:
    reader, writer = await _open(tenant)
    async with asyncio.timeout(5):
        for _ in range(3):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
            await reader.readuntil(b"}")
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        assert await reader.read() == b""
    writer.close()


@pytest.mark.usefixtures("quick_limits")
async def test_who_never_reads_a_long_answer_is_not_waited_for(tenant: Caller) -> None:
    for _ in range(40):
        await tenant.http.post("/v1/events", json={"type": "a", "data": {"a": "x" * 250_000}})
    reader, writer = await _open(tenant)
    writer.write(
        b"GET /v1/events?limit=40 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + tenant.key.encode() + b"\r\n\r\n"
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    cast(asyncio.Transport, writer.transport).pause_reading()

    async def is_cut() -> bool:
        writer.write(b"\r\n")
        return writer.transport.is_closing()

    await eventually_async(is_cut, "the connection is cut", 5)


def test_a_process_takes_as_many_sockets_as_it_may() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        raise_open_files_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_system_that_takes_no_unlimited_number_of_sockets_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS says that there is no hard limit, and refuses a soft one like it."""

    def refuse(_: int, limits: tuple[int, int]) -> None:
        raise ValueError(limits)

    monkeypatch.setattr(resource, "getrlimit", lambda _: (10_240, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    raise_open_files_limit()


async def _open(caller: Caller) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    url = urlsplit(str(caller.http.base_url))
    return await asyncio.open_connection(url.hostname, url.port)


async def _answer(caller: Caller, sent: bytes) -> tuple[str, bytes]:
    """Return head and body of what comes back."""
    reader, writer = await _open(caller)
    writer.write(sent)
    async with asyncio.timeout(5):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        (length,) = [line.partition(": ")[2] for line in head.splitlines() if line.startswith("Content-Length")]
        body = await reader.readexactly(int(length))
    writer.close()
    return head, body
