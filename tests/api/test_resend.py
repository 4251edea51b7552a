"""An event that somebody wants sent again is due at its webhooks, or the answer says why not and how to mend it."""

import asyncio
from collections import Counter
from typing import Any, cast

import httpx
import pytest

from flux_dispatch.domain.ids import DeliveryId, Prefix, parse_id
from flux_dispatch.store.fail import FailureStore
from tests.api.test_deliveries import _listed
from tests.support.api import EVENT, Caller, check_error
from tests.support.store_harness import StoreHarness


async def resend(caller: Caller, event: str, **body: Any) -> httpx.Response:
    """Have an event sent again; without a body unless it says something."""
    return await caller.http.post(f"/v1/events/{event}/resend", **({"json": body} if body else {}))


async def resent(caller: Caller, event: str, **body: Any) -> list[dict[str, Any]]:
    """Have an event sent again, and return its deliveries."""
    answer = await resend(caller, event, **body)
    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert (told["object"], told["has_more"], told["total"]) == ("list", False, len(told["data"]))
    return cast(list[dict[str, Any]], told["data"])


async def put(world: StoreHarness, state: str, delivery: str | None = None) -> None:
    """Have one delivery, or all, in this state after two attempts, and as if nothing were to happen for an hour."""
    await world.do("UPDATE deliveries SET attempts = 2, rescues = 1 WHERE state = 'pending'")
    for row in await world.rows("SELECT id FROM deliveries"):
        if delivery in {None, f"dlv_{row.id.hex}"}:
            await world.put(row.id, state)
    await world.do("UPDATE events SET failed_at = flux_now() WHERE :state = 'failed'", state=state)
    await world.do("UPDATE deliveries SET due_at = due_at + interval '1 hour', sweep_at = sweep_at + interval '1 hour'")


@pytest.mark.parametrize("state", ["delivered", "exhausted"])
async def test_what_was_delivered_is_kept_and_sent_again_by_another_delivery(
    tenant: Caller, world: StoreHarness, state: str
) -> None:
    webhook = await tenant.webhook("*")
    event = await tenant.event()
    await put(world, state)
    (first,) = await _listed(tenant, "/v1/deliveries")
    # it is no longer the only delivery of its event; all else stays
    rows = "SELECT to_jsonb(deliveries) - 'is_only' FROM deliveries"
    (before,) = await world.rows(rows)
    (again,) = await resent(tenant, event["id"])
    assert again["id"] != first["id"]
    assert (again["event"], again["webhook"], again["status"]) == (event["id"], webhook["id"], "pending")
    assert again["attempts_made"] == 0
    assert before in await world.rows(rows)
    row = await world.state(again["id"])
    assert row.due_in <= 0 < row.sweep_in <= 6
    assert [each["id"] for each in await _listed(tenant, f"/v1/events/{event['id']}/deliveries")] == [
        again["id"],
        first["id"],
    ]
    shown = (await tenant.http.get(f"/v1/events/{event['id']}")).json()
    assert (shown["status"], shown["deliveries"]["total"]) == ("pending", 2)


@pytest.mark.parametrize("state", ["failed", "canceled"])
async def test_what_had_ended_otherwise_is_recovered_with_a_whole_schedule(
    tenant: Caller, world: StoreHarness, state: str
) -> None:
    await tenant.webhook("*")
    event = await tenant.event()
    await put(world, state)
    (again,) = await resent(tenant, event["id"])
    assert (again["status"], again["reason"], again["ended"], again["attempts_made"]) == ("scheduled", None, None, 2)
    row = await world.state(again["id"])
    assert (row.recovered_after, row.rescues, row.ending) == (2, 0, 0)
    assert row.due_in <= 0 < row.sweep_in <= 6
    assert await world.scalar("SELECT count(*) FROM deliveries") == 1
    assert (await tenant.http.get(f"/v1/events/{event['id']}")).json()["status"] == "pending"


@pytest.mark.parametrize("state", ["pending", "scheduled"])
async def test_what_waits_is_due_now_and_counts_as_before(tenant: Caller, world: StoreHarness, state: str) -> None:
    await tenant.webhook("*")
    event = await tenant.event()
    await put(world, state)
    (again,) = await resent(tenant, event["id"])
    assert (again["status"], again["attempts_made"]) == (state, 2)
    row = await world.state(again["id"])
    assert (row.recovered_after, row.rescues) == (0, 1)
    assert row.due_in <= 0 < row.sweep_in <= 6
    assert await world.scalar("SELECT count(*) FROM deliveries") == 1


async def test_what_is_being_attempted_goes_on_and_is_named(tenant: Caller, world: StoreHarness) -> None:
    await tenant.webhook("*")
    event = await tenant.event()
    await put(world, "sending")
    before = await world.rows("SELECT * FROM deliveries")
    (again,) = await resent(tenant, event["id"])
    assert again["status"] == "sending"
    assert await world.rows("SELECT * FROM deliveries") == before


async def test_it_goes_to_every_enabled_webhook_that_wants_it_now(tenant: Caller, world: StoreHarness) -> None:
    event = await tenant.event()
    assert event["status"] == "unmatched"
    assert f"POST /v1/events/{event['id']}/resend" in event["note"]
    wants = {(await tenant.webhook(pattern))["id"] for pattern in ("*", "order.*", "order.completed")}
    await tenant.webhook("invoice.*")
    disabled, deleted = await tenant.webhook("*"), await tenant.webhook("*")
    await world.do(
        "UPDATE webhooks SET status = 'disabled' WHERE id = CAST(:id AS uuid)",
        id=parse_id(Prefix.WEBHOOK, disabled["id"]),
    )
    await tenant.http.delete(f"/v1/webhooks/{deleted['id']}")
    assert {each["webhook"] for each in await resent(tenant, event["id"])} == wants
    assert await world.scalar("SELECT count(*) FROM deliveries") == 3


async def test_a_webhook_that_is_named_gets_it_alone_whatever_it_wants(tenant: Caller, world: StoreHarness) -> None:
    await tenant.webhook("*")
    other = await tenant.webhook("invoice.*")
    event = await tenant.event()
    (again,) = await resent(tenant, event["id"], webhook=other["id"])
    assert again["webhook"] == other["id"]
    assert await world.scalar("SELECT count(*) FROM deliveries") == 2


async def test_a_webhook_that_gets_nothing_is_named(tenant: Caller, other_tenant: Caller, world: StoreHarness) -> None:
    webhook, theirs = await tenant.webhook("*"), await other_tenant.webhook("*")
    event = await tenant.event()
    await put(world, "delivered")
    before = await world.rows("SELECT * FROM deliveries")
    for which in (theirs["id"], "wh_" + "0" * 32):
        check_error(await resend(tenant, event["id"], webhook=which), 404, "not_found")
    await world.do("UPDATE webhooks SET status = 'disabled'")
    answer = await resend(tenant, event["id"], webhook=webhook["id"])
    error = check_error(answer, 409, "webhook_not_enabled", "webhook")
    assert webhook["id"] in error["message"]
    assert "Enable it" in error["message"]
    await world.do("UPDATE webhooks SET deleted_at = flux_now()")
    check_error(await resend(tenant, event["id"], webhook=webhook["id"]), 404, "not_found")
    assert await world.rows("SELECT * FROM deliveries") == before


async def test_an_event_that_nobody_wants_is_not_sent(tenant: Caller, world: StoreHarness) -> None:
    await tenant.webhook("invoice.*")
    event = await tenant.event()
    error = check_error(await resend(tenant, event["id"]), 409, "unmatched")
    assert "order.completed" in error["message"]
    assert await world.scalar("SELECT count(*) FROM deliveries") == 0


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"webhook": "x"}, (422, "invalid_value", "webhook")),
        ({"webhook": "wh_x"}, (422, "invalid_value", "webhook")),
        ({"webhook": "evt_" + "0" * 32}, (422, "invalid_value", "webhook")),
        ({"webhook": 7}, (400, "wrong_type", "webhook")),
        ({"webhook": ["wh_" + "0" * 32]}, (400, "wrong_type", "webhook")),
        ({"webhooks": []}, (422, "unknown_field", "webhooks")),
        ([], (400, "wrong_type", None)),
        ("x", (400, "wrong_type", None)),
    ],
)
async def test_a_body_that_is_none_is_refused(
    tenant: Caller, world: StoreHarness, body: Any, error: tuple[int, str, str | None]
) -> None:
    await tenant.webhook("*")
    event = await tenant.event()
    await put(world, "delivered")
    check_error(await tenant.http.post(f"/v1/events/{event['id']}/resend", json=body), *error)
    assert await world.scalar("SELECT count(*) FROM deliveries") == 1


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [(b"", "", 202), (b"", "application/json", 202), (b"{}", "application/json", 202), (b"{}", "text/plain", 415)],
)
async def test_a_body_may_be_left_out(tenant: Caller, content: bytes, content_type: str, status: int) -> None:
    await tenant.webhook("*")
    event = await tenant.event()
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await tenant.http.post(f"/v1/events/{event['id']}/resend", content=content, headers=headers)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("which", ["evt_" + "0" * 32, "evt_x", "x", "wh_" + "0" * 32])
async def test_an_event_that_is_not_there_is_not_found(tenant: Caller, which: str) -> None:
    check_error(await resend(tenant, which), 404, "not_found")


async def test_a_test_goes_to_nobody_else(tenant: Caller, world: StoreHarness) -> None:
    webhook = await tenant.webhook("*")
    await tenant.webhook("*")
    test = (await tenant.http.post(f"/v1/webhooks/{webhook['id']}/test", json={"wait": False})).json()
    for body in ({}, {"webhook": webhook["id"]}):
        error = check_error(await resend(tenant, test["event"], **body), 409, "is_test")
        assert "/test" in error["message"]
    assert await world.scalar("SELECT count(*) FROM deliveries") == 1


async def test_an_event_whose_fan_out_goes_on_is_to_be_sent_again_later(tenant: Caller, world: StoreHarness) -> None:
    await tenant.webhook("*")
    event = await tenant.event()
    await world.do(
        "INSERT INTO fan_outs SELECT account_id, event_id, '{*}', webhook_id, 9 FROM deliveries",
    )
    check_error(await resend(tenant, event["id"]), 409, "event_in_flight")
    await world.do("DELETE FROM fan_outs")
    assert (await resend(tenant, event["id"])).status_code == 202


async def test_one_that_fails_stays_failed_while_another_delivery_is(tenant: Caller, world: StoreHarness) -> None:
    first, second = await tenant.webhook("*"), await tenant.webhook("*")
    event = await tenant.event()
    await put(world, "failed")
    for webhook, status in ((first, "failed"), (second, "pending")):
        await resent(tenant, event["id"], webhook=webhook["id"])
        assert (await tenant.http.get(f"/v1/events/{event['id']}")).json()["status"] == status


@pytest.mark.parametrize("state", ["delivered", "failed", "pending"])
async def test_many_at_once_make_no_more_deliveries_than_one(tenant: Caller, world: StoreHarness, state: str) -> None:
    webhooks = {(await tenant.webhook("*"))["id"] for _ in range(5)}
    event = await tenant.event()
    await put(world, state)
    answers = await asyncio.gather(*(resent(tenant, event["id"]) for _ in range(20)))
    assert [{each["webhook"] for each in answer} for answer in answers] == [webhooks] * 20
    rows = await world.rows("SELECT webhook_id, state FROM deliveries")
    assert Counter(row.webhook_id for row in rows).most_common(1)[0][1] == (2 if state == "delivered" else 1)
    assert sum(row.state in {"pending", "scheduled"} for row in rows) == 5


async def test_resends_and_failures_at_once_leave_the_event_as_its_deliveries_say(
    tenant: Caller, world: StoreHarness
) -> None:
    first, second = await tenant.webhook("*"), await tenant.webhook("*")
    event = await tenant.event()
    deliveries = {each["webhook"]: each["id"] for each in await _listed(tenant, "/v1/deliveries")}
    failures = FailureStore(world.database)
    for _ in range(10):
        await put(world, "failed", deliveries[first["id"]])
        await put(world, "exhausted", deliveries[second["id"]])
        await world.do("UPDATE events SET failed_at = flux_now()")
        await asyncio.gather(
            resent(tenant, event["id"], webhook=first["id"]),
            failures.fail([DeliveryId(deliveries[second["id"]])]),
            resent(tenant, event["id"], webhook=first["id"]),
        )
        assert await world.scalar("SELECT failed_at IS NOT NULL FROM events")


async def test_an_idempotent_publication_counts_webhooks_not_deliveries(tenant: Caller, world: StoreHarness) -> None:
    await tenant.webhook("*")
    headers = {"Idempotency-Key": "order-7"}
    event = (await tenant.http.post("/v1/events", json=EVENT, headers=headers)).json()
    await put(world, "delivered")
    await resent(tenant, event["id"])
    replayed = (await tenant.http.post("/v1/events", json=EVENT, headers=headers)).json()
    assert (replayed["id"], replayed["webhooks"]) == (event["id"], 1)


async def test_a_long_answer_is_cut_and_says_so(tenant: Caller, world: StoreHarness) -> None:
    event = await tenant.event()
    await world.do(
        "INSERT INTO webhooks (account_id, url, events, description, headers, status, secrets) "
        "SELECT CAST(:account AS uuid), 'https://example.com/', '{*}', '', '{}', 'enabled', '{whsec_}' "
        "FROM generate_series(1, 101)",
        account=parse_id(Prefix.ACCOUNT, tenant.account),
    )
    told = (await resend(tenant, event["id"])).json()
    assert (len(told["data"]), told["has_more"], told["total"]) == (100, True, 101)
