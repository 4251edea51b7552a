"""What goes to a listen session reaches the operator's own host, though that is private; nothing else does."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from flux_dispatch.domain.address import AddressPolicy
from flux_dispatch.domain.outcome import ErrorClass, NoResponse, Outcome, Succeeded, Unsent
from flux_dispatch.http.sender import AiohttpSender, SenderLimits
from flux_dispatch.http.tunnel_way import TunnelWay
from tests.http.test_sender import claim
from tests.support.raw_receivers import OK, answering, listening

LIMITS = SenderLimits(timeout_seconds=2)


@asynccontextmanager
async def private_host() -> AsyncIterator[int]:
    """Yield the port of a receiver at an address that the policy refuses."""
    async with listening(answering(OK)) as port:
        yield port


async def send(tunnel: TunnelWay, url: str, *, is_listen: bool) -> Outcome | Unsent:
    async with AiohttpSender(LIMITS, AddressPolicy(), tunnel=tunnel) as sender:
        return await sender.send(claim(url)._replace(is_listen=is_listen), int(time.time()))


def is_blocked(outcome: Outcome | Unsent) -> bool:
    return isinstance(outcome, NoResponse) and outcome.error is ErrorClass.BLOCKED_ADDRESS


async def test_a_session_at_the_operator_s_own_url_is_reached() -> None:
    async with private_host() as port:
        own = TunnelWay(origin=f"http://127.0.0.1:{port}")
        assert isinstance(await send(own, f"http://127.0.0.1:{port}/in/lst_1", is_listen=True), Succeeded)


async def test_another_way_to_the_api_may_be_named() -> None:
    async with private_host() as port:
        via = TunnelWay(origin="https://flux.example.com/hooks", via=f"http://127.0.0.1:{port}")
        assert isinstance(await send(via, "https://flux.example.com/hooks/in/lst_1", is_listen=True), Succeeded)
        assert is_blocked(await send(via, f"http://127.0.0.1:{port}/in/lst_1", is_listen=False))


@pytest.mark.parametrize(
    ("url", "is_listen"),
    [
        ("http://127.0.0.1:{port}/in/lst_1", False),
        ("http://127.0.0.1:{port}/elsewhere", True),
        ("http://127.0.0.1:{port}/", True),
        ("http://127.0.0.2:{port}/in/lst_1", True),
        ("http://127.0.0.1:{other}/in/lst_1", True),
        ("http://localhost:{port}/in/lst_1", True),
    ],
)
async def test_nothing_else_is_reached(url: str, is_listen: bool) -> None:  # noqa: FBT001 - a column of the table
    async with private_host() as port:
        own = TunnelWay(origin=f"http://127.0.0.1:{port}")
        outcome = await send(own, url.format(port=port, other=port ^ 1), is_listen=is_listen)
        assert is_blocked(outcome), outcome


async def test_a_session_whose_host_its_maker_chose_is_no_exception() -> None:
    async with private_host() as port:
        assert is_blocked(await send(TunnelWay(), f"http://127.0.0.1:{port}/in/lst_1", is_listen=True))
