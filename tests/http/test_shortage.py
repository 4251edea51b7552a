"""What this machine lacks costs no customer an attempt: such a POST was never begun."""

import asyncio
import errno
import os
import resource
import socket
import subprocess
import sys
from typing import cast

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.resolver import AsyncResolver

from flux_dispatch.domain.outcome import ErrorClass, NoResponse, Rejected, Unsent
from flux_dispatch.http.errors import fault
from flux_dispatch.http.limits import max_idle_connections, max_open_posts
from flux_dispatch.http.routes import leads_anywhere
from flux_dispatch.http.sender import AiohttpSender, SenderLimits
from tests.http.starved import POSTS, files_left
from tests.http.test_sender import LOCAL, claim
from tests.support.raw_receivers import answering, listening

KEY = cast(ConnectionKey, ConnectionKey("receiver.example", 443, True, True, None, None, None))  # noqa: FBT003 - a tuple


def starved(asks_for: str) -> list[str]:
    """Return what a process without sockets says of its POSTs, the lines of its log before."""
    run = [sys.executable, "-m", "tests.http.starved", asks_for]
    return subprocess.run(run, check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()


def test_no_socket_left_is_no_attempt() -> None:
    *logged, starving, later = starved("connections")
    assert starving == f"{POSTS} Unsent(detail='[Errno 24] Too many open files')"
    assert later == "Succeeded(status=200, excerpt='ok')"
    assert len([line for line in logged if "posts.not_begun" in line]) == 1


async def test_with_few_sockets_every_post_is_made_or_not_begun() -> None:
    refusing = answering(b"HTTP/1.1 501 Not Implemented\r\ncontent-length: 0\r\n\r\n")
    with socket.create_server(("127.0.0.1", 0), backlog=POSTS) as receiver:
        port = receiver.getsockname()[1]
        async with AiohttpSender(SenderLimits(5), LOCAL) as sender:
            with files_left(POSTS // 2):
                posts = [asyncio.create_task(sender.send(claim(f"http://127.0.0.1:{port}/"), 1)) for _ in range(POSTS)]
                # no connection is answered before one could not be opened, lest it is closed in time for the next
                await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
            async with listening(refusing, already=receiver):
                outcomes = await asyncio.gather(*posts)
    assert {type(each) for each in outcomes} == {Rejected, Unsent}


def test_no_socket_left_to_ask_a_name_server_is_no_attempt() -> None:
    assert starved("names")[-1].startswith("Unsent(detail='No name server could be asked")


async def test_name_servers_that_are_not_there_cost_no_attempt() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    names = AsyncResolver(timeout=1, tries=1, nameservers=[f"127.0.0.1:{port}"])
    async with AiohttpSender(SenderLimits(5), LOCAL, names) as sender:
        assert isinstance(await sender.send(claim("http://hook.example.com/"), 1), Unsent)


@pytest.mark.parametrize("code", [2, 3, 4, 5], ids=["failure", "no such name", "not implemented", "refused"])
async def test_what_the_name_servers_of_a_customer_say_is_an_attempt(code: int) -> None:
    class NameServer(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.DatagramTransport, transport)

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            question = data[12 : data.index(b"\0", 12) + 5]
            self.transport.sendto(data[:2] + bytes([0x81, 0x80 | code, 0, 1, 0, 0, 0, 0, 0, 0]) + question, addr)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(NameServer, ("127.0.0.1", 0))
    names = AsyncResolver(timeout=1, tries=1, nameservers=[f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"])
    async with AiohttpSender(SenderLimits(5), LOCAL, names) as sender:
        outcome = await sender.send(claim("http://hook.example.com/"), 1)
    transport.close()
    assert isinstance(outcome, NoResponse)
    assert outcome.error is ErrorClass.DNS_ERROR


@pytest.mark.parametrize(
    "number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EPERM]
)
def test_what_the_system_says_of_this_machine_is_no_attempt(number: int) -> None:
    outcome = fault(aiohttp.ClientConnectorError(KEY, OSError(number, os.strerror(number))))
    assert isinstance(outcome, Unsent)
    assert os.strerror(number) in outcome.detail


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ECONNREFUSED, ErrorClass.CONNECTION_REFUSED),
        (errno.EHOSTUNREACH, ErrorClass.CONNECTION_FAILED),
        (errno.EACCES, ErrorClass.CONNECTION_FAILED),
        (errno.EAFNOSUPPORT, ErrorClass.CONNECTION_FAILED),
        (errno.ETIMEDOUT, ErrorClass.TIMEOUT),
        (errno.ECONNRESET, ErrorClass.CONNECTION_RESET),
    ],
)
def test_what_the_system_says_of_a_receiver_is_one(number: int, kind: ErrorClass) -> None:
    outcome = fault(aiohttp.ClientConnectorError(KEY, OSError(number, os.strerror(number))))
    assert isinstance(outcome, NoResponse)
    assert outcome.error is kind


def test_a_shortage_once_a_post_has_begun_is_an_attempt() -> None:
    assert isinstance(fault(OSError(errno.ENOBUFS, "no buffers")), NoResponse)


def test_of_several_addresses_one_that_could_not_be_tried_makes_it_no_attempt() -> None:
    several = OSError("Multiple exceptions: [Errno 101] Network is unreachable, [Errno 24] Too many open files")
    assert isinstance(fault(aiohttp.ClientConnectorError(KEY, several)), Unsent)
    refused = OSError("Multiple exceptions: [Errno 101] Network is unreachable, [Errno 111] Connect call failed")
    outcome = fault(aiohttp.ClientConnectorError(KEY, refused))
    assert isinstance(outcome, NoResponse)
    assert outcome.error is ErrorClass.CONNECTION_FAILED


def test_no_route_to_one_receiver_is_an_attempt_and_no_route_at_all_is_none() -> None:
    outcome = fault(aiohttp.ClientConnectorError(KEY, OSError(errno.ENETUNREACH, "unreachable")))
    assert isinstance(outcome, NoResponse if leads_anywhere() else Unsent)


@pytest.mark.parametrize(
    ("addresses", "said"),
    [
        ("127.0.0.1", "Succeeded"),
        ("2606:4700::1111 127.0.0.1", "Succeeded"),
        ("127.0.0.1 2606:4700::1111", "Succeeded"),
        ("2606:4700::1111", "Unsent"),
        ("1.1.1.1", "Unsent"),
        ("1.1.1.1 2606:4700::1111", "Unsent"),
    ],
)
def test_a_machine_that_is_cut_off(addresses: str, said: str) -> None:
    """Only the loopback device is there: what it leads to is delivered, whatever else the name names."""
    alone = ["unshare", "--user", "--map-root-user", "--net"]
    try:
        subprocess.run([*alone, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this system does not let a process have a network of its own")
    run = [*alone, sys.executable, "-m", "tests.http.cut_off", *addresses.split()]
    ended = subprocess.run(run, check=True, capture_output=True, text=True, timeout=60)
    assert ended.stdout.split()[-1] == said  # its log comes before


@pytest.mark.parametrize(
    ("granted", "posts", "idle"), [(1024, 672, 224), (64, 42, 14), (65_536, 48_960, 16_320), (4, 3, 1)]
)
def test_what_may_be_under_way_fits_into_the_files_that_are_granted(
    monkeypatch: pytest.MonkeyPatch, granted: int, posts: int, idle: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (granted, granted))
    assert (max_open_posts(), max_idle_connections()) == (posts, idle)


def test_without_a_limit_of_files_there_is_still_one_of_posts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert 0 < max_open_posts() < 1_048_576
