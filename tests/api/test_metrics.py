"""Metrics of the API: who may read them, and that they are told in bounded time, whatever is unavailable."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final

import asyncpg
import httpx
import pytest
import redis

from config.redis_url import read_redis_url
from flux_dispatch.cli.embedded import free_port
from flux_dispatch.engine.flow.meter import Histogram
from tests.support.api import EVENT, Caller, check_error, client, running_api
from tests.support.metrics import Scraped
from tests.support.store_harness import StoreHarness
from tests.support.waiting import eventually_async
from workers.metrics.catalogue import OF_INSTALLATION
from workers.metrics.exporter import Measured
from workers.metrics.installation import CLAIM_KEY, FRESH_SECONDS, SNAPSHOT_KEY, STALE_SECONDS, Installation
from workers.redis_client import open_redis

TOKEN: Final = "a-token-of-tests-0123456789"
RIGHT: Final = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def metered(database_url: str, redis_url: str) -> AsyncIterator[str]:
    """The URL of an API that tells its metrics on its own port."""
    async with running_api(database_url, redis_url, metrics_token=TOKEN) as url:
        yield url


async def told(url: str) -> Scraped:
    async with httpx.AsyncClient(timeout=15, trust_env=False) as scraper:
        answer = await scraper.get(f"{url}/metrics", headers=RIGHT)
    assert answer.status_code == 200, answer.text
    return Scraped(answer.text)


async def test_nobody_reads_them_on_the_apis_port_unless_there_is_a_token(api: str, tenant: Caller) -> None:
    async with httpx.AsyncClient(base_url=api) as stranger:
        for headers in ({}, RIGHT, {"Authorization": f"Bearer {tenant.key}"}):
            answer = await stranger.get("/metrics", headers=headers)
            error = check_error(answer, 401, "invalid_api_key")
            assert "FLUX_METRICS_PORT" in error["message"]
            assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN.upper()}",
        TOKEN,
    ],
)
async def test_what_is_not_the_token_opens_nothing(metered: str, authorization: str) -> None:
    async with httpx.AsyncClient(base_url=metered) as stranger:
        check_error(await stranger.get("/metrics", headers={"Authorization": authorization}), 401, "invalid_api_key")
        answer = await stranger.get(f"/metrics?token={TOKEN}")
        check_error(answer, 401, "invalid_api_key")
        assert TOKEN not in answer.text


async def test_a_key_opens_no_metrics(database_url: str, redis_url: str, tenant: Caller) -> None:
    async with running_api(database_url, redis_url, metrics_token=TOKEN) as url, client(url, tenant.key) as caller:
        check_error(await caller.get("/metrics"), 401, "invalid_api_key")


async def test_the_token_holds_on_a_port_of_their_own_too(
    database_url: str, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    async with (
        running_api(database_url, redis_url, metrics_token=TOKEN, metrics_port=str(port)),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=15) as scraper,
    ):
        assert (await scraper.get("/metrics")).status_code == 401
        assert (await scraper.get("/metrics", headers={"Authorization": "Bearer ü".encode()})).status_code == 401
        assert (await scraper.get("/metrics", headers=RIGHT)).status_code == 200
        assert (await scraper.get("/v1/events")).status_code == 404
    assert TOKEN not in capsys.readouterr().out


async def test_whatever_strangers_ask_for_is_one_series(metered: str) -> None:
    async with httpx.AsyncClient(base_url=metered) as stranger:
        for number in range(5):
            await stranger.get(f"/no/such/{number}")
            await stranger.request("PROPFIND", f"/v1/{number}")
            await stranger.get(f"/v1/events/evt_{number}")
    counts = (await told(metered)).all_of("flux_api_requests_total")
    assert counts["GET", "unmatched", "4xx"] == 5
    assert counts["other", "unmatched", "4xx"] == 5
    assert counts["GET", "/v1/events/{id}", "4xx"] == 5


async def test_of_a_known_event_nothing_is_counted_twice(metered: str, tenant: Caller) -> None:
    async with client(metered, tenant.key) as caller:
        for _ in range(3):
            await caller.post("/v1/events", json=EVENT, headers={"Idempotency-Key": "one"})
        await caller.post("/v1/events/batch", json={"events": [EVENT] * 4})
    scraped = await told(metered)
    assert scraped.value("flux_events_accepted_total", source="api") == 5
    assert scraped.value("flux_api_request_duration_seconds_count", route="/v1/events", method="POST") == 3


async def test_the_whole_installation_is_told_as_the_database_has_it(metered: str, world: StoreHarness) -> None:
    account = await world.account()
    webhook = await world.webhook(account, "*")
    deliveries = [await world.delivery(account) for _ in range(4)]
    await world.do("UPDATE deliveries SET due_at = flux_now() - interval '90 seconds'")
    await world.do(
        "UPDATE deliveries SET state = 'scheduled', sweep_at = 'infinity' WHERE id = CAST(:id AS uuid)",
        id=deliveries[0].removeprefix("dlv_"),
    )
    await world.do(
        "INSERT INTO outbox (id, account_id, type, data, written_at, reason) "
        "SELECT flux_new_id(), account_id, 'a', '{}', flux_now() - interval '20 seconds', why "
        "FROM webhooks, unnest(ARRAY[NULL, NULL, 'refused']) AS why"
    )
    await world.do(
        "INSERT INTO alert_channels (account_id, name, service, target, kinds, status, failing_since) "
        "SELECT account, '', 'mail', '', '{}', status, since FROM (VALUES (NULL::uuid, 'enabled', flux_now()), "
        "(NULL, 'enabled', NULL), (NULL, 'disabled', flux_now()), (flux_new_id(), 'enabled', flux_now())"
        ") AS made (account, status, since)"
    )
    assert webhook
    scraped = await told(metered)
    states = {("pending",): 3, ("scheduled",): 1, ("sending",): 0, ("exhausted",): 0}
    assert scraped.all_of("flux_deliveries") == states
    assert scraped["flux_deliveries_uncounted"] == 0
    assert scraped["flux_parked_deliveries"] == 1
    assert 90 <= scraped["flux_oldest_due_seconds"] < 120
    assert scraped.all_of("flux_outbox_events") == {("waiting",): 2, ("refused",): 1}
    assert 20 <= scraped["flux_outbox_oldest_seconds"] < 50
    assert scraped["flux_operator_channels_failing"] == 1
    assert scraped["flux_workers"] == 0


async def test_one_process_measures_and_the_others_tell_the_same(
    metered: str, database_url: str, redis_url: str, world: StoreHarness
) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    first = await told(metered)
    await world.delivery(account)
    with redis.Redis.from_url(redis_url) as broker:
        broker.delete(CLAIM_KEY)
    async with running_api(database_url, redis_url, metrics_token=TOKEN) as other:
        second = await told(other)
        assert second.sum("flux_deliveries") == first.sum("flux_deliveries") == 0, "it was measured a moment ago"
        with redis.Redis.from_url(redis_url) as broker:
            broker.flushall()
        assert (await told(other)).sum("flux_deliveries") == 0, "its own is fresh"
    async with running_api(database_url, redis_url, metrics_token=TOKEN) as third:
        assert (await told(third)).sum("flux_deliveries") == 1


RUBBISH: Final = (
    b"",
    b"\xff\xfe",
    b"{}",
    b"[1]",
    b'[["flux_workers", "many", []]]',
    b'[["flux_deliveries", 1, []]]',
    b'[["flux_attempt_delay_seconds", 1, []], ["flux_queue_messages", 1, [7]]]',
    b"[" * 100_000,
)


@pytest.mark.parametrize("rubbish", RUBBISH, ids=range(len(RUBBISH)))
async def test_what_is_no_snapshot_of_ours_is_left_alone(metered: str, redis_url: str, rubbish: bytes) -> None:
    with redis.Redis.from_url(redis_url) as broker:
        broker.set(SNAPSHOT_KEY, rubbish, px=int((STALE_SECONDS - FRESH_SECONDS / 2) * 1000))
    scraped = await told(metered)
    assert scraped["flux_database_up"] == 1
    assert not scraped.all_of("flux_deliveries")


async def test_metrics_are_told_while_nothing_can_be_reached() -> None:
    port = free_port()
    broken = f"postgresql://flux:hunter2@127.0.0.1:{port}/flux", f"redis://127.0.0.1:{port}/0"
    async with running_api(*broken, metrics_token=TOKEN) as url:
        began = time.monotonic()
        scraped = await told(url)
        assert time.monotonic() - began < 8, "sooner than Prometheus gives up"
    assert scraped["flux_database_up"] == scraped["flux_broker_up"] == 0
    assert scraped["flux_api_requests_in_flight"] == 1
    assert not scraped.all_of("flux_deliveries")
    assert "hunter2" not in scraped.text


OF_TABLES: Final = {
    "deliveries": {"flux_deliveries", "flux_deliveries_uncounted", "flux_oldest_due_seconds", "flux_parked_deliveries"},
    "outbox": {"flux_outbox_events", "flux_outbox_oldest_seconds"},
    "alert_channels": {"flux_operator_channels_failing"},
    "alembic_version": {"flux_schema_version"},
}
"""The figures of the whole installation that are read of each table."""


@pytest.mark.parametrize("table", OF_TABLES)
async def test_a_locked_table_takes_its_own_figures_with_it_and_no_others(
    metered: str, database_url: str, redis_url: str, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    locker = await asyncpg.connect(database_url)
    await locker.execute(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    others = {each.name for each in OF_INSTALLATION} - OF_TABLES[table]

    async def are_told() -> bool:
        return figures_in(await told(metered)) >= others

    await eventually_async(are_told, "the other figures are told")
    assert figures_in(await told(metered)) == others
    said = capsys.readouterr().out
    assert said.count("metrics.not_measured") == 1
    assert "QueryCanceledError" in said
    await locker.execute("ROLLBACK")
    await locker.close()
    with redis.Redis.from_url(redis_url) as broker:
        broker.flushall()
    async with running_api(database_url, redis_url, metrics_token=TOKEN) as url:
        assert figures_in(await told(url)) == others | OF_TABLES[table]


async def test_a_figure_that_cannot_be_had_is_told_for_a_minute_and_by_all_processes(redis_url: str) -> None:
    now, measured = 1000.0, {"flux_workers": 2.0, "flux_parked_deliveries": 7.0}

    async def measure() -> list[Measured]:
        return [Measured(name, value) for name, value in measured.items()]

    async def told_by(process: Installation) -> dict[str, float | Histogram]:
        await process.refresh()
        return {each.name: each.value for each in process()}

    async with open_redis(read_redis_url(redis_url)) as broker:
        first, second = (Installation(measure, broker, lambda: now) for _ in range(2))
        assert await told_by(first) == measured | {"flux_snapshot_age_seconds": 0}
        del measured["flux_parked_deliveries"]
        measured["flux_workers"] = 3
        await broker.delete(CLAIM_KEY)
        now += FRESH_SECONDS + 1
        await broker.pexpire(SNAPSHOT_KEY, int((STALE_SECONDS - FRESH_SECONDS - 1) * 1000))
        as_it_was = {"flux_workers": 3, "flux_parked_deliveries": 7, "flux_snapshot_age_seconds": FRESH_SECONDS + 1}
        assert await told_by(first) == as_it_was
        assert await told_by(second) == pytest.approx(as_it_was, abs=1), "though it has measured nothing"
        now += STALE_SECONDS - FRESH_SECONDS
        await broker.flushall()
        assert await told_by(first) == {"flux_workers": 3, "flux_snapshot_age_seconds": 0}
        measured.clear()
        await broker.flushall()
        now += STALE_SECONDS
        assert await told_by(second) == {}


def figures_in(scraped: Scraped) -> set[str]:
    return {each.name for each in OF_INSTALLATION if scraped.all_of(each.name)}


async def test_without_redis_each_process_measures_for_itself(database_url: str, world: StoreHarness) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    await world.delivery(account)
    async with running_api(database_url, f"redis://127.0.0.1:{free_port()}/0", metrics_token=TOKEN) as url:
        scraped = await told(url)
    assert scraped.sum("flux_deliveries") == 1
    assert scraped["flux_broker_up"] == 0
    assert not scraped.all_of("flux_queue_messages")
    assert not scraped.all_of("flux_workers")


async def test_a_backlog_makes_no_scrape_slow(metered: str, world: StoreHarness) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    await world.delivery(account)
    await world.do(
        "INSERT INTO deliveries (event_id, webhook_id, account_id, state, due_at, sweep_at) "
        "SELECT event_id, webhook_id, account_id, 'pending', due_at, sweep_at "
        "FROM deliveries, generate_series(1, 120000)"
    )
    began = time.monotonic()
    scraped = await told(metered)
    assert time.monotonic() - began < 5
    assert scraped.sum("flux_deliveries") == 100_000
    assert scraped["flux_deliveries_uncounted"] == 1


async def test_a_connection_that_waits_is_seen(database_url: str, redis_url: str, tenant: Caller) -> None:
    async with running_api(database_url, redis_url, metrics_token=TOKEN) as url, client(url, tenant.key) as caller:
        assert (await caller.post("/v1/events", json=EVENT)).status_code == 202
        locker = await asyncpg.connect(database_url)
        await locker.execute("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE")

        async def publishes() -> bool:
            scraped = await told(url)
            return scraped.value("flux_database_connections", pool="publish", state="in_use") >= 1

        publishing = asyncio.create_task(caller.post("/v1/events", json=EVENT))
        await eventually_async(publishes, "the connection in use is told")
        await locker.execute("ROLLBACK")
        await locker.close()
        assert (await publishing).status_code == 202
