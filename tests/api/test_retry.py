"""A delivery that somebody wants attempted again is due at once, or the answer says why not and how to mend it."""

import asyncio
from typing import Any

import asyncpg
import pytest

from flux_dispatch.domain.ids import DeliveryId, Prefix, parse_id
from flux_dispatch.domain.outcome import Rejected
from flux_dispatch.domain.retry import decide
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.fail import FailureStore
from tests.api.test_deliveries import _listed
from tests.faults.servers import TRANSITION_GUARD
from tests.store.test_deliver import DEFAULT_TABLE, refused
from tests.support.api import Caller, check_error
from tests.support.store_harness import SEALS, TIMING, StoreHarness


async def _owed(tenant: Caller, world: StoreHarness, state: str) -> dict[str, Any]:
    """Return a delivery in this state, after two attempts."""
    await tenant.webhook("*")
    await tenant.event()
    (delivery,) = await _listed(tenant, "/v1/deliveries")
    await world.do("UPDATE deliveries SET attempts = 2, rescues = 1")
    await world.put((await world.rows("SELECT id FROM deliveries"))[0].id, state)
    if state == "failed":
        await world.do("UPDATE events SET failed_at = flux_now()")
    await world.do("UPDATE deliveries SET due_at = due_at + interval '1 hour', sweep_at = sweep_at + interval '1 hour'")
    return delivery


@pytest.mark.parametrize("state", ["failed", "canceled"])
async def test_what_had_ended_is_recovered_with_a_whole_schedule(
    tenant: Caller, world: StoreHarness, state: str
) -> None:
    delivery = await _owed(tenant, world, state)
    answer = await tenant.http.post(f"/v1/deliveries/{delivery['id']}/retry")
    assert answer.status_code == 202, answer.text
    shown = answer.json()
    assert (shown["id"], shown["status"], shown["reason"], shown["ended"]) == (delivery["id"], "scheduled", None, None)
    assert shown["attempts_made"] == 2
    row = await world.state(delivery["id"])
    assert (row.recovered_after, row.rescues, row.ending) == (2, 0, 0)
    assert row.due_in <= 0 < row.sweep_in <= 6
    event = (await tenant.http.get(f"/v1/events/{delivery['event']}")).json()
    assert event["status"] == "pending"


@pytest.mark.parametrize("state", ["pending", "scheduled"])
async def test_what_waits_is_due_now_and_counts_as_before(tenant: Caller, world: StoreHarness, state: str) -> None:
    delivery = await _owed(tenant, world, state)
    answer = await tenant.http.post(f"/v1/deliveries/{delivery['id']}/retry")
    assert (answer.status_code, answer.json()["status"]) == (202, state)
    row = await world.state(delivery["id"])
    assert (row.recovered_after, row.rescues) == (0, 1)
    assert row.due_in <= 0 < row.sweep_in <= 6


@pytest.mark.parametrize(
    ("state", "code"),
    [("sending", "delivery_in_flight"), ("exhausted", "delivery_in_flight"), ("delivered", "already_delivered")],
)
async def test_what_is_in_flight_or_delivered_is_left_alone(
    tenant: Caller, world: StoreHarness, state: str, code: str
) -> None:
    delivery = await _owed(tenant, world, state)
    before = await world.rows("SELECT * FROM deliveries")
    error = check_error(await tenant.http.post(f"/v1/deliveries/{delivery['id']}/retry"), 409, code)
    assert (f"/v1/events/{delivery['event']}/resend" in error["message"]) is (state == "delivered")
    assert await world.rows("SELECT * FROM deliveries") == before


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("UPDATE webhooks SET status = 'disabled'", "disabled"),
        ("UPDATE webhooks SET deleted_at = flux_now()", "deleted"),
    ],
)
@pytest.mark.parametrize("state", ["failed", "canceled", "scheduled"])
async def test_a_webhook_that_gets_nothing_is_named(
    tenant: Caller, world: StoreHarness, state: str, change: str, word: str
) -> None:
    delivery = await _owed(tenant, world, state)
    await world.do(change)
    before = await world.rows("SELECT * FROM deliveries")
    answer = await tenant.http.post(f"/v1/deliveries/{delivery['id']}/retry")
    error = check_error(answer, 409, "webhook_not_enabled")
    assert word in error["message"]
    assert delivery["webhook"] in error["message"]
    assert await world.rows("SELECT * FROM deliveries") == before


@pytest.mark.parametrize("state", ["pending", "failed"])
async def test_a_test_has_one_attempt(tenant: Caller, world: StoreHarness, state: str) -> None:
    delivery = await _owed(tenant, world, state)
    await world.do("UPDATE deliveries SET is_test = true")
    before = await world.rows("SELECT * FROM deliveries")
    error = check_error(await tenant.http.post(f"/v1/deliveries/{delivery['id']}/retry"), 409, "is_test")
    assert f"POST /v1/webhooks/{delivery['webhook']}/test" in error["message"]
    assert await world.rows("SELECT * FROM deliveries") == before


async def test_another_account_s_delivery_is_not_found(
    tenant: Caller, other_tenant: Caller, world: StoreHarness
) -> None:
    delivery = await _owed(tenant, world, "failed")
    for which in (delivery["id"], "dlv_" + "0" * 32, "x"):
        check_error(await other_tenant.http.post(f"/v1/deliveries/{which}/retry"), 404, "not_found")
    assert (await world.state(delivery["id"])).state == "failed"


async def test_an_event_stays_failed_while_another_of_its_deliveries_is(tenant: Caller, world: StoreHarness) -> None:
    await tenant.webhook("*")
    await tenant.webhook("*")
    event = await tenant.event()
    for row in await world.rows("SELECT id FROM deliveries"):
        await world.put(row.id, "failed")
    await world.do("UPDATE events SET failed_at = flux_now()")
    first, second = await _listed(tenant, "/v1/deliveries")
    for each, status in ((first, "failed"), (second, "pending")):
        assert (await tenant.http.post(f"/v1/deliveries/{each['id']}/retry")).status_code == 202
        assert (await tenant.http.get(f"/v1/events/{event['id']}")).json()["status"] == status


async def test_a_recovered_delivery_that_is_given_up_again_fails_with_an_alert_of_its_own(
    tenant: Caller, world: StoreHarness
) -> None:
    delivery = await _owed(tenant, world, "pending")
    await world.do("UPDATE deliveries SET attempts = 4, due_at = flux_now(), sweep_at = flux_second(flux_now())")
    store, failures = DeliveryStore(world.database, TIMING, SEALS), FailureStore(world.database)
    which = DeliveryId(delivery["id"])
    for attempts in (1, 5):
        for _ in range(attempts):
            await world.do("UPDATE deliveries SET due_at = flux_now()")
            batch = await store.claim([which])
            assert batch is not None
            (claim,) = batch.claims
            rule = decide(Rejected(500), claim.attempt, DEFAULT_TABLE, recovered_after=claim.recovered_after)
            await store.settle([refused(claim, rule)])
        assert len(await failures.fail([which])) == 1
        event = (await tenant.http.get(f"/v1/events/{delivery['event']}")).json()
        assert event["status"] == "failed"
        if attempts == 1:
            assert (await tenant.http.post(f"/v1/deliveries/{which}/retry")).status_code == 202
    shown = (await tenant.http.get(f"/v1/deliveries/{which}")).json()
    assert [each["number"] for each in shown["attempts"]] == [5, 6, 7, 8, 9, 10]
    assert len(await _listed(tenant, "/v1/alerts")) == 2


async def test_one_retry_and_one_failure_at_once_leave_the_event_as_its_deliveries_say(
    tenant: Caller, world: StoreHarness
) -> None:
    await tenant.webhook("*")
    await tenant.webhook("*")
    await tenant.event()
    first, second = await _listed(tenant, "/v1/deliveries")
    failures = FailureStore(world.database)
    for _ in range(10):
        for each, state in ((first, "failed"), (second, "exhausted")):
            (row,) = await world.rows(
                "SELECT id FROM deliveries WHERE id = CAST(:id AS uuid)", id=parse_id(Prefix.DELIVERY, each["id"])
            )
            await world.put(row.id, state)
        await world.do("UPDATE events SET failed_at = flux_now()")
        await asyncio.gather(
            tenant.http.post(f"/v1/deliveries/{first['id']}/retry"), failures.fail([DeliveryId(second["id"])])
        )
        assert await world.scalar("SELECT failed_at IS NOT NULL FROM events")


async def test_the_guard_of_the_faults_knows_a_recovery_from_any_other_change(
    tenant: Caller, world: StoreHarness, database_url: str
) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(TRANSITION_GUARD)
    await connection.close()
    delivery = await _owed(tenant, world, "failed")
    await world.do("TRUNCATE illegal_transitions")
    assert (await tenant.http.post(f"/v1/deliveries/{delivery['id']}/retry")).status_code == 202
    assert await world.rows("SELECT * FROM illegal_transitions") == []
    await world.do("UPDATE deliveries SET state = 'delivered', attempts = 3")
    await world.do("TRUNCATE illegal_transitions")
    await world.do("UPDATE deliveries SET state = 'scheduled'")
    assert await world.scalar("SELECT count(*) FROM illegal_transitions") == 1
