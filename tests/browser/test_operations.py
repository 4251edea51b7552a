"""Operations in a browser: the page renews itself while it is looked at, and its chart still tells what it has."""

from datetime import timedelta

from playwright.async_api import Browser, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.store.portal_links import PortalLinkStore
from tests.support.chromium import page_of


async def test_it_renews_itself(chromium: Browser, api: str, database: AsyncEngine) -> None:
    link = await PortalLinkStore(database).create(None, timedelta(minutes=5))
    async with page_of(chromium, f"{api}/dashboard/sign-in/{link.token}") as page:
        await expect(page.locator("h1")).to_have_text("Accounts")
        await page.goto(f"{api}/dashboard/operations")
        await expect(page.get_by_text("They are being asked")).to_be_visible()
        await expect(page.get_by_text("No worker answers.")).to_be_visible(timeout=15_000)
        await page.locator(".plot").hover()
        await expect(page.locator(".tip")).to_be_visible()
