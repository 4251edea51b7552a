"""The page of an event: what it says, to whom it went, and sending it again."""

import json
import re

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.ids import Prefix, parse_id
from tests.support.api import Caller, running_api
from tests.support.attempted import attempt
from tests.support.dashboard import signed_in
from tests.support.store_harness import StoreHarness, event

MARKUP = "</code><script>alert(1)</script>"


async def test_the_payload_is_text_and_whole_in_its_raw_form(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller
) -> None:
    (stored,) = await world.publish(event(tenant.account, data={"note": MARKUP, "price": 1.5, "none": {}}))
    path = f"/dashboard/{tenant.account}/events/{stored.event.id}"
    async with signed_in(api, database, account=tenant.account, scopes=[Scope.ADMIN]) as browser:
        page = (await browser.get(path)).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page
        assert "Nobody wanted it" in page
        raw = await browser.get(f"{path}/payload")
    assert (raw.content, raw.headers["Content-Type"]) == (stored.event.body, "application/json")
    assert raw.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("data", [{"text": "x" * 250_000}, {"list": [{"n": each} for each in range(25_000)]}])
async def test_a_huge_payload_does_not_make_the_page_heavy(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller, data: dict[str, object]
) -> None:
    await world.webhook(tenant.account, "*")
    (stored,) = await world.publish(event(tenant.account, data=data))
    async with signed_in(api, database, account=tenant.account, scopes=[Scope.ADMIN]) as browser:
        for path in (f"events/{stored.event.id}", f"deliveries/{stored.deliveries[0]}"):
            page = (await browser.get(f"/dashboard/{tenant.account}/{path}")).text
            assert len(page) < 120_000
            assert f"events/{stored.event.id}/payload" in page
        raw = await browser.get(f"/dashboard/{tenant.account}/events/{stored.event.id}/payload")
    assert json.loads(raw.content)["data"] == data


async def test_it_is_resent_to_all_or_to_one(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller
) -> None:
    wanting = await world.webhook(tenant.account, "order.*")
    other = await world.webhook(tenant.account, "invoice.*")
    (stored,) = await world.publish(event(tenant.account))
    await attempt(world, stored.deliveries)
    path = f"/dashboard/{tenant.account}/events/{stored.event.id}"
    async with signed_in(api, database, account=tenant.account) as browser:
        assert wanting in (await browser.get(path)).text
        answer = await browser.form(path, to=f"{path}/resend", webhook="")
        assert answer.headers["Location"] == f"{path}?done=event_resent"
        assert await world.scalar("SELECT count(*) FROM deliveries WHERE ending = 0") == 1
        answer = await browser.form(path, to=f"{path}/resend", webhook=other, back="delivery")
        where = answer.headers["Location"]
        assert where.endswith("?done=event_resent")
        assert "Sent again." in (await browser.get(where)).text
    webhooks = await world.rows("SELECT webhook_id FROM deliveries ORDER BY id")
    assert [each.webhook_id.hex for each in webhooks] == [
        parse_id(Prefix.WEBHOOK, each) for each in (wanting, wanting, other)
    ]


async def test_why_it_is_not_resent_is_said_in_a_sentence(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller
) -> None:
    (stored,) = await world.publish(event(tenant.account))
    disabled = await world.webhook(tenant.account, "order.*")
    await world.do("UPDATE webhooks SET status = 'disabled'")
    path = f"/dashboard/{tenant.account}/events/{stored.event.id}"
    async with signed_in(api, database, account=tenant.account) as browser:
        answer = await browser.form(path, to=f"{path}/resend", webhook="")
        assert (answer.status_code, "No enabled webhook wants this type" in answer.text) == (409, True)
        answer = await browser.form(path, to=f"{path}/resend", webhook=disabled)
        assert (answer.status_code, "This webhook is disabled." in answer.text) == (409, True)
        answer = await browser.form(path, to=f"{path}/resend", webhook="<b>")
        assert (answer.status_code, "&lt;b&gt;" in answer.text) == (422, True)
        assert "/v1/" not in re.sub(r"(?s)<pre>.*?</pre>", "", answer.text)


async def test_a_test_is_not_resent(api: str, database: AsyncEngine, tenant: Caller) -> None:
    webhook = await tenant.webhook("*")
    await tenant.http.post(f"/v1/webhooks/{webhook['id']}/test", json={"wait": False})
    (listed,) = (await tenant.http.get("/v1/events")).json()["data"]
    path = f"/dashboard/{tenant.account}/events/{listed['id']}"
    async with signed_in(api, database, account=tenant.account) as browser:
        page = (await browser.get(path)).text
        assert "the test of one webhook" in page
        assert "/resend" not in page
        answer = await browser.form(path, to=f"{path}/resend", webhook="")
        assert (answer.status_code, "Send another test from the page" in answer.text) == (409, True)


async def test_who_may_only_read_sees_no_button_and_is_refused(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller
) -> None:
    await world.webhook(tenant.account, "*")
    (stored,) = await world.publish(event(tenant.account))
    path = f"/dashboard/{tenant.account}/events/{stored.event.id}"
    async with signed_in(api, database, account=tenant.account, scopes=[Scope.READ]) as reader:
        assert "Resend" not in (await reader.get(path)).text
        assert (await reader.form(path, to=f"{path}/resend", webhook="")).status_code == 403


async def test_another_account_s_event_is_not_there(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller, other_tenant: Caller
) -> None:
    await world.webhook(other_tenant.account, "*")
    (stored,) = await world.publish(event(other_tenant.account, data={"secret": "theirs"}))
    (delivery,) = stored.deliveries
    async with signed_in(api, database, account=tenant.account, scopes=[Scope.ADMIN]) as browser:
        for account in (tenant.account, other_tenant.account):
            base = f"/dashboard/{account}"
            for path in (f"events/{stored.event.id}", f"events/{stored.event.id}/payload", f"deliveries/{delivery}"):
                answer = await browser.get(f"{base}/{path}")
                assert (answer.status_code, "theirs" in answer.text) == (404, False), path
        mine = f"/dashboard/{tenant.account}"
        for path in (f"{mine}/events/{stored.event.id}/resend", f"{mine}/deliveries/{delivery}/retry"):
            assert (await browser.form(f"{mine}/events", to=path)).status_code == 404
        assert (await browser.get(f"{mine}/events/evt_1")).status_code == 404


@pytest.mark.parametrize("ratio", [1, 0])
async def test_operators_come_to_its_trace_where_there_is_one(
    database: AsyncEngine, database_url: str, redis_url: str, world: StoreHarness, ratio: int
) -> None:
    account = await world.account()
    (stored,) = await world.publish(event(account))
    trace = stored.event.id.removeprefix("evt_")
    link = f'href="https://traces.example.com/{trace}"'
    path = f"/dashboard/{account}/events/{stored.event.id}"
    traced = {"tracing": True, "tracing_ratio": ratio, "trace_url": "https://traces.example.com/{trace}"}
    async with running_api(database_url, redis_url, **traced) as api:
        async with signed_in(api, database, operator=True) as operator:
            assert (link in (await operator.get(path)).text) is bool(ratio)
        async with signed_in(api, database, account=account) as customer:
            assert "traces.example.com" not in (await customer.get(path)).text
