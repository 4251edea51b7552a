"""Requests that come through the tunnel: each is forwarded once, and its answer goes back where it was asked for."""

import asyncio

from flux_dispatch.cli.listen.exchanges import MOST_AT_ONCE, MOST_OPEN
from flux_dispatch.tunnel.frames import Answer, Failed, Gone, Received
from tests.support.tunnel_command import listening, request
from tests.support.waiting import let_others_run


async def test_a_request_is_forwarded_and_answered() -> None:
    async with listening() as it:
        await it.server.send(request("r1"))
        assert await it.server.answer() == Answer("r1", 200, (("x-of", "r1"),), b"answer")
        await it.says("ready", "--> r1", "<-- r1")
        (headers,) = it.server.headers
        assert headers["authorization"] == "Bearer sk_live_x"
        assert headers["flux-listen-instance"] == "0" * 32
        assert headers["sec-websocket-protocol"] == "flux.listen.v1"


async def test_a_request_that_comes_again_is_answered_from_memory() -> None:
    async with listening() as it:
        await it.server.send(request("r1"), request("r1"))
        first = await it.server.answer()
        await it.server.send(request("r1"))
        assert await it.server.answer() == first
        await it.server.send(Received("r1"), request("r1"), request("r2"))
        assert (await it.server.answer()).id == "r2"
        assert it.local.forwarded == ["r1", "r2"]
        assert [each.id for each in it.server.answers] == ["r1", "r1", "r2"]


async def test_an_answer_outlives_the_connection_that_its_request_came_by() -> None:
    async with listening() as it:
        it.local.may_answer.clear()
        await it.server.send(request("r1"), request("r2"))
        await it.says("ready", "--> r1", "--> r2")
        it.server.cut()
        await it.server.connected()
        it.local.may_answer.set()
        await it.server.send(request("r1"), request("r2"))
        assert {(await it.server.answer()).id, (await it.server.answer()).id} == {"r1", "r2"}
        assert sorted(it.local.forwarded) == ["r1", "r2"]
        assert "lost: It broke off." in it.told.said
        assert "back" in it.told.said


async def test_a_connection_gets_no_answer_that_was_not_asked_for_by_it() -> None:
    async with listening() as it:
        it.local.may_answer.clear()
        await it.server.send(request("r1"))
        await it.says("ready", "--> r1")
        it.server.cut()
        await it.server.connected()
        await it.says("ready", "--> r1", "lost: It broke off.", "back")
        it.local.may_answer.set()
        await it.says("ready", "--> r1", "lost: It broke off.", "back", "<-- r1")
        await it.server.send(request("r2"))
        assert (await it.server.answer()).id == "r2"
        await it.server.send(request("r1"))
        assert (await it.server.answer()).id == "r1"
        assert it.local.forwarded == ["r1", "r2"]


async def test_a_delivery_that_succeeded_is_not_forwarded_again() -> None:
    async with listening() as it:
        await it.server.send(request("r1", "dlv_1"))
        await it.server.answer()
        it.server.cut()
        await it.server.connected()
        await it.server.send(Gone("r1"), request("r2", "dlv_1"))
        answer = await it.server.answer()
        assert answer == Answer("r2", 200, (("x-of", "r1"),), b"answer")
        assert it.local.forwarded == ["r1"]
        assert it.told.said[-1] == "<-- r2 repeated"
        await it.server.send(Received("r2"), request("r3", "dlv_1"))
        assert (await it.server.answer()).id == "r3"
        assert it.local.forwarded == ["r1"]


async def test_a_delivery_that_failed_is_forwarded_again() -> None:
    async with listening() as it:
        it.local.status = 500
        await it.server.send(request("r1", "dlv_1"))
        await it.server.answer()
        await it.server.send(Gone("r1"), request("r2", "dlv_1"))
        await it.server.answer()
        assert it.local.forwarded == ["r1", "r2"]


async def test_an_attempt_that_comes_while_the_one_before_is_under_way_takes_its_answer() -> None:
    async with listening() as it:
        it.local.may_answer.clear()
        await it.server.send(request("r1", "dlv_1"))
        await it.says("ready", "--> r1")
        await it.server.send(Gone("r1"), request("r2", "dlv_1"))
        await it.says("ready", "--> r1", "--> r2")
        it.local.may_answer.set()
        assert await it.server.answer() == Answer("r2", 200, (("x-of", "r1"),), b"answer")
        await it.says("ready", "--> r1", "--> r2", "<-- r1 late", "<-- r2 repeated")
        assert it.local.forwarded == ["r1"]
        assert [each.id for each in it.server.answers] == ["r2"]


async def test_one_that_hangs_holds_up_no_other_and_so_many_are_under_way_at_most() -> None:
    async with listening() as it:
        it.local.may_answer.clear()
        await it.server.send(*(request(f"r{number}") for number in range(MOST_OPEN + 1)))
        refused = await it.server.answer()
        assert isinstance(refused, Failed)
        assert (refused.id, refused.code) == (f"r{MOST_OPEN}", "too_many_requests")
        assert it.local.most_under_way == MOST_AT_ONCE
        it.local.may_answer.set()
        for _ in range(MOST_OPEN):
            await it.server.answer()
        assert len(it.local.forwarded) == len(set(it.local.forwarded)) == MOST_OPEN
        assert it.local.most_under_way == MOST_AT_ONCE


async def test_nothing_is_under_way_after_the_end() -> None:
    before = asyncio.all_tasks()
    async with listening() as it:
        it.local.may_answer.clear()
        await it.server.send(request("r1"))
        await it.says("ready", "--> r1")
    await let_others_run(5)
    assert asyncio.all_tasks() == before
