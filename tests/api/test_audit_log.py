"""The audit log over HTTP: listed and exported to those whose it is, narrowed, bounded, harmless in a spreadsheet."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.api_key import NewApiKey, Scope
from flux_dispatch.domain.audit_export import COLUMNS
from flux_dispatch.engine.export_audit_log import PAGE_SIZE
from flux_dispatch.store.api_keys import ApiKeyStore
from tests.support.api import URL, Caller, api_client, check_error, client, running_api
from tests.support.dashboard import signed_in
from tests.support.store_harness import StoreHarness

EXPORT = "/v1/audit-log/export"
FORMULAS = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "  =1",
    "\N{FULLWIDTH EQUALS SIGN}1",
    '=HYPERLINK("http://evil","x")',
    "\n=1",
)


@pytest.fixture
def installed(database_url: str, redis_url: str) -> tuple[str, str]:
    return database_url, redis_url


@asynccontextmanager
async def platform_client(api: str, database: AsyncEngine, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    made = await ApiKeyStore(database).add(None, NewApiKey((Scope.ADMIN,), "ops"))
    assert made
    async with client(api, made[1], **headers) as http:
        yield http


async def listed(http: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    answer = await http.get("/v1/audit-log", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


async def test_an_entry_reads_as_a_sentence(tenant: Caller) -> None:
    webhook = await tenant.webhook("*")
    path = f"/v1/webhooks/{webhook['id']}"
    answer = await tenant.http.patch(path, json={"url": f"{URL}/new", "description": "shop", "headers": {"X-A": "s3"}})
    (entry,) = await listed(tenant.http, action="webhook.updated")
    hint = f"sk_live_…{tenant.key[-4:]}"
    assert entry["summary"] == f"API key {hint} changed the URL, the description and the headers of the webhook shop"
    assert (entry["account"], entry["request_id"]) == (tenant.account, answer.headers["X-Request-Id"])
    assert entry["actor"] == {"kind": "api_key", "name": hint, "api_key": entry["actor"]["api_key"], "session": None}
    assert entry["target"] == {"kind": "webhook", "id": webhook["id"], "name": "shop"}
    assert entry["changes"] == {
        "url": {"before": URL, "after": f"{URL}/new"},
        "description": {"before": "", "after": "shop"},
        "headers": {"before": [], "after": ["X-A"]},
    }
    assert (entry["address"], entry["user_agent"]) == ("127.0.0.1", tenant.http.headers["User-Agent"])


async def test_the_log_of_the_platform_is_its_own(api: str, database: AsyncEngine, tenant: Caller) -> None:
    async with platform_client(api, database) as platform:
        made = (await platform.post("/v1/accounts", json={"name": "Acme"})).json()["id"]
        await platform.post(
            "/v1/webhooks", json={"url": URL, "events": ["*"]}, headers={"Flux-Account": tenant.account}
        )
        own = await listed(platform)
        assert {each["account"] for each in own} == {None}
        assert made in {each["target"]["id"] for each in own}
        theirs = {"Flux-Account": tenant.account}
        answer = await platform.get("/v1/audit-log", params={"action": "webhook.*"}, headers=theirs)
        (seen,) = answer.json()["data"]
        assert (seen["actor"]["name"].startswith("ops sk_live_…"), seen["address"]) == (True, "127.0.0.1")
        (told,) = await listed(tenant.http, action="webhook.*")
        assert told["actor"] == {"kind": "platform_key", "name": None, "api_key": None, "session": None}
        assert (told["address"], told["user_agent"], told["request_id"]) == (None, None, seen["request_id"])
        assert told["summary"] == f"The platform created the webhook {URL}"
        assert await listed(tenant.http, actor=seen["actor"]["api_key"]) == []


async def test_filters_and_pages(tenant: Caller) -> None:
    first, second = (await tenant.webhook("*"))["id"], (await tenant.webhook("*"))["id"]
    await tenant.http.delete(f"/v1/webhooks/{first}")
    await tenant.http.post("/v1/event-types", json={"name": "order.sent"})
    assert {each["action"] for each in await listed(tenant.http, target=first)} == {
        "webhook.created",
        "webhook.deleted",
    }
    assert [each["target"]["id"] for each in await listed(tenant.http, target="order.sent")] == ["order.sent"]
    assert len(await listed(tenant.http, action="webhook.*")) == 3
    (deleted,) = await listed(tenant.http, action="webhook.deleted")
    assert len(await listed(tenant.http, actor=deleted["actor"]["api_key"])) == 4
    assert len(await listed(tenant.http, actor="engine")) == 1, "the key itself was made by the test"
    assert await listed(tenant.http, created_after="2999-01-01T00:00:00Z") == []
    assert await listed(tenant.http, created_before="2020-01-01T00:00:00Z") == []
    everything = [each["id"] for each in await listed(tenant.http)]
    pages, query = [], {"limit": "2"}
    while True:
        page = (await tenant.http.get("/v1/audit-log", params=query)).json()
        pages += [each["id"] for each in page["data"]]
        if not page["has_more"]:
            break
        query["cursor"] = page["next_cursor"]
    assert pages == everything
    assert second in json.dumps(await listed(tenant.http, limit="100"))


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("action", "webhook"),
        ("action", "webhook.created.x"),
        ("action", "none.*"),
        ("action", ""),
        ("actor", "somebody"),
        ("actor", "key_1"),
        ("actor", f"acct_{'0' * 32}"),
        ("target", "a b"),
        ("target", "a" * 129),
        ("target", "ü"),
        ("created_after", "yesterday"),
        ("limit", "0"),
        ("cursor", "x"),
        ("before", "2026-01-01T00:00:00Z"),
    ],
)
async def test_a_filter_that_is_none_is_refused(tenant: Caller, param: str, value: str) -> None:
    check_error(await tenant.http.get("/v1/audit-log", params={param: value}), 400, "invalid_parameter", param)


async def test_an_export_is_not_begun_with_what_is_wrong(tenant: Caller) -> None:
    for param, value in (("format", "xml"), ("action", "x"), ("limit", "3"), ("cursor", "x")):
        check_error(await tenant.http.get(EXPORT, params={param: value}), 400, "invalid_parameter", param)
    assert (await tenant.http.head(EXPORT)).status_code == 200
    assert await listed(tenant.http, action="audit_log.exported") == []


async def test_a_key_for_the_log_does_nothing_else_and_a_key_that_reads_does_not_see_it(
    api: str, database: AsyncEngine
) -> None:
    async with api_client(api, database, [Scope.AUDIT_LOG_READ]) as shipper:
        assert len(await listed(shipper.http)) == 1
        check_error(await shipper.http.get("/v1/webhooks"), 403, "missing_scope")
    async with api_client(api, database, [Scope.READ]) as reader:
        check_error(await reader.http.get("/v1/audit-log"), 403, "missing_scope")
        check_error(await reader.http.get(EXPORT), 403, "missing_scope")


async def test_an_export_has_all_in_its_order_and_is_told(tenant: Caller, world: StoreHarness) -> None:
    await fill(world, tenant, 2 * PAGE_SIZE + 7)
    answer = await tenant.http.get(EXPORT)
    assert answer.headers["Content-Type"] == "application/x-ndjson; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit-log.jsonl"'
    entries = [json.loads(line) for line in answer.text.splitlines()]
    assert len(entries) == 2 * PAGE_SIZE + 7 + 2
    ids = [each["id"] for each in entries]
    assert ids == sorted(ids, reverse=True)
    (export,) = [each for each in entries if each["action"] == "audit_log.exported"]
    assert export["request_id"] == answer.headers["X-Request-Id"]
    assert export["changes"] == {"format": {"before": None, "after": "jsonl"}}
    assert await listed(tenant.http, action="audit_log.exported") == [export]
    narrowed = await tenant.http.get(EXPORT, params={"action": "audit_log.*", "format": "jsonl"})
    (newest, first) = [json.loads(line) for line in narrowed.text.splitlines()]
    assert (newest["changes"]["action"]["after"], first) == ("audit_log.*", export)


@pytest.mark.parametrize("formula", FORMULAS)
async def test_no_cell_is_a_formula(tenant: Caller, formula: str) -> None:
    await tenant.http.post("/v1/webhooks", json={"url": URL, "events": ["*"], "description": formula})
    tenant.http.headers["User-Agent"] = formula.strip() if formula.isascii() else "=1"
    answer = await tenant.http.get(EXPORT, params={"format": "csv"})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert {row["target_name"] for row in rows if row["action"] == "webhook.created"} == {f"'{formula}"}
    exported = next(row for row in rows if row["action"] == "audit_log.exported")
    assert exported["user_agent"].startswith("'")
    starts = tuple(each.strip(" ")[0] for each in FORMULAS)
    assert not [cell for row in rows for cell in row.values() if cell.lstrip(" ").startswith(starts)]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_what_breaks_on_the_way_cuts_the_export_off(tenant: Caller, world: StoreHarness, version: str) -> None:
    # the oldest cannot be read, so it breaks behind the first pages, however fast they are sent
    await world.do(
        """INSERT INTO audit_entries (account_id, action, actor_kind, actor_name, changes)
           VALUES (CAST(:account AS uuid), 'webhook.updated', 'engine', '', '{"url": 5}')""",
        account=tenant.account.removeprefix("acct_"),
    )
    await fill(world, tenant, 2 * PAGE_SIZE)
    async with begun_export(tenant, version) as (head, reader):
        assert head.split()[1] == b"200"
        assert (b"Transfer-Encoding: chunked" in head) == (version == "1.1")
        with pytest.raises(ConnectionResetError):
            await reader.read()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_an_export_in_flight_when_the_process_ends_is_cut_off(
    database_url: str, redis_url: str, database: AsyncEngine, version: str
) -> None:
    async with AsyncExitStack() as client:
        async with running_api(database_url, redis_url) as api, api_client(api, database) as caller:
            # more than what lies in the buffers of a connection that nobody reads from
            await fill(StoreHarness(database), caller, 200 * PAGE_SIZE)
            head, reader = await client.enter_async_context(begun_export(caller, version))
            assert head.split()[1] == b"200"
        with pytest.raises(ConnectionResetError):
            await reader.read()


@asynccontextmanager
async def begun_export(caller: Caller, version: str) -> AsyncIterator[tuple[bytes, asyncio.StreamReader]]:
    """Ask for all of the log in this version of HTTP, and yield the head of the answer, and where its body comes."""
    at = caller.http.base_url
    reader, writer = await asyncio.open_connection(at.host, at.port)
    head = f"GET {EXPORT} HTTP/{version}\r\nHost: {at.host}\r\nAuthorization: Bearer {caller.key}\r\n\r\n"
    writer.write(head.encode())
    try:
        yield await reader.readuntil(b"\r\n\r\n"), reader
    finally:
        writer.close()


async def fill(world: StoreHarness, tenant: Caller, rows: int) -> None:
    """Have the account's log so many entries longer, each of some hundred bytes."""
    await world.do(
        """INSERT INTO audit_entries (account_id, action, actor_kind, actor_name, target_name, changes)
           SELECT CAST(:account AS uuid), 'webhook.updated', 'engine', '', repeat('n', 200), '{"url": [null, "x"]}'
           FROM generate_series(1, :rows)""",
        account=tenant.account.removeprefix("acct_"),
        rows=rows,
    )


@pytest.mark.parametrize(("trusted", "address"), [("", "127.0.0.1"), ("127.0.0.0/8", "203.0.113.7")])
async def test_the_address_is_what_trusted_proxies_say(
    installed: tuple[str, str], database: AsyncEngine, trusted: str, address: str
) -> None:
    async with (
        running_api(*installed, trusted_proxies=trusted) as api,
        api_client(api, database) as caller,
    ):
        forwarded = {"X-Forwarded-For": "198.51.100.9, 203.0.113.7"}
        assert (await caller.http.post("/v1/event-types", json={"name": "a.b"}, headers=forwarded)).is_success
        (entry,) = await listed(caller.http, action="event_type.created")
        assert entry["address"] == address


async def test_who_came_by_the_dashboard_is_told_with_their_session(
    api: str, database: AsyncEngine, tenant: Caller
) -> None:
    async with signed_in(api, database, account=tenant.account):
        (entry,) = (await tenant.http.get("/v1/audit-log", params={"action": "session.signed_in"})).json()["data"]
    assert entry["actor"]["session"].startswith("dsess_")
