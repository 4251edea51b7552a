"""The page of a delivery: each attempt, what was sent, what came back, and retrying it."""

from datetime import UTC, datetime
from ipaddress import ip_network

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.dashboard.request_as_sent import headers_as_sent
from flux_dispatch.domain.address import AddressPolicy
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.claim import Claim
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, Prefix, WebhookId, format_id
from flux_dispatch.domain.outcome import ErrorClass, NoResponse, Rejected
from flux_dispatch.domain.phases import Phases
from flux_dispatch.http.sender import AiohttpSender, SenderLimits
from tests.support.api import Caller
from tests.support.attempted import attempt, give_up
from tests.support.dashboard import signed_in
from tests.support.receiver import Receiver
from tests.support.store_harness import SECRET, StoreHarness, event

MARKUP = "<script>alert(1)</script>"
REFUSED = Rejected(
    503,
    f'{{"why":"{MARKUP}"}}',
    headers={"x-why": MARKUP},
    phases=Phases(dns=0.004, connect=0.012, tls=0.03, wait=0.2, read=0.001),
)


async def test_each_attempt_tells_what_to_do_where_its_time_went_and_what_came_back(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller
) -> None:
    webhook = await tenant.http.post(
        "/v1/webhooks", json={"url": "https://example.com/h", "events": ["*"], "headers": {"X-Team": "hidden value"}}
    )
    delivery = await world.delivery(tenant.account)
    path = f"/dashboard/{tenant.account}/deliveries/{delivery}"
    async with signed_in(api, database, account=tenant.account) as browser:
        assert "None yet." in (await browser.get(path)).text
        await attempt(world, [delivery], REFUSED)
        await attempt(world, [delivery], NoResponse(ErrorClass.TIMEOUT, "no answer", Phases(connect=15.0)))
        page = (await browser.get(path)).text
        second, first = page.index('id="attempt-2"'), page.index('id="attempt-1"')
        assert second < first, "the newest stands first"
        advice = page[page.index('id="advice"') :].split("</div>")[0]
        assert "No connection" in advice or "connect" in advice
        for said in ("DNS 4.0 ms", "Connect 12 ms", "TLS 30 ms", "Wait 200 ms", "Read 1.0 ms"):
            assert said in page[first:]
        assert '<rect class="tls"' in page
        assert "style=" not in page
        assert MARKUP not in page
        assert page.count("&lt;script&gt;") == 2
        assert "X-Team" in page
        assert "hidden value" not in page
        assert "Attempt 3" in page
        assert 'data-when="left"' in page
        assert f"webhooks/{webhook.json()['id']}" in page
        await give_up(world, [delivery])
        assert "Given up after 3 attempts" in (await browser.get(path)).text


async def test_headers_are_told_as_the_sender_sends_them() -> None:
    with Receiver() as receiver:
        policy = AddressPolicy(allow=(ip_network("127.0.0.0/8"),))
        claim = Claim(
            delivery=DeliveryId("dlv_" + "1" * 32),
            event=EventId("evt_" + "2" * 32),
            webhook=WebhookId("wh_" + "3" * 32),
            account=AccountId("acct_" + "4" * 32),
            lease_token="0" * 32,
            attempt=3,
            wait_seconds=0,
            url=receiver.url,
            secrets=(SECRET,),
            headers={"X-Team": "shop"},
            body=b"{}",
        )
        async with AiohttpSender(SenderLimits(), policy) as sender:
            await sender.send(claim, 1_700_000_000)
        (request,) = receiver.requests
    told = headers_as_sent(claim.event, claim.delivery, 3, datetime.fromtimestamp(1_700_000_000, UTC), ["X-Team"])
    sent = {name.lower(): value for name, value in request.headers.items()}
    assert [name.lower() for name, _ in told] == [name for name in sent if name not in {"host", "content-length"}]
    for name, value in told[1:]:
        # up to where a signature stands, which is not kept
        assert sent[name].startswith(value.partition("<")[0])
        assert "<" in value or sent[name] == value


async def test_it_is_retried(api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller) -> None:
    await world.webhook(tenant.account, "*")
    delivery = await world.delivery(tenant.account)
    await give_up(world, [delivery])
    path = f"/dashboard/{tenant.account}/deliveries/{delivery}"
    async with signed_in(api, database, account=tenant.account) as browser:
        assert "Retry now" in (await browser.get(path)).text
        answer = await browser.form(path, to=f"{path}/retry")
        assert answer.headers["Location"] == f"{path}?done=delivery_retried"
        assert (await world.state(delivery)).state == "scheduled"


async def test_why_it_is_not_retried_is_said_in_a_sentence(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller
) -> None:
    await world.webhook(tenant.account, "*")
    delivery = await world.delivery(tenant.account)
    path = f"/dashboard/{tenant.account}/deliveries/{delivery}"
    async with signed_in(api, database, account=tenant.account) as browser:
        await world.do("UPDATE webhooks SET status = 'disabled'")
        answer = await browser.form(path, to=f"{path}/retry")
        assert (answer.status_code, "disabled or deleted. Enable it first" in answer.text) == (409, True)
        await world.do("UPDATE webhooks SET status = 'enabled'")
        await attempt(world, [delivery])
        assert "Retry now" not in (await browser.get(path)).text
        answer = await browser.form(path, to=f"{path}/retry")
        assert (answer.status_code, "there is nothing to retry" in answer.text) == (409, True)


async def test_what_ended_without_an_attempt_says_why(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller
) -> None:
    await world.webhook(tenant.account, "*")
    delivery = await world.delivery(tenant.account)
    path = f"/dashboard/{tenant.account}/deliveries/{delivery}"
    (row,) = await world.rows("SELECT id FROM deliveries")
    assert format_id(Prefix.DELIVERY, row.id.hex) == delivery
    await world.put(row.id, "canceled")
    await world.do("UPDATE webhooks SET deleted_at = flux_now(), secrets = '{}'")
    async with signed_in(api, database, account=tenant.account) as browser:
        page = (await browser.get(path)).text
        assert "Its webhook was deleted before it could be delivered" in page
        assert "It was never attempted" in page


async def test_a_test_says_so(api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller) -> None:
    webhook = await tenant.webhook("*")
    await tenant.http.post(f"/v1/webhooks/{webhook['id']}/test", json={"wait": False})
    (row,) = await world.rows("SELECT id FROM deliveries")
    path = f"/dashboard/{tenant.account}/deliveries/{format_id(Prefix.DELIVERY, row.id.hex)}"
    async with signed_in(api, database, account=tenant.account) as browser:
        page = (await browser.get(path)).text
        assert "This is a test" in page
        assert "/retry" not in page
        answer = await browser.form(path, to=f"{path}/retry")
        assert (answer.status_code, "Send another test from the page" in answer.text) == (409, True)


@pytest.mark.parametrize("state", ["scheduled", "delivered"])
async def test_who_may_only_read_sees_no_button_and_is_refused(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller, state: str
) -> None:
    await world.webhook(tenant.account, "*")
    (stored,) = await world.publish(event(tenant.account))
    await attempt(world, stored.deliveries, *([] if state == "delivered" else [REFUSED]))
    path = f"/dashboard/{tenant.account}/deliveries/{stored.deliveries[0]}"
    async with signed_in(api, database, account=tenant.account, scopes=[Scope.READ]) as reader:
        page = (await reader.get(path)).text
        assert "Retry now" not in page
        assert "Resend" not in page
        assert (await reader.form(path, to=f"{path}/retry")).status_code == 403
