"""Events over HTTP: stored before they are answered, once for each idempotency key, with a status that is true."""

import asyncio
import json
import re

import pytest

from flux_dispatch.domain.ids import Prefix, uuid_hex
from tests.api.running import EVENT, Caller, check_error
from tests.store.world import World


async def test_an_event_is_stored_when_it_is_answered(ours: Caller, world: World) -> None:
    webhook = await ours.webhook("order.*")
    data = {"z": 1, "a": [10**30, 1.5, None, True], "ä": "\x7f\u2028😀"}
    answer = await ours.http.post("/v1/events", json={"type": "order.completed", "data": data})
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
    assert bytes(body) == json.dumps(payload, separators=(",", ":")).encode()
    (delivery,) = (await ours.http.get(f"/v1/events/{event['id']}/deliveries")).json()["data"]
    assert (delivery["event"], delivery["webhook"]) == (event["id"], webhook["id"])


async def test_an_event_that_nobody_wants_says_so(ours: Caller) -> None:
    await ours.webhook("invoice.*")
    event = await ours.event()
    assert (event["status"], event["webhooks"]) == ("unmatched", 0)
    assert "order.completed" in event["note"]


async def test_a_type_that_is_none_is_refused(ours: Caller, world: World) -> None:
    for event_type in ("a..b", "../x", "x" * 129, "x" * 300, "😀", "*", "order.*", "", "a b", "a\n"):
        answer = await ours.http.post("/v1/events", json={"type": event_type, "data": {}})
        check_error(answer, 422, "invalid_event_type", "type")
    assert await world.scalar("SELECT count(*) FROM events") == 0


async def test_the_same_key_and_body_is_the_same_event(ours: Caller, world: World) -> None:
    await ours.webhook("*")
    headers = {"Idempotency-Key": "k" * 255}
    first = await ours.http.post("/v1/events", json=EVENT, headers=headers)
    again = await ours.http.post("/v1/events", json=EVENT, headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
    assert await world.scalar("SELECT count(*) FROM deliveries") == 1


async def test_fifty_at_once_with_one_key_are_one_event(ours: Caller, world: World) -> None:
    await ours.webhook("*")
    headers = {"Idempotency-Key": "order-7"}
    answers = await asyncio.gather(*(ours.http.post("/v1/events", json=EVENT, headers=headers) for _ in range(50)))
    assert {each.status_code for each in answers} == {202}
    assert len({each.text for each in answers}) == 1
    assert sum("Idempotent-Replayed" not in each.headers for each in answers) == 1
    assert await world.scalar("SELECT count(*) FROM events") == 1
    assert await world.scalar("SELECT count(*) FROM deliveries") == 1


@pytest.mark.parametrize("other", [{"data": {"order": 8}}, {"type": "order.created"}])
async def test_the_same_key_with_another_body_is_a_conflict(
    ours: Caller, world: World, other: dict[str, object]
) -> None:
    headers = {"Idempotency-Key": "order-7"}
    await ours.http.post("/v1/events", json=EVENT, headers=headers)
    answer = await ours.http.post("/v1/events", json={**EVENT, **other}, headers=headers)
    error = check_error(answer, 409, "idempotency_key_reused")
    assert error["type"] == "idempotency_error"
    assert await world.scalar("SELECT count(*) FROM events") == 1


async def test_the_same_key_of_two_accounts_is_two_events(ours: Caller, theirs: Caller, world: World) -> None:
    for caller in (ours, theirs):
        answer = await caller.http.post("/v1/events", json=EVENT, headers={"Idempotency-Key": "order-7"})
        assert "Idempotent-Replayed" not in answer.headers
    assert await world.scalar("SELECT count(*) FROM events") == 2


async def test_an_idempotency_key_that_is_none_is_refused(ours: Caller, world: World) -> None:
    for key in (b"", b"k" * 256, b"a\tb", "ä".encode(), b"\xff"):
        answer = await ours.http.post("/v1/events", json=EVENT, headers=[(b"Idempotency-Key", key)])
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
    ours: Caller, world: World, states: list[str], status: str
) -> None:
    for _ in states:
        await ours.webhook("*")
    event = await ours.event()
    rows = await world.rows("SELECT id FROM deliveries ORDER BY id")
    for row, state in zip(rows, states, strict=True):
        await world.put(row.id, state)
    if "failed" in states:
        await world.do("UPDATE events SET failed_at = flux_now()")
    shown = (await ours.http.get(f"/v1/events/{event['id']}")).json()
    assert shown["status"] == status
    counts = shown["deliveries"]
    assert counts["total"] == len(states)
    assert {name: counts[name] for name in ("delivered", "failed", "canceled")} == {
        name: states.count(name) for name in ("delivered", "failed", "canceled")
    }
    assert sum(counts.values()) == 2 * len(states)
    assert ("note" in shown) == (status == "unmatched")
    assert (await ours.http.get("/v1/events", params={"status": status})).json()["data"] == [shown]
    other = "failed" if status != "failed" else "delivered"
    assert (await ours.http.get("/v1/events", params={"status": other})).json()["data"] == []


def _hex(event: dict[str, str]) -> str:
    return uuid_hex(Prefix.EVENT, event["id"])
