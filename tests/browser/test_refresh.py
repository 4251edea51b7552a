"""A page that renews itself shows what is new, keeps what was opened and focused, and leaves with the session."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, expect

from flux_dispatch.web.policy import PAGE_HEADERS
from flux_dispatch.web.static_files import STATIC_FILES
from tests.support.chromium import page_of
from tests.support.waiting import eventually_async

PAGE = """<!doctype html><html lang="en"><head><title>Renewed</title><link rel="icon" href="{icon}">
<script type="module" src="{script}"></script></head><body><main><div data-refresh="0.05"><p>{number}</p>
<a id="kept" href="/elsewhere">Elsewhere</a><details><summary>More</summary>folded</details>
<time datetime="2026-01-15T12:00:00Z" data-when="full">UTC</time><span data-copy-text="x" data-copy-label="Copy it">
<code>x</code></span></div></main></body></html>"""


OTHER = '<!doctype html><html lang="en"><head><title>Other</title></head><body><h1>{}</h1></body></html>'


class Site:
    """Counts how often its page was asked for, and answers with another one where `now` names it."""

    def __init__(self) -> None:
        self.asked, self.now = 0, ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.now == "broken":
            return web.Response(status=503, headers=PAGE_HEADERS)
        if self.now == "signed out" and request.path == "/":
            return web.Response(status=303, headers={"Location": "/sign-in"})
        if self.now:
            return web.Response(text=OTHER.format(self.now), content_type="text/html", headers=PAGE_HEADERS)
        url = STATIC_FILES.url
        page = PAGE.format(number=self.asked, icon=url("flux.svg"), script=url("refresh.js"))
        return web.Response(text=page, content_type="text/html", headers=PAGE_HEADERS)

    async def is_asked_more(self) -> None:
        enough = self.asked + 3

        async def are_enough() -> bool:
            return self.asked >= enough

        await eventually_async(are_enough, "the page is asked for again and again")


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
async def url(site: Site) -> AsyncIterator[str]:
    app = web.Application()
    app.add_routes(STATIC_FILES.routes())
    app.router.add_get("/{path:.*}", site.answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


async def number(page: Any) -> int:
    return int(await page.locator("p").inner_text())


async def test_what_is_new_is_shown_and_what_somebody_did_stays(chromium: Browser, url: str) -> None:
    async with page_of(chromium, url) as page:
        await page.locator("summary").click()
        await page.locator("#kept").focus()
        for _ in range(3):
            before = await number(page)
            await expect(page.locator("p")).not_to_have_text(str(before))
        assert await page.evaluate("document.activeElement.id") == "kept"
        assert await page.locator("details").get_attribute("open") is not None
        assert await page.locator("button").all_inner_texts() == ["Copy it"]
        assert await page.locator("time").inner_text() != "UTC"


@pytest.mark.parametrize("now", ["signed out", "over"])
async def test_where_the_part_is_gone_the_page_itself_is_opened(
    chromium: Browser, url: str, site: Site, now: str
) -> None:
    async with page_of(chromium, url) as page:
        site.now = now
        await expect(page.locator("h1")).to_have_text(now)


async def test_who_is_about_to_press_a_button_keeps_it(chromium: Browser, url: str, site: Site) -> None:
    async with page_of(chromium, url) as page:
        await page.locator("summary").focus()
        told = await number(page)
        await site.is_asked_more()
        assert await number(page) == told
        assert await page.evaluate("document.activeElement.tagName") == "SUMMARY"


async def test_where_it_cannot_be_had_what_is_there_stays(chromium: Browser, url: str, site: Site) -> None:
    page = await chromium.new_page()
    await page.goto(url)
    site.now = "broken"
    await site.is_asked_more()
    told = await number(page)
    assert told <= site.asked - 3
    site.now = ""
    await expect(page.locator("p")).not_to_have_text(str(told))
    await page.close()
