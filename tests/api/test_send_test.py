"""A test of a webhook is an event of its own for that webhook alone, or the answer says why there is none."""

import json
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.ids import DeliveryId
from flux_dispatch.domain.outcome import Rejected
from flux_dispatch.domain.retry import GiveUp, decide
from flux_dispatch.store.deliver import DeliveryStore
from tests.api.test_deliveries import _listed
from tests.store.test_deliver import DEFAULT_TABLE
from tests.support.api import Caller, api_client, check_error, running_api
from tests.support.store_harness import SEALS, TIMING, StoreHarness

AT_ONCE = {"wait": False}


async def test_it_goes_to_one_webhook_and_says_that_it_is_a_test(tenant: Caller, world: StoreHarness) -> None:
    webhook = await tenant.webhook("order.*", "order.completed")
    await tenant.webhook("*")
    answer = await tenant.http.post(f"/v1/webhooks/{webhook['id']}/test", json=AT_ONCE)
    assert answer.status_code == 202, answer.text
    shown = answer.json()
    assert (shown["object"], shown["webhook"], shown["status"]) == ("delivery", webhook["id"], "pending")
    assert (shown["event_type"], shown["test"], shown["attempts"]) == ("order.completed", True, [])
    assert [each["test"] for each in await _listed(tenant, "/v1/deliveries")] == [True]
    event = (await tenant.http.get(f"/v1/events/{shown['event']}")).json()
    assert (event["type"], event["test"]) == ("order.completed", True)
    assert event["data"]["test"] is True
    body = json.loads(event["body"])
    assert list(body) == ["id", "type", "created", "data"]
    assert (body["id"], body["type"]) == (event["id"], "order.completed")
    row = await world.state(shown["id"])
    assert row.due_in <= 0 < row.sweep_in <= 6


async def test_it_looks_as_the_catalogue_s_example_does(tenant: Caller) -> None:
    example = {"invoice": "inv_7", "cents": 4999}
    await tenant.http.post("/v1/event-types", json={"name": "invoice.paid", "example": example})
    webhook = await tenant.webhook("invoice.paid")
    test = (await tenant.http.post(f"/v1/webhooks/{webhook['id']}/test", json={"wait": False})).json()
    data = (await tenant.http.get(f"/v1/events/{test['event']}")).json()["data"]
    assert data.items() >= {"test": True, **example}.items()


async def test_what_is_no_test_is_not_marked(tenant: Caller) -> None:
    await tenant.webhook("*")
    event = await tenant.event()
    assert [each["test"] for each in await _listed(tenant, "/v1/deliveries")] == [False]
    assert (await tenant.http.get(f"/v1/events/{event['id']}")).json()["test"] is False


@pytest.mark.parametrize(
    ("patterns", "body", "event_type"),
    [
        (["*"], {}, "flux.test"),
        (["invoice.*", "invoice.paid"], {}, "invoice.paid"),
        (["invoice.paid"], {"type": "order.completed"}, "order.completed"),
    ],
)
async def test_its_type_may_be_named(
    tenant: Caller, patterns: list[str], body: dict[str, str], event_type: str
) -> None:
    webhook = await tenant.webhook(*patterns)
    answer = await tenant.http.post(f"/v1/webhooks/{webhook['id']}/test", json=body | AT_ONCE)
    assert answer.json()["event_type"] == event_type


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"type": "order.*"}, (422, "invalid_event_type", "type")),
        ({"type": "*"}, (422, "invalid_event_type", "type")),
        ({"type": ""}, (422, "invalid_event_type", "type")),
        ({"type": "a" * 129}, (422, "invalid_event_type", "type")),
        ({"type": "a\x00b"}, (422, "invalid_event_type", "type")),
        ({"type": 7}, (400, "wrong_type", "type")),
        ({"wait": 1}, (400, "wrong_type", "wait")),
        ({"data": {}}, (422, "unknown_field", "data")),
        ([], (400, "wrong_type", None)),
    ],
)
async def test_what_cannot_be_one_is_refused(
    tenant: Caller, world: StoreHarness, body: Any, error: tuple[int, str, str | None]
) -> None:
    webhook = await tenant.webhook("*")
    check_error(await tenant.http.post(f"/v1/webhooks/{webhook['id']}/test", json=body), *error)
    assert await world.scalar("SELECT count(*) FROM events") == 0


async def test_a_disabled_webhook_gets_none(tenant: Caller, world: StoreHarness) -> None:
    webhook = await tenant.webhook("*")
    await world.do("UPDATE webhooks SET status = 'disabled'")
    error = check_error(await tenant.http.post(f"/v1/webhooks/{webhook['id']}/test"), 409, "webhook_not_enabled")
    assert "Enable it" in error["message"]
    await tenant.http.delete(f"/v1/webhooks/{webhook['id']}")
    for which in (webhook["id"], "wh_" + "0" * 32, "x"):
        check_error(await tenant.http.post(f"/v1/webhooks/{which}/test"), 404, "not_found")
    assert await world.scalar("SELECT count(*) FROM events") == 0


async def test_its_first_attempt_is_its_last(tenant: Caller, world: StoreHarness) -> None:
    webhook = await tenant.webhook("*")
    test = (await tenant.http.post(f"/v1/webhooks/{webhook['id']}/test", json=AT_ONCE)).json()
    batch = await DeliveryStore(world.database, TIMING, SEALS).claim([DeliveryId(test["id"])])
    assert batch is not None
    (claim,) = batch.claims
    decision = decide(Rejected(500), claim.attempt, DEFAULT_TABLE, recovered_after=claim.recovered_after)
    assert (claim.attempt, decision) == (1, GiveUp("attempts_exhausted"))


async def test_whoever_waits_in_vain_gets_the_delivery(
    database_url: str, redis_url: str, database: AsyncEngine
) -> None:
    async with (
        running_api(database_url, redis_url, delivery_timeout="0.1") as api,
        api_client(api, database) as caller,
    ):
        webhook = await caller.webhook("*")
        answer = await caller.http.post(f"/v1/webhooks/{webhook['id']}/test")
        assert (answer.status_code, answer.json()["status"]) == (202, "pending")
