"""The catalogue over HTTP, and what it asks of published data."""

import asyncio
import json
from typing import Any

import pytest

from tests.support.api import Caller, check_error
from tests.support.store_harness import StoreHarness
from tests.support.waiting import eventually_async

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["items"],
    "properties": {"items": {"type": "array", "items": {"properties": {"price": {"type": "number"}}}}},
}
DRAFT: dict[str, Any] = {
    "name": "invoice.paid",
    "description": "An invoice was paid.",
    "group": "Billing",
    "example": {"items": [{"price": 7}]},
    "schema": SCHEMA,
}
GOOD = {"type": "invoice.paid", "data": {"items": [{"price": 1.5}]}}
BAD = {"type": "invoice.paid", "data": {"items": [{"price": "much"}]}}


async def test_an_event_type_is_created_read_changed_and_archived(tenant: Caller) -> None:
    answer = await tenant.http.post("/v1/event-types", json=DRAFT)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == "/v1/event-types/invoice.paid"
    made = answer.json()
    assert {name: made[name] for name in DRAFT} == DRAFT
    assert (made["object"], made["default"], made["archived_at"]) == ("event_type", False, None)
    check_error(await tenant.http.post("/v1/event-types", json=DRAFT), 409, "event_type_exists", "name")
    assert await _shown(tenant) == made
    changed = await tenant.http.patch("/v1/event-types/invoice.paid", json={"group": None, "description": "Paid."})
    assert changed.status_code == 200
    assert (changed.json()["group"], changed.json()["description"], changed.json()["schema"]) == (None, "Paid.", SCHEMA)
    assert (await tenant.http.delete("/v1/event-types/invoice.paid")).status_code == 204
    assert (await _shown(tenant))["archived_at"].endswith("Z")
    again = await tenant.http.post("/v1/event-types", json={"name": "invoice.paid"})
    assert (again.status_code, again.json()["archived_at"], again.json()["schema"]) == (201, None, None)


async def test_every_account_has_two_until_it_has_its_own(tenant: Caller, other_tenant: Caller) -> None:
    for caller in (tenant, other_tenant):
        listed = (await caller.http.get("/v1/event-types")).json()["data"]
        assert {each["name"] for each in listed} == {"order.completed", "user.signup"}
        assert all(each["default"] and each["schema"] and each["example"] and each["group"] for each in listed)
    await tenant.http.delete("/v1/event-types/order.completed")
    await tenant.http.patch("/v1/event-types/user.signup", json={"description": "Ours."})
    assert (await tenant.http.post("/v1/event-types", json={"name": "a.b"})).status_code == 201
    first = (await tenant.http.get("/v1/event-types", params={"limit": 2})).json()
    second = (await tenant.http.get("/v1/event-types", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    mine = {each["name"]: each for each in first["data"] + second["data"]}
    assert set(mine) == {"a.b", "order.completed", "user.signup"}
    assert mine["order.completed"]["archived_at"]
    assert (mine["user.signup"]["description"], mine["user.signup"]["default"]) == ("Ours.", False)
    theirs = (await other_tenant.http.get("/v1/event-types")).json()["data"]
    assert [(each["default"], each["archived_at"]) for each in theirs] == [(True, None)] * 2
    check_error(await other_tenant.http.get("/v1/event-types/a.b"), 404, "not_found")
    check_error(await other_tenant.http.patch("/v1/event-types/a.b", json={}), 404, "not_found")
    check_error(await other_tenant.http.delete("/v1/event-types/a.b"), 404, "not_found")


async def test_published_data_must_meet_the_schema_of_its_type(tenant: Caller, world: StoreHarness) -> None:
    await tenant.http.post("/v1/event-types", json=DRAFT)
    error = check_error(await tenant.http.post("/v1/events", json=BAD), 422, "schema_mismatch", "data.items[0].price")
    assert "rule type" in error["message"]
    missing = {"type": "invoice.paid", "data": {}}
    error = check_error(await tenant.http.post("/v1/events", json=missing), 422, "schema_mismatch", "data")
    assert "rule required" in error["message"]
    assert await world.scalar("SELECT count(*) FROM events") == 0
    assert (await tenant.http.post("/v1/events", json=GOOD)).status_code == 202
    assert (await tenant.http.post("/v1/events", json={"type": "not.there", "data": {}})).status_code == 202
    huge = '{"type": "invoice.paid", "data": {"items": [{"price": 1' + "0" * 4000 + "}]}}"
    headers = {"content-type": "application/json"}
    assert (await tenant.http.post("/v1/events", content=huge, headers=headers)).status_code == 202


@pytest.mark.parametrize("end", ["archive", "take away"])
async def test_a_change_of_the_catalogue_is_felt_within_seconds(tenant: Caller, end: str) -> None:
    assert (await tenant.http.post("/v1/events", json=BAD)).status_code == 202
    await tenant.http.post("/v1/event-types", json=DRAFT)
    await eventually_async(lambda: _answers(tenant, 422), "the schema is felt", seconds=4)
    if end == "archive":
        await tenant.http.delete("/v1/event-types/invoice.paid")
    else:
        await tenant.http.patch("/v1/event-types/invoice.paid", json={"schema": None})
    await eventually_async(lambda: _answers(tenant, 202), "its end is felt", seconds=4)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": "a..b"}, (422, "invalid_event_type", "name")),
        ({"name": "*"}, (422, "invalid_event_type", "name")),
        ({"name": 7}, (400, "wrong_type", "name")),
        ({"description": "x" * 501}, (422, "invalid_value", "description")),
        ({"description": "a\0"}, (422, "invalid_value", "description")),
        ({"group": "x" * 65}, (422, "invalid_value", "group")),
        ({"group": "\ud800"}, (422, "invalid_value", "group")),
        ({"example": []}, (400, "wrong_type", "example")),
        ({"example": {"a": "\0"}}, (400, "invalid_json", "example")),
        ({"example": {"items": [{"price": "x"}]}}, (422, "schema_mismatch", "example.items[0].price")),
        ({"example": {"a": "x" * 65_536}}, (422, "invalid_value", "example")),
        ({"schema": True}, (400, "wrong_type", "schema")),
        ({"schema": {"type": "text"}}, (422, "invalid_schema", "schema")),
        ({"schema": {"$ref": "https://example.com/schema.json"}}, (422, "invalid_schema", "schema")),
        ({"schema": {"enum": ["x" * 65_536]}}, (422, "invalid_schema", "schema")),
        ({"color": "red"}, (422, "unknown_field", "color")),
    ],
)
async def test_what_is_wrong_is_refused_and_nothing_stored(
    tenant: Caller, world: StoreHarness, changes: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    headers = {"Content-Type": "application/json"}  # written here, for the client writes no half of a surrogate pair
    body = json.dumps(DRAFT | changes)
    check_error(await tenant.http.post("/v1/event-types", content=body, headers=headers), *expected)
    assert await world.scalar("SELECT count(*) FROM event_types") == 2
    if "name" not in changes:
        await tenant.http.post("/v1/event-types", json=DRAFT)
        check_error(
            await tenant.http.patch("/v1/event-types/invoice.paid", content=json.dumps(changes), headers=headers),
            *expected,
        )


async def test_a_name_that_is_none_is_not_found(tenant: Caller) -> None:
    for name in ("x", "%00", "..%2f..", "*", "😀", "a" * 300):
        check_error(await tenant.http.get(f"/v1/event-types/{name}"), 404, "not_found")


async def _shown(caller: Caller) -> dict[str, Any]:
    answer = await caller.http.get("/v1/event-types/invoice.paid")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def _answers(caller: Caller, status: int) -> bool:
    return (await caller.http.post("/v1/events", json=BAD)).status_code == status


async def test_an_account_may_have_so_many_of_its_own_and_no_more(
    tenant: Caller, other_tenant: Caller, world: StoreHarness
) -> None:
    await world.do(
        """INSERT INTO event_types (account_id, name, description)
           SELECT CAST(:account AS uuid), 'made.' || n, '' FROM generate_series(1, 1000) AS n""",
        account=tenant.account.removeprefix("acct_"),
    )
    check_error(await tenant.http.post("/v1/event-types", json={"name": "one.more"}), 409, "too_many_event_types")
    assert (await other_tenant.http.post("/v1/event-types", json={"name": "one.more"})).status_code == 201


async def test_of_many_that_come_at_once_an_account_gets_no_more_than_it_may_have(
    tenant: Caller, world: StoreHarness
) -> None:
    await world.do(
        """INSERT INTO event_types (account_id, name, description)
           SELECT CAST(:account AS uuid), 'made.' || n, '' FROM generate_series(1, 999) AS n""",
        account=tenant.account.removeprefix("acct_"),
    )
    names = [f"more.no{n}" for n in range(20)]
    answers = await asyncio.gather(*(tenant.http.post("/v1/event-types", json={"name": name}) for name in names))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 19]
