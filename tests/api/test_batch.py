"""Many events in one request: all are stored and answered in order, or none is and the first bad one is named."""

import asyncio
import json
from typing import Any

import pytest

from flux_dispatch.api import json_text
from tests.api.test_events import WRITTEN
from tests.api.test_request_body import JSON
from tests.support.api import EVENT, Caller, check_error
from tests.support.store_harness import StoreHarness

BATCH = "/v1/events/batch"
GOOD = json.dumps(EVENT)

BAD: dict[str, tuple[str, int, str, str | None]] = {
    "no object": ("1", 400, "wrong_type", ""),
    "null": ("null", 400, "wrong_type", ""),
    "an array": ('[{"type":"a","data":{}}]', 400, "wrong_type", ""),
    "nothing": ("{}", 422, "missing_field", "type"),
    "no data": ('{"type":"a"}', 422, "missing_field", "data"),
    "another field": ('{"type":"a","data":{},"id":1}', 422, "unknown_field", "id"),
    "a number as type": ('{"type":1,"data":{}}', 400, "wrong_type", "type"),
    "a pattern as type": ('{"type":"a.*","data":{}}', 422, "invalid_event_type", "type"),
    "text as data": ('{"type":"a","data":"{}"}', 400, "wrong_type", "data"),
    "U+0000": ('{"type":"a","data":{"a":"\\u0000"}}', 400, "invalid_json", "data"),
    "a number beyond all": ('{"type":"a","data":{"a":1e999}}', 400, "invalid_json", "data"),
    "5000 digits": ('{"type":"a","data":{"a":' + "7" * 5000 + "}}", 400, "invalid_json", "data"),
    "data twice": ('{"type":"a","data":{},"data":{}}', 400, "invalid_json", ""),
    "NaN": ('{"type":"a","data":{"a":NaN}}', 400, "invalid_json", ""),
    "an empty key": ('{"type":"a","data":{},"idempotency_key":""}', 422, "invalid_idempotency_key", "idempotency_key"),
    "a number as key": ('{"type":"a","data":{},"idempotency_key":7}', 400, "wrong_type", "idempotency_key"),
    "a key of control characters": (
        '{"type":"a","data":{},"idempotency_key":"\\n"}',
        422,
        "invalid_idempotency_key",
        "idempotency_key",
    ),
}


async def test_a_thousand_events_are_one_transaction_and_answered_in_order(tenant: Caller, world: StoreHarness) -> None:
    await tenant.webhook("even")
    events = [{"type": "odd" if n % 2 else "even", "data": {"n": n}} for n in range(1000)]
    answer = await tenant.http.post(BATCH, json={"events": events})
    assert answer.status_code == 202, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    assert "Idempotent-Replayed" not in answer.headers
    listed = answer.json()
    assert listed["object"] == "list"
    assert [{"type": each["type"], "data": each["data"]} for each in listed["data"]] == events
    assert [each["status"] for each in listed["data"]] == ["pending", "unmatched"] * 500
    assert await world.scalar("SELECT count(*) FROM events") == 1000
    assert await world.scalar("SELECT count(*) FROM deliveries") == 500
    assert await world.scalar("SELECT count(DISTINCT xmin::text) FROM events") == 1
    alone = await tenant.event("odd")
    assert set(listed["data"][1]) == set(alone)


async def test_data_of_a_batch_is_carried_as_it_was_written(tenant: Caller) -> None:
    sent = ", ".join(f'{{"data" : {written} ,"type":"a"}}' for written in WRITTEN)
    answer = await tenant.http.post(BATCH, content=f' {{ "events" : [ {sent} ] }}\n', headers=JSON)
    assert answer.status_code == 202, answer.text
    for event, written in zip(answer.json()["data"], WRITTEN, strict=True):
        shown = await tenant.http.get(f"/v1/events/{event['id']}")
        assert f'"data": {written}, ' in shown.text


@pytest.mark.parametrize("what", BAD)
async def test_one_bad_event_is_named_and_nothing_is_stored(tenant: Caller, world: StoreHarness, what: str) -> None:
    bad, status, code, field = BAD[what]
    sent = ",".join([GOOD] * 17 + [bad, GOOD])
    answer = await tenant.http.post(BATCH, content=f'{{"events":[{sent}]}}', headers=JSON)
    check_error(answer, status, code, f"events[17].{field}" if field else "events[17]")
    assert await world.scalar("SELECT count(*) FROM events") == 0


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ("[]", (400, "wrong_type", None)),
        ("{}", (422, "missing_field", "events")),
        ('{"events":{}}', (400, "wrong_type", "events")),
        ('{"events":[]}', (422, "invalid_value", "events")),
        ('{"events":[' + ",".join(['{"type":"a","data":{}}'] * 1001) + "]}", (422, "invalid_value", "events")),
        ('{"events":[' + GOOD + '],"more":1}', (422, "unknown_field", "more")),
        ('{"events":[' + GOOD + "],}", (400, "invalid_json", None)),
        ('{"events":[' + GOOD + ",]}", (400, "invalid_json", "events[1]")),
        ('{"events":[' + GOOD + GOOD + "]}", (400, "invalid_json", None)),
        ('{"events":[' + GOOD + "]", (400, "invalid_json", None)),
        ('{"events":[' + GOOD + "]}]", (400, "invalid_json", None)),
        ('{"events":[' + GOOD + '],"events":[]}', (400, "invalid_json", None)),
        ('{"events":[' + "[" * 100_000, (400, "invalid_json", None)),
        ("", (400, "invalid_json", None)),
    ],
)
async def test_a_body_that_is_no_batch_is_refused(
    tenant: Caller, world: StoreHarness, sent: str, error: tuple[int, str, str | None]
) -> None:
    check_error(await tenant.http.post(BATCH, content=sent, headers=JSON), *error)
    assert await world.scalar("SELECT count(*) FROM events") == 0


async def test_an_event_of_a_batch_may_be_as_deep_as_one_alone(tenant: Caller, world: StoreHarness) -> None:
    def sent(depth: int) -> str:
        return '{"events":[' + GOOD + ',{"type":"a","data":' + '{"a":' * depth + "1" + "}" * depth + "}]}"

    inside = json_text.MAX_NESTED - 1
    deepest = await tenant.http.post(BATCH, content=sent(inside), headers=JSON)
    alone = await tenant.http.post("/v1/events", json=json.loads(sent(inside))["events"][1])
    assert (deepest.status_code, alone.status_code) == (202, 202)
    check_error(await tenant.http.post(BATCH, content=sent(inside + 1), headers=JSON), 400, "invalid_json", "events[1]")
    assert await world.scalar("SELECT count(*) FROM events") == 3


async def test_a_body_that_is_too_large_is_refused(tenant: Caller, world: StoreHarness) -> None:
    large = {"type": "a", "data": {"a": "x" * 2**17}}
    check_error(await tenant.http.post(BATCH, json={"events": [large, large]}), 413, "body_too_large")
    assert await world.scalar("SELECT count(*) FROM events") == 0


async def test_two_with_the_same_key_are_refused(tenant: Caller, world: StoreHarness) -> None:
    events = [_keyed("a"), _keyed("b"), EVENT, EVENT, _keyed("a")]
    error = check_error(
        await tenant.http.post(BATCH, json={"events": events}),
        422,
        "invalid_idempotency_key",
        "events[4].idempotency_key",
    )
    assert "events[0] has the same" in error["message"]
    assert await world.scalar("SELECT count(*) FROM events") == 0


async def test_the_header_for_one_event_is_refused(tenant: Caller, world: StoreHarness) -> None:
    answer = await tenant.http.post(BATCH, json={"events": [EVENT]}, headers={"Idempotency-Key": "k"})
    check_error(answer, 422, "invalid_idempotency_key", "Idempotency-Key")
    assert await world.scalar("SELECT count(*) FROM events") == 0


async def test_known_keys_are_the_earlier_events_and_the_rest_is_new(tenant: Caller, world: StoreHarness) -> None:
    await tenant.webhook("*")
    alone = await tenant.http.post("/v1/events", json=EVENT, headers={"Idempotency-Key": "a"})
    first = await tenant.http.post(BATCH, json={"events": [_keyed("b"), _keyed("a"), EVENT]})
    assert "Idempotent-Replayed" not in first.headers
    assert first.json()["data"][1] == alone.json()
    again = await tenant.http.post(BATCH, json={"events": [_keyed("b"), _keyed("a")]})
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json()["data"] == first.json()["data"][:2]
    assert await world.scalar("SELECT count(*) FROM events") == 3
    assert await world.scalar("SELECT count(*) FROM deliveries") == 3


async def test_a_known_key_with_another_event_stores_nothing(tenant: Caller, world: StoreHarness) -> None:
    await tenant.http.post("/v1/events", json=EVENT, headers={"Idempotency-Key": "a"})
    events = [EVENT, _keyed("a", data={"order": 8})]
    answer = await tenant.http.post(BATCH, json={"events": events})
    check_error(answer, 409, "idempotency_key_reused", "events[1].idempotency_key")
    assert await world.scalar("SELECT count(*) FROM events") == 1


async def test_the_same_batch_twenty_times_at_once_is_stored_once(tenant: Caller, world: StoreHarness) -> None:
    batches = [[_keyed(f"k{n}") for n in range(50)], [_keyed(f"k{n}") for n in reversed(range(50))]] * 10
    singles = [tenant.http.post("/v1/events", json=EVENT, headers={"Idempotency-Key": f"k{n}"}) for n in range(50)]
    posts = [tenant.http.post(BATCH, json={"events": each}) for each in batches]
    answers = await asyncio.gather(*posts, *singles)
    assert {each.status_code for each in answers} == {202}
    assert await world.scalar("SELECT count(*) FROM events") == 50


async def test_of_two_accounts_the_same_keys_are_different_events(
    tenant: Caller, other_tenant: Caller, world: StoreHarness
) -> None:
    for caller in (tenant, other_tenant):
        answer = await caller.http.post(BATCH, json={"events": [_keyed("a"), _keyed("b")]})
        assert "Idempotent-Replayed" not in answer.headers
    assert await world.scalar("SELECT count(*) FROM events") == 4


def _keyed(key: str, **other: Any) -> dict[str, Any]:
    return {**EVENT, **other, "idempotency_key": key}
