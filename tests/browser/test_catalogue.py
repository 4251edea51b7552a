"""The catalogue, alerts and API keys in a browser: what is searched is found, and nothing is hard to reach."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.portal_links import PortalLinkStore
from tests.support.api import Caller, api_client
from tests.support.attempted import give_up
from tests.support.chromium import page_of
from tests.support.store_harness import StoreHarness, event

WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
LONG = "very_" * 20 + "long"
SCHEMA: dict[str, Any] = {
    "properties": {
        "order": {"type": "string", "maxLength": 40, "description": "d" * 200},
        "parts": {"type": "array", "items": {"properties": {"k" * 200: {"pattern": "^(a|b)" * 40}}}},
    },
    "oneOf": [{}],
}


@asynccontextmanager
async def signed_in_page(
    chromium: Browser, api: str, database: AsyncEngine, account: AccountId | None, **options: Any
) -> AsyncIterator[Page]:
    """Yield the window of a customer of this account, or of an operator."""
    link = await PortalLinkStore(database).create(account, timedelta(minutes=5))
    async with page_of(chromium, f"{api}/docs", **options) as page:
        await page.context.request.post(f"{api}/dashboard/sign-in/{link.token}", headers={"Origin": api})
        yield page


async def described(tenant: Caller, name: str, **values: Any) -> None:
    answer = await tenant.http.post("/v1/event-types", json={"name": name, **values})
    assert answer.status_code == 201, answer.text


async def test_event_types_are_found_by_what_is_typed(chromium: Browser, api: str, database: AsyncEngine) -> None:
    async with api_client(api, database) as tenant:
        await described(tenant, "invoice.paid", group="Billing", description="The money is there.")
        await described(tenant, "invoice.void", group="Billing")
        await described(tenant, "user.created", description="Somebody new.")
        base = f"{api}/dashboard/{tenant.account}"
        async with signed_in_page(chromium, api, database, tenant.account, viewport=WIDE) as page:
            for address, kind in ((f"{base}/event-types", "link"), (f"{base}/webhooks/new", "checkbox")):
                await page.goto(address)
                invoice = page.get_by_role(kind, name="invoice.paid")
                user = page.get_by_role(kind, name="user.created")
                await expect(user).to_be_visible()
                search = page.get_by_label("Find an event type")
                await search.fill("MONEY inv")
                await expect(invoice).to_be_visible()
                await expect(page.get_by_role(kind, name="invoice.void")).to_be_hidden()
                await expect(user).to_be_hidden()
                await expect(page.get_by_role("heading", name="user")).to_be_hidden()
                await search.fill("nothing like it")
                await expect(page.get_by_text("Nothing fits.")).to_be_visible()
                await search.fill("")
                await expect(user).to_be_visible()
                await expect(page.get_by_text("Nothing fits.")).to_be_hidden()


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (NARROW, "dark")], ids=["wide", "narrow"])
async def test_nothing_on_these_pages_is_hard_to_reach_or_sticks_out(
    chromium: Browser, api: str, database: AsyncEngine, size: Any, scheme: Any
) -> None:
    world = StoreHarness(database)
    async with api_client(api, database) as tenant:
        await described(
            tenant, LONG, group="W" * 64, description="x" * 300, example={"k" * 200: "v" * 999}, schema=SCHEMA
        )
        await world.webhook(tenant.account, LONG, url=f"https://example.com/{'q' * 900}")
        (stored,) = await world.publish(event(tenant.account, LONG))
        await give_up(world, list(stored.deliveries))
        await world.do("UPDATE api_keys SET name = repeat('long ', 20), scopes = '{read,webhooks:write,events:write}'")
        paths = ["event-types", f"event-types/{LONG}", f"event-types/{LONG}/edit", "event-types/+new"]
        paths += ["alerts", "alerts?show=all", "api-keys", "api-keys/new"]
        options = {"viewport": size, "color_scheme": scheme}
        async with signed_in_page(chromium, api, database, None, **options) as page:
            for path in paths:
                await page.goto(f"{api}/dashboard/{tenant.account}/{path}")
                await expect(page.get_by_role("heading", level=1)).to_be_visible()
                found = await Axe().run(page)
                serious = [
                    each["id"] for each in found.response["violations"] if each["impact"] in {"serious", "critical"}
                ]
                assert serious == [], (path, found.generate_report())
                assert await page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, path
                within = "[...document.querySelectorAll('.scroll')].map((each) => each.scrollWidth - each.clientWidth)"
                assert max(await page.evaluate(f"[0, ...{within}]")) <= 0, path
