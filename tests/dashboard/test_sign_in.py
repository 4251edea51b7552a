"""Signing in: by a key or by a link, each link once, and to nowhere but the dashboard."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.api_key import NewApiKey, encode_api_key
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.api_keys import ApiKeyStore
from flux_dispatch.store.portal_links import PortalLinkStore
from tests.support.api import Caller
from tests.support.dashboard import SIGN_IN, signed_in
from tests.support.store_harness import StoreHarness

SESSIONS = "SELECT count(*) FROM dashboard_sessions"
NO_KEY = "This is no API key that works"
USED = "This link was used already, or its time is over"
MINUTES = timedelta(minutes=5)


@pytest.fixture
async def browser(api: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that nobody has signed in with."""
    async with httpx.AsyncClient(base_url=api, headers={"Origin": api}, trust_env=False) as browser:
        yield browser


async def new_link(database: AsyncEngine, account: AccountId | None, lifetime: timedelta = MINUTES) -> str:
    return f"{SIGN_IN}/{(await PortalLinkStore(database).create(account, lifetime)).token}"


async def bad_key(database: AsyncEngine, account: AccountId, kind: str) -> str:
    """Return what was a key, or never was one."""
    keys = ApiKeyStore(database)
    match kind:
        case "revoked":
            made, text = await keys.create(account, ["admin"])
            assert await keys.revoke(made.id)
            return text
        case "expired":
            soon = datetime.now(UTC) + timedelta(days=1)
            added = await keys.add(account, NewApiKey(("admin",), expires_at=soon))
            assert added
            await StoreHarness(database).do("UPDATE api_keys SET expires_at = flux_now() WHERE expires_at IS NOT NULL")
            return added[1]
        case "of an account that was deleted":
            gone = await AccountStore(database).create("gone")
            _, text = await keys.create(gone, ["admin"])
            assert await AccountStore(database).delete(gone)
            return text
    return {"unknown": encode_api_key(bytes(24)), "malformed": "sk_live_sesame", "missing": "", "binary": "\udcff\0"}[
        kind
    ]


async def test_a_key_of_an_account_leads_to_its_pages(
    browser: httpx.AsyncClient, database: AsyncEngine, tenant: Caller
) -> None:
    _, key = await ApiKeyStore(database).create(tenant.account, ["read"])
    answer = await browser.post(SIGN_IN, data={"key": f" {key}\n"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/dashboard/{tenant.account}/")
    assert (await browser.get(f"/dashboard/{tenant.account}/webhooks")).status_code == 200
    again = await browser.get(SIGN_IN)
    assert (again.status_code, again.headers["Location"]) == (303, "/dashboard/")
    start = await browser.get("/dashboard/")
    assert start.headers["Location"] == f"/dashboard/{tenant.account}/"


async def test_a_platform_key_leads_to_the_first_account(
    browser: httpx.AsyncClient, database: AsyncEngine, tenant: Caller, other_tenant: Caller
) -> None:
    _, key = await ApiKeyStore(database).create(None, ["read"])
    answer = await browser.post(SIGN_IN, data={"key": key})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard/")
    assert (await browser.get("/dashboard/")).headers["Location"] == f"/dashboard/{tenant.account}/"
    for each in (tenant, other_tenant):
        assert (await browser.get(f"/dashboard/{each.account}/webhooks")).status_code == 200


async def test_where_there_is_no_account_an_operator_is_led_to_their_list(api: str, database: AsyncEngine) -> None:
    async with signed_in(api, database, operator=True) as operator:
        assert (await operator.get("/dashboard/")).headers["Location"] == "/dashboard/accounts"


@pytest.mark.parametrize(
    "kind", ["revoked", "expired", "of an account that was deleted", "unknown", "malformed", "missing", "binary"]
)
async def test_what_is_no_key_that_works_lets_nobody_in(
    browser: httpx.AsyncClient, database: AsyncEngine, tenant: Caller, world: StoreHarness, kind: str
) -> None:
    key = await bad_key(database, tenant.account, kind)
    answer = await browser.post(SIGN_IN, data={"key": key.encode(errors="surrogateescape"), "next": "/dashboard/x"})
    assert answer.status_code == 422
    assert NO_KEY in answer.text
    assert 'value="/dashboard/x"' in answer.text
    assert "Set-Cookie" not in answer.headers
    assert not key.strip("\0\udcff") or key not in answer.text
    assert await world.scalar(SESSIONS) == 0


async def test_a_key_without_the_scope_read_says_so(
    browser: httpx.AsyncClient, database: AsyncEngine, tenant: Caller, world: StoreHarness
) -> None:
    _, key = await ApiKeyStore(database).create(tenant.account, ["events:write", "webhooks:write"])
    answer = await browser.post(SIGN_IN, data={"key": key})
    assert answer.status_code == 422
    assert "This key lacks the scope read" in answer.text
    assert key not in answer.text
    assert await world.scalar(SESSIONS) == 0


@pytest.mark.parametrize(
    "target", ["/dashboard/x/webhooks?status=enabled&done=a..b", "/dashboard/a..b/", "/dashboard/"]
)
async def test_whoever_had_to_sign_in_first_is_led_where_they_wanted(
    browser: httpx.AsyncClient, database: AsyncEngine, tenant: Caller, target: str
) -> None:
    led = await browser.get(f"/dashboard/{tenant.account}/webhooks?search=a%26b")
    assert led.status_code == 303
    asked = await browser.get(led.headers["Location"])
    assert f'name="next" value="/dashboard/{tenant.account}/webhooks?search=a%26b"' in asked.text
    _, key = await ApiKeyStore(database).create(tenant.account, ["read"])
    assert (await browser.post(SIGN_IN, data={"key": key, "next": target})).headers["Location"] == target


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example/dashboard/",
        "javascript:alert(1)",
        "/dashboard",
        "/dashboards/",
        "/docs",
        "\\\\evil.example",
        "/dashboard/\\evil.example",
        "/dashboard/../docs",
        "/dashboard/..",
        "/dashboard/./../docs",
        "/dashboard/%2e%2E/docs",
        "/dashboard/x/.%2e/../docs",
        "/dashboard/\r\nSet-Cookie: a=b",
        "/dashboard/\t/",
        "/dashboard/ü",
        " /dashboard/",
        "",
    ],
)
async def test_nobody_is_led_elsewhere(
    browser: httpx.AsyncClient, database: AsyncEngine, tenant: Caller, target: str
) -> None:
    _, key = await ApiKeyStore(database).create(tenant.account, ["read"])
    asked = await browser.get(SIGN_IN, params={"next": target})
    assert 'name="next" value=""' in asked.text
    chosen = await browser.post("/dashboard/theme", data={"theme": "dark", "next": target})
    assert chosen.headers["Location"] == "/dashboard/"
    answer = await browser.post(SIGN_IN, data={"key": key, "next": target})
    assert answer.headers["Location"] == f"/dashboard/{tenant.account}/"
    assert "a=b" not in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("whose", ["customer", "operator"])
async def test_a_link_signs_in_once(
    browser: httpx.AsyncClient, database: AsyncEngine, tenant: Caller, world: StoreHarness, whose: str
) -> None:
    is_operator = whose == "operator"
    link = await new_link(database, None if is_operator else tenant.account)
    for method in ("GET", "HEAD", "GET"):
        looked = await browser.request(method, link)
        assert looked.status_code == 200
        assert "Set-Cookie" not in looked.headers
    assert await world.scalar(SESSIONS) == 0
    used = await browser.post(link)
    home = "/dashboard/" if is_operator else f"/dashboard/{tenant.account}/webhooks"
    assert (used.status_code, used.headers["Location"]) == (303, home)
    assert (await browser.get(f"/dashboard/{tenant.account}/webhooks")).status_code == 200
    browser.cookies.clear()
    again = await browser.post(link)
    assert again.status_code == 404
    assert USED in again.text
    assert "Set-Cookie" not in again.headers
    assert await world.scalar(SESSIONS) == 1


async def test_of_ten_at_once_one_is_signed_in(api: str, database: AsyncEngine, tenant: Caller) -> None:
    link = await new_link(database, tenant.account)
    async with httpx.AsyncClient(base_url=api, headers={"Origin": api}, trust_env=False) as browsers:
        answers = await asyncio.gather(*(browsers.post(link) for _ in range(10)))
    assert sorted(each.status_code for each in answers) == [303, *[404] * 9]
    assert sum("Set-Cookie" in each.headers for each in answers) == 1


@pytest.mark.parametrize("kind", ["over", "of an account that was deleted", "none", "odd"])
async def test_a_link_that_cannot_be_used_says_what_to_do(
    browser: httpx.AsyncClient, database: AsyncEngine, tenant: Caller, world: StoreHarness, kind: str
) -> None:
    link = {"none": f"{SIGN_IN}/{'A' * 43}", "odd": f"{SIGN_IN}/%FF%00"}.get(kind) or await new_link(
        database, tenant.account
    )
    if kind == "over":
        await world.do("UPDATE portal_links SET expires_at = flux_now()")
    else:
        await AccountStore(database).delete(tenant.account)
    answer = await browser.post(link)
    assert answer.status_code == 404
    assert USED in answer.text
    assert "Set-Cookie" not in answer.headers


async def test_whoever_signs_in_gets_a_token_of_their_own_and_the_one_before_ends(
    browser: httpx.AsyncClient, api: str, database: AsyncEngine, tenant: Caller, other_tenant: Caller
) -> None:
    name = f"flux-session-{httpx.URL(api).port}"
    browser.cookies.set(name, "brought", domain="127.0.0.1", path="/")
    await browser.post(await new_link(database, tenant.account))
    first = browser.cookies[name]
    assert first != "brought"
    assert len(first) >= 43
    await browser.post(await new_link(database, other_tenant.account))
    second = browser.cookies[name]
    assert second != first
    for token, account in (("brought", tenant.account), (first, tenant.account), (second, tenant.account)):
        async with httpx.AsyncClient(base_url=api, cookies={name: token}, trust_env=False) as other:
            page = await other.get(f"/dashboard/{account}/webhooks")
            assert page.status_code == (404 if token == second else 303), token
