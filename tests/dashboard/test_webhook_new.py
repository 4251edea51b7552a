"""Add Endpoint: what is wrong is said at its field, what was typed is kept; then the secret stands open for a while."""

import re
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.dashboard.pages.webhook_new import READY_FOR
from flux_dispatch.domain.ids import WebhookId
from flux_dispatch.store.webhooks import WebhookQueries, WebhookStore
from tests.support.api import Caller, api_client, running_api
from tests.support.dashboard import signed_in
from tests.support.store_harness import SEALS, StoreHarness

URL = "https://example.com/hooks"
GOOD: dict[str, Any] = {"url": URL, "description": "My <shop>", "event": "*", "headers": "X-A: 1"}


def path_of(caller: Caller) -> str:
    return f"/dashboard/{caller.account}/webhooks"


def problem_at(page: str, field: str) -> str:
    """Return what stands at a field as wrong."""
    found = re.search(rf'<p class="problem" id="{field}-problem">(.*?)</p>', page)
    return found[1] if found else ""


async def test_what_is_asked_for_is_made(api: str, database: AsyncEngine, tenant: Caller) -> None:
    path = path_of(tenant)
    async with signed_in(api, database, account=tenant.account) as customer:
        made = await customer.form(
            f"{path}/new",
            url=f" {URL}/../x?a=<b>#part ".replace("<b>", "b"),
            description=" My <shop> ",
            event=["order.completed", "order.*"],
            more="invoice.paid, order.completed  customer.*",
            headers="X-Key: sesame: open\r\n\r\n  X-Other:2  ",
        )
        assert made.status_code == 303
        (webhook,) = (await tenant.http.get("/v1/webhooks")).json()["data"]
        assert made.headers["Location"] == f"{path}/{webhook['id']}/ready"
        assert webhook["url"] == f"{URL}/../x?a=b"
        assert webhook["events"] == ["order.completed", "order.*", "invoice.paid", "customer.*"]
        assert webhook["description"] == "My <shop>"
        kept = await WebhookQueries(database, SEALS).get(tenant.account, webhook["id"])
        assert kept
        assert kept.headers == {"X-Key": "sesame: open", "X-Other": "2"}
        every = await customer.form(f"{path}/new", url=URL, event=["*", "order.completed"], more="a")
        assert every.status_code == 303
        typed = await customer.form(f"{path}/new", url=URL, event="a", more="*")
        assert typed.status_code == 303
        assert [each["events"] for each in (await tenant.http.get("/v1/webhooks")).json()["data"][:2]] == [["*"]] * 2


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"url": ""}, ("url", "A URL has 1 to 2048 characters; this one has 0.")),
        ({"url": "example.com"}, ("url", "The URL does not begin with https://")),
        ({"url": "http://example.com/"}, ("url", "The URL must start with https://.")),
        ({"url": "https://localhost/"}, ("url", "localhost is not a public host name.")),
        ({"url": "https://10.0.0.1/"}, ("url", "10.0.0.1 is not a public address.")),
        ({"url": "https://example.com:25/"}, ("url", "Port 25 is not one that webhooks may use.")),
        ({"url": 'https://example.com/"<b>'}, ("url", "The URL has")),
        ({"description": "x" * 501}, ("description", "Description is text of 0 to 500 characters.")),
        ({"description": "a\0b"}, ("description", "Description is text of 0 to 500 characters.")),
        ({"event": []}, ("events", "Choose at least one event type, or all of them.")),
        ({"event": [], "more": " , "}, ("events", "Choose at least one event type, or all of them.")),
        ({"event": "order..paid"}, ("events", "is not an event type: write order.completed, order.* or *.")),
        ({"event": "a", "more": "b, <b>"}, ("events", "&lt;b&gt;")),
        ({"event": [f"a{number}" for number in range(101)]}, ("events", "Name 1 to 100 event types")),
        ({"headers": "X-Key"}, ("headers", "has no colon: write one header a line, as Name: value.")),
        ({"headers": "X-Key: 1\nX-Key: 2"}, ("headers", "comes twice")),
        ({"headers": "X-Key: 1\nx-key: 2"}, ("headers", "A header is named twice")),
        ({"headers": "X Key: 1"}, ("headers", "cannot be a header name.")),
        ({"headers": "Host: a"}, ("headers", "is set by Flux Dispatch or by HTTP itself")),
        ({"headers": "Webhook-Id: a"}, ("headers", "is set by Flux Dispatch or by HTTP itself")),
        ({"headers": "X-Key: ü"}, ("headers", "must be visible ASCII")),
        ({"headers": "X-Key:"}, ("headers", "must be visible ASCII")),
        ({"headers": "\n".join(f"X-{number}: a" for number in range(21))}, ("headers", "At most 20 headers.")),
    ],
)
async def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_is_kept(
    api: str, database: AsyncEngine, tenant: Caller, fields: dict[str, Any], said: tuple[str, str]
) -> None:
    given, (field, problem) = GOOD | fields, said
    async with signed_in(api, database, account=tenant.account) as customer:
        answer = await customer.form(f"{path_of(tenant)}/new", **given)
    page = answer.text
    assert answer.status_code == 422
    assert problem in problem_at(page, field)
    assert page.count('class="problem') == 1
    assert f'aria-describedby="{field}-problem' in page or field == "events"
    assert "<b>" not in page
    assert "<shop>" not in page
    for name, kept in (("url", 'value="https://example.com/hooks"'), ("description", 'value="My &lt;shop&gt;"')):
        assert name in fields or kept in page
    assert "headers" in fields or "\nX-A: 1</textarea>" in page
    assert "event" in fields or 'value="*" data-all checked' in page
    assert await StoreHarness(database).scalar("SELECT count(*) FROM webhooks") == 0


async def test_one_too_many_is_said_above_the_form(database: AsyncEngine, database_url: str, redis_url: str) -> None:
    async with (
        running_api(database_url, redis_url, webhooks_per_account="1") as api,
        api_client(api, database) as tenant,
        signed_in(api, database, account=tenant.account) as customer,
    ):
        assert (await customer.form(f"{path_of(tenant)}/new", **GOOD)).status_code == 303
        answer = await customer.form(f"{path_of(tenant)}/new", **GOOD)
    assert answer.status_code == 409
    assert 'role="alert">This account has 1 webhooks' in answer.text
    assert f'value="{URL}"' in answer.text


async def test_event_types_are_offered_by_group(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness
) -> None:
    new = f"{path_of(tenant)}/new"
    await world.do("DELETE FROM event_types")  # those that every catalogue begins with
    async with signed_in(api, database, account=tenant.account) as customer:
        assert "The catalogue is empty: name the types below." in (await customer.get(new)).text
        for name, group in (("order.paid", None), ("order.sent", None), ("stock.low", "Warehouse"), ("ping", None)):
            body = {"name": name, "description": f"about {name}"} | ({"group": group} if group else {})
            assert (await tenant.http.post("/v1/event-types", json=body)).is_success
        assert (await tenant.http.post("/v1/event-types", json={"name": "order.old"})).is_success
        assert (await tenant.http.delete("/v1/event-types/order.old")).is_success
        asked = "?url=https://example.com/a%22b&event=order.*&event=stock.low&event=invoice.paid&event="
        page = (await customer.get(f"{new}{asked}")).text
    assert re.findall(r"<h3>(.*?)</h3>", page) == [f"<bdi>{each}</bdi>" for each in ("Warehouse", "order", "ping")]
    ticks = re.findall(r'name="event" value="([^"]+)"( data-all)?( checked)?', page)
    assert [(value, bool(checked)) for value, _, checked in ticks] == [
        ("*", False),
        ("stock.low", True),
        ("order.*", True),
        ("order.paid", False),
        ("order.sent", False),
        ("ping", False),
    ]
    assert '<small dir="auto">about order.paid</small>' in page
    assert 'name="more" value="invoice.paid"' in page
    assert 'value="https://example.com/a&#34;b"' in page


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (URL, None),
        ("http://example.com/", "The URL must start with https://."),
        ("", "A URL has 1 to 2048 characters; this one has 0."),
        ("https://169.254.169.254/", "169.254.169.254 is not a public address."),
    ],
)
async def test_a_url_is_checked_as_the_field_is_left(
    api: str, database: AsyncEngine, tenant: Caller, url: str, problem: str | None
) -> None:
    async with signed_in(api, database, account=tenant.account) as customer:
        answer = await customer.get(f"{path_of(tenant)}/check-url", params={"url": url})
    assert answer.headers["Content-Type"].startswith("application/json")
    said = answer.json()["problem"]
    assert said is problem is None or said.startswith(problem)


async def test_the_secret_stands_open_for_a_quarter_of_an_hour(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness
) -> None:
    async with signed_in(api, database, account=tenant.account) as customer:
        ready = (await customer.form(f"{path_of(tenant)}/new", **GOOD)).headers["Location"]
        webhook = WebhookId(ready.split("/")[-2])
        secrets = await WebhookStore(database, SEALS).reveal_secret(tenant.account, webhook)
        assert secrets
        page = await customer.get(ready)
        assert f'data-copy-text="{secrets.newest}"' in page.text
        assert "Send test event" in page.text
        back = "UPDATE webhooks SET created_at = created_at - CAST(:back AS interval)"
        await world.do(back, back=READY_FOR / 2)
        assert secrets.newest in (await customer.get(ready)).text
        await world.do(back, back=READY_FOR / 2)
        late = await customer.get(ready)
        assert (late.status_code, late.headers["Location"]) == (303, f"{path_of(tenant)}/{webhook}")
        assert secrets.newest not in (await customer.get(late.headers["Location"])).text


async def test_a_test_that_is_not_theirs_is_not_told_of(
    api: str, database: AsyncEngine, tenant: Caller, other_tenant: Caller
) -> None:
    webhook = (await tenant.webhook("*"))["id"]
    await other_tenant.webhook("*")
    await other_tenant.event()
    (theirs,) = (await other_tenant.http.get("/v1/deliveries")).json()["data"]
    async with signed_in(api, database, account=tenant.account) as customer:
        for test in (theirs["id"], f"dlv_{'0' * 32}", "x", "%00"):
            answer = await customer.get(f"{path_of(tenant)}/{webhook}/ready?test={test}")
            assert answer.status_code == 404, test
