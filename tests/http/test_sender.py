"""Whatever a receiver does, an attempt ends in time, with the right outcome, and costs no memory."""

import asyncio
import gzip
import json
import resource
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from email.utils import formatdate
from functools import partial
from ipaddress import ip_network
from typing import Any, cast

import pytest
import standardwebhooks
import stripe
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

from flux_dispatch import __version__
from flux_dispatch.domain.address import AddressPolicy
from flux_dispatch.domain.claim import Claim
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, WebhookId
from flux_dispatch.domain.outcome import ErrorClass, NoResponse, Outcome, Rejected, Succeeded, Unsent
from flux_dispatch.http.sender import AiohttpSender, SenderLimits
from tests.support.raw_receivers import (
    OK,
    answering,
    listening,
    read_request,
    repeating,
    resetting,
    resetting_after,
    silent,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
LOCAL = AddressPolicy(allow=(ip_network("127.0.0.0/8"), ip_network("::1/128")))
TIMEOUT = 0.4
BODY = b'{"id":"evt_1","type":"order.completed","created":"2026-01-15T10:30:00Z","data":{}}'


def claim(url: str, body: bytes = BODY, **headers: str) -> Claim:
    return Claim(
        delivery=DeliveryId("dlv_" + "1" * 32),
        event=EventId("evt_" + "2" * 32),
        webhook=WebhookId("wh_" + "3" * 32),
        account=AccountId("acct_" + "4" * 32),
        lease_token="0" * 32,
        attempt=3,
        wait_seconds=0,
        url=url,
        secrets=(SECRET, OLD_SECRET),
        headers=headers,
        body=body,
    )


@pytest.fixture
async def sender() -> AsyncIterator[AiohttpSender]:
    async with AiohttpSender(SenderLimits(timeout_seconds=TIMEOUT), LOCAL) as sender:
        yield sender


async def send(sender: AiohttpSender, url: str) -> Outcome | Unsent:
    return await sender.send(claim(url), int(time.time()))


async def test_a_receiver_gets_exactly_what_the_contract_says(sender: AiohttpSender) -> None:
    got = asyncio.get_running_loop().create_future()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.set_result(await read_request(reader))
        writer.write(OK)

    now = int(time.time())
    async with listening(talk) as port:
        sent = claim(f"http://127.0.0.1:{port}/hook?a=b", **{"X-Tenant": "blue"})
        assert await sender.send(sent, now) == Succeeded(200, "ok")
    head, _, body = (await got).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert first == "POST /hook?a=b HTTP/1.1"
    assert body == sent.body
    assert set(headers) == {
        *("host", "content-type", "content-length", "user-agent", "flux-signature", "webhook-id", "webhook-timestamp"),
        *("webhook-signature", "flux-delivery", "flux-attempt", "x-tenant"),
    }
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == f"Flux-Dispatch/{__version__}"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (sent.event, str(now))
    assert (headers["flux-delivery"], headers["flux-attempt"]) == (sent.delivery, "3")
    for secret in (SECRET, OLD_SECRET):
        assert stripe.WebhookSignature.verify_header(body.decode(), headers["flux-signature"], secret, tolerance=300)
        standardwebhooks.Webhook(secret).verify(body, headers)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_a_success(sender: AiohttpSender, status: int) -> None:
    async with listening(answering(b"HTTP/1.1 %d Yes\r\ncontent-length: 0\r\n\r\n" % status)) as port:
        assert await send(sender, f"http://127.0.0.1:{port}/") == Succeeded(status)


@pytest.mark.parametrize("status", [304, 400, 401, 404, 410, 500, 502])
async def test_anything_else_is_not(sender: AiohttpSender, status: int) -> None:
    async with listening(answering(b"HTTP/1.1 %d No\r\ncontent-length: 0\r\n\r\n" % status)) as port:
        outcome = await send(sender, f"http://127.0.0.1:{port}/")
    assert isinstance(outcome, Rejected)
    assert (outcome.status, outcome.is_gone) == (status, status == 410)


@pytest.mark.parametrize("status", [b"099", b"999", b"000"])
async def test_a_status_that_http_does_not_have_is_a_bad_response(sender: AiohttpSender, status: bytes) -> None:
    async with listening(answering(b"HTTP/1.1 " + status + b" Hm\r\ncontent-length: 0\r\n\r\n")) as port:
        assert error_of(await send(sender, f"http://127.0.0.1:{port}/")) is ErrorClass.BAD_RESPONSE


async def test_switching_protocols_is_a_failure(sender: AiohttpSender) -> None:
    head = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nhello"
    async with listening(answering(head)) as port:
        outcome = await send(sender, f"http://127.0.0.1:{port}/")
    assert isinstance(outcome, Rejected)
    assert outcome.status == 101


async def test_an_informational_answer_is_waited_through(sender: AiohttpSender) -> None:
    async with listening(answering(b"HTTP/1.1 199 Soon\r\n\r\n" + OK)) as port:
        assert await send(sender, f"http://127.0.0.1:{port}/") == Succeeded(200, "ok")


async def test_a_header_with_a_line_break_never_leaves(sender: AiohttpSender) -> None:
    requests: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.read(1))
        writer.write(OK)

    async with listening(talk) as port:
        sent = claim(f"http://127.0.0.1:{port}/", **{"X-Tenant": "blue\r\nX-Other: red"})
        assert isinstance(await sender.send(sent, int(time.time())), NoResponse)
    assert not any(requests)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_a_failure_and_not_followed(sender: AiohttpSender, status: int) -> None:
    async with listening(resetting) as elsewhere:
        head = b"HTTP/1.1 %d Go\r\nlocation: http://127.0.0.1:%d/\r\ncontent-length: 0\r\n\r\n" % (status, elsewhere)
        async with listening(answering(head)) as port:
            assert await send(sender, f"http://127.0.0.1:{port}/") == Rejected(status)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [("120", 120.0), ("1000000000", None), ("999999999", 999999999.0), ("-1", None), ("abc", None), ("1e9", None)],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_read_where_it_makes_sense(
    sender: AiohttpSender, status: int, asked: str, seconds: float | None
) -> None:
    head = f"HTTP/1.1 {status} Later\r\nretry-after: {asked}\r\ncontent-length: 0\r\n\r\n"
    async with listening(answering(head.encode())) as port:
        assert await send(sender, f"http://127.0.0.1:{port}/") == Rejected(status, "", seconds)


async def test_retry_after_may_be_a_date(sender: AiohttpSender) -> None:
    head = (
        f"HTTP/1.1 503 Later\r\nretry-after: {formatdate(time.time() + 100, usegmt=True)}\r\ncontent-length: 0\r\n\r\n"
    )
    async with listening(answering(head.encode())) as port:
        outcome = await send(sender, f"http://127.0.0.1:{port}/")
    assert isinstance(outcome, Rejected)
    assert outcome.retry_after_seconds == pytest.approx(100, abs=3)


@pytest.fixture
def far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_from_greenwich")
@pytest.mark.parametrize(
    "written",
    [
        partial(formatdate, usegmt=True),
        # the three forms of HTTP (RFC 9110, 5.6.7), and mail's
        lambda seconds: time.strftime("%A, %d-%b-%y %H:%M:%S GMT", time.gmtime(seconds)),
        lambda seconds: time.asctime(time.gmtime(seconds)),
        formatdate,
    ],
    ids=["fixed", "long day", "asctime", "-0000"],
)
@pytest.mark.parametrize("now", [1_600_000_000, 1_900_000_000])
async def test_a_date_of_retry_after_counts_by_the_time_that_the_post_was_signed_with(
    sender: AiohttpSender, now: int, written: Callable[[int], str]
) -> None:
    head = f"HTTP/1.1 429 Later\r\nretry-after: {written(now + 100)}\r\ncontent-length: 0\r\n\r\n"
    async with listening(answering(head.encode())) as port:
        outcome = await sender.send(claim(f"http://127.0.0.1:{port}/"), now)
    assert isinstance(outcome, Rejected)
    assert outcome.retry_after_seconds == pytest.approx(100, abs=3)


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(silent, id="never answers"),
        pytest.param(repeating(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n", 0.02), id="drips headers"),
        pytest.param(repeating(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.005), id="endless 1xx"),
    ],
)
async def test_what_takes_too_long_ends_at_the_time_limit(sender: AiohttpSender, talk: Any) -> None:
    began = time.monotonic()
    async with listening(talk) as port:
        assert error_of(await send(sender, f"http://127.0.0.1:{port}/")) is ErrorClass.TIMEOUT
    assert time.monotonic() - began < TIMEOUT + 1


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", b"a", id="drips the body"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000000000\r\n\r\n", b"a" * 9999, id="huge body"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", b"a" * 9999, id="infinite body"),
        pytest.param(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"5\r\naaaaa\r\n", id="infinite chunks"),
    ],
)
async def test_after_a_2xx_no_body_changes_the_success_nor_fills_the_memory(
    sender: AiohttpSender, head: bytes, piece: bytes
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with listening(repeating(head, piece, 0.02 if len(piece) == 1 else 0)) as port:
        outcome = await send(sender, f"http://127.0.0.1:{port}/")
    assert isinstance(outcome, Succeeded)
    assert len(outcome.excerpt) < 1200
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


async def test_a_gzip_bomb_is_not_opened(sender: AiohttpSender) -> None:
    bomb = gzip.compress(b"\0" * 20_000_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    async with listening(answering(head, bomb)) as port:
        outcome = await send(sender, f"http://127.0.0.1:{port}/")
    assert isinstance(outcome, Succeeded)
    assert len(outcome.excerpt) < 1200


@pytest.mark.parametrize("talk", [resetting, resetting_after, answering()], ids=["before", "after", "just closed"])
async def test_a_connection_that_breaks_off_is_a_reset(sender: AiohttpSender, talk: Any) -> None:
    async with listening(talk) as port:
        assert error_of(await send(sender, f"http://127.0.0.1:{port}/")) is ErrorClass.CONNECTION_RESET


async def test_a_2xx_whose_body_breaks_off_is_a_success_and_noted(sender: AiohttpSender) -> None:
    async with listening(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")) as port:
        outcome = await send(sender, f"http://127.0.0.1:{port}/")
    assert isinstance(outcome, Succeeded)
    assert "broke off" in outcome.excerpt


async def test_nothing_listening_is_a_refused_connection(sender: AiohttpSender) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert error_of(await send(sender, f"http://127.0.0.1:{port}/")) is ErrorClass.CONNECTION_REFUSED


async def test_an_answer_is_kept_as_harmless_text(sender: AiohttpSender) -> None:
    body = b"<script>\x1b[31m\0\xff\xfe\r\nend"
    async with listening(answering(b"HTTP/1.1 500 No\r\ncontent-length: %d\r\n\r\n" % len(body), body)) as port:
        outcome = await send(sender, f"http://127.0.0.1:{port}/")
    excerpt = cast(Rejected, outcome).excerpt
    assert excerpt.startswith("<script>")
    assert not {"\0", "\x1b", "\r"} & set(excerpt)
    json.dumps(excerpt).encode()


async def test_a_cookie_is_not_kept(sender: AiohttpSender) -> None:
    requests: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            requests.append(await read_request(reader))
            writer.write(b"HTTP/1.1 200 OK\r\nset-cookie: a=b; Path=/\r\ncontent-length: 0\r\n\r\n")

    async with listening(talk) as port:
        for _ in range(2):
            await send(sender, f"http://127.0.0.1:{port}/")
    assert len(requests) == 2
    assert b"cookie" not in requests[1].lower()


async def test_a_connection_is_used_again(sender: AiohttpSender) -> None:
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            await read_request(reader)
            writer.write(OK)

    async with listening(talk) as port:
        for _ in range(5):
            assert isinstance(await send(sender, f"http://127.0.0.1:{port}/"), Succeeded)
    assert connections == 1


class TestTls:
    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    async def test_a_certificate_that_nobody_vouches_for(self, sender: AiohttpSender, authority: trustme.CA) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        async with listening(answering(OK), context) as port:
            outcome = await send(sender, f"https://localhost:{port}/")
        assert error_of(outcome) is ErrorClass.TLS_ERROR
        assert "certificate" in cast(NoResponse, outcome).detail

    async def test_plain_http_where_tls_is_expected(self, sender: AiohttpSender) -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await writer.drain()

        async with listening(talk) as port:
            assert error_of(await send(sender, f"https://127.0.0.1:{port}/")) is ErrorClass.TLS_ERROR

    async def test_a_server_that_stalls_in_the_handshake(self, sender: AiohttpSender) -> None:
        async with listening(silent) as port:
            assert error_of(await send(sender, f"https://127.0.0.1:{port}/")) is ErrorClass.TIMEOUT


class Names(AbstractResolver):
    """A resolver that knows a few names, at the place where aiohttp takes one."""

    def __init__(self, **addresses: list[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        assert family is not None
        return [
            ResolveResult(hostname=host, host=each, port=port, family=socket.AF_INET, proto=0, flags=0)
            for each in self._addresses[host.partition(".")[0]]
        ]

    async def close(self) -> None:
        return


class TestAddresses:
    async def test_an_address_that_dns_names_is_guarded(self) -> None:
        reached = False

        async def talk(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
            nonlocal reached
            reached = True

        names = Names(evil=["127.0.0.1"], many=["127.0.0.1", "10.0.0.1"])
        async with AiohttpSender(SenderLimits(TIMEOUT), AddressPolicy(), names) as sender, listening(talk) as port:
            for name in ("evil", "many"):
                outcome = await send(sender, f"http://{name}.example.com:{port}/")
                assert error_of(outcome) is ErrorClass.BLOCKED_ADDRESS
            assert error_of(await send(sender, f"http://127.0.0.1:{port}/")) is ErrorClass.BLOCKED_ADDRESS
        assert not reached

    async def test_of_two_addresses_only_the_permitted_one_is_dialled(self) -> None:
        policy = AddressPolicy(allow=(ip_network("127.0.0.1/32"),))
        names = Names(both=["127.0.0.2", "127.0.0.1"])
        async with AiohttpSender(SenderLimits(TIMEOUT), policy, names) as sender, listening(answering(OK)) as port:
            assert await send(sender, f"http://both.example.com:{port}/") == Succeeded(200, "ok")

    async def test_localhost_is_known(self, sender: AiohttpSender) -> None:
        async with listening(answering(OK)) as port:
            assert await send(sender, f"http://localhost:{port}/") == Succeeded(200, "ok")

    async def test_a_name_that_does_not_exist(self) -> None:
        async with AiohttpSender(SenderLimits(timeout_seconds=10), LOCAL) as sender:
            began = time.monotonic()
            outcome = await send(sender, "http://no-such-name.invalid/")
        assert error_of(outcome) is ErrorClass.DNS_ERROR
        assert time.monotonic() - began < 5


def error_of(outcome: Outcome | Unsent) -> ErrorClass:
    assert isinstance(outcome, NoResponse), outcome
    return outcome.error
