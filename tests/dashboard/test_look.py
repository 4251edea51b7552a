"""Pages look as somebody chose in their browser, and to customers as the company whose product they stand in."""

import re

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.web.accent import accent_css
from tests.dashboard.test_session_cookie import FRAMED_BY, attributes, signed_in_over
from tests.dashboard.test_sign_in import new_link
from tests.support.api import Caller, api_client, running_api
from tests.support.dashboard import SIGN_IN, signed_in

ACCENT = "#ffcc00"
SHEET = "/dashboard/accent.css"


@pytest.mark.parametrize("chosen", ["light", "dark"])
async def test_a_theme_is_kept_until_it_is_given_up(
    api: str, database: AsyncEngine, tenant: Caller, chosen: str
) -> None:
    webhooks = f"/dashboard/{tenant.account}/webhooks?status=enabled"
    async with signed_in(api, database, account=tenant.account) as browser:
        page = (await browser.get(webhooks)).text
        assert "data-theme" not in page
        back = re.findall(r'name="next" value="([^"]*)"', page)[0]
        answer = await browser.form(webhooks, "/dashboard/theme", theme=chosen, next=back)
        assert (answer.status_code, answer.headers["Location"]) == (303, webhooks)
        told = attributes(answer, "flux-theme")
        assert told == {"value": chosen, "HttpOnly": "", "Max-Age": "31536000", "Path": "/", "SameSite": "Lax"}
        page = (await browser.get(webhooks)).text
        assert f'<html lang="en" data-theme="{chosen}">' in page
        assert f'<meta name="color-scheme" content="{chosen}">' in page
        assert f'value="{chosen}" aria-pressed="true"' in page
        await browser.form(webhooks, "/dashboard/theme", theme="")
        assert "flux-theme" not in browser.cookies
        assert "data-theme" not in (await browser.get(webhooks)).text


async def test_a_theme_chosen_where_a_form_was_refused_leads_back_to_the_form(
    api: str, database: AsyncEngine, tenant: Caller
) -> None:
    secret = f"/dashboard/{tenant.account}/webhooks/{(await tenant.webhook('*'))['id']}/secret"
    async with signed_in(api, database, account=tenant.account) as browser:
        browser.headers["Referer"] = f"{api}{secret}"
        refused = await browser.form(secret, f"{secret}/rotate", overlap="x")
        assert (refused.status_code, f'name="next" value="{secret}"' in refused.text) == (422, True)


@pytest.mark.parametrize("theme", ["blue", "", '"><script>', "dark; Domain=example.com", "light\r\nX: y"])
async def test_what_is_no_theme_is_neither_set_nor_shown(api: str, theme: str) -> None:
    async with httpx.AsyncClient(base_url=api, headers={"Origin": api}, trust_env=False) as browser:
        answer = await browser.post("/dashboard/theme", data={"theme": theme})
        assert attributes(answer, "flux-theme") == {
            "value": "",
            "HttpOnly": "",
            "Max-Age": "0",
            "Path": "/",
            "SameSite": "Lax",
        }
        page = await browser.get(SIGN_IN, headers={"Cookie": "flux-theme=blue"})
        assert "data-theme" not in page.text


async def test_inside_another_site_the_theme_is_kept_for_that_site(
    database: AsyncEngine, database_url: str, redis_url: str
) -> None:
    async with (
        running_api(database_url, redis_url, portal_frame_origins=FRAMED_BY) as api,
        api_client(api, database) as tenant,
        signed_in_over("https", api, await new_link(database, tenant.account)) as (browser, _),
    ):
        told = attributes(await browser.post("/dashboard/theme", data={"theme": "dark"}), "flux-theme")
    assert (told["SameSite"], told["Partitioned"], told["Secure"]) == ("None", "", "")


async def test_customers_alone_see_the_look_of_the_company(
    database: AsyncEngine, database_url: str, redis_url: str
) -> None:
    async with (
        running_api(database_url, redis_url, portal_name="Acme & <Sons>", portal_accent=ACCENT) as api,
        api_client(api, database) as tenant,
        signed_in(api, database, account=tenant.account) as customer,
        signed_in(api, database, account=tenant.account, scopes=["admin"]) as developer,
        signed_in(api, database, operator=True) as operator,
    ):
        for browser, is_customer in ((customer, True), (developer, False), (operator, False)):
            page = (await browser.get(f"/dashboard/{tenant.account}/webhooks")).text
            assert (SHEET in page) is is_customer
            assert ("Acme &amp; &lt;Sons&gt;</a>" in page) is is_customer
            assert ("Flux Dispatch" in page) is not is_customer
        async with httpx.AsyncClient(base_url=api, headers={"Origin": api}, trust_env=False) as nobody:
            over = await nobody.get(f"/dashboard/{tenant.account}/webhooks", follow_redirects=True)
            assert "open its page again" in over.text
            for page in (over, await nobody.post(f"{SIGN_IN}/{'A' * 43}"), await nobody.get(f"{SIGN_IN}/{'A' * 43}")):
                assert "Acme &amp; &lt;Sons&gt;" in page.text
                assert "Flux Dispatch" not in page.text
        sheet = await customer.get(SHEET)
        assert (sheet.status_code, sheet.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
        assert sheet.text == accent_css(ACCENT)


async def test_without_an_accent_there_is_no_sheet(api: str, database: AsyncEngine, tenant: Caller) -> None:
    async with signed_in(api, database, account=tenant.account) as customer:
        assert SHEET not in (await customer.get(f"/dashboard/{tenant.account}/webhooks")).text
        assert (await customer.get(SHEET)).status_code == 404
