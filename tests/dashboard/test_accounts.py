"""Accounts: operators alone find, make and open them, let customers in by links, and sign everybody out."""

import html
import re

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.account import NewAccount
from flux_dispatch.store.accounts import AccountStore
from tests.support.api import Caller, running_api
from tests.support.dashboard import signed_in

PATH = "/dashboard/accounts"
MARKUP = "<img src=x onerror=alert(1)>"


def names(page: str) -> list[str]:
    """Return the names in the list, as a reader sees them."""
    rows = re.findall(r'<th scope="row"><a .*?>(.*?)</a>', page)
    return [html.unescape(re.sub(r"<.*?>", "", each)) for each in rows]


async def test_nobody_but_operators_comes_near(api: str, database: AsyncEngine, tenant: Caller) -> None:
    own = f"{PATH}/{tenant.account}"
    for scopes in (None, ["admin"]):
        async with signed_in(api, database, account=tenant.account, scopes=scopes) as browser:
            for path in (PATH, f"{PATH}/new", own):
                assert (await browser.get(path)).status_code == 404, path
            for path in (f"{PATH}/new", f"{own}/portal-link", f"{own}/sign-out"):
                answer = await browser.form(f"/dashboard/{tenant.account}/webhooks", path, name="x", expires_in="900")
                assert answer.status_code == 404, path
    async with signed_in(api, database, operator=True, scopes=["read"]) as reader:
        assert (await reader.get(PATH)).status_code == 200
        page = await reader.get(own)
        assert "portal-link" not in page.text
        for path in (f"{PATH}/new", f"{own}/portal-link", f"{own}/sign-out"):
            assert (await reader.form(own, path, name="x", expires_in="900")).status_code == 403, path


async def test_accounts_are_listed_and_searched(api: str, database: AsyncEngine) -> None:
    store = AccountStore(database)
    async with signed_in(api, database, operator=True) as operator:
        page = (await operator.get(PATH)).text
        assert "No accounts yet" in page
        assert f'href="{PATH}/new"' in page
        acme, _ = await store.add(NewAccount(f"Acme {MARKUP}", "cus_42"))
        await store.add(NewAccount("Globex", "cus_43"))
        page = (await operator.get(PATH)).text
        assert names(page) == ["Globex", f"Acme {MARKUP}"]
        assert MARKUP not in page
        assert f'href="/dashboard/{acme.id}/"' in page
        assert names((await operator.get(PATH, params={"search": "ACME"})).text) == [f"Acme {MARKUP}"]
        assert names((await operator.get(PATH, params={"search": " cus_43 "})).text) == ["Globex"]
        nothing = (await operator.get(PATH, params={"search": "\0nobody"})).text
        assert "No account fits" in nothing
        overview = (await operator.get(f"/dashboard/{acme.id}/")).text
        assert MARKUP not in overview


async def test_what_does_not_fit_on_a_page_follows(api: str, database: AsyncEngine) -> None:
    store = AccountStore(database)
    for number in range(52):
        await store.create(f"account {number}")
    async with signed_in(api, database, operator=True) as operator:
        first = (await operator.get(f"{PATH}?search=account")).text
        older = re.search(r'href="([^"]+)" rel="next"', first)
        assert older
        second = (await operator.get(f"{api}{html.unescape(older[1])}")).text
    assert (len(names(first)), names(second)) == (50, ["account 1", "account 0"])
    assert "Newest" in second


async def test_an_account_is_made_once(api: str, database: AsyncEngine) -> None:
    async with signed_in(api, database, operator=True) as operator:
        made = await operator.form(f"{PATH}/new", name=" Acme ", external_id="cus_42")
        assert made.status_code == 303
        overview = (await operator.get(made.headers["Location"])).text
        assert "The account is there." in overview
        assert "First steps" in overview
        again = await operator.form(f"{PATH}/new", name="Another", external_id="cus_42")
        assert again.headers["Location"].partition("?")[0] == made.headers["Location"].partition("?")[0]
        assert "was there already" in (await operator.get(again.headers["Location"])).text
        assert (await operator.form(f"{PATH}/new", name="No external id")).status_code == 303
        assert names((await operator.get(PATH)).text) == ["No external id", "Acme"]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": ""}, "Name is text of 1 to 200 characters."),
        ({"name": "x" * 201}, "Name is text of 1 to 200 characters."),
        ({"name": MARKUP, "external_id": "x" * 256}, "External id is 1 to 255 printable characters"),
    ],
)
async def test_what_cannot_be_is_said_at_its_field(
    api: str, database: AsyncEngine, fields: dict[str, str], problem: str
) -> None:
    async with signed_in(api, database, operator=True) as operator:
        answer = await operator.form(f"{PATH}/new", **fields)
        assert answer.status_code == 422
        assert problem in answer.text
        assert f'value="{html.escape(fields["name"])}"' in answer.text
        assert "No accounts yet" in (await operator.get(PATH)).text


async def test_a_portal_link_is_shown_once_and_signs_a_customer_in(
    database: AsyncEngine, database_url: str, redis_url: str
) -> None:
    account = await AccountStore(database).create("Acme")
    path = f"{PATH}/{account}"
    async with (
        running_api(database_url, redis_url, public_url="https://flux.example.com") as api,
        signed_in(api, database, operator=True) as operator,
    ):
        made = await operator.form(path, f"{path}/portal-link", expires_in="3600")
        assert made.status_code == 200
        assert made.headers["Cache-Control"] == "no-store"
        link = re.search(r'data-copy-text="https://flux\.example\.com(/dashboard/sign-in/[^"]+)"', made.text)
        assert link
        assert link[1] not in (await operator.get(path)).text
        async with httpx.AsyncClient(base_url=api, headers={"Origin": api}, trust_env=False) as customer:
            entered = await customer.post(link[1])
            assert entered.headers["Location"] == f"/dashboard/{account}/webhooks"
            assert (await customer.get(entered.headers["Location"])).status_code == 200
            assert (await customer.post(link[1])).status_code == 404


@pytest.mark.parametrize("lifetime", ["", "59", "86401", "1e3", "-900", "٩٠٠"])
async def test_a_link_lives_for_a_minute_to_a_day(
    api: str, database: AsyncEngine, tenant: Caller, lifetime: str
) -> None:
    path = f"{PATH}/{tenant.account}"
    async with signed_in(api, database, operator=True) as operator:
        answer = await operator.form(path, f"{path}/portal-link", expires_in=lifetime)
    assert answer.status_code == 422
    assert "Expires in is a number of seconds from 60 to 86400." in answer.text
    assert "/dashboard/sign-in/" not in answer.text


async def test_everybody_of_an_account_is_signed_out_and_nobody_else(
    api: str, database: AsyncEngine, tenant: Caller, other_tenant: Caller
) -> None:
    path = f"{PATH}/{tenant.account}"
    async with (
        signed_in(api, database, account=tenant.account) as customer,
        signed_in(api, database, account=tenant.account, scopes=["read"]) as developer,
        signed_in(api, database, account=other_tenant.account) as other,
        signed_in(api, database, operator=True) as operator,
    ):
        answer = await operator.form(path, f"{path}/sign-out")
        assert answer.status_code == 303
        assert "Everybody of this account is signed out." in (await operator.get(answer.headers["Location"])).text
        for each in (customer, developer):
            left = await each.get(f"/dashboard/{tenant.account}/webhooks")
            assert left.headers["Location"].startswith("/dashboard/sign-in")
        assert (await other.get(f"/dashboard/{other_tenant.account}/webhooks")).status_code == 200


async def test_an_account_that_is_not_there_is_not_here(api: str, database: AsyncEngine) -> None:
    async with signed_in(api, database, operator=True) as operator:
        for path in (f"{PATH}/acct_{'0' * 32}", f"{PATH}/nonsense", f"{PATH}/webhooks"):
            page = await operator.get(path)
            assert page.status_code == 404
            assert f'href="{PATH}"' in page.text, "an operator finds the way from an error"
