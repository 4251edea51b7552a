"""Delete: a webhook goes once its host was typed, and nothing goes by mistake."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.dashboard.test_webhook_new import problem_at
from tests.dashboard.test_webhooks import listed
from tests.support.api import Caller
from tests.support.dashboard import signed_in
from tests.support.pages import stored
from tests.support.store_harness import StoreHarness


async def made(caller: Caller, url: str) -> str:
    answer = await caller.http.post("/v1/webhooks", json={"url": url, "events": ["*"], "description": "Shop"})
    assert answer.is_success, answer.text
    return str(answer.json()["id"])


@pytest.mark.parametrize(
    ("url", "typed"),
    [
        ("https://example.com/hooks", "example.com"),
        ("https://EXAMPLE.com/", " Example.COM "),
        ("https://example.com:8443/hooks?a=b", "example.com:8443"),
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("https://[2606:4700::1111]/", "[2606:4700::1111]"),
    ],
)
async def test_whoever_types_its_host_deletes_it(
    api: str, database: AsyncEngine, tenant: Caller, url: str, typed: str
) -> None:
    webhooks = f"/dashboard/{tenant.account}/webhooks"
    kept, gone = await made(tenant, "https://example.com/other"), await made(tenant, url)
    async with signed_in(api, database, account=tenant.account) as customer:
        page = (await customer.get(f"{webhooks}/{gone}/delete")).text
        assert f"Type {typed.strip().lower()} to confirm" in page
        sent = await customer.form(f"{webhooks}/{gone}/delete", host=typed)
        assert (sent.status_code, sent.headers["Location"]) == (303, f"{webhooks}?done=webhook_deleted")
        after = (await customer.get(sent.headers["Location"])).text
        assert "The webhook is deleted" in after
        assert listed(after) == [kept]
        assert (await customer.get(f"{webhooks}/{gone}")).status_code == 404


@pytest.mark.parametrize("typed", ["", "example.org", "example.com", "https://example.com:8443", "Shop", "<b>"])
async def test_with_another_host_nothing_is_deleted(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness, typed: str
) -> None:
    path = f"/dashboard/{tenant.account}/webhooks/{await made(tenant, 'https://example.com:8443/hooks')}/delete"
    async with signed_in(api, database, account=tenant.account) as customer:
        before = await stored(world)
        answer = await customer.form(path, host=typed)
        assert answer.status_code == 422
        assert problem_at(answer.text, "host") == (
            "That is not its host. Type example.com:8443 to delete this webhook."
        )
        assert "<b>" not in answer.text
        assert await stored(world) == before
