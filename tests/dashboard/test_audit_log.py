"""The audit log in the dashboard: sentences that lead somewhere, narrowed, exported, to each reader what is theirs."""

import csv
import io
import json
import re
from html import escape

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.ids import WebhookId
from flux_dispatch.domain.webhook import WebhookChange
from flux_dispatch.store.webhooks import WebhookStore
from tests.support.api import URL, Caller
from tests.support.dashboard import signed_in
from tests.support.store_harness import SEALS

EVIL = "<script>alert(1)</script>"
PLATFORM = "/dashboard/platform-audit-log"


def rows_of(page: str) -> list[str]:
    """Return the sentences of the list, as they read."""
    cells = re.findall(r'<th scope="row" class="words">(.*?)<details', page, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", "", each).split()) for each in cells]


async def test_what_was_done_reads_as_sentences_that_lead_there(
    api: str, database: AsyncEngine, tenant: Caller
) -> None:
    webhook = (await tenant.webhook("*"))["id"]
    await tenant.http.patch(f"/v1/webhooks/{webhook}", json={"url": f"{URL}/new", "description": EVIL})
    path = f"/dashboard/{tenant.account}/audit-log"
    async with signed_in(api, database, account=tenant.account, scopes=["admin"]) as developer:
        page = (await developer.get(path)).text
        hint = f"API key sk_live_…{tenant.key[-4:]}"
        assert f"{hint} changed the URL and the description of the webhook {escape(EVIL)}" in rows_of(page)
        assert EVIL not in page
        assert f'href="/dashboard/{tenant.account}/webhooks/{webhook}"' in page
        assert f"<del><bdi>{URL}</bdi></del> <ins><bdi>{URL}/new</bdi></ins>" in page
        only = re.search(r'href="([^"]+)" title="Only what they did"><bdi>' + hint, page)
        assert only
        narrowed = (await developer.get(only[1])).text
        assert len(rows_of(narrowed)) == 2
        assert all(each.startswith(hint) for each in rows_of(narrowed))


async def test_filters_stand_in_the_address(api: str, database: AsyncEngine, tenant: Caller) -> None:
    webhook = (await tenant.webhook("*"))["id"]
    await tenant.http.post("/v1/event-types", json={"name": "order.sent"})
    path = f"/dashboard/{tenant.account}/audit-log"
    async with signed_in(api, database, account=tenant.account) as customer:
        for query, count in (
            ({"action": "webhook.*"}, 1),
            ({"action": "event_type.created"}, 1),
            ({"target": webhook}, 1),
            ({"actor": "customer"}, 1),
            ({"created_after": "2999-01-01T00:00"}, 0),
            ({"created_before": "2999-01-01T00:00", "action": "webhook.created"}, 1),
        ):
            page = await customer.get(path, params=query)
            assert (page.status_code, len(rows_of(page.text))) == (200, count), query
            assert ("Nothing fits" in page.text) == (count == 0)
        for name, value in (("action", "x"), ("actor", "x"), ("target", "a b"), ("created_after", "x"), ("after", "x")):
            page = await customer.get(path, params={name: value})
            assert page.status_code in {400, 422}, name
            assert 'class="problem' in page.text, name


async def test_customers_are_told_what_is_theirs(
    api: str, database: AsyncEngine, tenant: Caller, other_tenant: Caller
) -> None:
    webhook = WebhookId((await tenant.webhook("*"))["id"])
    await tenant.http.post("/v1/api-keys", json={"scopes": ["read"], "name": "hidden key"})
    await other_tenant.http.post("/v1/event-types", json={"name": "another.account"})
    # with nobody noted, it is the engine
    await WebhookStore(database, SEALS).update(tenant.account, webhook, WebhookChange(status="disabled"))
    path = f"/dashboard/{tenant.account}/audit-log"
    async with (
        signed_in(api, database, operator=True) as operator,
        signed_in(api, database, account=tenant.account) as customer,
    ):
        await operator.form(f"/dashboard/{tenant.account}/webhooks/new", url=URL, event="*")
        for browser, actors in (
            (customer, ["An operator", "An API key"]),
            (operator, ["An operator", "API key sk_live"]),
        ):
            sentences = rows_of((await browser.get(path)).text)
            for actor in actors:
                assert [each for each in sentences if each.startswith(f"{actor}") and "created the webhook" in each]
        page = (await customer.get(path)).text
        assert f"The system disabled the webhook {URL}" in rows_of(page)
        assert "Flux Dispatch" not in page
        assert "hidden key" not in page
        assert "Api key" not in page, "there is nothing to choose that is not theirs"
        assert "another.account" not in page
        assert page.count("<code>127.0.0.1</code>") == 1, "their own address, as they signed in"
        assert (await customer.get(f"/dashboard/{other_tenant.account}/audit-log")).status_code == 404
        assert (await customer.get(PLATFORM)).status_code == 404
        assert "/dashboard/audit-log" not in page
        assert "hidden key" in (await operator.get(path)).text


@pytest.mark.parametrize("scopes", [None, ["read", "audit_log:read"]])
async def test_it_leads_to_no_page_that_its_reader_may_not_see(
    api: str, database: AsyncEngine, tenant: Caller, scopes: list[str] | None
) -> None:
    webhook = (await tenant.webhook("*"))["id"]
    await tenant.http.post("/v1/listen", json={})
    await tenant.http.post("/v1/event-types", json={"name": "order.sent"})
    base = f"/dashboard/{tenant.account}"
    async with signed_in(api, database, account=tenant.account, scopes=scopes) as reader:
        page = (await reader.get(f"{base}/audit-log")).text
        assert "began the listen session" in page
        led_to = set(re.findall(rf'<a href="({base}/[^"?]+)" title=', page))
        answers = {each: (await reader.get(each)).status_code for each in led_to}
    assert set(answers.values()) <= {200}, answers
    assert f"{base}/webhooks/{webhook}" in led_to
    assert (f"{base}/listen" in led_to) is (scopes is not None)


async def test_the_platform_has_a_log_of_its_own(api: str, database: AsyncEngine, tenant: Caller) -> None:
    async with signed_in(api, database, operator=True) as operator:
        await operator.form("/dashboard/accounts/new", name="Acme & Sons", external_id="")
        page = (await operator.get(PLATFORM)).text
        assert "An operator created the account Acme &amp; Sons" in rows_of(page)
        assert 'aria-current="page">Audit log' in page
        made = re.search(r'href="(/dashboard/accounts/acct_\w+)" title="[^"]+"><bdi>Acme', page)
        assert made
        assert (await operator.get(made[1])).status_code == 200
    async with signed_in(api, database, account=tenant.account, scopes=["admin"]) as developer:
        assert (await developer.get(PLATFORM)).status_code == 404
    async with signed_in(api, database, account=tenant.account, scopes=["read"]) as reader:
        assert (await reader.get(f"/dashboard/{tenant.account}/audit-log")).status_code == 403
        assert "Audit log" not in (await reader.get(f"/dashboard/{tenant.account}/webhooks")).text


@pytest.mark.parametrize("form", ["csv", "jsonl"])
async def test_it_is_exported_as_it_is_narrowed(api: str, database: AsyncEngine, tenant: Caller, form: str) -> None:
    await tenant.webhook("*")
    path = f"/dashboard/{tenant.account}/audit-log"
    async with signed_in(api, database, account=tenant.account) as customer:
        answer = await customer.form(path, f"{path}/export", format=form, action="webhook.*")
        assert answer.headers["Content-Disposition"] == f'attachment; filename="audit-log.{form}"'
        assert answer.headers["Cache-Control"] == "no-store"
        told = (
            list(csv.DictReader(io.StringIO(answer.text)))
            if form == "csv"
            else [json.loads(line) for line in answer.text.splitlines()]
        )
        assert [each["action"] for each in told] == ["webhook.created"]
        assert not told[0]["address"], "an export tells no more than the page"
        assert "A customer exported the audit log" in rows_of((await customer.get(path)).text)
        for fields in ({"format": "xml"}, {}, {"format": form, "actor": "x"}):
            refused = await customer.form(path, f"{path}/export", **fields)
            assert (refused.status_code, "Content-Disposition" in refused.headers) == (422, False)
        page = (await customer.get(path, params={"action": "audit_log.*"})).text
        assert len(rows_of(page)) == 1


async def test_a_long_log_has_pages(api: str, database: AsyncEngine, tenant: Caller) -> None:
    for number in range(51):
        await tenant.http.post("/v1/event-types", json={"name": f"a.n{number}"})
    path = f"/dashboard/{tenant.account}/audit-log?action=event_type.*"
    async with signed_in(api, database, account=tenant.account) as customer:
        first = (await customer.get(path)).text
        older = re.search(r'href="([^"]+)" rel="next"', first)
        assert older
        second = (await customer.get(older[1].replace("&amp;", "&"))).text
        assert (len(rows_of(first)), len(rows_of(second))) == (50, 1)
        assert not set(rows_of(first)) & set(rows_of(second))
