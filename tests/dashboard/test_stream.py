"""Open pages are told what happens over HTTP, come again after a restart, and are let go when the server stops."""

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.dashboard import live_feed
from flux_dispatch.domain.api_key import Scope
from tests.support.api import Caller, running_api
from tests.support.attempted import attempt
from tests.support.dashboard import signed_in
from tests.support.sse import streaming
from tests.support.store_harness import StoreHarness, event


async def test_rows_come_as_the_page_has_them(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller
) -> None:
    await world.webhook(tenant.account, "*")
    async with signed_in(api, database, account=tenant.account, scopes=[Scope.READ]) as browser:
        async with streaming(browser, f"/dashboard/{tenant.account}/stream") as stream:
            first = await stream.message()
            assert first
            assert (first.kind, first.data) == ("all", "")
            published = await tenant.event()
            message = await stream.until(published["id"])
            assert message.kind == "rows"
        page = (await browser.get(f"/dashboard/{tenant.account}/events")).text
    lines = [line for line in page.splitlines() if line]
    for line in message.data.splitlines():
        assert line in lines


async def test_a_type_comes_as_text(api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller) -> None:
    await world.publish(event(tenant.account, "<i>x</i>\ndata: y"))
    async with (
        signed_in(api, database, account=tenant.account) as browser,
        streaming(browser, f"/dashboard/{tenant.account}/stream") as stream,
    ):
        message = await stream.message()
    assert message
    assert "<i>" not in message.data
    assert "&lt;i&gt;x" in message.data


@pytest.mark.parametrize("query", ["delivery", "event", "events"])
async def test_what_is_named_is_told_of(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller, query: str
) -> None:
    await world.webhook(tenant.account, "*")
    (stored,) = await world.publish(event(tenant.account))
    (delivery,) = stored.deliveries
    named = delivery if query == "delivery" else stored.event.id
    base = f"/dashboard/{tenant.account}/stream"
    async with signed_in(api, database, account=tenant.account) as browser:
        async with streaming(browser, f"{base}?{query}={named}") as stream:
            await stream.until("Pending")
            await attempt(world, [delivery])
            assert named in (await stream.until("Delivered")).data
        assert (await browser.get(f"{base}?{query}=nonsense")).status_code == 422
        too_many = ",".join(f"evt_{number:032x}" for number in range(51))
        assert (await browser.get(f"{base}?events={too_many}")).status_code == 422


async def test_it_goes_on_after_a_restart(database_url: str, redis_url: str, database: AsyncEngine) -> None:
    world = StoreHarness(database)
    account = await world.account()
    async with running_api(database_url, redis_url) as api:
        port = httpx.URL(api).port
        assert port
        async with signed_in(api, database, account=account) as browser:
            cookies = browser.cookies
            async with streaming(browser, f"/dashboard/{account}/stream") as stream:
                first = await stream.message()
                assert first
                seen = first.id
                await browser.get(f"/dashboard/{account}/events")
    meanwhile = event(account)
    await world.publish(meanwhile)
    async with running_api(database_url, redis_url, port=port) as api:
        assert httpx.URL(api).port == port
        async with (
            httpx.AsyncClient(base_url=api, cookies=cookies, trust_env=False) as again,
            streaming(again, f"/dashboard/{account}/stream", last_seen=seen) as stream,
        ):
            assert (await stream.until(meanwhile.id)).kind == "all"


async def test_a_server_that_stops_ends_its_streams(database_url: str, redis_url: str, database: AsyncEngine) -> None:
    account = await StoreHarness(database).account()
    running = running_api(database_url, redis_url)
    api = await running.__aenter__()
    async with (
        signed_in(api, database, account=account) as browser,
        streaming(browser, f"/dashboard/{account}/stream") as stream,
    ):
        assert await stream.message()
        await running.__aexit__(None, None, None)
        assert await stream.message() is None, "it ended as it should, and was not cut off"


async def test_who_finds_no_place_is_told_when_to_come_again(
    api: str, database: AsyncEngine, tenant: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_feed, "MAX_OF_ACCOUNT", 1)
    path = f"/dashboard/{tenant.account}/stream"
    async with signed_in(api, database, account=tenant.account) as browser:
        async with streaming(browser, path) as stream:
            assert await stream.message()
            refused = await browser.get(path)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
            assert (await browser.get(f"/dashboard/{tenant.account}/events")).status_code == 200
        async with streaming(browser, path) as stream:
            assert await stream.message(), "who left has given the place back"


async def test_nobody_else_watches(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller, other_tenant: Caller
) -> None:
    await world.webhook(other_tenant.account, "*")
    (stored,) = await world.publish(event(other_tenant.account))
    async with httpx.AsyncClient(base_url=api, trust_env=False) as stranger:
        assert (await stranger.get(f"/dashboard/{tenant.account}/stream")).status_code == 303
    async with signed_in(api, database, account=tenant.account) as browser:
        assert (await browser.get(f"/dashboard/{other_tenant.account}/stream")).status_code == 404
        path = f"/dashboard/{tenant.account}/stream?event={stored.event.id}"
        async with streaming(browser, path) as stream:
            message = await stream.message()
            assert message
            assert message.data == ""
        assert (await browser.head(path)).headers["Content-Type"].startswith("text/event-stream")
