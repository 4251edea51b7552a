"""The walk of whoever connects an endpoint, up to its first test: by mouse, by keyboard alone, and without scripts."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from tests.support.chromium import browser, page_of
from tests.support.installation import Installation
from tests.support.receiver import Receiver

pytestmark = pytest.mark.asyncio(loop_scope="module")

WIDE: Final[Any] = {"width": 1280, "height": 800}
MOST_STOPS: Final = 80
"""How often Tab may have to be pressed before what is wanted is reached."""

TYPES: Final = {"order.completed": "An order was paid.", "order.refunded": "It was paid back.", "invoice.paid": "Paid."}


@pytest.fixture(scope="module")
def installation(module_database: str, module_redis: str, tmp_path_factory: Any) -> Iterator[Installation]:
    """An API and a worker."""
    directory: Path = tmp_path_factory.mktemp("installation")
    with Installation(module_database, module_redis, directory) as running:
        running.start_api()
        running.start_worker()
        for name, description in TYPES.items():
            running.call("POST", "/v1/event-types", {"name": name, "description": description})
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened() -> AsyncIterator[Browser]:
    async with browser() as chromium:
        yield chromium


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


class Hand(Protocol):
    """How somebody works a page."""

    async def press(self, what: Locator) -> None: ...

    async def tick(self, what: Locator) -> None: ...

    async def write(self, what: Locator, text: str) -> None: ...


class Mouse:
    """Points and clicks."""

    async def press(self, what: Locator) -> None:
        await what.click()

    async def tick(self, what: Locator) -> None:
        await what.check()

    async def write(self, what: Locator, text: str) -> None:
        await what.fill(text)


class Keyboard:
    """Goes from control to control with Tab, and sees where it is."""

    def __init__(self, page: Page) -> None:
        self._keys = page.keyboard

    async def press(self, what: Locator) -> None:
        await self._reach(what)
        await self._keys.press("Enter")

    async def tick(self, what: Locator) -> None:
        await self._reach(what)
        await self._keys.press("Space")

    async def write(self, what: Locator, text: str) -> None:
        await self._reach(what)
        await self._keys.type(text)

    async def _reach(self, what: Locator) -> None:
        await what.wait_for()
        for _ in range(MOST_STOPS):
            await self._keys.press("Tab")
            if await what.evaluate("each => each === document.activeElement"):
                assert await what.evaluate(SHOWS_FOCUS), f"{what} does not show that it has the focus"
                await expect(what).to_be_in_viewport()
                return
        pytest.fail(f"{what} cannot be reached with Tab")


async def test_with_a_mouse(opened: Browser, installation: Installation, receiver: Receiver) -> None:
    async with page_of(opened, _link(installation), viewport=WIDE) as page:
        await _walk(page, Mouse(), receiver)


async def test_with_the_keyboard_alone(opened: Browser, installation: Installation, receiver: Receiver) -> None:
    async with page_of(opened, _link(installation), viewport=WIDE) as page:
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
        await _walk(page, Keyboard(page), receiver)


async def test_without_scripts(opened: Browser, installation: Installation, receiver: Receiver) -> None:
    async with page_of(opened, _link(installation), viewport=WIDE, java_script_enabled=False) as page:
        await page.get_by_role("button", name="Continue").click()
        await _walk(page, Mouse(), receiver)
        await expect(page.get_by_role("button", name="Copy")).to_have_count(0)


async def test_an_endpoint_that_refuses_is_told_why(
    opened: Browser, installation: Installation, receiver: Receiver
) -> None:
    receiver.answer = lambda _: 401
    async with page_of(opened, _link(installation), viewport=WIDE) as page:
        await _create(page, Mouse(), receiver)
        await page.get_by_role("button", name="Send test event").click()
        await expect(page.get_by_role("status")).to_contain_text("Your endpoint answered 401.")
        await expect(page.get_by_role("button", name="Send another test")).to_be_visible()


async def _walk(page: Page, hand: Hand, receiver: Receiver) -> None:
    await _create(page, hand, receiver)
    await expect(page.locator(".secret code")).to_contain_text("whsec_")
    for language, line in (("Node", "flux.webhooks.verify("), ("Python", "verify("), ("curl", "curl")):
        await expect(page.get_by_label(language)).to_have_count(1)
        await expect(page.locator("pre", has_text=line).first).to_be_attached()
    await hand.press(page.get_by_role("button", name="Send test event"))
    await expect(page.get_by_role("status")).to_contain_text("Delivered. Your endpoint answered 200 in")
    assert len(receiver.requests) == 1
    await hand.press(page.get_by_role("link", name="Go to this webhook"))
    await expect(page.get_by_role("heading", level=1)).to_contain_text(receiver.url)
    (row,) = await page.locator("#deliveries tbody tr").all()
    await expect(row).to_contain_text("Delivered")
    await hand.press(row.get_by_role("link"))
    await expect(page.get_by_role("heading", name="Attempt 1")).to_be_visible()
    await expect(page.locator("#attempt-1")).to_contain_text("200")


async def _create(page: Page, hand: Hand, receiver: Receiver) -> None:
    await expect(page.locator("nav").get_by_text("Settings")).to_be_visible()
    await hand.press(page.get_by_role("link", name="Webhooks", exact=True).filter(visible=True).last)
    await hand.press(page.get_by_role("link", name="Add Endpoint").first)
    await hand.write(page.get_by_label("Endpoint URL"), f"{receiver.url}/hooks")
    await hand.tick(page.get_by_role("checkbox", name="order.*"))
    await hand.tick(page.get_by_role("checkbox", name="invoice.paid"))
    await hand.press(page.get_by_role("button", name="Create", exact=True))
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your endpoint is ready")


def _link(installation: Installation) -> str:
    return str(installation.call("POST", "/v1/portal-links", {})["url"])


SHOWS_FOCUS: Final = """each => [[each], [each, "::after"], [each.closest("label") ?? each]].some((where) => {
  const style = getComputedStyle(...where);
  return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
})"""
"""Whether what has the focus, the row that it covers, or its label has an outline."""
