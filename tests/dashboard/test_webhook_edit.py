"""Edit: what is not touched stays, above all the values of headers, which stand on no page."""

import re
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.dashboard.pages.webhook_edit import KEPT
from flux_dispatch.domain.webhook import Webhook
from flux_dispatch.store.webhooks import WebhookQueries
from tests.dashboard.test_webhook_new import problem_at
from tests.support.api import URL, Caller
from tests.support.dashboard import signed_in
from tests.support.store_harness import SEALS, StoreHarness

HEADERS = {"X-Key": "sesame-1", "X-Other": "sesame-2"}
UNCHANGED: dict[str, Any] = {"url": URL, "description": "Shop", "event": "order.*", "headers": f"X-Key: {KEPT}"}


async def made(caller: Caller) -> str:
    """Return a webhook with headers and metadata."""
    body = {"url": URL, "events": ["order.*"], "description": "Shop", "headers": HEADERS, "metadata": {"a": "1"}}
    answer = await caller.http.post("/v1/webhooks", json=body)
    assert answer.is_success, answer.text
    return str(answer.json()["id"])


async def stored(database: AsyncEngine, caller: Caller) -> Webhook:
    (found,) = [
        await WebhookQueries(database, SEALS).get(caller.account, each["id"])
        for each in (await caller.http.get("/v1/webhooks")).json()["data"]
    ]
    assert found
    return found


async def test_what_is_not_touched_stays(api: str, database: AsyncEngine, tenant: Caller) -> None:
    path = f"/dashboard/{tenant.account}/webhooks/{await made(tenant)}"
    before = await stored(database, tenant)
    async with signed_in(api, database, account=tenant.account) as customer:
        page = (await customer.get(f"{path}/edit")).text
        assert "sesame" not in page
        typed = re.findall(r'<textarea id="headers"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)[0]
        assert typed == f"X-Key: {KEPT}\nX-Other: {KEPT}"
        assert f'name="url" type="url" value="{URL}"' in page
        assert 'name="more" value="order.*"' in page
        sent = await customer.form(f"{path}/edit", url=URL, description="Shop", more="order.*", headers=typed)
        assert (sent.status_code, sent.headers["Location"]) == (303, f"{path}?done=webhook_changed")
        assert "Saved. Attempts from now on go by this." in (await customer.get(sent.headers["Location"])).text
    after = await stored(database, tenant)
    assert (after.url, after.events, after.description) == (before.url, before.events, before.description)
    assert (after.headers, after.metadata, after.status) == (HEADERS, {"a": "1"}, before.status)


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        (f"X-Key: {KEPT}", {"X-Key": "sesame-1"}),
        (f"x-key:{KEPT}\r\nX-Other: new", {"x-key": "sesame-1", "X-Other": "new"}),
        ("", {}),
        ("X-New: 1", {"X-New": "1"}),
    ],
)
async def test_headers_are_kept_changed_and_taken_away(
    api: str, database: AsyncEngine, tenant: Caller, headers: str, kept: dict[str, str]
) -> None:
    path = f"/dashboard/{tenant.account}/webhooks/{await made(tenant)}"
    async with signed_in(api, database, account=tenant.account) as customer:
        sent = await customer.form(f"{path}/edit", **UNCHANGED | {"headers": headers})
        assert sent.status_code == 303
        page = (await customer.get(path)).text
    assert (await stored(database, tenant)).headers == kept
    assert not [each for each in (*kept.values(), "sesame") if len(each) > 1 and f">{each}" in page]
    assert all(f"<code>{name}</code>" in page for name in kept)


async def test_everything_can_be_changed_but_its_metadata(api: str, database: AsyncEngine, tenant: Caller) -> None:
    path = f"/dashboard/{tenant.account}/webhooks/{await made(tenant)}"
    fields = {"url": "https://example.org/", "description": "", "event": "*", "headers": "", "metadata": '{"a": "2"}'}
    async with signed_in(api, database, account=tenant.account) as customer:
        assert (await customer.form(f"{path}/edit", **fields)).status_code == 303
    after = await stored(database, tenant)
    assert (after.url, after.events, after.description) == ("https://example.org/", ("*",), "")
    assert (after.headers, after.metadata) == ({}, {"a": "1"})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"url": "https://10.0.0.1/"}, ("url", "10.0.0.1 is not a public address.")),
        ({"description": "x" * 501}, ("description", "Description is text of 0 to 500 characters.")),
        ({"event": []}, ("events", "Choose at least one event type")),
        ({"headers": f"X-New: {KEPT}"}, ("headers", "X-New has no value to keep: write the value behind the colon.")),
        ({"headers": f"X-Key: {KEPT}{KEPT}"}, ("headers", "must be visible ASCII")),
        ({"headers": "nonsense"}, ("headers", "has no colon")),
    ],
)
async def test_what_is_wrong_is_said_at_its_field_and_nothing_is_changed(
    api: str, database: AsyncEngine, tenant: Caller, fields: dict[str, Any], said: tuple[str, str]
) -> None:
    field, problem = said
    path = f"/dashboard/{tenant.account}/webhooks/{await made(tenant)}/edit"
    before = await stored(database, tenant)
    async with signed_in(api, database, account=tenant.account) as customer:
        answer = await customer.form(path, **UNCHANGED | {"description": "New"} | fields)
    assert answer.status_code == 422
    assert problem in problem_at(answer.text, field)
    assert "description" in fields or 'value="New"' in answer.text
    assert "sesame" not in answer.text
    assert await stored(database, tenant) == before


async def test_headers_that_do_not_open_stay_unless_others_are_written(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness
) -> None:
    path = f"/dashboard/{tenant.account}/webhooks/{await made(tenant)}"
    await world.do("UPDATE webhooks SET headers = '{}', sealed_headers = CAST('under a key that was lost' AS bytea)")
    sealed = "SELECT sealed_headers FROM webhooks"
    before = await world.scalar(sealed)
    async with signed_in(api, database, account=tenant.account) as customer:
        assert "do not open with the keys that there are" in (await customer.get(path)).text
        assert "They stay as they are unless you write others here." in (await customer.get(f"{path}/edit")).text
        sent = await customer.form(f"{path}/edit", **UNCHANGED | {"headers": "", "description": "New"})
        assert sent.status_code == 303
        assert (await world.scalar(sealed), await world.scalar("SELECT description FROM webhooks")) == (before, "New")
        refused = await customer.form(f"{path}/edit", **UNCHANGED)
        assert "X-Key has no value to keep" in problem_at(refused.text, "headers")
        assert (await customer.form(f"{path}/edit", **UNCHANGED | {"headers": "X-Key: new"})).status_code == 303
    assert (await stored(database, tenant)).headers == {"X-Key": "new"}
