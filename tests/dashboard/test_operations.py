"""Operations: operators alone see how all of it runs, and the figures are those of what was delivered."""

import re

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch import __version__
from tests.dashboard.test_overview import figures
from tests.support.api import Caller, running_api
from tests.support.attempted import REJECTED, attempt
from tests.support.dashboard import signed_in
from tests.support.store_harness import StoreHarness
from tests.support.waiting import eventually_async

PATH = "/dashboard/operations"


async def test_nobody_but_operators_sees_it(api: str, database: AsyncEngine, tenant: Caller) -> None:
    async with signed_in(api, database, account=tenant.account) as customer:
        assert (await customer.get(PATH)).status_code == 404
    async with signed_in(api, database, account=tenant.account, scopes=["admin"]) as developer:
        assert (await developer.get(PATH)).status_code == 404
    async with signed_in(api, database, operator=True, scopes=["read"]) as reader:
        assert (await reader.get(PATH)).status_code == 200


async def test_of_an_installation_without_anything_nothing_is_told(api: str, database: AsyncEngine) -> None:
    async with signed_in(api, database, operator=True) as operator:
        page = (await operator.get(PATH)).text
    told = figures(page)
    assert (told["Attempts, last hour"], told["Open deliveries"]) == ("0", "0")
    assert told["Due longest"].endswith("Nothing is due.")
    assert "Nothing is open." in page
    assert page.count("Works") == 2
    assert f"<dd>{__version__}</dd>" in page
    assert "FLUX_FLOWER_URL" in page


async def test_the_figures_are_those_of_all_accounts(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller, other_tenant: Caller
) -> None:
    for each in (tenant, other_tenant):
        await world.webhook(each.account, "*")
    await attempt(world, [await world.delivery(tenant.account)])
    late = await world.delivery(other_tenant.account)
    await attempt(world, [await world.delivery(other_tenant.account)], REJECTED)
    await world.do("UPDATE deliveries SET due_at = flux_now() - interval '3 minutes' WHERE state = 'pending'")
    async with signed_in(api, database, operator=True) as operator:
        page = (await operator.get(PATH)).text
    told = figures(page)
    assert told["Attempts, last hour"].split() == ["2", "50.0", "%", "delivered"]
    assert told["Open deliveries"] == "2"
    assert told["Due longest"].split() == ["3", "minutes", "late"]
    assert f"/dashboard/{other_tenant.account}/deliveries/{late}" in page
    backlog = dict(re.findall(r'<span class="status open">(\w+)</span></th><td class="number">(\d+)</td>', page))
    assert backlog == {"Pending": "1", "Scheduled": "1"}


async def test_that_no_worker_answers_is_said_once_they_were_asked(api: str, database: AsyncEngine) -> None:
    async with signed_in(api, database, operator=True) as operator:
        first = (await operator.get(PATH)).text
        assert "They are being asked" in first
        assert 'data-refresh="2"' in first

        async def answered() -> str:
            page = (await operator.get(PATH)).text
            return "" if "They are being asked" in page else page

        page = await eventually_async(answered, "the workers were asked")
    assert "No worker answers." in page
    assert figures(page)["Workers"].split()[0] == "0"
    assert 'data-refresh="10"' in page


@pytest.mark.parametrize("url", ["https://flower.example.com/", None])
async def test_flower_is_linked_where_it_is_known(
    database: AsyncEngine, database_url: str, redis_url: str, url: str | None
) -> None:
    settings = {"flower_url": url} if url else {}
    async with (
        running_api(database_url, redis_url, **settings) as api,
        signed_in(api, database, operator=True) as operator,
    ):
        page = (await operator.get(PATH)).text
    assert ('href="https://flower.example.com/"' in page) is bool(url)
