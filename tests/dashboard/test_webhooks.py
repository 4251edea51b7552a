"""The list of webhooks: how each did lately, filters in the address, pages, and what an empty one teaches."""

import html
import re

from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.advice import advise
from flux_dispatch.domain.ids import AccountId, Prefix, format_id, parse_id
from flux_dispatch.domain.outcome import ErrorClass
from tests.support.api import Caller
from tests.support.attempted import REJECTED, attempt
from tests.support.dashboard import SignedIn, signed_in
from tests.support.pages import ACCOUNT_PAGES
from tests.support.store_harness import StoreHarness

MARKUP = "<img src=x onerror=alert(1)>"


def path_of(caller: Caller) -> str:
    return f"/dashboard/{caller.account}/webhooks"


def listed(page: str) -> list[str]:
    """Return the ids of the webhooks in the list."""
    return re.findall(r'class="cover" href="/dashboard/acct_\w+/webhooks/(wh_\w+)"', page)


async def found(browser: SignedIn, path: str, **filters: str) -> list[str]:
    answer = await browser.get(path, params=filters)
    assert answer.status_code == 200, answer.text
    return listed(answer.text)


async def described(world: StoreHarness, account: AccountId, url: str, description: str) -> str:
    webhook = await world.webhook(account, "*", url=url)
    await world.do(
        "UPDATE webhooks SET description = :text WHERE id = CAST(:id AS uuid)",
        text=description,
        id=parse_id(Prefix.WEBHOOK, webhook),
    )
    return webhook


async def test_an_account_without_webhooks_is_told_how_to_add_one(
    api: str, database: AsyncEngine, tenant: Caller
) -> None:
    path = path_of(tenant)
    async with signed_in(api, database, account=tenant.account) as customer:
        page = (await customer.get(path)).text
    assert "No endpoints yet" in page
    assert page.count(f'href="{path}/new">Add Endpoint</a>') == 2
    assert "<table" not in page
    assert '<input type="search"' not in page
    async with signed_in(api, database, account=tenant.account, scopes=["read"]) as reader:
        page = (await reader.get(path)).text
    assert "No endpoints yet" in page
    assert "/new" not in page


async def test_each_webhook_tells_how_it_did(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness
) -> None:
    await world.webhook(tenant.account, "order.completed", "order.canceled", "invoice.*")
    quiet = await world.webhook(tenant.account, "user.*", url="https://example.com/quiet")
    one, two, three = [await world.delivery(tenant.account) for _ in range(3)]
    await attempt(world, [one, two])
    await attempt(world, [three], REJECTED)
    await tenant.http.patch(f"/v1/webhooks/{quiet}", json={"status": "disabled"})
    async with signed_in(api, database, account=tenant.account) as customer:
        page = (await customer.get(path_of(tenant))).text
    first, second = page.split('<th scope="row">')[1:]
    assert "https://example.com/quiet" in first.replace("</span><span>", "")
    assert '<span class="status off">Disabled</span>' in first
    assert "0 attempts" in first
    assert '<span class="none">None</span>' in first
    assert '<span class="status good">Enabled</span>' in second
    assert "66.6 %" in second
    assert "3 attempts" in second
    assert "and 1 more" in second
    assert advise(ErrorClass.HTTP_STATUS, 503) in second


async def test_filters_stand_in_the_address_and_wildcards_are_letters(
    api: str, database: AsyncEngine, tenant: Caller, other_tenant: Caller, world: StoreHarness
) -> None:
    path, account = path_of(tenant), tenant.account
    plain = await described(world, account, "https://example.com/orders", "Shop")
    wild = await described(world, account, "https://example.com/100%25_a", "100 %_a \\ b")
    off = await described(world, account, "https://EXAMPLE.org/", "the old Shop")
    await described(world, other_tenant.account, "https://example.com/orders", "Shop")
    await tenant.http.patch(f"/v1/webhooks/{off}", json={"status": "disabled"})
    async with signed_in(api, database, account=account) as customer:
        assert await found(customer, path) == [off, wild, plain]
        assert await found(customer, path, status="disabled") == [off]
        assert await found(customer, path, status="enabled") == [wild, plain]
        assert await found(customer, path, status="nonsense") == [off, wild, plain]
        assert await found(customer, path, search=" sHOp ") == [off, plain]
        assert await found(customer, path, search="shop", status="enabled") == [plain]
        assert await found(customer, path, search="example.ORG") == [off]
        assert await found(customer, path, search="%_a") == [wild]
        assert await found(customer, path, search="\\") == [wild]
        for nothing in ("_", "%", "100%"):
            assert await found(customer, path, search=f"{nothing}{nothing}") == []
        assert await found(customer, path, search="sh\0op") == [off, plain]
        page = (await customer.get(path, params={"search": f'"{MARKUP}', "status": "enabled"})).text
        assert "No webhook fits" in page
        assert f'<a class="button" href="{path}">Show all</a>' in page
        assert f'value="{html.escape(chr(34) + MARKUP).replace("&quot;", "&#34;")}"' in page
        assert '<option value="enabled" selected>' in page
        assert (await customer.get(path, params={"search": "x" * 5000})).status_code == 200


async def test_a_hundred_and_twenty_webhooks_are_three_pages(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness
) -> None:
    await world.do(
        """INSERT INTO webhooks (account_id, url, events, description, headers, status, secrets)
           SELECT CAST(:account AS uuid), 'https://example.com/' || n, '{*}', '', '{}', 'enabled', '{}'
           FROM generate_series(1, 120) AS n""",
        account=parse_id(Prefix.ACCOUNT, tenant.account),
    )
    rows = await world.rows("SELECT id FROM webhooks ORDER BY id DESC")
    seen: list[str] = []
    at = f"{path_of(tenant)}?search=example&status=enabled&done=webhook_deleted"
    async with signed_in(api, database, account=tenant.account) as customer:
        for length in (50, 50, 20):
            page = (await customer.get(at)).text
            assert len(listed(page)) == length
            assert ("The webhook is deleted" in page) is (not seen)
            assert (">Newest</a>" in page) is bool(seen)
            seen += listed(page)
            older = re.search(r'href="([^"]+)" rel="next"', page)
            at = html.unescape(older[1]) if older else ""
        assert not at
        gone = await customer.get(f"{path_of(tenant)}?after=wh_{'0' * 32}")
        assert "No webhook fits" in gone.text
        for wrong in ("", "x", f"wh_{'0' * 32},wh_{'0' * 32}"):
            assert (await customer.get(path_of(tenant), params={"after": wrong})).status_code == 422
    assert seen == [format_id(Prefix.WEBHOOK, each.id.hex) for each in rows]


async def test_what_is_stored_is_text_on_every_page(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness
) -> None:
    created = await tenant.http.post(
        "/v1/webhooks",
        json={"url": "https://example.com/", "events": ["*"], "headers": {"X-'&`a": "sesame"}, "description": MARKUP},
    )
    webhook = created.json()["id"]
    await tenant.http.post("/v1/event-types", json={"name": "order.completed", "description": MARKUP, "group": MARKUP})
    for status, description in (("enabled", MARKUP), ("disabled", "")):
        await world.do(
            """UPDATE webhooks
               SET url = :markup, events = ARRAY[CAST(:markup AS text), 'a'], description = :description,
                   status = :status, disabled_reason = CASE WHEN :status = 'disabled' THEN CAST(:markup AS text) END""",
            markup=f"https://example.com/{MARKUP}",
            status=status,
            description=description,
        )
        named = {"account": tenant.account, "webhook": webhook}
        async with signed_in(api, database, account=tenant.account, scopes=["admin"]) as browser:
            for route in (each for each in ACCOUNT_PAGES if each.names <= named.keys()):
                page = await browser.get(route.at(named))
                assert page.status_code in {200, 303}, route
                assert "<img" not in page.text, route
                assert "sesame" not in page.text, route
            page = await browser.get(f"{path_of(tenant)}/{webhook}")
            assert "<code>X-&#39;&amp;`a</code>" in page.text
            assert "&lt;img src=x onerror=alert(1)&gt;" in page.text


async def test_the_secret_is_on_no_page_but_two(api: str, database: AsyncEngine, tenant: Caller) -> None:
    webhook = await tenant.webhook("*")
    named = {"account": tenant.account, "webhook": webhook["id"]}
    with_secret = set()
    async with signed_in(api, database, account=tenant.account, scopes=["admin"]) as browser:
        for route in (each for each in ACCOUNT_PAGES if each.names <= named.keys()):
            if webhook["secret"] in (await browser.get(route.at(named))).text:
                with_secret.add(route.path)
        revealed = await browser.form(f"{path_of(tenant)}/{webhook['id']}/secret")
    assert with_secret == {"/dashboard/{account}/webhooks/{webhook}/ready"}
    assert webhook["secret"] in revealed.text.replace("</span><span>", "")
