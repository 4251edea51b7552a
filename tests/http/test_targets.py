"""What is requested is what was registered: path, query and host, and nobody else's socket is dialled."""

import asyncio
import time

import pytest

from flux_dispatch.domain.address import AddressPolicy
from flux_dispatch.domain.outcome import ErrorClass, NoResponse, Succeeded
from flux_dispatch.domain.url import normalize_url
from flux_dispatch.http.sender import AiohttpSender, SenderLimits
from flux_dispatch.http.target import Target
from tests.http.test_sender import LOCAL, Names, claim
from tests.support.raw_receivers import OK, listening, read_request


async def head_at(sender: AiohttpSender, host: str, target: str) -> tuple[str, str, int]:
    """Return the request line and the Host header that a receiver gets, and its port."""
    got: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await read_request(reader))
        writer.write(OK)

    async with listening(talk) as port:
        url = normalize_url(f"http://{host}:{port}{target}", require_https=False, policy=LOCAL)
        assert await sender.send(claim(url), int(time.time())) == Succeeded(200, "ok")
    lines = got[0].decode().split("\r\n")
    return lines[0], next(line for line in lines if line.lower().startswith("host:")).partition(": ")[2], port


@pytest.mark.parametrize(
    "target",
    [
        *(
            "/a%3Ab?sp=%2Ftriggers&list[]=1&z=%41",
            "/a/%2e%2e/b",
            "/a/../b",
            "/a//./b",
            "/q?",
            "/?",
            "/%7euser/%E2%82%AC",
        ),
        *("/a?b?c=/d:@e", "/;v=1,2(3)!$&'*+=", "/c?sig=a%2Fb%3D%2B&x=a%20b", "/?u=http%3A%2F%2Fy", "/?a+b"),
    ],
)
async def test_path_and_query_are_sent_byte_for_byte(target: str) -> None:
    async with AiohttpSender(SenderLimits(2), LOCAL) as sender:
        line, host, port = await head_at(sender, "127.0.0.1", target)
    assert line == f"POST {target} HTTP/1.1"
    assert host == f"127.0.0.1:{port}"


async def test_a_name_is_the_host_that_the_receiver_sees() -> None:
    names = Names(hook=["127.0.0.1"], **{"xn--bcher-kva": ["127.0.0.1"]})
    async with AiohttpSender(SenderLimits(2), LOCAL, names) as sender:
        line, host, port = await head_at(sender, "Hook.Example.com.", "?a=b#fragment")
        assert (line, host) == ("POST /?a=b HTTP/1.1", f"hook.example.com:{port}")
        _, host, port = await head_at(sender, "b\u00fccher.example", "")
        assert host == f"xn--bcher-kva.example:{port}"


@pytest.mark.parametrize(
    ("url", "host", "dialled"),
    [
        ("https://example.com/x", "example.com", ("example.com", 443)),
        ("http://example.com/x", "example.com", ("example.com", 80)),
        ("https://example.com:8443/x", "example.com:8443", ("example.com", 8443)),
        ("https://[2606:4700::1111]/x", "[2606:4700::1111]", ("2606:4700::1111", 443)),
        ("http://[::1]:3000/x", "[::1]:3000", ("::1", 3000)),
        ("https://under_score.example.com/", "under_score.example.com", ("under_score.example.com", 443)),
    ],
)
def test_what_is_dialled_is_what_the_url_says(url: str, host: str, dialled: tuple[str, int]) -> None:
    target = Target(url)
    assert target.start.endswith(f"\r\nHost: {host}\r\n")
    assert (target.place.raw_host, target.place.port) == dialled


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://127.0.0.1:1/a b",
            "http://127.0.0.1:1/\r\nx: y",
            "http://127.0.0.1:1/\u00fc",
            "http://a@127.0.0.1:1/",
        ),
        *("http://exa\u2460mple.com/", "tcp://127.0.0.1:1/", "127.0.0.1:1", "http://127.0.0.1\\@example.com/", ""),
    ],
)
async def test_a_stored_url_that_was_never_checked_is_not_sent_to(url: str) -> None:
    async with AiohttpSender(SenderLimits(2), AddressPolicy()) as sender:
        outcome = await sender.send(claim(url), 1)
    assert isinstance(outcome, NoResponse)
    assert outcome.error is ErrorClass.CONNECTION_FAILED
    assert "set it anew" in outcome.detail
