"""Every page of the dashboard, full, empty and of far too much: in light and dark, narrow, and with large text."""

from typing import Any, Final

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.support.bookshop import Bookshop

pytestmark = pytest.mark.asyncio(loop_scope="module")

WIDE: Final[Any] = {"width": 1280, "height": 800}
NARROW: Final[Any] = {"width": 390, "height": 844}
TWICE_AS_LARGE: Final[Any] = {"width": 640, "height": 400}
"""What a browser that enlarges all to 200 % lays out in the window WIDE."""

LOOKS: Final[Any] = {"runOnly": ["color-contrast", "scrollable-region-focusable", "target-size"]}
"""What axe finds to depend on colours and sizes; all else is the same in every look."""


@pytest.mark.timeout(300)
async def test_nothing_sticks_out_and_all_of_it_can_be_read(shop: Bookshop) -> None:
    wrong: dict[str, Any] = {}
    async with shop.look(shop.pages["webhooks"], viewport=WIDE) as page:
        for name, path in shop.pages.items():
            answer = await page.goto(shop.url + path)
            assert answer
            wrong[f"{name}: answer"] = None if answer.status == 200 and page.url == shop.url + path else answer.status
            wrong[f"{name}: markup"] = await page.evaluate(REPAIRED)
            wrong[f"{name}: scripts"] = await page.evaluate(UNBOUND)
            wrong[f"{name}: crooked"] = await page.evaluate(CROOKED)
            for scheme, size, options in (("light", WIDE, {}), ("dark", NARROW, LOOKS)):
                await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                await page.set_viewport_size(size)
                wrong[f"{name}: {scheme}"] = await _violations(page, **options)
                wrong[f"{name}: sticks out at {size['width']}"] = await page.evaluate(STICKS_OUT)
            await page.set_viewport_size(TWICE_AS_LARGE)
            wrong[f"{name}: sticks out of a page twice as large"] = await page.evaluate(STICKS_OUT)
            await page.set_viewport_size(WIDE)
            await page.evaluate(ENLARGE_TEXT)
            wrong[f"{name}: sticks out with text twice as large"] = await page.evaluate(STICKS_OUT)
    assert {name: found for name, found in wrong.items() if found} == {}


async def test_whoever_sends_a_wrong_form_is_led_to_what_is_wrong(shop: Bookshop) -> None:
    context = await shop.chromium.new_context(storage_state=shop.cookies, viewport=NARROW)
    page = await context.new_page()
    for name, given in WRONG_FORMS:
        await page.goto(shop.url + shop.pages[name])
        async with page.expect_navigation():
            await page.evaluate(SEND_AS_IT_IS, given)
        field = page.locator("[autofocus]:focus")
        await expect(field, name).to_be_in_viewport()
        problems = page.locator(".problem:not(.alone)")
        await expect(problems, name).to_be_in_viewport()
        described = str(await field.get_attribute("aria-describedby")).split()
        assert await problems.get_attribute("id") in described, name
    await context.close()


async def test_other_colours_can_be_read_as_well(shop: Bookshop) -> None:
    wrong: dict[str, Any] = {}
    async with shop.look(shop.pages["webhooks"], viewport=WIDE) as page:
        for name in (
            "webhooks",
            "webhooks-one",
            "webhooks-fails",
            "webhooks-gone",
            "webhooks-new",
            "webhooks-one-ready",
        ):
            await page.goto(shop.url + shop.pages[name])
            for scheme, size in (("dark", WIDE), ("light", NARROW)):
                await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                await page.set_viewport_size(size)
                wrong[f"{name}: {scheme} at {size['width']}"] = await _violations(page, **LOOKS)
    assert {name: found for name, found in wrong.items() if found} == {}


async def test_names_of_headers_leave_the_room_to_their_values(shop: Bookshop) -> None:
    async with shop.look(shop.pages["deliveries-one"], viewport=WIDE) as page:
        for size, part in ((WIDE, 0.25), (NARROW, 0.41)):
            await page.set_viewport_size(size)
            names = page.locator("table.headers tbody th")
            taken = await names.evaluate_all(
                "(all) => all.map((each) => each.offsetWidth / each.parentNode.offsetWidth)"
            )
            assert 0 < max(taken) < part, size


async def test_a_page_is_printed_without_what_only_a_screen_has(shop: Bookshop) -> None:
    async with shop.look(shop.pages["webhooks"], viewport={"width": 794, "height": 1123}) as page:
        await page.emulate_media(media="print", color_scheme="dark")
        for name, path in shop.pages.items():
            await page.goto(shop.url + path)
            assert not await page.locator(
                "button:visible, .button:visible, .live:visible, header.side:visible"
            ).count(), name
            assert await page.evaluate(STICKS_OUT) == [], name
            assert await page.evaluate("getComputedStyle(document.body).color") == "rgb(27, 33, 48)", name


async def test_what_is_not_there_is_told_in_the_same_frame(shop: Bookshop) -> None:
    async with shop.look(shop.pages["webhooks"], viewport=NARROW) as page:
        # the browser itself calls an answer of 404 an error
        there = await page.context.request.get(f"{shop.url}{shop.pages['webhooks']}/wh_nothing")
        assert there.status == 404
        await page.set_content((await there.text()).replace('href="/', f'href="{shop.url}/'))
        await page.get_by_role("heading", name="Not here").wait_for()
        assert await page.evaluate(STICKS_OUT) == []


async def _violations(page: Page, **options: Any) -> list[str]:
    """Return what axe calls serious or critical, each with the first place of it."""
    # it is large, and stays as long as the page does
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)
    found: list[str] = await page.evaluate(VIOLATIONS, {"resultTypes": ["violations"], **options})
    return found


WRONG_FORMS: Final[Any] = (
    ("webhooks-new", {}),
    ("webhooks-new", {"url": "https://shop.example/"}),
    ("webhooks-one-edit", {"url": "https://shop.example/", "more": "or!der"}),
    ("webhooks-one-delete", {"host": "another.example"}),
    ("webhooks-one-recover", {"since": "at"}),
    ("webhooks-one-secret", {}),
    ("alert-channels-new", {}),
    ("alert-channels-one-edit", {}),
    ("api-keys-new", {}),
    ("event-types-new", {"name": "shop.opened", "example": "{"}),
    ("events-new", {"type": "shop.opened", "data": "[]"}),
    ("accounts-new", {}),
)
"""Pages with a form, and what is given in it; all else is left empty."""

SEND_AS_IT_IS: Final = """(given) => {
  const form = document.querySelector("form.form");
  for (const each of form.elements) {
    if (["checkbox", "radio"].includes(each.type)) each.checked = given[each.name] === each.value;
    else if (each.type !== "hidden") each.value = given[each.name] ?? "";
  }
  form.submit();
}"""

UNBOUND: Final = """() => Object.entries({
  "busy": "form[data-busy]", "chart": "[data-chart]", "find": "[data-find]", "live": "[data-live]",
  "picker": "[data-picker]", "refresh": "[data-refresh]", "tabs": "[data-tab]", "url-check": "[data-check-url]",
  "a place that is bound": "[data-busy]:not(form)",
}).filter(([script, bound]) => document.querySelector(bound) && !document.querySelector(`script[src$="/${script}.js"]`))
  .map(([script, bound]) => `${bound} without ${script}`)"""
"""What waits for a script that the page does not load."""

AXE: Final = Axe().axe_script
VIOLATIONS: Final = """async (options) => (await axe.run(document, options)).violations
  .filter(({ impact }) => ["serious", "critical"].includes(impact))
  .map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)}`)"""

REPAIRED: Final = """() => [...document.querySelectorAll("main p:not([role]), header p")]
  .filter((each) => !each.children.length && !each.textContent.trim())
  .map((each) => each.outerHTML)"""
"""Paragraphs that the browser ended at once, for something stood in them that may not."""

STICKS_OUT: Final = """() => {
  const width = document.documentElement.scrollWidth;
  if (width <= innerWidth) return [];
  const all = [...document.querySelectorAll("body *")];
  const wide = all.filter((each) => each.getBoundingClientRect().right > innerWidth + 0.5);
  return [`${width} of ${innerWidth}`, ...wide.slice(-3).map((each) => each.outerHTML.slice(0, 160))];
}"""
"""Where the page is wider than its window: by how much, and the innermost of what sticks out."""

CROOKED: Final = """() => [...document.querySelectorAll(".head, .filters")].flatMap((row) => {
  const all = [...row.querySelectorAll(":scope > :not(label, [hidden])")].map((each) => each.getBoundingClientRect());
  const beside = all.slice(1).filter(({ top, bottom }) => top < all[0].bottom && all[0].top < bottom);
  return beside.filter(({ top, bottom }) => Math.abs(top + bottom - all[0].top - all[0].bottom) > 2)
    .map(() => row.outerHTML.slice(0, 300));
})"""
"""Rows of a heading or of filters in which what stands beside the first stands higher or lower."""

ENLARGE_TEXT: Final = """() => {
  const all = [...document.querySelectorAll("body, body *")].map((each) => [each, getComputedStyle(each)]);
  const sizes = all.map(([each, style]) => [each, parseFloat(style.fontSize), parseFloat(style.lineHeight)]);
  for (const [each, size, height] of sizes) {
    each.style.fontSize = `${2 * size}px`;
    if (height) each.style.lineHeight = `${2 * height}px`;
  }
}"""
"""As browsers do that enlarge the text alone."""
