"""What is refused by a schema is named where it stands, without its value, and never takes back what was stored."""

import asyncio
from typing import Any

import pytest

from tests.api.test_event_types import BAD, DRAFT, GOOD, _answers
from tests.support.api import Caller, check_error
from tests.support.store_harness import StoreHarness
from tests.support.waiting import eventually_async

KEY = {"Idempotency-Key": "invoice-7"}
ANYTHING: list[dict[str, Any]] = [
    {},
    {"order": {"id": 7}, "amount": None, "currency": 978, "user": [1], "email": False, "name": {}},
    {"order": [], "amount": "49.99", "currency": None, "user": None, "email": ["a@example.com"], "name": 7, "more": 1},
]


@pytest.mark.parametrize("data", ANYTHING)
@pytest.mark.parametrize("event_type", ["order.completed", "user.signup"])
async def test_what_every_account_has_refuses_nothing(tenant: Caller, event_type: str, data: dict[str, Any]) -> None:
    # changed, it is the account's own, and its schema asks of data what that of everybody's does
    await tenant.http.patch(f"/v1/event-types/{event_type}", json={"description": "Ours."})
    answer = await tenant.http.post("/v1/events", json={"type": event_type, "data": data})
    assert answer.status_code == 202, answer.text


async def test_no_value_is_answered(tenant: Caller) -> None:
    await tenant.http.post("/v1/event-types", json=DRAFT)
    secret = {"type": "invoice.paid", "data": {"items": [{"price": "secret-4711"}]}}
    answer = await tenant.http.post("/v1/events", json=secret)
    error = check_error(answer, 422, "schema_mismatch", "data.items[0].price")
    assert error["message"] == (
        'data.items[0].price does not meet the schema of invoice.paid, rule type: the schema says "number".'
    )


async def test_a_replay_of_what_was_stored_before_the_schema_is_a_replay(tenant: Caller, world: StoreHarness) -> None:
    first = await tenant.http.post("/v1/events", json=BAD, headers=KEY)
    batch = {"events": [{**BAD, "idempotency_key": "b"}, {**GOOD, "idempotency_key": "g"}]}
    await tenant.http.post("/v1/events/batch", json=batch)
    await _tightened(tenant)
    stored = await world.scalar("SELECT count(*) FROM events")
    again = await tenant.http.post("/v1/events", json=BAD, headers=KEY)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")
    assert again.json()["id"] == first.json()["id"]
    again = await tenant.http.post("/v1/events/batch", json=batch)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")
    other = {"type": "invoice.paid", "data": {"items": 7}}
    check_error(await tenant.http.post("/v1/events", json=other, headers=KEY), 409, "idempotency_key_reused")
    answer = await tenant.http.post("/v1/events/batch", json={"events": [GOOD, {**other, "idempotency_key": "b"}]})
    check_error(answer, 409, "idempotency_key_reused", "events[1].idempotency_key")
    answer = await tenant.http.post("/v1/events", json=BAD, headers={"Idempotency-Key": "new"})
    check_error(answer, 422, "schema_mismatch", "data.items[0].price")
    assert await world.scalar("SELECT count(*) FROM events") == stored


async def test_in_a_batch_the_event_is_named_and_none_is_stored(tenant: Caller, world: StoreHarness) -> None:
    await tenant.http.post("/v1/event-types", json=DRAFT)
    for bad in (BAD, {**BAD, "idempotency_key": "k"}):
        answer = await tenant.http.post("/v1/events/batch", json={"events": [GOOD, bad, GOOD]})
        check_error(answer, 422, "schema_mismatch", "events[1].data.items[0].price")
    assert await world.scalar("SELECT count(*) FROM events") == 0
    assert (await tenant.http.post("/v1/events/batch", json={"events": [GOOD] * 1000})).status_code == 202


async def test_what_would_take_too_long_to_check_is_refused(tenant: Caller, world: StoreHarness) -> None:
    slow = {"properties": {"a": {"items": {"allOf": [{"multipleOf": 0.01}] * 300}}}}
    costly = {"name": "slow", "schema": slow, "example": {"a": [1.5] * 12_000}}
    answer = await tenant.http.post("/v1/event-types", json=costly, timeout=60)
    check_error(answer, 422, "schema_too_costly", "example")
    assert (await tenant.http.post("/v1/event-types", json={"name": "slow", "schema": slow})).status_code == 201
    large = {"type": "slow", "data": {"a": [1.5] * 40_000}}
    answer = await tenant.http.post("/v1/events", json=large, timeout=60)  # a second of computing, however busy all is
    check_error(answer, 422, "schema_too_costly", "data")
    assert await world.scalar("SELECT count(*) FROM events") == 0
    assert (await tenant.http.post("/v1/events", json={"type": "slow", "data": {"a": [1.5]}})).status_code == 202


async def test_changes_at_one_time_all_hold(tenant: Caller) -> None:
    await tenant.http.post("/v1/event-types", json={"name": "a.b"})
    for each in range(5):
        changes = {
            "description": f"The {each}th.",
            "group": f"G{each}",
            "example": {"a": each},
            "schema": {"title": f"{each}"},
        }
        answers = await asyncio.gather(
            *(tenant.http.patch("/v1/event-types/a.b", json={name: value}) for name, value in changes.items())
        )
        assert [answer.status_code for answer in answers] == [200] * 4
        shown = (await tenant.http.get("/v1/event-types/a.b")).json()
        assert {name: shown[name] for name in changes} == changes


async def test_the_list_is_narrowed_to_what_is_archived_or_not(tenant: Caller) -> None:
    await tenant.http.post("/v1/event-types", json={"name": "old"})
    await tenant.http.delete("/v1/event-types/old")
    for archived, names in (("true", {"old"}), ("false", {"order.completed", "user.signup"})):
        listed = await tenant.http.get("/v1/event-types", params={"archived": archived})
        assert {each["name"] for each in listed.json()["data"]} == names
    for wrong in ("1", "TRUE", ""):
        answer = await tenant.http.get("/v1/event-types", params={"archived": wrong})
        check_error(answer, 400, "invalid_parameter", "archived")


async def _tightened(tenant: Caller) -> None:
    await tenant.http.post("/v1/event-types", json=DRAFT)
    await eventually_async(lambda: _answers(tenant, 422), "the schema is felt", seconds=4)
