"""The status line decides: whatever a receiver sends after it, and in whatever pieces, the answer stays what it is."""

import asyncio
import resource
import time
from collections.abc import AsyncIterator
from typing import cast

import pytest

from flux_dispatch.domain.outcome import ErrorClass, NoResponse, Outcome, Rejected, Succeeded
from flux_dispatch.http.sender import AiohttpSender, SenderLimits
from tests.http.test_sender import LOCAL, claim
from tests.support.raw_receivers import OK, Script, answering, listening, read_request, repeating
from tests.support.waiting import pause

AT_ONCE_SECONDS = 2
MALFORMED = "[its headers are malformed]"
BROKEN = "[its chunks are broken]"
CONTRADICTION = "[it gives both a length and a transfer coding]"
NO_LENGTH = "[its length is given twice, or is not a number]"
A_BODY_ON_204 = "[it announces a body, which a 204 cannot have]"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"

ODD = {
    # what follows the status line, and the excerpt with the note
    "NUL in a header": (b"a: \0\r\ncontent-length: 0\r\n\r\n", MALFORMED),
    "a header without colon": (b"nonsense\r\ncontent-length: 2\r\n\r\nok", f"ok {MALFORMED}"),
    "a space before the colon": (b"a : b\r\ncontent-length: 2\r\n\r\nok", f"ok {MALFORMED}"),
    "a folded header": (b"a: b\r\n c\r\ncontent-length: 2\r\n\r\nok", f"ok {MALFORMED}"),
    "a line that begins with a space": (b" a: b\r\ncontent-length: 2\r\n\r\nok", f"ok {MALFORMED}"),
    "both lengths": (b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", CONTRADICTION),
    "two lengths": (b"content-length: 5\r\ncontent-length: 6\r\n\r\n", NO_LENGTH),
    "two lengths in one line": (b"content-length: 5, 6\r\n\r\n", NO_LENGTH),
    "a negative length": (b"content-length: -1\r\n\r\n", NO_LENGTH),
    "a length that is no number": (b"content-length: 1_0\r\n\r\n", NO_LENGTH),
    "an endless length": (b"content-length: " + b"9" * 5000 + b"\r\n\r\n", NO_LENGTH),
    "a body cut short": (b"content-length: 100\r\n\r\nhalf", "half [the body broke off]"),
    "chunks cut short": (CHUNKED + b"5\r\nhel", "hel [the body broke off]"),
    "chunks without end": (CHUNKED + b"2\r\nok\r\n", "ok [the body broke off]"),
    "a broken chunk": (CHUNKED + b"2\r\nok\r\nzz", f"ok {BROKEN}"),
    "a chunk longer than it says": (CHUNKED + b"2\r\nokay\r\n", f"ok {BROKEN}"),
    "a chunk size of 17 digits": (CHUNKED + b"1" * 17 + b"\r\n", BROKEN),
    "an endless chunk size": (CHUNKED + b"5;" + b"a" * 5000, BROKEN),
    "a negative chunk size": (CHUNKED + b"-1\r\n", BROKEN),
    "no head": (b"", "[the head of the answer broke off]"),
    "half a head": (b"a: b\r\nc", "[the head of the answer broke off]"),
}
FINE = {
    "a header line of 5 KB": (b"content-security-policy: " + b"a" * 5000 + b"\r\ncontent-length: 2\r\n\r\nok", "ok"),
    "a hundred headers": (b"a: b\r\n" * 100 + b"content-length: 2\r\n\r\nok", "ok"),
    "bare line feeds": (b"a: b\ncontent-length: 12\n\nhi\r\n\r\nthere.", "hi\ufffd\n\ufffd\nthere."),
    "the same length twice": (b"content-length: 2\r\ncontent-length: 2\r\n\r\nok", "ok [its length is given twice"),
    "no length": (b"a: b\r\n\r\nok", "ok"),
    "an unknown transfer coding": (b"transfer-encoding: x\r\n\r\nok", "ok"),
    "chunks": (CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello"),
    "chunks with extensions and trailers": (CHUNKED + b'2;a="b"\r\nok\r\n0;c\r\nx: y\r\nz: 1\r\n\r\n', "ok"),
    "a chunk size with zeros": (CHUNKED + b"0000000000000002\r\nok\r\n0000\r\n\r\n", "ok"),
    "zipped": (b"content-encoding: gzip\r\ncontent-length: 3\r\n\r\n\x1f\x8b\x08", "\ufffd\ufffd\ufffd"),
    "names in capitals": (b"CONTENT-LENGTH:2\r\nCONNECTION:Close\r\n\r\nok", "ok"),
    "latin letters in a header": (b"a: \xe9\xff\r\ncontent-length: 2\r\n\r\nok", "ok"),
}
NOT_HTTP = {
    "an SSH banner": b"SSH-2.0-OpenSSH_9.2\r\n",
    "an HTTP/2 preface": b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80",
    "HTTP/2": b"HTTP/2 200 OK\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.10": b"HTTP/1.10 200 OK\r\n\r\n",
    "in small letters": b"http/1.1 200 OK\r\n\r\n",
    "ICY": b"ICY 200 OK\r\n\r\n",
    "no space after the status": b"HTTP/1.1 200OK\r\n\r\n",
    "two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "letters": b"HTTP/1.1 abc OK\r\n\r\n",
    "just a body": b'{"ok": true}',
    "half a status line": b"HTTP/1.1 200 O",
    "a status line without end": b"HTTP/1.1 200 " + b"a" * 100_000,
    "status 99": b"HTTP/1.1 099 Hm\r\n\r\n",
    "status 999": b"HTTP/1.1 999 Hm\r\n\r\n",
    "too many interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 4000,
    "an interim answer without end": b"HTTP/1.1 103 Hints\r\n" + b"a: b\r\n" * 20_000,
}


@pytest.fixture
async def sender() -> AsyncIterator[AiohttpSender]:
    async with AiohttpSender(SenderLimits(timeout_seconds=10), LOCAL) as sender:
        yield sender


def in_packets(*packets: bytes) -> Script:
    """Read the request, send these so that each arrives by itself, then say nothing more until the sender hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for packet in packets:
            writer.write(packet)
            await writer.drain()
            await pause(0.01)
        await reader.read()

    return talk


async def outcome_of(sender: AiohttpSender, talk: Script) -> Outcome:
    """Return what came of a POST to this receiver, and hold that it did not take long."""
    began = time.monotonic()
    async with listening(talk) as port:
        outcome = await sender.send(claim(f"http://127.0.0.1:{port}/"), int(time.time()))
    assert time.monotonic() - began < AT_ONCE_SECONDS
    assert not isinstance(outcome, str)
    return cast(Outcome, outcome)


@pytest.mark.parametrize("status", [200, 410, 500])
@pytest.mark.parametrize("case", ODD)
async def test_what_is_odd_after_the_status_line_is_noted_and_changes_nothing(
    sender: AiohttpSender, case: str, status: int
) -> None:
    after, excerpt = ODD[case]
    outcome = await outcome_of(sender, answering(b"HTTP/1.1 %d Hm\r\n%s" % (status, after)))
    assert outcome == (Succeeded(status, excerpt) if status == 200 else Rejected(status, excerpt))


@pytest.mark.parametrize("case", FINE)
async def test_what_is_unusual_but_clear_is_read(sender: AiohttpSender, case: str) -> None:
    after, excerpt = FINE[case]
    outcome = await outcome_of(sender, answering(b"HTTP/1.1 200 OK\r\n" + after))
    assert isinstance(outcome, Succeeded)
    assert outcome.excerpt.startswith(excerpt)


@pytest.mark.parametrize("status", [200, 503])
@pytest.mark.parametrize(
    "after", [b"a: b\r\n" * 20_000 + b"\r\n", b"a: " + b"b" * 1_000_000 + b"\r\n\r\n"], ids=["many", "long"]
)
async def test_a_head_beyond_measure_is_read_no_further(sender: AiohttpSender, status: int, after: bytes) -> None:
    head = b"HTTP/1.1 %d Hm\r\nretry-after: 120\r\n%s" % (status, after)
    excerpt = "[its head is longer than 65536 bytes]"
    outcome = await outcome_of(sender, answering(head))
    assert outcome == (Succeeded(200, excerpt) if status == 200 else Rejected(503, excerpt, 120.0))


async def test_endless_headers_do_not_fill_the_memory(sender: AiohttpSender) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = await outcome_of(sender, repeating(b"HTTP/1.1 200 OK\r\n", b"a: " + b"b" * 9999 + b"\r\n"))
    assert isinstance(outcome, Succeeded)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kB


@pytest.mark.parametrize(
    ("packets", "excerpt"),
    [
        ((b"content-length: 5\r\n\r\n", b"hello"), A_BODY_ON_204),
        ((b"content-length: 5\r\n\r\nhello",), f"hello {A_BODY_ON_204}"),
        ((b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",), A_BODY_ON_204),
        ((b"a: b\r\n\r\nhello",), "[it sent more than it announced]"),
        ((b"content-length: 0\r\n\r\n",), ""),
        ((b"\r\n",), ""),
    ],
)
async def test_a_204_stays_one_whatever_body_comes_with_it(
    sender: AiohttpSender, packets: tuple[bytes, ...], excerpt: str
) -> None:
    outcome = await outcome_of(sender, in_packets(b"HTTP/1.1 204 Fine\r\n" + packets[0], *packets[1:]))
    assert isinstance(outcome, Succeeded)
    assert outcome.excerpt == excerpt or outcome.excerpt.endswith(excerpt)


@pytest.mark.parametrize("is_one_packet", [True, False])
async def test_a_body_longer_than_announced_is_cut(sender: AiohttpSender, *, is_one_packet: bool) -> None:
    head, body = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", b"123456789"
    outcome = await outcome_of(sender, in_packets(head + body) if is_one_packet else in_packets(head, body))
    assert outcome == Succeeded(200, "12 [it sent more than it announced]")


@pytest.mark.parametrize("is_one_packet", [True, False])
async def test_a_broken_chunk_ends_it_at_once(sender: AiohttpSender, *, is_one_packet: bool) -> None:
    packets = b"HTTP/1.1 200 OK\r\n" + CHUNKED, b"2\r\nok\r\nnonsense"
    outcome = await outcome_of(sender, in_packets(b"".join(packets)) if is_one_packet else in_packets(*packets))
    assert outcome == Succeeded(200, f"ok {BROKEN}")


async def test_a_broken_answer_in_single_bytes_is_the_same(sender: AiohttpSender) -> None:
    whole = b"HTTP/1.1 201 Made\n" + CHUNKED + b"2\r\nok\r\nx"
    outcome = await outcome_of(sender, in_packets(*(whole[at : at + 1] for at in range(len(whole)))))
    assert outcome == Succeeded(201, f"ok {BROKEN}")


@pytest.mark.parametrize("case", NOT_HTTP)
async def test_what_is_not_http_is_a_bad_response_and_not_an_http_400(sender: AiohttpSender, case: str) -> None:
    outcome = await outcome_of(sender, answering(NOT_HTTP[case]))
    assert isinstance(outcome, NoResponse)
    assert outcome.error is ErrorClass.BAD_RESPONSE
    assert "400" not in outcome.detail


@pytest.mark.parametrize("case", ["an SSH banner", "an HTTP/2 preface", "just a body"])
async def test_what_is_not_http_is_not_waited_for(sender: AiohttpSender, case: str) -> None:
    outcome = await outcome_of(sender, in_packets(NOT_HTTP[case]))
    assert isinstance(outcome, NoResponse)
    assert outcome.error is ErrorClass.BAD_RESPONSE


async def test_a_receiver_that_speaks_first_is_heard(sender: AiohttpSender) -> None:
    async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(NOT_HTTP["an SSH banner"])
        await reader.read()

    outcome = await outcome_of(sender, greets)
    assert isinstance(outcome, NoResponse)
    assert outcome.error is ErrorClass.BAD_RESPONSE


@pytest.mark.parametrize(
    ("before", "status"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK"),
        (b"HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\nHTTP/1.1 102 Wait\r\n\r\n", b"HTTP/1.1 200 OK"),
        (b"\r\n", b"HTTP/1.1 200 OK"),
        (b"", b"HTTP/1.0 200 OK"),
        (b"", b"HTTP/1.1 200"),
        (b"", b"HTTP/1.1 200 "),
        (b"", b"HTTP/1.1 200 \xff\xfe\0 whatever"),
    ],
)
async def test_every_well_formed_status_line_is_understood(sender: AiohttpSender, before: bytes, status: bytes) -> None:
    whole = before + status + OK[OK.index(b"\r\n") :]
    assert await outcome_of(sender, answering(whole)) == Succeeded(200, "ok")
    assert await outcome_of(sender, in_packets(*(whole[at : at + 7] for at in range(0, len(whole), 7)))) == Succeeded(
        200, "ok"
    )


async def test_an_interim_answer_alone_is_no_answer(sender: AiohttpSender) -> None:
    outcome = await outcome_of(sender, answering(b"HTTP/1.1 100 Continue\r\n\r\n"))
    assert isinstance(outcome, NoResponse)
    assert outcome.error is ErrorClass.CONNECTION_RESET


async def test_a_reset_after_the_status_line_counts_the_answer(sender: AiohttpSender) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
        await pause(0.05)
        writer.transport.abort()

    assert await outcome_of(sender, talk) == Succeeded(200, "half [the body broke off]")
