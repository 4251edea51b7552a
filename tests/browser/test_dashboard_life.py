"""What scripts add to the dashboard: a look at a URL, a search, copying, local times, and a theme that is kept."""

from typing import Any, Final

import pytest
from playwright.async_api import expect

from tests.support.bookshop import Bookshop

pytestmark = pytest.mark.asyncio(loop_scope="module")

WIDE: Final[Any] = {"width": 1280, "height": 800}


async def test_a_url_is_checked_as_its_field_is_left(shop: Bookshop) -> None:
    async with shop.look(shop.pages["webhooks-new"], viewport=WIDE) as page:
        url = page.get_by_label("Endpoint URL")
        await url.fill("https://10.0.0.1/hooks")
        await page.keyboard.press("Tab")
        problem = page.get_by_role("alert")
        await expect(problem).to_contain_text("10.0.0.1")
        await expect(url).to_have_attribute("aria-invalid", "true")
        await url.fill("https://shop.example/hooks")
        await expect(problem).to_be_hidden()
        async with page.expect_response("**/check-url*") as looked:
            await page.keyboard.press("Tab")
        assert await (await looked.value).json() == {"problem": None}
        await expect(problem).to_be_hidden()


async def test_event_types_are_found_by_what_is_typed(shop: Bookshop) -> None:
    async with shop.look(shop.pages["webhooks-new"], viewport=WIDE) as page:
        ticks = page.locator("[data-choices] .tick")
        everything = await ticks.count()
        search = page.get_by_role("searchbox", name="Find an event type")
        await search.fill("BACK order")
        await expect(ticks.filter(visible=True)).to_have_text("order.refunded All or some of an order was paid back.")
        await expect(page.get_by_role("heading", name="Customers")).to_be_hidden()
        await search.press("Enter")
        await expect(page.get_by_role("heading", name="Add Endpoint")).to_be_visible()
        await search.fill("")
        await expect(ticks.filter(visible=True)).to_have_count(everything)


async def test_what_is_cut_in_the_middle_is_copied_whole(shop: Bookshop) -> None:
    clipboard = ["clipboard-read", "clipboard-write"]
    async with shop.look(shop.pages["webhooks-one-extreme"], viewport=WIDE, permissions=clipboard) as page:
        fact = page.locator("dd", has=page.locator("[data-copy-text]")).first
        await fact.get_by_role("button", name="Copy").click()
        await expect(fact.get_by_role("button", name="Copied")).to_be_visible()
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith("https://hooks")
        assert len(copied) > 1_800
        await expect(fact.get_by_role("button", name="Copy", exact=True)).to_be_visible()


async def test_times_are_those_of_whoever_looks(shop: Bookshop) -> None:
    window: dict[str, Any] = {"viewport": WIDE, "locale": "en-GB"}
    async with shop.look(shop.pages["webhooks-one"], timezone_id="UTC", **window) as page:
        utc = await page.locator("dd > time").inner_text()
    async with shop.look(shop.pages["webhooks-one"], timezone_id="Asia/Kathmandu", **window) as page:
        created = page.locator("dd > time")
        assert await created.inner_text() != utc
        minutes = "new Date(document.querySelector('dd > time').title.replace(' UTC', 'Z')) - new Date(arguments[0])"
        title = await created.get_attribute("title")
        assert title
        assert title.endswith(" UTC")
        assert (
            await page.evaluate(f"local => {minutes.replace('arguments[0]', 'local')}", await created.inner_text()) == 0
        )


async def test_the_theme_that_is_chosen_is_kept_on_every_page_and_given_up_again(shop: Bookshop) -> None:
    async with shop.look(shop.pages["webhooks"], viewport=WIDE, color_scheme="light") as page:
        background = "getComputedStyle(document.body).backgroundColor"
        light = await page.evaluate(background)
        await page.get_by_role("button", name="Dark").click()
        await expect(page).to_have_url(shop.url + shop.pages["webhooks"])
        await expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
        dark = await page.evaluate(background)
        assert dark != light
        await page.goto(shop.url + shop.pages["webhooks-new"])
        assert await page.evaluate(background) == dark
        await page.get_by_role("button", name="Auto").click()
        await expect(page.get_by_role("button", name="Auto")).to_have_attribute("aria-pressed", "true")
        assert await page.evaluate(background) == light
