"""Events over HTTP: stored before they are answered, once for each idempotency key, with a status that is true."""

import asyncio
import json
import re

import pytest

from flux_dispatch.domain.ids import Prefix, parse_id
from tests.support.api import EVENT, Caller, check_error
from tests.support.store_harness import StoreHarness


async def test_an_event_is_stored_when_it_is_answered(tenant: Caller, world: StoreHarness) -> None:
    webhook = await tenant.webhook("order.*")
    data = {"z": 1, "a": [10**30, 1.5, None, True], "ä": "\x7f\u2028😀"}
    answer = await tenant.http.post("/v1/events", json={"type": "order.completed", "data": data})
    assert answer.status_code == 202, answer.text
    event = answer.json()
    assert re.fullmatch(r"evt_[0-9a-f]{32}", event["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["created"])
    expected = {"object": "event", "type": "order.completed", "data": data, "status": "pending", "webhooks": 1}
    assert event.items() >= expected.items()
    assert "Idempotent-Replayed" not in answer.headers
    body = await world.scalar("SELECT body FROM events WHERE id = CAST(:id AS uuid)", id=_hex(event))
    assert body.isascii()
    payload = {name: event[name] for name in ("id", "type", "created", "data")}
    assert bytes(body) == json.dumps(payload, separators=(",", ":")).replace("\\u007f", "\x7f").encode()
    (delivery,) = (await tenant.http.get(f"/v1/events/{event['id']}/deliveries")).json()["data"]
    assert (delivery["event"], delivery["webhook"]) == (event["id"], webhook["id"])


async def test_an_event_is_made_by_the_database_s_clock(tenant: Caller, world: StoreHarness) -> None:
    await world.advance_clock(3600)  # as for an API whose own clock is an hour late
    event = await tenant.event()
    (row,) = await world.rows("SELECT created_at, extract(epoch FROM created_at - flux_now()) AS off FROM events")
    assert abs(row.off) < 5
    assert event["created"] == row.created_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert int(_hex(event)[:12], 16) == pytest.approx(row.created_at.timestamp() * 1000, abs=1)


WRITTEN = [
    '{"wei":0.1000000000000000055511151231257827,"e":1e2,"n":-0,"f":1.0,"g":1E+2}',
    '{ "b" : 1,\r\n\t"a": [ ] }',
    r'{"\u0061\/":"\u00E9\ud83d\ude00\\u0000\"","q":"}\",\"data\":{"}',
    '{"a":1,"a":2}',
    '{"data":{"data":{}},"id":"evt","created":"","type":""}',
    "{}",
]


@pytest.mark.parametrize("written", WRITTEN)
async def test_data_is_carried_as_it_was_written(tenant: Caller, world: StoreHarness, written: str) -> None:
    for sent in (f'{{"type":"a","data":{written}}}', f' {{ "data" : {written} , "type":"a" }}\n'):
        answer = await tenant.http.post("/v1/events", content=sent, headers={"Content-Type": "application/json"})
        assert answer.status_code == 202, answer.text
        event = answer.json()
        body = await world.scalar("SELECT body FROM events WHERE id = CAST(:id AS uuid)", id=_hex(event))
        head = f'{{"id":"{event["id"]}","type":"a","created":"{event["created"]}","data":'
        assert bytes(body).decode() == f"{head}{written}}}"
        shown = await tenant.http.get(f"/v1/events/{event['id']}")
        assert shown.json()["body"] == bytes(body).decode()
        for seen in (answer, shown, await tenant.http.get("/v1/events")):
            assert written in seen.text
            assert seen.headers["Content-Type"].startswith("application/json")


async def test_what_is_beyond_ascii_becomes_escapes_and_nothing_else_changes(
    tenant: Caller, world: StoreHarness
) -> None:
    sent = '{"type":"a","data":{"é":"\\"№ \U0001f600\\\\","n":1.50}}'
    answer = await tenant.http.post("/v1/events", content=sent.encode(), headers={"Content-Type": "application/json"})
    body = await world.scalar("SELECT body FROM events")
    assert bytes(body).endswith(rb',"data":{"\u00e9":"\"\u2116 \ud83d\ude00\\","n":1.50}}')
    assert answer.json()["data"] == json.loads(sent)["data"]


@pytest.mark.parametrize(
    ("again", "status"),
    [
        ('{"a":{"y":[1,2],"x":"é"},"n":1}', 202),
        ('{"n":1,"a":{"x":"é","y":[1,2]}}', 202),
        (' { "n" : 1.0, "a" : { "x" : "\\u00e9", "y" : [1e0, 20e-1] } }', 202),
        ('{"a":{"y":[2,1],"x":"é"},"n":1}', 409),
        ('{"a":{"y":[1,2],"x":"é"},"n":1.0000000000000000000001}', 409),
        ('{"a":{"y":[1,2],"x":"é"},"n":true}', 409),
        ('{"a":{"y":[1,2],"x":"é"},"n":"1"}', 409),
        ('{"a":{"y":[1,2],"x":"é"},"n":2,"n":1}', 409),
        ('{"a":{"y":[1,2],"x":"é"},"n":1e-9999999999999999999}', 409),
    ],
)
async def test_the_same_key_is_for_what_means_the_same(
    tenant: Caller, world: StoreHarness, again: str, status: int
) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "order-7"}
    for data, expected in [('{"a":{"y":[1,2],"x":"é"},"n":1}', 202), (again, status)]:
        answer = await tenant.http.post("/v1/events", content=f'{{"type":"a","data":{data}}}'.encode(), headers=headers)
        assert answer.status_code == expected, answer.text
    assert await world.scalar("SELECT count(*) FROM events") == 1


async def test_an_event_that_nobody_wants_says_so(tenant: Caller) -> None:
    await tenant.webhook("invoice.*")
    event = await tenant.event()
    assert (event["status"], event["webhooks"]) == ("unmatched", 0)
    assert "order.completed" in event["note"]


async def test_a_type_that_is_none_is_refused(tenant: Caller, world: StoreHarness) -> None:
    for event_type in (
        "a..b",
        "../x",
        "x" * 129,
        "x" * 300,
        "😀",
        "*",
        "order.*",
        "",
        "a b",
        "a\n",
        "flux.delivery.failed",
    ):
        answer = await tenant.http.post("/v1/events", json={"type": event_type, "data": {}})
        check_error(answer, 422, "invalid_event_type", "type")
    assert await world.scalar("SELECT count(*) FROM events") == 0


async def test_the_same_key_and_body_is_the_same_event(tenant: Caller, world: StoreHarness) -> None:
    await tenant.webhook("*")
    headers = {"Idempotency-Key": "k" * 255}
    first = await tenant.http.post("/v1/events", json=EVENT, headers=headers)
    again = await tenant.http.post("/v1/events", json=EVENT, headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
    assert await world.scalar("SELECT count(*) FROM deliveries") == 1


async def test_fifty_at_once_with_one_key_are_one_event(tenant: Caller, world: StoreHarness) -> None:
    await tenant.webhook("*")
    headers = {"Idempotency-Key": "order-7"}
    answers = await asyncio.gather(*(tenant.http.post("/v1/events", json=EVENT, headers=headers) for _ in range(50)))
    assert {each.status_code for each in answers} == {202}
    assert len({each.text for each in answers}) == 1
    assert sum("Idempotent-Replayed" not in each.headers for each in answers) == 1
    assert await world.scalar("SELECT count(*) FROM events") == 1
    assert await world.scalar("SELECT count(*) FROM deliveries") == 1


@pytest.mark.parametrize("other", [{"data": {"order": 8}}, {"type": "order.created"}])
async def test_the_same_key_with_another_body_is_a_conflict(
    tenant: Caller, world: StoreHarness, other: dict[str, object]
) -> None:
    headers = {"Idempotency-Key": "order-7"}
    await tenant.http.post("/v1/events", json=EVENT, headers=headers)
    answer = await tenant.http.post("/v1/events", json={**EVENT, **other}, headers=headers)
    error = check_error(answer, 409, "idempotency_key_reused")
    assert error["type"] == "idempotency_error"
    assert await world.scalar("SELECT count(*) FROM events") == 1


async def test_the_same_key_of_two_accounts_is_two_events(
    tenant: Caller, other_tenant: Caller, world: StoreHarness
) -> None:
    for caller in (tenant, other_tenant):
        answer = await caller.http.post("/v1/events", json=EVENT, headers={"Idempotency-Key": "order-7"})
        assert "Idempotent-Replayed" not in answer.headers
    assert await world.scalar("SELECT count(*) FROM events") == 2


async def test_an_idempotency_key_that_is_none_is_refused(tenant: Caller, world: StoreHarness) -> None:
    for key in (b"", b"k" * 256, b"a\tb", "ä".encode(), b"\xff"):
        answer = await tenant.http.post("/v1/events", json=EVENT, headers=[(b"Idempotency-Key", key)])
        check_error(answer, 422, "invalid_idempotency_key", "Idempotency-Key")
    assert await world.scalar("SELECT count(*) FROM events") == 0


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ([], "unmatched"),
        (["pending"], "pending"),
        (["delivered", "sending"], "pending"),
        (["canceled", "scheduled"], "pending"),
        (["delivered", "exhausted"], "pending"),
        (["delivered", "delivered"], "delivered"),
        (["delivered", "canceled"], "delivered"),
        (["delivered", "failed"], "failed"),
        (["failed", "pending"], "failed"),
        (["failed", "canceled"], "failed"),
        (["canceled", "canceled"], "canceled"),
    ],
)
async def test_the_status_of_an_event_follows_from_its_deliveries(
    tenant: Caller, world: StoreHarness, states: list[str], status: str
) -> None:
    for _ in states:
        await tenant.webhook("*")
    event = await tenant.event()
    rows = await world.rows("SELECT id FROM deliveries ORDER BY id")
    for row, state in zip(rows, states, strict=True):
        await world.put(row.id, state)
    if "failed" in states:
        await world.do("UPDATE events SET failed_at = flux_now()")
    shown = (await tenant.http.get(f"/v1/events/{event['id']}")).json()
    assert shown.pop("body")
    assert shown["status"] == status
    counts = shown["deliveries"]
    assert counts["total"] == len(states)
    assert {name: counts[name] for name in ("delivered", "failed", "canceled")} == {
        name: states.count(name) for name in ("delivered", "failed", "canceled")
    }
    assert sum(counts.values()) == 2 * len(states)
    assert ("note" in shown) == (status == "unmatched")
    assert (await tenant.http.get("/v1/events", params={"status": status})).json()["data"] == [shown]
    other = "failed" if status != "failed" else "delivered"
    assert (await tenant.http.get("/v1/events", params={"status": other})).json()["data"] == []


async def test_the_status_beside_a_webhook_is_that_of_the_event(tenant: Caller, world: StoreHarness) -> None:
    got, missed = [(await tenant.webhook("*"))["id"] for _ in range(2)]
    event = (await tenant.event())["id"]
    for webhook, state in ((got, "delivered"), (missed, "failed")):
        (row,) = await world.rows(
            "SELECT id FROM deliveries WHERE webhook_id = CAST(:id AS uuid)", id=parse_id(Prefix.WEBHOOK, webhook)
        )
        await world.put(row.id, state)
    for webhook in (got, missed):
        for status, expected in (("failed", [event]), ("delivered", [])):
            assert await _listed(tenant, webhook=webhook, status=status) == expected


async def test_a_webhook_that_another_has_or_nobody_narrows_events_to_none_as_it_does_deliveries(
    tenant: Caller, other_tenant: Caller
) -> None:
    webhook = (await tenant.webhook("*"))["id"]
    event = (await tenant.event())["id"]
    assert await _listed(tenant, webhook=webhook) == [event]
    await other_tenant.webhook("*")
    await other_tenant.event()
    for which in (webhook, "wh_" + "0" * 32):
        seen = [await other_tenant.http.get(f"/v1/{noun}", params={"webhook": which}) for noun in _WITH_WEBHOOKS]
        assert [each.status_code for each in seen] == [200, 200]
        assert (
            seen[0].json() == seen[1].json() == {"object": "list", "data": [], "has_more": False, "next_cursor": None}
        )
    assert (await tenant.http.delete(f"/v1/webhooks/{webhook}")).is_success
    assert await _listed(tenant, webhook=webhook) == [event], "what was sent to it is not forgotten with it"


_WITH_WEBHOOKS = ("events", "deliveries")


async def _listed(caller: Caller, **filters: str) -> list[str]:
    answer = await caller.http.get("/v1/events", params=filters)
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["data"]]


def _hex(event: dict[str, str]) -> str:
    return parse_id(Prefix.EVENT, event["id"])
