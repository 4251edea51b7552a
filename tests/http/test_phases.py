"""Where the time of an attempt went, and what its receiver said, as people read it who look for the cause."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

from flux_dispatch.domain.outcome import ErrorClass, Outcome, Rejected, Succeeded, to_record
from flux_dispatch.domain.phases import NO_PHASES, Phase, Phases
from flux_dispatch.http.response import MAX_HEADERS, MAX_HEADERS_LENGTH
from flux_dispatch.http.sender import AiohttpSender, SenderLimits
from tests.http.test_sender import LOCAL, TIMEOUT, send
from tests.support.raw_receivers import OK, Script, answering, listening, read_request, repeating, resetting, silent
from tests.support.waiting import pause

PAUSE = 0.1


@pytest.fixture
async def sender() -> AsyncIterator[AiohttpSender]:
    async with AiohttpSender(SenderLimits(timeout_seconds=TIMEOUT), LOCAL) as sender:
        yield sender


async def attempt(sender: AiohttpSender, talk: Script, scheme: str = "http", **options: Any) -> Outcome:
    async with listening(talk, **options) as port:
        return cast(Outcome, await send(sender, f"{scheme}://127.0.0.1:{port}/"))


def taken(phases: Phases) -> list[str]:
    return [phase for phase in Phase if getattr(phases, phase) is not None]


async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Wait before the answer, and twice as long within it."""
    await read_request(reader)
    await pause(PAUSE)
    writer.write(OK[:-2])
    await pause(2 * PAUSE)
    writer.write(OK[-2:])


async def test_each_phase_is_measured_and_together_they_are_the_whole(sender: AiohttpSender) -> None:
    began = time.perf_counter()
    phases = (await attempt(sender, slow)).phases
    took = time.perf_counter() - began
    assert taken(phases) == ["dns", "connect", "wait", "read"]
    assert phases.wait is not None
    assert phases.read is not None
    assert phases.wait == pytest.approx(PAUSE, abs=0.08)
    assert phases.read == pytest.approx(2 * PAUSE, abs=0.08)
    assert 3 * PAUSE - 0.01 < sum(each or 0 for each in phases) <= took


async def test_a_connection_that_was_there_took_no_time_to_make(sender: AiohttpSender) -> None:
    refusal = b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (OK, OK, refusal):
            await read_request(reader)
            writer.write(answer)
        await slow(reader, writer)

    async with listening(talk) as port:
        outcomes = [cast(Succeeded, await send(sender, f"http://127.0.0.1:{port}/")) for _ in range(4)]
    first, quick, refused, late = [taken(each.phases) for each in outcomes]
    assert first == ["dns", "connect", "wait", "read"]
    assert quick == [], "all of it was a wait"
    assert refused == late == ["wait", "read"]


@pytest.mark.parametrize(
    ("talk", "scheme", "error", "phases"),
    [
        pytest.param(silent, "http", "timeout", ["dns", "connect", "wait"], id="never answers"),
        pytest.param(silent, "https", "timeout", ["dns", "connect", "tls"], id="never shakes hands"),
        pytest.param(
            repeating(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n", 0.02),
            "http",
            "timeout",
            ["dns", "connect", "wait", "read"],
            id="drips its headers",
        ),
        pytest.param(resetting, "http", "connection_reset", ["dns", "connect", "wait"], id="hangs up"),
    ],
)
async def test_an_attempt_that_fails_says_in_which_phase(
    sender: AiohttpSender, talk: Script, scheme: str, error: str, phases: list[str]
) -> None:
    record = to_record(await attempt(sender, talk, scheme))
    assert (record.error, taken(record.phases)) == (error, phases)
    if error == ErrorClass.TIMEOUT:
        assert sum(each or 0 for each in record.phases) == pytest.approx(TIMEOUT, abs=0.2)


async def test_a_bad_certificate_is_the_fault_of_tls(sender: AiohttpSender) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    record = to_record(await attempt(sender, silent, "https", context=context))
    assert (record.error, record.phases.last) == (ErrorClass.TLS_ERROR, Phase.TLS)


async def test_name_servers_that_do_not_answer_are_seen() -> None:
    class Mute(AbstractResolver):
        async def resolve(self, *_: Any, **__: Any) -> list[ResolveResult]:
            return cast(list[ResolveResult], await asyncio.get_running_loop().create_future())

        async def close(self) -> None:
            return

    async with AiohttpSender(SenderLimits(timeout_seconds=TIMEOUT), LOCAL, Mute()) as sender:
        record = to_record(cast(Outcome, await send(sender, "http://hook.example.com/")))
    assert (record.error, taken(record.phases)) == (ErrorClass.TIMEOUT, ["dns"])


async def test_what_an_endpoint_refuses_with_is_kept_but_no_cookie(sender: AiohttpSender) -> None:
    head = (
        b"HTTP/1.1 401 No\r\nServer: nginx \x1b\r\nVia: a\r\nvia: b\r\nWWW-Authenticate: Basic\r\n"
        b"Set-Cookie: session=secret\r\nset-cookie: other=secret\r\nContent-Length: 2\r\n\r\nno"
    )
    record = to_record(await attempt(sender, answering(head)))
    assert record.headers == {
        "server": "nginx \N{REPLACEMENT CHARACTER}",
        "via": "a, b",
        "www-authenticate": "Basic",
        "set-cookie": "[left out]",
        "content-length": "2",
    }
    assert record.detail == "no [its headers are malformed]"


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        (b"".join(b"x-%d: y\r\n" % number for number in range(50)), MAX_HEADERS),
        (b"x: " + b"y" * 9999 + b"\r\nz: z\r\n", 1),
        (b"x" * 9999 + b": y\r\n", 0),
        (b"x: y\r\n" * 9999, 1),
        (b"no colon\r\n: no name\r\nx: y\r\n", 1),
    ],
)
async def test_headers_are_kept_within_bounds(sender: AiohttpSender, fields: bytes, count: int) -> None:
    outcome = await attempt(sender, answering(b"HTTP/1.1 500 No\r\n" + fields + b"content-length: 0\r\n\r\n"))
    headers = cast(Rejected, outcome).headers
    assert len([name for name in headers if name != "content-length"]) == count
    assert sum(len(name) + len(value) for name, value in headers.items()) <= MAX_HEADERS_LENGTH


async def test_of_a_success_no_headers_are_kept(sender: AiohttpSender) -> None:
    record = to_record(await attempt(sender, answering(OK)))
    assert (record.headers, record.detail) == (None, "ok")
    assert record.phases != NO_PHASES
