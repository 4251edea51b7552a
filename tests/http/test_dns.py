"""What names lead to: no private address is dialled, and a dead name server costs little and only its own."""

import asyncio
import socket
import time
from collections.abc import Iterator
from ipaddress import ip_network

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import AsyncResolver

from flux_dispatch.domain.address import AddressPolicy
from flux_dispatch.domain.outcome import ErrorClass, NoResponse, Outcome, Succeeded, Unsent
from flux_dispatch.http.sender import DNS_TRIES, DNS_TRY_SECONDS, AiohttpSender, SenderLimits
from tests.http.test_sender import claim
from tests.support.raw_receivers import answering, listening

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
ONLY_FIRST = AddressPolicy(allow=(ip_network("127.0.0.1/32"),))
BRIEF = SenderLimits(timeout_seconds=1)
USUAL = SenderLimits()


class Turns(AbstractResolver):
    """A resolver that gives one answer after the other, as a rebinding name server does; the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0) for each in answer]

    async def close(self) -> None:
        return


@pytest.fixture
def private() -> Iterator[socket.socket]:
    """A listening socket at an address that the policy forbids; who dials it is found in its backlog."""
    with socket.create_server(("127.0.0.2", 0)) as server:
        server.settimeout(0)
        yield server


def was_dialled(server: socket.socket) -> bool:
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@pytest.mark.parametrize("answer", [["127.0.0.2"], ["127.0.0.2", "10.0.0.1"], ["127.0.0.2"] * 3])
async def test_a_name_that_leads_to_private_addresses_is_blocked(private: socket.socket, answer: list[str]) -> None:
    async with AiohttpSender(BRIEF, ONLY_FIRST, Turns(answer)) as sender:
        outcome = await post(sender, "hook.example.com", private.getsockname()[1])
    assert error_of(outcome) is ErrorClass.BLOCKED_ADDRESS
    assert not was_dialled(private)


@pytest.mark.parametrize("answer", [["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"]])
async def test_of_several_addresses_only_the_permitted_one_is_dialled(
    private: socket.socket, answer: list[str]
) -> None:
    port = private.getsockname()[1]
    async with AiohttpSender(BRIEF, ONLY_FIRST, Turns(answer)) as sender, listening(answering(OK), port=port):
        assert await post(sender, "hook.example.com", port) == Succeeded(200, "ok")
    assert not was_dialled(private)


async def test_a_name_that_turned_private_since_the_last_attempt_is_blocked(private: socket.socket) -> None:
    port = private.getsockname()[1]
    names = Turns(["127.0.0.1"], ["127.0.0.2"])
    async with AiohttpSender(BRIEF, ONLY_FIRST, names) as sender, listening(answering(OK), port=port):
        assert await post(sender, "hook.example.com", port) == Succeeded(200, "ok")
    async with AiohttpSender(BRIEF, ONLY_FIRST, names) as later:
        assert error_of(await post(later, "hook.example.com", port)) is ErrorClass.BLOCKED_ADDRESS
    assert not was_dialled(private)


async def test_a_dead_name_server_costs_five_seconds_at_most_and_only_its_own() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dead:
        dead.bind(("127.0.0.1", 0))
        names = AsyncResolver(
            timeout=DNS_TRY_SECONDS, tries=DNS_TRIES, nameservers=[f"127.0.0.1:{dead.getsockname()[1]}"]
        )
        async with AiohttpSender(USUAL, ONLY_FIRST, names) as sender, listening(answering(OK)) as port:
            began = time.monotonic()
            lost = [asyncio.create_task(post(sender, f"{each}.example.com", 80)) for each in range(50)]
            assert await post(sender, "127.0.0.1", port) == Succeeded(200, "ok")
            assert time.monotonic() - began < 1
            outcomes = await asyncio.gather(*lost)
            assert time.monotonic() - began < 5
    assert {error_of(each) for each in outcomes} == {ErrorClass.DNS_ERROR}


async def post(sender: AiohttpSender, host: str, port: int) -> Outcome | Unsent:
    return await sender.send(claim(f"http://{host}:{port}/"), int(time.time()))


def error_of(outcome: Outcome | Unsent) -> ErrorClass:
    assert isinstance(outcome, NoResponse), outcome
    return outcome.error
