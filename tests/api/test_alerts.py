"""Alerts are narrowed by webhook and acknowledgement, and acknowledged once, by whoever has them."""

from typing import Any

from tests.support.api import Caller, api_client, check_error
from tests.support.store_harness import StoreHarness


async def alerts(caller: Caller, **filters: str) -> list[dict[str, Any]]:
    answer = await caller.http.get("/v1/alerts", params=filters)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def failed(caller: Caller, world: StoreHarness) -> list[dict[str, Any]]:
    """Have an event given up at each of two webhooks, and return the alerts."""
    for _ in range(2):
        await caller.webhook("*")
    await caller.event()
    await world.do(
        "INSERT INTO alerts (account_id, webhook_id, event_id, delivery_id, reason) "
        "SELECT account_id, webhook_id, event_id, id, 'gone' FROM deliveries"
    )
    return await alerts(caller)


async def test_an_alert_is_acknowledged_once(tenant: Caller, world: StoreHarness) -> None:
    one, other = await failed(tenant, world)
    assert (one["acknowledged"], other["acknowledged"]) == (None, None)
    answer = await tenant.http.post(f"/v1/alerts/{one['id']}/acknowledge")
    assert answer.status_code == 200, answer.text
    seen = answer.json()
    assert seen["acknowledged"] is not None
    assert seen == one | {"acknowledged": seen["acknowledged"]}
    assert (await tenant.http.post(f"/v1/alerts/{one['id']}/acknowledge")).json() == seen
    assert await alerts(tenant) == [seen, other]
    assert await alerts(tenant, acknowledged="true") == [seen]
    assert await alerts(tenant, acknowledged="false") == [other]


async def test_alerts_are_narrowed_by_webhook(tenant: Caller, other_tenant: Caller, world: StoreHarness) -> None:
    one, other = await failed(tenant, world)
    assert await alerts(tenant, webhook=one["webhook"]) == [one]
    assert await alerts(tenant, webhook=other["webhook"], acknowledged="true") == []
    assert await alerts(other_tenant, webhook=one["webhook"]) == []


async def test_what_is_anothers_or_does_not_exist_is_not_found_and_stays_as_it_is(
    tenant: Caller, other_tenant: Caller, world: StoreHarness
) -> None:
    one, _ = await failed(tenant, world)
    for missing in (one["id"], "alrt_" + "0" * 32, "alrt_x", one["webhook"]):
        check_error(await other_tenant.http.post(f"/v1/alerts/{missing}/acknowledge"), 404, "not_found")
    assert await alerts(tenant, acknowledged="true") == []


async def test_who_may_only_read_acknowledges_nothing(api: str, world: StoreHarness) -> None:
    async with api_client(api, world.database, ["read"]) as reader:
        answer = await reader.http.post(f"/v1/alerts/alrt_{'0' * 32}/acknowledge")
        check_error(answer, 403, "missing_scope")


async def test_a_fault_of_ours_is_said_without_a_word_of_what_broke(tenant: Caller, world: StoreHarness) -> None:
    await world.do("ALTER TABLE alerts RENAME TO elsewhere")
    error = check_error(await tenant.http.get("/v1/alerts"), 500, "internal_error")
    assert error["message"] == f"Something broke on our side; it is logged as {error['request_id']}."
