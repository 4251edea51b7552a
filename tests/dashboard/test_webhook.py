"""The page of a webhook: whether it works, why not, what came of its deliveries, and switching it off and on."""

import html
import re

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.advice import advise
from flux_dispatch.domain.ids import Prefix, format_id
from flux_dispatch.domain.outcome import ErrorClass, Rejected
from tests.support.api import Caller
from tests.support.attempted import REJECTED, attempt, give_up
from tests.support.dashboard import signed_in
from tests.support.store_harness import StoreHarness


def deliveries(page: str) -> list[str]:
    """Return the ids of the deliveries in the list."""
    return re.findall(r'<tr id="(dlv_\w+)">', page)


async def test_it_is_disabled_and_enabled_again(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness
) -> None:
    path = f"/dashboard/{tenant.account}/webhooks/{(await tenant.webhook('*'))['id']}"
    async with signed_in(api, database, account=tenant.account) as customer:
        for status, said, offered in (
            ("disabled", "Disabled. What it still waited for is canceled", "Enable"),
            ("enabled", "Enabled. Events from now on are sent to it.", "Disable"),
        ):
            answer = await customer.form(path, f"{path}/status", status=status)
            assert (answer.status_code, answer.headers["Location"]) == (303, f"{path}?done=webhook_{status}")
            page = (await customer.get(answer.headers["Location"])).text
            assert said in page
            assert f">{offered}</button>" in page
            assert ("It was disabled by hand." in page) is (status == "disabled")
            assert ("Send test event" in page) is (status == "enabled")
            assert await world.scalar("SELECT status FROM webhooks") == status


@pytest.mark.parametrize("status", ["", "paused", "ENABLED"])
async def test_what_is_no_status_changes_nothing(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness, status: str
) -> None:
    path = f"/dashboard/{tenant.account}/webhooks/{(await tenant.webhook('*'))['id']}"
    await world.do("UPDATE webhooks SET status = 'disabled'")
    async with signed_in(api, database, account=tenant.account) as customer:
        answer = await customer.form(path, f"{path}/status", status=status)
        assert answer.status_code == 422
        assert "is not a status" in answer.text
    assert await world.scalar("SELECT status FROM webhooks") == "disabled"


async def test_one_that_fails_says_why_and_leads_to_the_attempt(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness
) -> None:
    path = f"/dashboard/{tenant.account}/webhooks/{await world.webhook(tenant.account, '*')}"
    async with signed_in(api, database, account=tenant.account) as customer:
        page = (await customer.get(path)).text
        assert "It fails." not in page
        assert "Nothing was sent yet" in page
        delivery = await world.delivery(tenant.account)
        await attempt(world, [delivery], REJECTED)
        page = (await customer.get(path)).text
        assert f"<strong>It fails.</strong> {advise(ErrorClass.HTTP_STATUS, 503)}" in page
        assert f"/deliveries/{delivery}" in page
        for _ in range(3):
            await attempt(world, [await world.delivery(tenant.account)])
        page = (await customer.get(path)).text
        assert "It fails." not in page
        assert "<strong>75.0 %</strong>" in page
        await give_up(world, [await world.delivery(tenant.account)], REJECTED)
        for period in ("24h", "30d"):
            page = (await customer.get(f"{path}?period={period}")).text
            assert "<strong>1 given up within 24 hours.</strong>" in page


async def test_one_that_is_gone_says_what_to_do(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness
) -> None:
    path = f"/dashboard/{tenant.account}/webhooks/{await world.webhook(tenant.account, '*')}"
    await give_up(world, [await world.delivery(tenant.account)], Rejected(410, "gone"))
    async with signed_in(api, database, account=tenant.account) as customer:
        page = (await customer.get(path)).text
        assert await world.scalar("SELECT status FROM webhooks") == "disabled"
        assert "answered 410" in html.unescape(page)
        await world.do("UPDATE webhooks SET disabled_reason = 'Moved to another provider'")
        assert "Moved to another provider" in (await customer.get(path)).text


async def test_its_deliveries_are_filtered_and_paged(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness
) -> None:
    path = f"/dashboard/{tenant.account}/webhooks/{await world.webhook(tenant.account, 'order.*')}"
    await world.webhook(tenant.account, "invoice.*")
    await world.delivery(tenant.account, "invoice.paid")
    for _ in range(52):
        await world.delivery(tenant.account)
    rows = await world.rows(
        "SELECT deliveries.id FROM deliveries JOIN events ON events.id = event_id WHERE type LIKE 'order%' "
        "ORDER BY event_id DESC"
    )
    ids = [format_id(Prefix.DELIVERY, each.id.hex) for each in rows]
    for row in rows[10:]:
        await world.put(row.id, "delivered")
    async with signed_in(api, database, account=tenant.account) as customer:
        first = (await customer.get(path)).text
        assert deliveries(first) == ids[:50]
        older = re.search(r'href="([^"]+)" rel="next"', first)
        assert older
        assert deliveries((await customer.get(html.unescape(older[1]))).text) == ids[50:]
        assert deliveries((await customer.get(f"{path}?status=pending")).text) == ids[:10]
        week = (await customer.get(f"{path}?status=delivered&period=7d")).text
        assert deliveries(week) == ids[10:]
        assert f'href="{path}?status=delivered&amp;period=30d"' in week
        assert '<input type="hidden" name="period" value="7d">' in week
        none = (await customer.get(f"{path}?status=failed")).text
        assert "No delivery is failed" in none
        assert deliveries((await customer.get(f"{path}?status=nonsense")).text) == ids[:50]
        assert "in the last 7 days" in (await customer.get(f"{path}?period=7d")).text


@pytest.mark.parametrize("webhook", ["x", f"wh_{'0' * 32}", "wh_", f"evt_{'0' * 32}", "%00"])
async def test_one_that_is_not_there_is_not_here(api: str, database: AsyncEngine, tenant: Caller, webhook: str) -> None:
    path = f"/dashboard/{tenant.account}/webhooks/{webhook}"
    async with signed_in(api, database, account=tenant.account) as customer:
        for below in ("", "/edit", "/secret", "/recover", "/delete", "/ready"):
            assert (await customer.get(f"{path}{below}")).status_code == 404, below
        for below in ("/status", "/test", "/edit", "/secret", "/secret/rotate", "/recover", "/delete", "/ready"):
            answer = await customer.form(f"/dashboard/{tenant.account}/webhooks/new", f"{path}{below}")
            assert answer.status_code == 404, below


async def test_one_that_was_deleted_is_not_here_either(api: str, database: AsyncEngine, tenant: Caller) -> None:
    webhook = (await tenant.webhook("*"))["id"]
    await tenant.http.delete(f"/v1/webhooks/{webhook}")
    async with signed_in(api, database, account=tenant.account) as customer:
        for below in ("", "/edit", "/secret", "/recover", "/delete", "/ready"):
            answer = await customer.get(f"/dashboard/{tenant.account}/webhooks/{webhook}{below}")
            assert answer.status_code == 404, below
