"""The command's connection to the tunnel: lost in every way, and made again."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from flux_dispatch.cli.listen import backoff
from flux_dispatch.cli.listen.websocket import Address, Lost, Refused, SessionEnded, connected
from flux_dispatch.tunnel.frames import CLOSED_ENDED, CLOSED_RESTARTING, Available, Ended, NotAvailable, Ready
from tests.support.tunnel_command import HEADERS, Clocks, listening, request
from tests.support.tunnel_server import TunnelServer, tunnel_server
from tests.support.waiting import eventually_async


@pytest.mark.parametrize(
    ("lose", "why"),
    [
        (lambda server: server.close(CLOSED_RESTARTING), "The server restarts."),
        (lambda server: server.close(1001), "The server stops."),
        (lambda server: server.close(4999), "The server closed it with code 4999."),
    ],
)
async def test_a_connection_that_is_closed_is_made_again_at_once(
    lose: Callable[[TunnelServer], "asyncio.Future[None]"], why: str
) -> None:
    async with listening() as it:
        await lose(it.server)
        await it.server.connected()
        await it.says("ready", f"lost: {why}", "back")


async def test_an_outage_is_told_once_for_each_reason() -> None:
    async with listening() as it:
        it.server.statuses += [503, 503, 502]
        it.server.cut()
        await it.server.connected()
        await it.says(
            "ready",
            "lost: It broke off.",
            "lost: The server answers 503.",
            "lost: The server answers 502.",
            "back",
        )
        assert {headers["flux-listen-instance"] for headers in it.server.headers} == {"0" * 32}


async def test_the_first_connection_is_tried_again_too() -> None:
    async with listening(connects=False) as it:
        it.server.statuses += [503]
        await it.server.connected()
        await it.says("lost: The server answers 503.", "ready")


@pytest.mark.parametrize("status", [401, 403, 404, 409, 410, 426])
async def test_a_refusal_is_final(status: int) -> None:
    async with listening() as it:
        it.server.statuses += [status]
        it.server.cut()
        with pytest.raises(Refused) as refused:
            await it.running
        assert refused.value.status == status


async def test_the_end_of_a_session_is_final_and_says_why() -> None:
    async with listening() as it:
        await it.server.send(Ended("deleted", "Ended in the dashboard."))
        with pytest.raises(SessionEnded) as ended:
            await it.running
        assert (ended.value.reason, ended.value.message) == ("deleted", "Ended in the dashboard.")
    async with listening() as it:
        await it.server.close(CLOSED_ENDED)
        with pytest.raises(SessionEnded):
            await it.running


async def test_a_machine_that_slept_connects_again_at_once() -> None:
    clocks = Clocks()
    async with listening(clocks) as it:
        clocks.wall += 3600
        await it.server.connected()
        await it.says("ready", "lost: This machine, or this command, was asleep.", "back")
        await it.server.send(request("r1"))
        assert (await it.server.answer()).id == "r1"


async def test_a_server_that_is_silent_is_given_up() -> None:
    async with listening(ping_seconds=0.2) as it:
        it.server.fall_silent()
        await it.server.connected()
        await it.says("ready", "lost: The server is silent.", "back")


async def test_what_the_server_lacks_is_told_and_when_it_has_it_again() -> None:
    async with listening() as it:
        await it.server.send(Available(), NotAvailable("redis", "Redis is away."), Available(), Available())
        await it.says("ready", "lacks redis: Redis is away.", "lacks nothing")


async def test_what_is_no_frame_is_passed_over() -> None:
    async with listening() as it:
        await it.server.send_raw(b"\x00\x00\x00\x02{}")
        await it.server.send_raw(b"rubbish")
        await it.server.send(request("r1"))
        assert (await it.server.answer()).id == "r1"


async def test_a_socket_with_tls_goes_by_the_certificates_of_the_api() -> None:
    authority, ours, its = (
        trustme.CA(),
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
    )
    authority.issue_cert("127.0.0.1").configure_cert(its)
    async with tunnel_server(its) as server:
        with pytest.raises(Lost, match="certificate is not trusted"):
            async with connected(Address(server.url, HEADERS, certificates=ours)):
                pass
        authority.configure_trust(ours)
        async with connected(Address(server.url, HEADERS, certificates=ours)) as socket:
            assert isinstance(await socket.receive(), Ready)


def held() -> tuple[int, int]:
    """Return how many descriptors and tasks there are."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir()), len(asyncio.all_tasks())


async def test_hundreds_of_reconnections_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    # as if each connection had lasted for long: no pauses
    monkeypatch.setattr(backoff, "LASTING_SECONDS", 0)
    async with listening() as it:
        await it.server.send(request("r0", "dlv_0"))
        await it.server.answer()
        before = held()
        for number in range(1, 300):
            await it.server.send(request(f"r{number}", f"dlv_{number}"), request(f"r{number - 1}"))
            await it.server.answer()
            if number % 2:
                it.server.cut()
            else:
                await it.server.close(CLOSED_RESTARTING)
            await it.server.connected()
        await it.server.send(request("last"))
        while (await it.server.answer()).id != "last":
            pass
        assert it.local.forwarded == [*(f"r{number}" for number in range(300)), "last"]

        async def is_as_before() -> bool:
            return held() == before

        await eventually_async(is_as_before, "no descriptor and no task is left")
