"""Who may see which page: every route says it, every answer keeps to it, and says what browsers may do with it."""

from types import SimpleNamespace
from typing import cast

import httpx
import pytest
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.dashboard.app import make_dashboard
from flux_dispatch.dashboard.dependencies import Dependencies
from flux_dispatch.domain.api_key import Scope
from tests.support.api import Caller, api_client, running_api
from tests.support.dashboard import SignedIn, signed_in
from tests.support.pages import (
    FORMS,
    MARKED,
    PAGES_TO_SEE,
    POLICY,
    ROUTES,
    look,
    stored,
    things_of,
)
from tests.support.store_harness import StoreHarness

FRAMED_BY = "https://app.example.com https://other.example.com:8443"
HIDDEN = "what nobody else may read"


async def token_of(browser: SignedIn, account: str) -> str:
    """Return a token that the forms of this session take."""
    page = await browser.get(f"/dashboard/{account}/webhooks")
    return page.text.partition('name="csrf" value="')[2].partition('"')[0]


async def test_whoever_is_not_signed_in_is_led_there_or_told(api: str, tenant: Caller, world: StoreHarness) -> None:
    named = await things_of(tenant)
    before = await stored(world)
    async with httpx.AsyncClient(base_url=api, headers={"Origin": api}, trust_env=False) as stranger:
        for route in MARKED:
            path = route.at(named)
            answer = await stranger.request(route.method, path, params={"a": "b c"})
            if route.method == "GET":
                assert answer.status_code == 303, path
                led = httpx.URL(answer.headers["Location"])
                assert (led.path, led.params["next"]) == ("/dashboard/sign-in", f"{path}?a=b+c")
                assert (await stranger.head(path)).status_code == 303
            else:
                assert (answer.status_code, "Signed out" in answer.text) == (401, True), path
            assert tenant.account not in answer.text
    assert await stored(world) == before


@pytest.mark.parametrize("scopes", [None, [Scope.ADMIN]], ids=["customer", "developer"])
async def test_another_account_is_not_there(
    api: str, database: AsyncEngine, tenant: Caller, other_tenant: Caller, scopes: list[Scope] | None
) -> None:
    world = StoreHarness(database)
    theirs = await things_of(other_tenant)
    nobody = {**theirs, "account": f"acct_{'0' * 32}"}
    await world.do("UPDATE webhooks SET description = :hidden", hidden=HIDDEN)
    await world.do(
        "UPDATE accounts SET external_id = 'cus_42' WHERE id = CAST(:id AS uuid)", id=other_tenant.account[5:]
    )
    async with signed_in(api, database, account=tenant.account, scopes=scopes) as browser:
        token = await token_of(browser, tenant.account)
        before = await stored(world)
        for route in (each for each in MARKED if "account" in each.names):
            external = {**theirs, "account": "ext:cus_42"}
            seen = [
                await browser.request(route.method, route.at(named), data={"csrf": token} if route in FORMS else None)
                for named in (theirs, nobody, external)
            ]
            assert [each.status_code for each in seen] == [404] * 3, route
            assert seen[0].text == seen[1].text == seen[2].text, "what is not there looks the same"
            assert HIDDEN not in seen[0].text
            assert other_tenant.account not in seen[0].text
        mine_and_theirs = {**theirs, "account": tenant.account}
        for route in (each for each in MARKED if each.names & {"webhook", "event", "delivery", "recovery"}):
            answer = await browser.request(
                route.method, route.at(mine_and_theirs), data={"csrf": token} if route in FORMS else None
            )
            assert answer.status_code == 404, route
            assert HIDDEN not in answer.text
        assert await stored(world) == before


@pytest.mark.parametrize("scopes", [None, [Scope.ADMIN]], ids=["customer", "developer"])
async def test_what_operators_see_nobody_else_does(
    api: str, database: AsyncEngine, tenant: Caller, scopes: list[Scope] | None
) -> None:
    named = await things_of(tenant)
    async with signed_in(api, database, account=tenant.account, scopes=scopes) as browser:
        token = await token_of(browser, tenant.account)
        for route in (each for each in MARKED if each.needs.is_for_operators):
            answer = await browser.request(
                route.method, route.at(named), data={"csrf": token} if route in FORMS else None
            )
            assert answer.status_code == 404, route
        page = await browser.get(f"/dashboard/{tenant.account}/webhooks")
        assert "/dashboard/accounts" not in page.text
        assert "/dashboard/operations" not in page.text


async def test_a_customer_is_told_of_no_page_that_is_not_for_them(
    api: str, database: AsyncEngine, tenant: Caller
) -> None:
    named = await things_of(tenant)
    async with signed_in(api, database, account=tenant.account) as customer:
        for route in PAGES_TO_SEE:
            answer = await look(customer, "GET", route.at(named))
            is_beyond = not route.needs.is_for_customers or route.needs.is_for_operators
            is_beyond |= route.needs.scope not in {
                Scope.READ,
                Scope.WEBHOOKS_WRITE,
                Scope.EVENTS_WRITE,
                Scope.AUDIT_LOG_READ,
            }
            assert answer.status_code != 403, route
            assert not is_beyond or answer.status_code == 404, route
        page = await customer.get(f"/dashboard/{tenant.account}/webhooks")
        for word in ("API keys", "Overview", "API reference", "Operations", "Accounts", "Flux Dispatch"):
            assert word not in page.text


@pytest.mark.parametrize("who", ["operator", "developer"])
async def test_a_key_that_may_only_read_changes_nothing(
    api: str, database: AsyncEngine, tenant: Caller, who: str
) -> None:
    world, named, operator = StoreHarness(database), await things_of(tenant), who == "operator"
    whose = None if operator else tenant.account
    async with signed_in(api, database, account=whose, operator=operator, scopes=[Scope.READ]) as reader:
        token = await token_of(reader, tenant.account)
        before = await stored(world)
        for route in MARKED:
            if route.needs.scope is Scope.READ or (route.needs.is_for_operators and not operator):
                continue
            answer = await reader.request(
                route.method, route.at(named), data={"csrf": token} if route in FORMS else None
            )
            assert answer.status_code == 403, route
            assert f"lacks the scope {route.needs.scope}." in answer.text
        assert await stored(world) == before
        page = await reader.get(f"/dashboard/{tenant.account}/webhooks/{named['webhook']}")
        assert page.status_code == 200
        for action in ("/edit", "/secret", "/recover", "/delete", "/test", "/status"):
            assert f"{named['webhook']}{action}" not in page.text


async def test_an_operator_sees_every_account(
    api: str, database: AsyncEngine, tenant: Caller, other_tenant: Caller
) -> None:
    async with signed_in(api, database, operator=True) as operator:
        for caller in (tenant, other_tenant):
            named = await things_of(caller)
            for route in (each for each in PAGES_TO_SEE if each.names <= named.keys()):
                answer = await look(operator, "GET", route.at(named))
                assert answer.status_code in {200, 303}, route
                assert "/sign-in" not in answer.headers.get("Location", ""), route


async def test_no_account_is_found_by_another_name(api: str, database: AsyncEngine, tenant: Caller) -> None:
    await StoreHarness(database).do("UPDATE accounts SET external_id = 'cus_42'")
    async with signed_in(api, database, operator=True) as operator:
        for name in ("ext:cus_42", tenant.account.upper(), "acct_", "nonsense", "%00", "%FF", "..%2F", "a" * 5000):
            answer = await operator.get(f"/dashboard/{name}/webhooks")
            assert answer.status_code == 404, name


@pytest.mark.parametrize("origins", ["", FRAMED_BY], ids=["framed by nobody", "framed by two"])
async def test_every_answer_says_what_browsers_may_do_with_it(
    database: AsyncEngine, database_url: str, redis_url: str, origins: str
) -> None:
    async with (
        running_api(database_url, redis_url, portal_frame_origins=origins.replace(" ", ",")) as api,
        api_client(api, database) as tenant,
        httpx.AsyncClient(base_url=api, headers={"Origin": api}, trust_env=False) as stranger,
        signed_in(api, database, account=tenant.account) as customer,
        signed_in(api, database, account=tenant.account, scopes=[Scope.ADMIN]) as developer,
        signed_in(api, database, operator=True) as operator,
    ):
        named = await things_of(tenant)
        sign_out = ("POST", "/dashboard/sign-out")
        asked = [each for route in ROUTES if (each := (route.method, route.at(named))) != sign_out]
        asked += [
            ("GET", "/dashboard/nothing/here"),
            ("GET", "/dashboard/nothing/webhooks"),
            ("PUT", "/dashboard/theme"),
            sign_out,
        ]
        for browser, is_framed in ((stranger, True), (customer, True), (developer, False), (operator, False)):
            for method, path in asked:
                answer = await look(browser, method, path)
                _check_headers(answer, origins if is_framed else "")


def _check_headers(answer: httpx.Response, framed_by: str) -> None:
    where = (answer.request.method, answer.request.url.path)
    headers = answer.headers
    assert headers.get("Content-Security-Policy") == POLICY + (framed_by or "'none'"), where
    assert headers.get("X-Frame-Options") == (None if framed_by else "DENY"), where
    assert headers.get("X-Content-Type-Options") == "nosniff", where
    assert headers.get("Referrer-Policy") == "same-origin", where
    is_for_all = where == ("GET", "/dashboard/accent.css") and answer.status_code == 200
    assert headers.get("Cache-Control") == ("max-age=300" if is_for_all else "no-store"), where


async def test_a_page_that_does_not_say_who_may_see_it_is_a_mistake() -> None:
    routes = web.RouteTableDef()

    @routes.get("/{account}/forgotten")
    async def forgotten(_: web.Request) -> web.Response:
        return web.Response()

    nothing = cast(Dependencies, SimpleNamespace(max_form_bytes=1024, live_queries=None, sessions=None))
    with pytest.raises(TypeError, match="forgotten does not say who may see it"):
        make_dashboard(nothing, [routes])
