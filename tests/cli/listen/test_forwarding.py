"""What a local server gets of a request, byte for byte, and what goes back of its answer, or of its failure."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable

import pytest
import trustme

from flux_dispatch.cli.listen.forwarding import Forwarder, is_answering
from flux_dispatch.cli.listen.local_url import parse_local_url
from flux_dispatch.cli.listen.options import ForwardOptions
from flux_dispatch.tunnel.frames import MAX_BODY_BYTES, Answer, Failed, Headers, Request
from tests.support.raw_receivers import Script, answering, listening, read_request, resetting_after, silent

PUBLIC = "https://flux.example/in/lst_x"
EVERY_BYTE = bytes(range(256))
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


def request(method: str = "POST", path: str = "", query: str = "", headers: Headers = (), body: bytes = b"") -> Request:
    return Request("r1", method, path, query, headers, None, "2026-01-15T10:30:00Z", body)


async def forward(url: str, sent: Request, options: ForwardOptions = ForwardOptions()) -> Answer | Failed:  # noqa: B008 - it is frozen
    async with Forwarder(parse_local_url(url), PUBLIC, options) as forwarder:
        return await forwarder.forward(sent)


def recording(requests: list[bytes], answer: bytes = OK) -> Script:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        writer.write(answer)
        await writer.drain()

    return talk


async def test_a_request_arrives_as_it_was_sent() -> None:
    requests: list[bytes] = []
    headers: Headers = (
        ("Content-Type", "application/json"),
        ("flux-signature", "t=1,v1=ab"),
        ("X-Twice", "a"),
        ("x-twice", "b"),
        ("Cookie", "session=1"),
        ("X-Umlaut", "ü"),
    )
    async with listening(recording(requests)) as port:
        sent = request("PUT", "/a%2Fb//c;x=1", "q=%zz&a[]=1+2", headers, EVERY_BYTE)
        answer = await forward(f"localhost:{port}/hooks", sent)
    assert answer == Answer("r1", 200, (), b"")
    head, body = requests[0].split(b"\r\n\r\n", 1)
    assert body == EVERY_BYTE
    assert head.split(b"\r\n") == [
        b"PUT /hooks/a%2Fb//c;x=1?q=%zz&a[]=1+2 HTTP/1.1",
        f"Host: localhost:{port}".encode(),
        b"X-Forwarded-Host: flux.example",
        b"X-Forwarded-Proto: https",
        b"Content-Type: application/json",
        b"flux-signature: t=1,v1=ab",
        b"X-Twice: a",
        b"X-Twice: b",
        "X-Umlaut: ü".encode(),
        b"Content-Length: 256",
        b"Connection: close",
    ]


async def test_nothing_is_added_to_a_request_without_a_body() -> None:
    requests: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)

    async with listening(talk) as port:
        await forward(str(port), request("GET", "/x"))
        await forward(str(port), request("POST"))
    assert requests[0].split(b"\r\n")[0] == b"GET /x HTTP/1.1"
    assert b"content-type" not in requests[0].lower()
    assert b"content-length" not in requests[0].lower()
    assert b"\r\nContent-Length: 0\r\n" in requests[1]


async def test_added_headers_reach_the_local_server() -> None:
    requests: list[bytes] = []
    async with listening(recording(requests)) as port:
        options = ForwardOptions(headers=(("Host", "shop.test"), ("Authorization", "Basic YTpi")))
        await forward(str(port), request(body=b"x"), options)
    lines = requests[0].split(b"\r\n")
    assert b"Host: shop.test" in lines
    assert b"Authorization: Basic YTpi" in lines
    assert sum(line.lower().startswith(b"host:") for line in lines) == 1


@pytest.mark.parametrize("size", [0, 1, MAX_BODY_BYTES])
async def test_an_answer_comes_back_byte_for_byte(size: int) -> None:
    body = (EVERY_BYTE * (size // 256 + 1))[:size]
    head = (
        b"HTTP/1.1 418 I'm a teapot\r\ncontent-encoding: gzip\r\nX-Latin: caf\xe9\r\nX-A: 1\r\nx-a: 2\r\n"
        b"Set-Cookie: a=b\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\ncontent-length: %d\r\n\r\n" % size
    )
    async with listening(answering(head + body)) as port:
        answer = await forward(str(port), request(body=b"x"))
    headers = (("content-encoding", "gzip"), ("X-Latin", "caf\udce9"), ("X-A", "1"), ("x-a", "2"))
    assert answer == Answer("r1", 418, headers, body)


async def test_a_chunked_answer_is_put_together() -> None:
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    async with listening(answering(chunked)) as port:
        assert await forward(str(port), request(body=b"x")) == Answer("r1", 200, (), b"abc")


async def test_a_redirect_is_answered_as_it_is() -> None:
    requests: list[bytes] = []
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\ncontent-length: 0\r\n\r\n"
    async with listening(recording(requests, moved)) as port:
        answer = await forward(str(port), request(body=b"x"))
    assert answer == Answer("r1", 302, (("Location", "http://elsewhere.example/"),), b"")
    assert len(requests) == 1


async def test_long_headers_of_frameworks_come_back() -> None:
    policy = "default-src 'self' " * 600
    head = f"HTTP/1.1 200 OK\r\nContent-Security-Policy: {policy}\r\ncontent-length: 0\r\n\r\n".encode()
    async with listening(answering(head)) as port:
        answer = await forward(str(port), request(body=b"x"))
    assert answer == Answer("r1", 200, (("Content-Security-Policy", policy.strip()),), b"")


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        (silent, "timeout", "did not answer within 0.3 s"),
        (resetting_after, "connection_lost", "closed the connection"),
        (answering(), "connection_lost", "closed the connection"),
        (answering(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"), "connection_lost", "closed the connection"),
        (answering(b"220 smtp.example ESMTP\r\n"), "bad_answer", "is not HTTP"),
        (answering(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), "bad_answer", "with the status 101"),
        (answering(b"HTTP/1.1 099 What\r\ncontent-length: 0\r\n\r\n"), "bad_answer", "with the status 99"),
        (
            answering(b"HTTP/1.1 200 OK\r\ncontent-length: 1048577\r\n\r\n" + bytes(MAX_BODY_BYTES + 1)),
            "answer_too_large",
            "larger than 1024 KiB",
        ),
        (
            answering(b"HTTP/1.1 200 OK\r\n" + b"x-long: " + "é".encode() * 30_000 + b"\r\n" * 1 + b"x-long: "
            + "é".encode() * 30_000 + b"\r\ncontent-length: 0\r\n\r\n"),
            "answer_too_large",
            "head is larger than 256 KiB",
        ),
    ],
    ids=["silent", "reset", "closed", "cut", "not HTTP", "101", "99", "large", "large head"],
)  # fmt: skip
async def test_a_local_server_that_fails_is_told_in_a_word_and_a_sentence(script: Script, code: str, said: str) -> None:
    async with listening(script) as port:
        failed = await forward(str(port), request(body=b"x"), ForwardOptions(seconds=0.3))
    assert isinstance(failed, Failed)
    assert (failed.code, said in failed.message) == (code, True), failed
    assert f"http://localhost:{port}" in failed.message or code == "answer_too_large"


async def test_a_local_server_that_is_down_is_told_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert not await is_answering(parse_local_url(str(port)))
    failed = await forward(str(port), request())
    assert failed == Failed(
        "r1", "connection_refused", f"Nothing listens at http://localhost:{port}. Start your server."
    )


async def test_it_says_that_something_listens() -> None:
    async with listening(silent) as port:
        assert await is_answering(parse_local_url(str(port)))


@pytest.fixture(scope="module")
def certificate() -> trustme.LeafCert:
    return trustme.CA().issue_cert("localhost")


async def test_a_self_signed_certificate_is_refused_unless_it_shall_be_believed(
    certificate: trustme.LeafCert,
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    async with listening(answering(OK), context) as port:
        refused = await forward(f"https://localhost:{port}", request(body=b"x"))
        answer = await forward(f"https://localhost:{port}", request(body=b"x"), ForwardOptions(skip_verify=True))
    assert isinstance(refused, Failed)
    assert refused.code == "tls_error"
    assert "Give --skip-verify." in refused.message
    assert answer == Answer("r1", 200, (), b"")


async def test_https_to_a_server_of_http_says_so() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with listening(plain) as port:
        failed = await forward(f"https://localhost:{port}", request())
    assert isinstance(failed, Failed)
    assert (failed.code, "right scheme" in failed.message) == ("tls_error", True), failed


async def test_no_path_leads_out_of_the_local_url() -> None:
    requests: list[bytes] = []
    async with listening(recording(requests)) as port:
        failed = await forward(f"{port}/hooks", request(path="/%2e%2e/admin"))
    assert failed == Failed("r1", "path_refused", "The path leads out of /hooks.")
    assert requests == []


Lookup = Callable[..., Awaitable[list[tuple[object, ...]]]]


async def test_a_name_that_leads_to_another_machine_later_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    # 192.0.2.1 is in the part of the Internet that is for documentation (RFC 5737); nobody is there
    async def elsewhere(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", elsewhere)
    failed = await forward("shop.test:3000", request())
    assert failed == Failed(
        "r1", "not_local", "shop.test is 192.0.2.1, which is not this machine. Give --allow-remote to allow that."
    )


async def test_a_name_that_is_not_known_says_so() -> None:
    failed = await forward("no-such-host.invalid:3000", request())
    assert failed == Failed("r1", "dns_error", "no-such-host.invalid is not known.")
