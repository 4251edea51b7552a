"""Behind a PgBouncer that gives each transaction another session, everything works, and its plans are the same."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from flux_dispatch.domain.webhook import NewWebhook
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.connect import DriverStatement, Plans, _session_of, check_database, open_database, trouble_of
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.deliveries import DeliveryQueries
from flux_dispatch.store.events import EventQueries
from flux_dispatch.store.migrate import migrate
from flux_dispatch.store.pages import Page
from flux_dispatch.store.schema_version import check_current
from flux_dispatch.store.session import Way
from flux_dispatch.store.webhooks import WebhookQueries, WebhookStore
from tests.support.pooler import PREPARES_SINCE, pgbouncer, pooled, version_of
from tests.support.store_harness import SEALS, SECRET, TIMING, StoreHarness, event

SETTINGS = DriverStatement("""
    SELECT pg_backend_pid() AS session, current_setting('plan_cache_mode') AS plans, current_setting('jit') AS jit,
        current_setting('enable_seqscan') AS scans, current_setting('search_path') AS path, CAST(:n AS int[]) AS n
""")
OURS = "jit,plan_cache_mode,enable_seqscan,statement_timeout"


@pytest.fixture(params=["refuses our settings", "drops our settings", "brings prepared statements along"])
def url(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[str]:
    settings = {"drops our settings": {"ignore_startup_parameters": OURS}}.get(request.param, {})
    tmp_path.chmod(0o755)
    if version_of(pgbouncer()) >= PREPARES_SINCE:
        settings["max_prepared_statements"] = "100" if "prepared" in request.param else "0"
    elif "prepared" in request.param:
        pytest.skip("this PgBouncer is too old for it")
    with pooled(database_url, tmp_path, **settings) as url:
        yield url


async def test_each_statement_has_its_settings_whichever_session_it_gets(
    url: str, request: pytest.FixtureRequest
) -> None:
    engine_database = open_database(url + "?options=-c%20search_path%3Dflux,public", plans=Plans.GENERIC, pool_size=20)
    answers = await asyncio.gather(*(SETTINGS.rows(engine_database, {"n": [n]}) for n in range(200)))
    found = [row for (row,) in answers]
    assert [row["n"] for row in found] == [[n] for n in range(200)]
    assert {(row["plans"], row["scans"], row["jit"], row["path"]) for row in found} == {
        ("force_generic_plan", "off", "off", "flux,public")
    }
    assert len({row["session"] for row in found}) > 1
    async with engine_database.connect() as connection:
        prepares = "prepared" in request.node.name
        assert _session_of(connection).way is (Way.POOLED_AND_PREPARED if prepares else Way.POOLED)
    await engine_database.dispose()


async def test_the_whole_life_of_events_goes_through_it(url: str) -> None:
    await check_database(url)
    engine_database, cold = open_database(url, plans=Plans.GENERIC), open_database(url)
    await migrate(cold)
    await check_current(cold)
    assert await trouble_of(cold) is None
    deliveries, world = DeliveryStore(engine_database, TIMING, SEALS), StoreHarness(engine_database)
    account = await AccountStore(cold).create("test")
    webhook = await WebhookStore(cold, SEALS).create(
        account, NewWebhook("https://example.com/", ("*",), "", {}, {}), SECRET, most=10
    )

    async def live() -> None:
        (stored,) = await world.publish(event(account))
        lease = await deliveries.claim(stored.deliveries)
        assert lease
        (attempted, other) = await asyncio.gather(
            DeliveryQueries(cold).get(account, stored.deliveries[0]),
            WebhookQueries(cold, SEALS).get(account, webhook.id),
        )
        assert attempted is not None
        assert attempted.state == "sending"
        assert other is not None

    await asyncio.gather(*(live() for _ in range(50)))
    assert len(await EventQueries(cold).page(account, Page(limit=100), {})) == 50
    await engine_database.dispose()
    await cold.dispose()
