"""A key is held to what it may ask for in a second, by all processes together, and to nothing while Redis is silent."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
import redis
from sqlalchemy.ext.asyncio import AsyncEngine

from config.redis_url import read_redis_url
from flux_dispatch.api.dependencies import Allowance, Use
from flux_dispatch.cli.embedded import free_port
from flux_dispatch.domain.api_key import Limits, NewApiKey, Scope
from flux_dispatch.domain.ids import ApiKeyId
from flux_dispatch.store.api_keys import ApiKeyStore
from tests.support.api import EVENT, check_error, client, running_api
from tests.support.store_harness import StoreHarness
from tests.support.waiting import eventually_async
from workers.redis_counter import RedisCounter

HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
Limited = Callable[[Limits], AbstractAsyncContextManager[tuple[ApiKeyId, httpx.AsyncClient]]]


@pytest.fixture
def limited(api: str, database: AsyncEngine, world: StoreHarness) -> Limited:
    @asynccontextmanager
    async def caller(limits: Limits) -> AsyncIterator[tuple[ApiKeyId, httpx.AsyncClient]]:
        made = await ApiKeyStore(database).add(await world.account(), NewApiKey((Scope.ADMIN,), limits=limits))
        assert made
        async with client(api, made[1]) as http:
            yield made[0].id, http

    return caller


@pytest.fixture
async def counter(redis_url: str) -> AsyncIterator[RedisCounter]:
    counter = RedisCounter(read_redis_url(redis_url))
    yield counter
    await counter.close()


async def take(counter: RedisCounter, *uses: Use, key_id: str = "key_1", until_served: bool = False) -> list[Allowance]:
    async def taken() -> list[Allowance] | None:
        allowances = await counter.take(key_id, uses)
        is_refused = any(each.retry_seconds for each in allowances or ())
        return None if until_served and is_refused else allowances

    # a first connection may take longer than a request waits
    return await eventually_async(taken, "it is counted") or []


async def test_beyond_its_limit_a_key_is_told_when_to_come_again(
    limited: Limited, counter: RedisCounter, world: StoreHarness
) -> None:
    async with limited(Limits(requests_per_second=10)) as (key_id, http):
        first = await _counted(lambda: http.get("/v1/events"))
        assert [first.headers[name] for name in HEADERS] == ["10", "9", "1"]
        await take(counter, Use("requests", 10, 600), key_id=key_id)
        answer = await http.post("/v1/events", json=EVENT)
        error = check_error(answer, 429, "rate_limited")
        assert error["type"] == "rate_limit_error"
        assert "10 requests a second" in error["message"]
        assert [answer.headers[name] for name in HEADERS][:2] == ["10", "0"]
        assert 50 <= int(answer.headers["Retry-After"]) <= int(answer.headers["RateLimit-Reset"]) <= 61
    assert await world.scalar("SELECT count(*) FROM events") == 0


async def test_events_are_counted_apart_from_requests(limited: Limited, counter: RedisCounter) -> None:
    async with limited(Limits(events_per_second=1)) as (key_id, http):
        await _counted(lambda: http.post("/v1/events", json=EVENT))
        await take(counter, Use("events", 1, 60), key_id=key_id, until_served=True)
        check_error(await http.post("/v1/events", json=EVENT), 429, "rate_limited")
        answer = await http.get("/v1/events")
        assert answer.status_code == 200
        assert "RateLimit-Limit" not in answer.headers


async def test_a_batch_is_served_as_long_as_one_event_is_left(limited: Limited, world: StoreHarness) -> None:
    async with limited(Limits(events_per_second=1, requests_per_second=1000)) as (_, http):
        await _counted(lambda: http.get("/v1/events"))
        answer = await http.post("/v1/events/batch", json={"events": [EVENT] * 60})
        assert answer.status_code == 202, answer.text
        assert [answer.headers[name] for name in HEADERS] == ["1", "0", "60"]
        refused = await http.post("/v1/events/batch", json={"events": [EVENT]})
        check_error(refused, 429, "rate_limited")
        assert 50 <= int(refused.headers["Retry-After"]) <= 60
    assert await world.scalar("SELECT count(*) FROM events") == 60


async def test_the_answer_to_a_batch_tells_of_the_tightest_limit(limited: Limited) -> None:
    async with limited(Limits(events_per_second=1000, requests_per_second=5)) as (_, http):
        await _counted(lambda: http.get("/v1/events"))
        answer = await http.post("/v1/events/batch", json={"events": [EVENT] * 3})
        assert answer.headers["RateLimit-Limit"] == "5"


async def test_a_key_without_limits_is_never_counted(limited: Limited, redis_url: str) -> None:
    async with limited(Limits()) as (_, http):
        answer = await http.post("/v1/events", json=EVENT)
        assert "RateLimit-Limit" not in answer.headers
    with redis.Redis.from_url(redis_url) as client_of_redis:
        assert client_of_redis.keys("flux.limit.*") == []


async def test_many_at_once_get_no_more_than_there_is(counter: RedisCounter) -> None:
    await take(counter, Use("warm", 1, 1))
    one = Use("events", 10, 1)
    answers = [await counter.take("key_1", [one]) for _ in range(25)]
    served = [each for each in answers if each and not each[0].retry_seconds]
    # a tenth of a second brings another one
    assert 10 <= len(served) <= 14
    assert served[0]
    assert [each[0].remaining for each in served[:3]] == [9, 8, 7]


async def test_of_two_limits_both_are_taken_or_none(counter: RedisCounter) -> None:
    few, many = Use("requests", 1, 1), Use("events", 1000, 1)
    await take(counter, few, many)
    refused = await take(counter, few, many)
    assert [each.retry_seconds > 0 for each in refused] == [True, False]
    (left,) = await take(counter, Use("events", 1000, 1))
    assert left.remaining >= 998


async def test_what_is_more_than_a_limit_goes_through_and_is_paid_for(counter: RedisCounter) -> None:
    batch = Use("events", 100, 1000)
    (first,) = await take(counter, batch)
    assert (first.retry_seconds, first.remaining) == (0, 0)
    assert 9.5 < first.full_seconds <= 10
    (second,) = await take(counter, Use("events", 100, 1))
    assert 8.5 < second.retry_seconds <= 9.01


async def test_what_is_kept_ends_by_itself(counter: RedisCounter, redis_url: str) -> None:
    await take(counter, Use("events", 2, 1))
    with redis.Redis.from_url(redis_url) as client_of_redis:
        (key,) = client_of_redis.keys("flux.limit.*")
        assert 0 < client_of_redis.pttl(key) <= 500


async def test_without_redis_nobody_is_held_to_a_limit(
    database_url: str, database: AsyncEngine, world: StoreHarness
) -> None:
    limits = Limits(requests_per_second=1, events_per_second=1)
    made = await ApiKeyStore(database).add(await world.account(), NewApiKey((Scope.ADMIN,), limits=limits))
    assert made
    async with (
        running_api(database_url, f"redis://127.0.0.1:{free_port()}/0") as api,
        client(api, made[1]) as http,
    ):
        for _ in range(5):
            assert (await http.post("/v1/events", json=EVENT)).status_code == 202


async def test_a_redis_that_says_nothing_is_waited_for_once() -> None:
    silent: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: silent.append(writer), "127.0.0.1", 0)
    counter = RedisCounter(read_redis_url(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"))
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(20):
        assert await counter.take("key_1", [Use("events", 1, 1)]) is None
    assert loop.time() - began < 0.5
    await counter.close()
    for each in silent:
        each.close()
    server.close()


async def _counted(call: Callable[[], Coroutine[Any, Any, httpx.Response]]) -> httpx.Response:
    """Call until it is counted: a first connection to Redis may take longer than a request waits."""

    async def counted() -> httpx.Response | None:
        answer = await call()
        assert answer.is_success, answer.text
        return answer if "RateLimit-Limit" in answer.headers else None

    answer = await eventually_async(counted, "it is counted")
    assert answer
    return answer
