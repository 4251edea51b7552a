"""The list of events and the page of a delivery go on by themselves in a browser."""

from typing import Any

from playwright.async_api import Browser, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.outcome import Rejected
from tests.support.api import Caller
from tests.support.attempted import attempt
from tests.support.chromium import page_of
from tests.support.dashboard import SignedIn, signed_in
from tests.support.store_harness import StoreHarness, event

MARKUP = "<script>document.title='run'</script>"


def kept(browser: SignedIn) -> Any:
    """Return the session as Chromium keeps one."""
    cookies = [
        {"name": each.name, "value": each.value, "domain": "127.0.0.1", "path": "/", "expires": -1}
        | {"httpOnly": True, "secure": False, "sameSite": "Lax"}
        for each in browser.cookies.jar
    ]
    return {"cookies": cookies, "origins": []}


async def test_new_events_come_on_top_and_states_change_in_place(
    chromium: Browser, api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller
) -> None:
    await world.webhook(tenant.account, "*")
    (old,) = await world.publish(event(tenant.account))
    async with signed_in(api, database, account=tenant.account) as browser:
        session = kept(browser)
    address = f"{api}/dashboard/{tenant.account}/events"
    async with page_of(chromium, address, storage_state=session) as page:
        rows = page.locator("tbody tr")
        await expect(page.locator("[data-live]")).to_have_text("Live")
        await page.get_by_label("Id").focus()
        (new,) = await world.publish(event(tenant.account, MARKUP))
        await expect(rows).to_have_count(2)
        await expect(rows.first).to_have_id(new.event.id)
        await expect(rows.first).to_contain_text(MARKUP)
        await attempt(world, old.deliveries)
        await expect(page.locator(f"#{old.event.id}")).to_contain_text("Delivered")
        await expect(page.locator(f"#{old.event.id}")).to_contain_text("1 of 1")
        await expect(page.get_by_label("Id")).to_be_focused()
        assert "Events" in await page.title()


async def test_a_delivery_tells_of_its_attempts_as_they_are_made(
    chromium: Browser, api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller
) -> None:
    await world.webhook(tenant.account, "*")
    delivery = await world.delivery(tenant.account)
    async with signed_in(api, database, account=tenant.account) as browser:
        session = kept(browser)
    address = f"{api}/dashboard/{tenant.account}/deliveries/{delivery}"
    async with page_of(chromium, address, storage_state=session) as page:
        await expect(page.locator("[data-live]")).to_have_text("Live")
        await attempt(world, [delivery], Rejected(503, MARKUP))
        await expect(page.locator("#attempt-1")).to_contain_text("Your endpoint answered 503")
        await expect(page.locator("#attempt-1")).to_contain_text(MARKUP)
        await expect(page.locator("#advice")).to_contain_text("Your endpoint answered 503")
        await attempt(world, [delivery])
        await expect(page.locator(".summary")).to_contain_text("Delivered")
        await expect(page.locator("#attempt-2")).to_be_visible()
        await expect(page.get_by_role("button", name="Retry now")).to_have_count(0)
