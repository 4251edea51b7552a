"""Charts in a browser, under the policy of our pages: they tell local times, and what is pointed at or touched."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from axe_playwright_python.async_playwright import Axe
from markupsafe import Markup
from playwright.async_api import Browser, Page, expect

from flux_dispatch.web.charts.bars import bar_chart
from flux_dispatch.web.charts.chart import Bucket, Chart, Measure, Series, Tone
from flux_dispatch.web.charts.lines import line_chart
from flux_dispatch.web.charts.sparkline import sparkline
from flux_dispatch.web.charts.table import data_table
from flux_dispatch.web.policy import PAGE_HEADERS
from flux_dispatch.web.static_files import STATIC_FILES
from tests.support.chromium import page_of

FIRST = datetime(2026, 11, 26, 15, tzinfo=UTC)
WIDE, NARROW = {"width": 1200, "height": 900}, {"width": 390, "height": 844}
SIZES: Any = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])

PAGE = Markup(
    '<!doctype html><html lang="en"><head><title>Charts</title><meta name="viewport" content="width=device-width">'
    '<link rel="icon" href="{icon}"><link rel="stylesheet" href="{flux}">'
    '<link rel="stylesheet" href="{charts}"><script type="module" src="{script}"></script></head>'
    "<body><main><h1>Charts</h1>{content}</main></body></html>"
)


def bars(step: timedelta = timedelta(hours=1), count: int = 24) -> Chart:
    return Chart(
        id="sent",
        title="Attempts",
        unit="attempts per hour",
        step=step,
        series=(Series("Delivered", Tone.GOOD), Series("Failed", Tone.BAD)),
        buckets=[Bucket(FIRST + number * step, (1000 + 100 * number, number)) for number in range(count)],
    )


def lines() -> Chart:
    return Chart(
        id="latency",
        title="Latency",
        unit="milliseconds per hour",
        step=timedelta(hours=1),
        series=(Series("p50", Tone.SIDE), Series("p95", Tone.MAIN)),
        buckets=[Bucket(FIRST + timedelta(hours=number), (20 + number, 90)) for number in range(24)],
        measure=Measure.MILLISECONDS,
    )


def page_with(content: Markup) -> str:
    url = STATIC_FILES.url
    return PAGE.format(
        icon=url("flux.svg"),
        flux=url("flux.css"),
        charts=url("charts.css"),
        script=url("chart.js"),
        content=content,
    )


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Markup], Any]]:
    servers = []

    async def started(content: Markup) -> str:
        async def page(_: web.Request) -> web.Response:
            return web.Response(text=page_with(content), content_type="text/html", headers=PAGE_HEADERS)

        application = web.Application()
        application.router.add_get("/", page)
        application.add_routes(STATIC_FILES.routes())
        server = TestServer(application)
        servers.append(server)
        await server.start_server()
        return str(server.make_url("/"))

    yield started
    for server in servers:
        await server.close()


async def point_at(page: Page, number: int) -> None:
    box = await page.locator("[data-from]").nth(number).locator("rect").first.bounding_box()
    assert box
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


@SIZES
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_sticks_out_and_all_of_it_can_be_read(
    chromium: Browser, serve: Callable[[Markup], Any], size: Any, scheme: Any
) -> None:
    content = bar_chart(bars()) + data_table(bars()) + line_chart(lines()) + data_table(lines())
    url = await serve(content + sparkline([1.0, 0.5, None, 1.0], "Success"))
    async with page_of(chromium, url, viewport=size, color_scheme=scheme) as page:
        await expect(page.get_by_role("img", name="Attempts")).to_be_visible()
        found = await Axe().run(page)
        serious = [each["id"] for each in found.response["violations"] if each["impact"] in {"serious", "critical"}]
        assert serious == [], found.generate_report()
        assert await page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
        assert await page.evaluate(COVERED) == []


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati", "UTC"])
@SIZES
async def test_labels_of_any_zone_have_room(
    chromium: Browser, serve: Callable[[Markup], Any], zone: str, size: Any
) -> None:
    async with page_of(chromium, await serve(bar_chart(bars())), viewport=size, timezone_id=zone) as page:
        await expect(page.get_by_role("img", name="Attempts")).to_have_attribute("aria-label", "Attempts")
        visible = [each for each in await page.locator(".times text").all() if await each.is_visible()]
        every = 3 if size == WIDE else 6
        midnight = {"27 Nov", "28 Nov"} & {await each.text_content() for each in visible}
        rounds = {f"{hour:02}:00" for hour in range(every, 24, every)}
        assert {await each.text_content() for each in visible} == rounds | midnight
        assert len(visible) == 24 / every
        assert await page.evaluate(COVERED) == []


async def test_times_are_those_of_the_viewer(chromium: Browser, serve: Callable[[Markup], Any]) -> None:
    url = await serve(bar_chart(bars()) + data_table(bars()))
    async with page_of(chromium, url, viewport=WIDE, timezone_id="Asia/Tokyo") as page:
        await expect(page.locator("figcaption")).to_contain_text("GMT+9")
        # 15:00 UTC is the midnight of Tokyo, and the first of the buckets
        first = page.locator(".times text", has_text="27 Nov")
        await expect(first).to_have_attribute("x", "2.08%")
        await page.get_by_text("Show as a table").click()
        await expect(page.get_by_role("columnheader").first).to_have_text("From (GMT+9)")
        await expect(page.get_by_role("rowheader").first).to_have_text("27 Nov, 00:00")


async def test_the_label_of_one_bucket_stays_in_any_zone(chromium: Browser, serve: Callable[[Markup], Any]) -> None:
    url = await serve(bar_chart(bars(count=1)))
    async with page_of(chromium, url, viewport=WIDE, timezone_id="Asia/Kathmandu") as page:
        await expect(page.locator(".times text")).to_have_text("20:45")


async def test_what_is_pointed_at_is_told_as_long_as_it_is(chromium: Browser, serve: Callable[[Markup], Any]) -> None:
    url = await serve(bar_chart(bars()))
    async with page_of(chromium, url, viewport=WIDE, timezone_id="Europe/Berlin") as page:
        tip = page.locator(".tip")
        await point_at(page, 2)
        await expect(tip).to_have_text("26 Nov, 18:00\N{EN DASH}19:00Delivered 1,200Failed 2")
        await point_at(page, 23)
        await expect(tip).to_have_text("27 Nov, 15:00\N{EN DASH}16:00Delivered 3,300Failed 23")
        await expect(tip).to_be_in_viewport(ratio=1)
        await page.mouse.move(1, 1)
        await expect(tip).to_be_hidden()


async def test_what_is_touched_is_told_until_something_else_is(
    chromium: Browser, serve: Callable[[Markup], Any]
) -> None:
    url = await serve(line_chart(lines()))
    async with page_of(chromium, url, viewport=NARROW, has_touch=True, timezone_id="UTC") as page:
        tip = page.locator(".tip")
        await page.locator("[data-from]").nth(12).locator("rect").first.tap()
        await expect(tip).to_have_text("27 Nov, 03:00\N{EN DASH}04:00p50 32 msp95 90 ms")
        await expect(tip).to_be_in_viewport(ratio=1)
        await page.get_by_role("heading", level=1).tap()
        await expect(tip).to_be_hidden()


async def test_days_stay_days_of_utc(chromium: Browser, serve: Callable[[Markup], Any]) -> None:
    url = await serve(bar_chart(bars(timedelta(days=1))))
    async with page_of(chromium, url, viewport=WIDE, timezone_id="America/New_York") as page:
        await point_at(page, 0)
        await expect(page.locator(".tip")).to_contain_text("26 Nov UTC")
        await expect(page.locator("figcaption")).to_contain_text("UTC")


async def test_without_scripts_it_says_all_the_same(chromium: Browser, serve: Callable[[Markup], Any]) -> None:
    url = await serve(bar_chart(bars()))
    async with page_of(chromium, url, viewport=WIDE, java_script_enabled=False) as page:
        await expect(page.locator("figcaption")).to_contain_text("UTC")
        await expect(page.locator("[data-from] > title").first).to_contain_text("15:00\N{EN DASH}16:00 UTC")


COVERED = """() => {
  const texts = [...document.querySelectorAll(".plot text")];
  const drawn = texts.map((each) => [each.textContent, each.getBoundingClientRect()]).filter(([, box]) => box.width);
  const wrong = drawn.filter(([, box]) => box.left < 0 || box.right > innerWidth).map(([text]) => text);
  drawn.forEach(([one, a], number) => drawn.slice(number + 1).forEach(([other, b]) => {
    if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom) wrong.push(`${one} / ${other}`);
  }));
  return wrong;
}"""
"""The texts of charts that stick out of the page, or cover each other."""
