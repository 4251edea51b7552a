"""Any process of the API serves the URL of a session, wherever its command is connected; Redis carries between them."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import redis
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.cli.embedded import free_port
from flux_dispatch.tunnel import carrier, exchange, limits, tunnel
from flux_dispatch.tunnel.frames import (
    CLOSED_REPLACED,
    CLOSED_RESTARTING,
    MAX_BODY_BYTES,
    Answer,
    Available,
    NotAvailable,
    Received,
    Request,
)
from tests.support.api import Caller, api_client, running_api
from tests.support.listener import Command, listen
from tests.support.redis_server import RedisServer
from tests.support.store_harness import StoreHarness
from tests.support.waiting import eventually_async

ONE_MB = os.urandom(MAX_BODY_BYTES)


class Apis:
    """Processes of the API on one database and one Redis, as far as one Python process can be several."""

    def __init__(self, urls: list[str], caller: Caller) -> None:
        self.urls = urls
        self.caller = caller

    async def command(self) -> Command:
        return Command(await listen(self.caller.http), self.caller.key)


@pytest.fixture
async def apis(database_url: str, redis_url: str, database: AsyncEngine) -> AsyncIterator[Apis]:
    async with several(database_url, redis_url, database, 3) as apis:
        yield apis


@asynccontextmanager
async def several(
    database_url: str, redis_url: str, database: AsyncEngine, count: int, **settings: str
) -> AsyncIterator[Apis]:
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(running_api(database_url, redis_url, **settings)) for _ in range(count)]
        yield Apis(urls, await stack.enter_async_context(api_client(urls[0], database)))


async def post(api: str, command: Command, body: bytes = b"x") -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession() as client,
        client.post(api + urlsplit(command.session["url"]).path, data=body) as answer,
    ):
        return answer.status, await answer.read()


async def say_nothing(_: Request) -> None:
    """Hang."""


async def is_true(value: object) -> bool:
    return bool(value)


async def test_every_process_leads_to_the_command(apis: Apis) -> None:
    command = await apis.command()
    async with command.connected(apis.urls[1]):
        for api in apis.urls:
            assert await post(api, command, ONE_MB) == (200, ONE_MB)

        async def are_confirmed() -> bool:
            return len(command.of_kind(Received)) == 3

        await eventually_async(are_confirmed, "every answer is confirmed")
    assert len(command.requests) == 3


async def test_a_request_waits_for_a_command_that_comes_back(apis: Apis) -> None:
    command = await apis.command()
    async with command.connected(apis.urls[0]):
        pass
    waiting = [asyncio.create_task(post(api, command)) for api in apis.urls]
    async with command.connected(apis.urls[1]):
        assert await asyncio.gather(*waiting) == [(200, b"x")] * 3
    assert len(command.forwarded) == 3


async def test_a_request_that_was_on_its_way_is_forwarded_once(apis: Apis) -> None:
    command, let_go = await apis.command(), asyncio.Event()

    async def slow(request: Request) -> Answer:
        await let_go.wait()
        return Answer(request.id, 200, (), request.body)

    command.local = slow
    async with command.connected(apis.urls[0]):
        waiting = [asyncio.create_task(post(api, command)) for api in apis.urls]
        await eventually_async(lambda: is_true(len(command.forwarded) == 3), "all came")
    let_go.set()
    async with command.connected(apis.urls[2]):
        assert await asyncio.gather(*waiting) == [(200, b"x")] * 3
    assert len(command.forwarded) == 3
    assert len(command.requests) == 6


async def test_who_does_not_come_back_is_said_to_be_away(monkeypatch: pytest.MonkeyPatch, apis: Apis) -> None:
    monkeypatch.setattr(exchange, "RECONNECT_SECONDS", 0.5)
    command = await apis.command()
    async with aiohttp.ClientSession() as anyone:
        for api in apis.urls[:2]:
            async with anyone.post(api + urlsplit(command.session["url"]).path) as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
                assert (await answer.json())["error"]["code"] == "listener_not_connected"


async def test_a_local_server_that_does_not_answer_is_a_504_and_keeps_no_place(
    monkeypatch: pytest.MonkeyPatch, database_url: str, redis_url: str, database: AsyncEngine
) -> None:
    monkeypatch.setattr(limits, "MAX_IN_FLIGHT", 1)
    monkeypatch.setattr(tunnel, "MARGIN_SECONDS", 0.1)
    async with several(database_url, redis_url, database, 2, delivery_timeout="0.5") as apis:
        command = await apis.command()
        command.local = say_nothing
        async with command.connected(apis.urls[0]):
            assert [(await post(api, command))[0] for api in apis.urls] == [504, 504]

            async def has_a_place() -> bool:
                return (await post(apis.urls[1], command))[0] == 504

            await eventually_async(has_a_place, "the other process is told that nobody waits any more")


async def test_a_url_takes_so_many_requests_a_second_through_all_processes(
    monkeypatch: pytest.MonkeyPatch, apis: Apis
) -> None:
    monkeypatch.setattr(limits, "PER_SECOND", 0.1)
    monkeypatch.setattr(limits, "BURST", 3)
    command = await apis.command()
    async with command.connected(apis.urls[1]):
        assert [(await post(api, command))[0] for api in apis.urls * 2] == [200, 200, 200, 429, 429, 429]
        async with (
            aiohttp.ClientSession() as anyone,
            anyone.get(apis.urls[0] + urlsplit(command.session["url"]).path) as answer,
        ):
            assert (answer.headers["Retry-After"], (await answer.json())["error"]["code"]) == ("1", "rate_limited")
    assert len(command.requests) == 3


async def test_a_session_has_so_many_places_at_all_processes(monkeypatch: pytest.MonkeyPatch, apis: Apis) -> None:
    monkeypatch.setattr(limits, "MAX_IN_FLIGHT", 2)
    command, let_go = await apis.command(), asyncio.Event()

    async def slow(request: Request) -> Answer:
        await let_go.wait()
        return Answer(request.id, 200, (), request.body)

    command.local = slow
    async with command.connected(apis.urls[0]):
        waiting = [asyncio.create_task(post(api, command)) for api in apis.urls[:2]]
        await eventually_async(lambda: is_true(len(command.forwarded) == 2), "both came")
        assert [(await post(api, command))[0] for api in apis.urls] == [429] * 3
    monkeypatch.setattr(limits, "MAX_IN_FLIGHT", 0)
    let_go.set()
    async with command.connected(apis.urls[2]):
        assert await asyncio.gather(*waiting) == [(200, b"x")] * 2, "what was let in is not refused later"
    assert len(command.forwarded) == 2


async def test_a_network_that_changed_is_noticed_by_the_command_first(apis: Apis) -> None:
    command = await apis.command()
    again = Command(command.session, command.key, instance=command.instance)
    async with command.connected(apis.urls[0]), again.connected(apis.urls[1]):
        await eventually_async(lambda: is_true(command.close_code == CLOSED_REPLACED), "the older one is closed")
        for api in apis.urls:
            assert (await post(api, again))[0] == 200
    assert len(again.forwarded) == 3


async def test_what_a_dead_connection_was_sent_is_asked_by_the_next_one_at_once(apis: Apis) -> None:
    command = await apis.command()
    async with aiohttp.ClientSession() as client:
        dead = await command.dial(client, apis.urls[0])  # it reads nothing, and answers no ping
        waiting = [asyncio.create_task(post(api, command)) for api in apis.urls]
        await dead.receive()
        await dead.receive()
        async with command.connected(apis.urls[1]), asyncio.timeout(2):
            assert await asyncio.gather(*waiting) == [(200, b"x")] * 3
        await dead.close()
    assert len(command.forwarded) == 3


async def test_an_end_is_heard_at_every_process(apis: Apis) -> None:
    command = await apis.command()
    async with command.connected(apis.urls[2]):
        for api in apis.urls:
            assert (await post(api, command))[0] == 200
        answer = await apis.caller.http.delete(f"/v1/listen/{command.session['id']}")
        assert answer.status_code == 204
        assert [(await post(api, command))[0] for api in apis.urls] == [410] * 3
        await eventually_async(lambda: is_true(command.close_code), "the command is told")


async def test_a_process_that_stops_sends_its_commands_elsewhere(
    database_url: str, redis_url: str, database: AsyncEngine
) -> None:
    async with several(database_url, redis_url, database, 1) as apis:
        command = await apis.command()
        stopping = AsyncExitStack()
        api = await stopping.enter_async_context(running_api(database_url, redis_url))
        async with command.connected(api):
            await stopping.aclose()
            await eventually_async(lambda: is_true(command.close_code), "the command is told")
            assert command.close_code == CLOSED_RESTARTING
        waiting = asyncio.create_task(post(apis.urls[0], command))
        async with command.connected(apis.urls[0]):
            assert (await waiting)[0] == 200


async def test_a_connection_that_redis_closes_is_opened_anew(redis_url: str, apis: Apis) -> None:
    command = await apis.command()
    async with command.connected(apis.urls[0]):
        assert (await post(apis.urls[1], command))[0] == 200
        with redis.Redis.from_url(redis_url) as client:
            for idle in [each["id"] for each in client.client_list() if each["cmd"] != "xread"]:
                client.client_kill_filter(_id=idle, skipme=True)
        assert (await post(apis.urls[1], command))[0] == 200
        assert not command.of_kind(NotAvailable)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path, free_port()) as server:
        yield server


async def test_without_redis_a_process_serves_its_own_commands_and_says_so(
    monkeypatch: pytest.MonkeyPatch, database_url: str, own_redis: RedisServer, database: AsyncEngine
) -> None:
    monkeypatch.setattr(carrier, "KEEP_SECONDS", 0.2)
    monkeypatch.setattr(exchange, "RECONNECT_SECONDS", 0.3)
    async with several(database_url, own_redis.url, database, 2) as apis:
        command = await apis.command()
        async with command.connected(apis.urls[0]):
            assert [(await post(api, command))[0] for api in apis.urls] == [200, 200]
            own_redis.stop()
            await eventually_async(lambda: is_true(command.of_kind(NotAvailable)), "the command is told")
            assert [(await post(api, command))[0] for api in apis.urls] == [200, 503]
            late = await apis.command()
            async with late.connected(apis.urls[1]):
                assert [(await post(api, late))[0] for api in apis.urls] == [503, 200]
                own_redis.start()
                await eventually_async(lambda: is_true(command.of_kind(Available)), "the command is told again")
                await eventually_async(lambda: is_true(late.of_kind(Available)), "the other one, too")
                for each in (command, late):
                    assert [(await post(api, each))[0] for api in apis.urls] == [200, 200]


async def test_what_redis_lost_is_asked_again(monkeypatch: pytest.MonkeyPatch, redis_url: str, apis: Apis) -> None:
    monkeypatch.setattr(exchange, "CHECK_SECONDS", 0.2)
    command, let_go = await apis.command(), asyncio.Event()

    async def slow(request: Request) -> Answer:
        await let_go.wait()
        return Answer(request.id, 200, (), request.body)

    command.local = slow
    async with command.connected(apis.urls[0]):
        waiting = asyncio.create_task(post(apis.urls[1], command))
        await eventually_async(lambda: is_true(command.forwarded), "it came")
        with redis.Redis.from_url(redis_url) as client:
            client.flushall()
        let_go.set()
        assert await waiting == (200, b"x")
    assert len(command.forwarded) == 1


async def test_an_answer_that_is_lost_on_its_way_is_asked_for_again(
    database_url: str, own_redis: RedisServer, database: AsyncEngine
) -> None:
    with redis.Redis.from_url(own_redis.url) as admin:
        admin.execute_command("ACL", "SETUSER", "holder", "on", ">sesame", "~*", "+@all")
        holders_url = f"redis://holder:sesame@{own_redis.url.rpartition('@')[2]}"
        async with (
            several(database_url, own_redis.url, database, 1) as apis,
            running_api(database_url, holders_url) as api,
        ):
            command = await apis.command()

            async def mute(request: Request) -> Answer:
                admin.execute_command("ACL", "SETUSER", "holder", "-xadd")
                return Answer(request.id, 200, (), request.body)

            command.local = mute
            async with command.connected(api):
                waiting = asyncio.create_task(post(apis.urls[0], command))
                await eventually_async(lambda: is_true(command.of_kind(NotAvailable)), "the answer is lost")
                admin.execute_command("ACL", "SETUSER", "holder", "+xadd")
                assert await waiting == (200, b"x")
            assert len(command.forwarded) == 1


@pytest.mark.parametrize(
    ("kind", "method", "said"),
    [(Redis, "execute_command", ["XREAD"]), (Redis, "execute_command", ["EVAL"]), (Pipeline, "execute", [])],
)
async def test_what_nobody_expected_of_redis_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, apis: Apis, kind: type[Any], method: str, said: list[str]
) -> None:
    monkeypatch.setattr(carrier, "KEEP_SECONDS", 0.2)
    ask, faults = getattr(kind, method), [RuntimeError("not one that a client of Redis should raise")] * 3

    async def ask_in_vain(client: Any, *what: Any, **options: Any) -> Any:
        if faults and [*what[:1]] == said:
            raise faults.pop()
        return await ask(client, *what, **options)

    command = await apis.command()
    async with command.connected(apis.urls[0]):
        assert (await post(apis.urls[1], command))[0] == 200
        monkeypatch.setattr(kind, method, ask_in_vain)
        posts = [asyncio.create_task(post(api, command)) for api in apis.urls]
        await eventually_async(lambda: is_true(not faults), "it has failed")
        assert [(await each)[0] for each in posts] == [200] * 3
        assert [(await post(api, command))[0] for api in apis.urls] == [200] * 3
    assert len(command.forwarded) == 7


async def test_a_command_that_is_gone_is_gone_though_nothing_could_be_attempted_again(
    redis_url: str, apis: Apis, database: AsyncEngine
) -> None:
    command = await apis.command()
    owner = f"flux.tunnel.owner.{command.session['id']}"
    await StoreHarness(database).do("ALTER TABLE attempts RENAME TO no_attempts")
    with redis.Redis.from_url(redis_url) as client:
        async with command.connected(apis.urls[0]):
            await eventually_async(lambda: is_true(client.exists(owner)), "it is known where it is")
        await eventually_async(lambda: is_true(not client.exists(owner)), "it is known that it is gone", 3)


async def test_nothing_stays_in_redis(database_url: str, redis_url: str, database: AsyncEngine) -> None:
    with redis.Redis.from_url(redis_url) as client:
        async with several(database_url, redis_url, database, 2) as apis:
            command = await apis.command()
            async with command.connected(apis.urls[0]):
                for _ in range(20):
                    assert (await post(apis.urls[1], command, ONE_MB))[0] == 200
                inboxes = list(client.scan_iter("flux.tunnel.inbox.*"))
                assert sum(client.memory_usage(each) or 0 for each in inboxes) < 3 * MAX_BODY_BYTES
        left = [key.decode() for key in client.scan_iter("flux.tunnel.*")]
        assert all(client.pttl(key) > 0 for key in left)
        assert not [key for key in left if ".owner." in key]
