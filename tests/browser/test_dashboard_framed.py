"""A customer's pages inside another site's: where the operator allows its origin, over HTTPS, and nowhere else."""

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, BrowserContext, Page, expect

from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.connect import open_database
from tests.support.api import running_api
from tests.support.bookshop import sign_in_path
from tests.support.chromium import browser

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True)
class Framing:
    """Two sites whose pages frame what their address names, the API, and a customer's account in it."""

    chromium: Browser
    allowed: str
    other: str
    api: str
    database_url: str
    account: AccountId

    async def window(self) -> BrowserContext:
        """Open one that trusts the API's certificate."""
        return await self.chromium.new_context(ignore_https_errors=True)

    async def open(self, window: BrowserContext, site: str, account: AccountId | None) -> Page:
        """Open a page of this site with a portal link in its frame (None: an operator's)."""
        page = await window.new_page()
        await page.goto(f"{site}/?{self.api}{await sign_in_path(self.database_url, account)}")
        return page


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def framing(module_database: str, module_redis: str) -> AsyncIterator[Framing]:
    database = open_database(module_database)
    account = await AccountStore(database).create("Harbour Books")
    await database.dispose()
    async with AsyncExitStack() as stack:
        # localhost is another site than 127.0.0.1, where the API is
        allowed, other = [await _site(stack) for _ in range(2)]
        settings = {"portal_frame_origins": allowed, "portal_name": "Harbour Books"}
        api = await stack.enter_async_context(
            running_api(module_database, module_redis, tls=_certificate(), **settings)
        )
        chromium = await stack.enter_async_context(browser())
        yield Framing(chromium, allowed, other, api, module_database, account)


async def test_a_portal_link_works_in_a_page_of_an_origin_that_is_allowed(framing: Framing) -> None:
    async with await framing.window() as window:
        page = await framing.open(window, framing.allowed, framing.account)
        frame = page.frame_locator("iframe")
        await expect(frame.get_by_role("heading", name="Webhooks")).to_be_visible()
        await frame.get_by_role("link", name="Add Endpoint").first.click()
        await expect(frame.get_by_label("Endpoint URL")).to_be_visible()
        await frame.get_by_label("Endpoint URL").fill("https://10.0.0.1/")
        await frame.get_by_role("checkbox", name="All events").check()
        await frame.get_by_role("button", name="Create").click()
        await expect(frame.locator("#url-problem")).to_contain_text("10.0.0.1")
        await frame.get_by_role("button", name="Dark").click()
        await expect(frame.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
        (cookie,) = [each for each in await window.cookies() if each["name"] == "__Host-flux-session"]
        assert (cookie["sameSite"], cookie["secure"], cookie["httpOnly"]) == ("None", True, True)
        assert "localhost" in cookie["partitionKey"]


async def test_the_session_in_a_frame_is_none_outside_of_it(framing: Framing) -> None:
    async with await framing.window() as window:
        page = await framing.open(window, framing.allowed, framing.account)
        await expect(page.frame_locator("iframe").get_by_role("heading", name="Webhooks")).to_be_visible()
        await page.goto(f"{framing.api}/dashboard/{framing.account}/webhooks")
        await expect(page.get_by_label("API key")).to_be_visible()


async def test_a_page_of_another_origin_shows_nothing_of_it(framing: Framing) -> None:
    async with await framing.window() as window:
        page = await window.new_page()
        link = await sign_in_path(framing.database_url, framing.account)
        async with page.expect_console_message(lambda said: "frame-ancestors" in said.text):
            await page.goto(f"{framing.other}/?{framing.api}{link}")
        await expect(page.frame_locator("iframe").get_by_role("heading", name="Webhooks")).to_have_count(0)
        assert await window.cookies() == []


async def test_an_operator_is_not_signed_in_inside_another_site_s_page(framing: Framing) -> None:
    async with await framing.window() as window:
        page = await framing.open(window, framing.allowed, None)
        await expect(page.frame_locator("iframe").get_by_label("API key")).to_be_visible()
        assert await window.cookies() == []


async def _site(stack: AsyncExitStack) -> str:
    """Start a site whose only page frames what the query of its address is; return its origin."""

    async def page(request: web.Request) -> web.Response:
        text = (
            f'<!doctype html><title>Shop</title><iframe src="{request.query_string}" width="900" height="700"></iframe>'
        )
        return web.Response(text=text, content_type="text/html")

    application = web.Application()
    application.router.add_get("/", page)
    server = TestServer(application)
    await server.start_server()
    stack.push_async_callback(server.close)
    return f"http://localhost:{server.port}"


def _certificate() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context
