"""The reference page in a browser: it reads in light, dark and narrow, by keyboard, and without scripts."""

from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, expect

from tests.support.chromium import page_of

WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_nothing_on_it_is_hard_to_reach_or_sticks_out(
    chromium: Browser, api: str, size: Any, scheme: Any
) -> None:
    async with page_of(chromium, f"{api}/docs", viewport=size, color_scheme=scheme) as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text("Flux Dispatch API")
        found = await Axe().run(page)
        serious = [each["id"] for each in found.response["violations"] if each["impact"] in {"serious", "critical"}]
        assert serious == [], found.generate_report()
        assert await page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


async def test_the_language_that_is_chosen_is_chosen_everywhere_and_when_one_comes_again(
    chromium: Browser, api: str
) -> None:
    async with page_of(chromium, f"{api}/docs#webhooks.create", viewport=WIDE) as page:
        created, published = page.locator("[id='webhooks.create']"), page.locator("[id='events.publish']")
        await created.get_by_label("curl").focus()
        await page.keyboard.press("ArrowRight")
        await expect(created.get_by_text("from flux_webhooks import")).to_be_visible()
        await expect(published.get_by_text("from flux_webhooks import")).to_be_visible()
        await page.reload()
        await expect(created.get_by_label("Python")).to_be_checked()


async def test_code_is_copied_as_it_stands(chromium: Browser, api: str) -> None:
    async with page_of(
        chromium, f"{api}/docs", viewport=WIDE, permissions=["clipboard-read", "clipboard-write"]
    ) as page:
        created = page.locator("[id='webhooks.create']")
        await created.get_by_role("button", name="Copy").first.click()
        await expect(created.get_by_role("button", name="Copied")).to_be_visible()
        copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"curl -X POST {api}/v1/webhooks")


async def test_the_menu_of_a_narrow_page_opens_and_closes_with_a_choice(chromium: Browser, api: str) -> None:
    async with page_of(chromium, f"{api}/docs", viewport=NARROW) as page:
        link = page.locator("#navigation").get_by_role("link", name="Publish an event")
        await expect(link).to_be_hidden()
        await page.get_by_role("button", name="Menu").click()
        await link.click()
        await expect(link).to_be_hidden()
        await expect(page.locator("[id='events.publish']")).to_be_in_viewport()


async def test_the_keyboard_skips_to_the_reference_and_reaches_what_copies(chromium: Browser, api: str) -> None:
    async with page_of(chromium, f"{api}/docs", viewport=WIDE) as page:
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the reference")).to_be_focused()
        created = page.locator("[id='webhooks.create']")
        await created.get_by_label("curl").focus()
        await page.keyboard.press("Tab")
        await expect(created.get_by_role("button", name="Copy").first).to_be_focused()


async def test_the_navigation_says_where_one_is(chromium: Browser, api: str) -> None:
    async with page_of(chromium, f"{api}/docs#events.publish", viewport=WIDE) as page:
        here = page.locator("nav [aria-current]")
        await expect(here).to_contain_text("Publish an event")
        await expect(here).to_have_count(1)
        await expect(here).to_be_in_viewport()


async def test_the_samples_for_node_are_javascript(chromium: Browser, api: str) -> None:
    async with page_of(chromium, f"{api}/docs") as page:
        samples = await page.evaluate(_OF_NODE)
    # the page's own policy forbids to make code out of text, so an empty one does it
    async with page_of(chromium, "about:blank") as page:
        wrong = await page.evaluate(_UNREADABLE, [each for each in samples if not each.startswith("npm install")])
    assert len(samples) > 40
    assert wrong == []


async def test_without_scripts_everything_is_there(chromium: Browser, api: str) -> None:
    async with page_of(chromium, f"{api}/docs", viewport=WIDE, java_script_enabled=False) as page:
        created = page.locator("[id='webhooks.create']")
        await created.get_by_label("Node").check()
        await expect(created.get_by_text("await flux.webhooks.create(")).to_be_visible()
        assert await page.get_by_role("button", name="Copy").count() == 0


_OF_NODE = """[...document.querySelectorAll(".tabs")].flatMap((tabs) => {
  const place = [...tabs.querySelectorAll("input")].findIndex(({ value }) => value === "Node");
  return place < 0 ? [] : [tabs.querySelectorAll(":scope > .code")[place].querySelector("pre").textContent];
})"""

_UNREADABLE = """samples => samples.filter(each => {
    try {
        new Function(`return async () => {${each.replace(/^import .*$/gm, "")}}`)
    } catch {
        return true
    }
})"""
