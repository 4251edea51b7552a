"""A session lives in a cookie that no script and no other site gets, and ends when it should."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.dashboard_session import ABSOLUTE, IDLE
from flux_dispatch.store.accounts import AccountStore
from tests.dashboard.test_sign_in import SESSIONS, new_link
from tests.support.api import Caller, api_client, running_api
from tests.support.dashboard import SIGN_IN, signed_in
from tests.support.store_harness import StoreHarness

FRAMED_BY = "https://app.example.com"


def attributes(answer: httpx.Response, name: str) -> dict[str, str]:
    """Return the attributes of a cookie that the answer sets, with its value under `value`."""
    (cookie,) = [each for each in answer.headers.get_list("Set-Cookie") if each.startswith(f"{name}=")]
    given = [part.partition("=") for part in f"value={cookie.partition('=')[2]}".split("; ")]
    return {key: value for key, _, value in given}


@asynccontextmanager
async def signed_in_over(
    scheme: str, api: str, path: str, **form: str
) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.Response]]:
    """Sign in as behind a proxy that ended this scheme; yield the browser, and the answer that signed it in."""
    origin = f"{scheme}://{httpx.URL(api).netloc.decode()}"
    async with httpx.AsyncClient(base_url=api, headers={"Origin": origin}, trust_env=False) as browser:
        answer = await browser.post(path, data=form)
        assert answer.status_code == 303, answer.text
        # the jar keeps what is Secure away from http, which is the proxy's way here
        browser.headers["Cookie"] = answer.headers["Set-Cookie"].partition(";")[0]
        yield browser, answer


async def test_over_http_it_is_kept_from_scripts_and_other_sites(
    api: str, database: AsyncEngine, tenant: Caller
) -> None:
    async with signed_in_over("http", api, await new_link(database, tenant.account)) as (_, answer):
        told = attributes(answer, f"flux-session-{httpx.URL(api).port}")
    assert len(told.pop("value")) >= 43
    assert told == {"HttpOnly": "", "Max-Age": str(7 * 86_400), "Path": "/", "SameSite": "Lax"}


@pytest.mark.parametrize("frame_origins", ["", FRAMED_BY])
@pytest.mark.parametrize("way", ["portal link", "operator link", "key"])
async def test_over_https_it_belongs_to_this_host_alone(
    database_url: str, redis_url: str, database: AsyncEngine, way: str, frame_origins: str
) -> None:
    async with (
        running_api(database_url, redis_url, portal_frame_origins=frame_origins) as api,
        api_client(api, database) as tenant,
    ):
        link = await new_link(database, tenant.account if way == "portal link" else None)
        shown = (SIGN_IN, {"key": tenant.key}) if way == "key" else (link, {})
        async with signed_in_over("https", api, shown[0], **shown[1]) as (browser, answer):
            told = attributes(answer, "__Host-flux-session")
            page = await browser.get(f"/dashboard/{tenant.account}/webhooks")
            assert page.status_code == 200
            token = re.findall(r'name="csrf" value="(.*?)"', page.text)[0]
            left = await browser.post("/dashboard/sign-out", data={"csrf": token})
            assert (await browser.get(f"/dashboard/{tenant.account}/webhooks")).status_code == 303
    is_framed = bool(frame_origins) and way == "portal link"
    same_site = {"SameSite": "None", "Partitioned": ""} if is_framed else {"SameSite": "Lax"}
    del told["value"]
    assert told == {"HttpOnly": "", "Max-Age": str(7 * 86_400), "Path": "/", "Secure": "", **same_site}
    taken_back = attributes(left, "__Host-flux-session")
    assert (taken_back.pop("value").strip('"'), taken_back.pop("Max-Age")) == ("", "0")
    assert taken_back == {"HttpOnly": "", "Path": "/", "Secure": "", **same_site}, "else the browser keeps it"


async def test_over_http_no_frame_of_another_site_gets_it(
    database_url: str, redis_url: str, database: AsyncEngine
) -> None:
    account = await AccountStore(database).create("test")
    link = await new_link(database, account)
    async with (
        running_api(database_url, redis_url, portal_frame_origins=FRAMED_BY) as api,
        signed_in_over("http", api, link) as (_, answer),
    ):
        told = attributes(answer, f"flux-session-{httpx.URL(api).port}")
    assert told["SameSite"] == "Lax"
    assert "Partitioned" not in told


async def test_whoever_signs_out_leaves_nothing_behind(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness
) -> None:
    webhooks = f"/dashboard/{tenant.account}/webhooks"
    async with signed_in(api, database, account=tenant.account) as browser:
        name, token = next(iter(browser.cookies.items()))
        left = await browser.form(webhooks, "/dashboard/sign-out")
        assert (left.status_code, left.headers["Location"]) == (303, f"{SIGN_IN}?done=signed_out")
        assert name not in browser.cookies
        assert "You are signed out." in (await browser.get(left.headers["Location"])).text
        assert await world.scalar(SESSIONS) == 0
        assert (await browser.get(webhooks, headers={"Cookie": f"{name}={token}"})).status_code == 303
        assert (await browser.post("/dashboard/sign-out")).status_code == 303, "a second time is as good"


async def test_a_session_ends_with_its_key(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness
) -> None:
    async with (
        signed_in(api, database, account=tenant.account, scopes=["admin"]) as by_key,
        signed_in(api, database, account=tenant.account) as by_link,
    ):
        await world.do(
            "UPDATE api_keys SET revoked_at = flux_now() WHERE id = (SELECT api_key_id FROM "
            "dashboard_sessions WHERE api_key_id IS NOT NULL)"
        )
        for browser, status in ((by_key, 303), (by_link, 200)):
            assert (await browser.get(f"/dashboard/{tenant.account}/webhooks")).status_code == status


@pytest.mark.parametrize(
    ("column", "limit"), [("last_used_at", IDLE), ("expires_at", ABSOLUTE)], ids=["idle", "a week"]
)
async def test_a_session_ends_when_it_is_idle_and_after_a_week(
    api: str, database: AsyncEngine, tenant: Caller, column: str, limit: timedelta
) -> None:
    webhooks = f"/dashboard/{tenant.account}/webhooks"
    back = f"UPDATE dashboard_sessions SET {column} = {column} - CAST(:back AS interval)"  # noqa: S608 - our own names
    async with signed_in(api, database, account=tenant.account) as browser:
        page = await browser.get(webhooks)
        await StoreHarness(database).do(back, back=limit - timedelta(minutes=1))
        assert (await browser.get(webhooks)).status_code == 200
        await StoreHarness(database).do(back, back=limit)
        assert (await browser.get(webhooks)).status_code == 303
        token = re.findall(r'name="csrf" value="(.*?)"', page.text)[0]
        posted = await browser.post(f"{webhooks}/new", data={"csrf": token})
        assert posted.status_code == 401
        assert "You are not signed in, or your session is over." in posted.text


async def test_a_session_ends_with_its_account(api: str, database: AsyncEngine, tenant: Caller) -> None:
    webhooks = f"/dashboard/{tenant.account}/webhooks"
    async with (
        signed_in(api, database, account=tenant.account) as customer,
        signed_in(api, database, operator=True) as operator,
    ):
        assert await AccountStore(database).delete(tenant.account)
        assert (await customer.get(webhooks)).status_code == 303
        assert (await operator.get(webhooks)).status_code == 404


@pytest.mark.parametrize("cookie", ["", "A" * 43, "ü" * 20, "a b;c", "\udcff"])
async def test_what_is_no_token_is_nobody(api: str, tenant: Caller, cookie: str) -> None:
    value = f"flux-session-{httpx.URL(api).port}={cookie}".encode(errors="surrogateescape")
    async with httpx.AsyncClient(base_url=api, trust_env=False) as browser:
        page = await browser.get(f"/dashboard/{tenant.account}/webhooks", headers={b"Cookie": value})
    assert (page.status_code, page.headers["Location"][:24]) == (303, "/dashboard/sign-in?next=")


async def test_over_https_a_cookie_that_another_host_may_have_set_signs_nobody_in(
    database_url: str, redis_url: str, database: AsyncEngine
) -> None:
    async with (
        running_api(database_url, redis_url, public_url="https://flux.example.com/hooks/") as api,
        api_client(api, database) as tenant,
        signed_in_over("https", api, await new_link(database, tenant.account)) as (browser, _),
    ):
        path = f"/dashboard/{tenant.account}/webhooks"
        own, planted = browser.headers["Cookie"], browser.headers["Cookie"].replace("__Host-flux-session", "{}")
        del browser.headers["Origin"]
        answers = {}
        for host in ("flux.example.com", "flux.internal"):
            port = httpx.URL(f"http://{host}").port or 80
            for cookie in (own, planted.format(f"flux-session-{port}")):
                answer = await browser.get(path, headers={"Host": host, "Cookie": cookie})
                answers[host, cookie == own] = answer.status_code
    assert answers == {
        ("flux.example.com", True): 200,
        ("flux.example.com", False): 303,
        ("flux.internal", True): 200,
        ("flux.internal", False): 200,  # by plain HTTP, as from inside, there is no other
    }
