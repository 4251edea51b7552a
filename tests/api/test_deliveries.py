"""Deliveries, their attempts and alerts over HTTP."""

from datetime import timedelta
from typing import Any

import pytest

from flux_dispatch.domain.advice import advise
from flux_dispatch.domain.ids import Prefix, format_id, parse_id
from flux_dispatch.domain.outcome import ErrorClass
from tests.support.api import URL, Caller, check_error
from tests.support.store_harness import StoreHarness


async def test_a_delivery_shows_every_attempt_in_order(tenant: Caller, world: StoreHarness) -> None:
    webhook, event = await tenant.webhook("*"), await tenant.event()
    (listed,) = (await tenant.http.get("/v1/deliveries")).json()["data"]
    for number, status, error in [(2, None, "timeout"), (1, 500, "http_status")]:
        await world.do(_PUT_ATTEMPT, id=_hex(listed), number=number, status=status, error=error)
    await world.do("UPDATE deliveries SET state = 'scheduled', attempts = 2, due_at = '2026-01-15T10:35:00.25Z'")
    shown = (await tenant.http.get(f"/v1/deliveries/{listed['id']}")).json()
    assert [each["number"] for each in shown["attempts"]] == [1, 2]
    assert shown.pop("attempts")[0] == {
        "number": 1,
        "started_at": "2026-01-15T10:30:00.250Z",
        "ended_at": "2026-01-15T10:30:00.500Z",
        "duration_ms": 250.0,
        "phases": {"dns": None, "connect": None, "tls": None, "wait": 200.0, "read": 0.1},
        "status": 500,
        "error": "http_status",
        "advice": advise(ErrorClass.HTTP_STATUS, 500),
        "error_detail": None,
        "response": {"headers": {"server": "x"}, "excerpt": "<script>\x1b"},
    }
    assert shown == {
        "id": listed["id"],
        "object": "delivery",
        "event": event["id"],
        "event_type": "order.completed",
        "webhook": webhook["id"],
        "url": URL,
        "status": "scheduled",
        "test": False,
        "reason": None,
        "attempts_made": 2,
        "next_attempt_at": "2026-01-15T10:35:00.250Z",
        "created": listed["created"],
        "ended": None,
    }


async def test_of_an_attempt_without_phases_a_success_was_a_wait_and_of_a_failure_nothing_is_known(
    tenant: Caller, world: StoreHarness
) -> None:
    await tenant.webhook("*")
    await tenant.event()
    (listed,) = (await tenant.http.get("/v1/deliveries")).json()["data"]
    for number, status, error in [(1, None, "timeout"), (2, 200, None)]:
        await world.do(_PUT_ATTEMPT, id=_hex(listed), number=number, status=status, error=error)
    await world.do("UPDATE attempts SET phases = '{0.004,0.012,0.024,0.035,NULL}'")
    failed, _ = (await tenant.http.get(f"/v1/deliveries/{listed['id']}")).json()["attempts"]
    assert failed["phases"] == {"dns": 4.0, "connect": 12.0, "tls": 24.0, "wait": 35.0, "read": None}
    await world.do("UPDATE attempts SET phases = NULL")
    failed, delivered = (await tenant.http.get(f"/v1/deliveries/{listed['id']}")).json()["attempts"]
    unknown = dict.fromkeys(("dns", "connect", "tls", "wait", "read"))
    assert failed["phases"] == unknown
    assert delivered["phases"] == unknown | {"wait": 250.0}


@pytest.mark.parametrize("error", ["timeout", "worker_lost", "of_a_later_release", None])
async def test_what_to_do_is_said_of_each_failure_that_this_release_knows(
    tenant: Caller, world: StoreHarness, error: str | None
) -> None:
    await tenant.webhook("*")
    await tenant.event()
    (listed,) = (await tenant.http.get("/v1/deliveries")).json()["data"]
    await world.do(
        """INSERT INTO attempts (delivery_id, number, duration_seconds, ended_at, error)
           VALUES (CAST(:id AS uuid), 1, 0.25, flux_now(), :error)""",
        id=_hex(listed),
        error=error,
    )
    if error == "of_a_later_release":
        tenant.http.event_hooks = {"response": []}  # of which this release's document knows nothing
    (attempt,) = (await tenant.http.get(f"/v1/deliveries/{listed['id']}")).json()["attempts"]
    expected = advise(ErrorClass(error)) if error in list(ErrorClass) else None
    assert (attempt["error"], attempt["advice"]) == (error, expected)


@pytest.mark.parametrize(
    ("status", "error_detail", "response"),
    [(500, None, {"headers": {}, "excerpt": "said before"}), (None, "said before", None)],
)
async def test_what_a_release_before_wrote_is_shown_where_it_belongs_now(
    tenant: Caller, world: StoreHarness, status: int | None, error_detail: str | None, response: Any
) -> None:
    await tenant.webhook("*")
    await tenant.event()
    (listed,) = (await tenant.http.get("/v1/deliveries")).json()["data"]
    await world.do(
        """INSERT INTO attempts (delivery_id, number, duration_seconds, ended_at, status, error, detail)
           VALUES (CAST(:id AS uuid), 1, 0.25, flux_now(), :status, 'http_status', 'said before')""",
        id=_hex(listed),
        status=status,
    )
    (attempt,) = (await tenant.http.get(f"/v1/deliveries/{listed['id']}")).json()["attempts"]
    assert (attempt["error_detail"], attempt["response"]) == (error_detail, response)


async def test_deliveries_are_narrowed_by_status_webhook_and_event(tenant: Caller, world: StoreHarness) -> None:
    first, second = await tenant.webhook("*"), await tenant.webhook("invoice.*")
    event, invoice = await tenant.event(), await tenant.event("invoice.paid")
    await world.do(
        "UPDATE deliveries SET state = 'delivered', ended_at = flux_now() WHERE event_id = CAST(:event AS uuid)",
        event=parse_id(Prefix.EVENT, event["id"]),
    )
    for filters, expected in [
        ({}, 3),
        ({"status": "delivered"}, 1),
        ({"status": "pending"}, 2),
        ({"status": "failed"}, 0),
        ({"webhook": first["id"]}, 2),
        ({"webhook": second["id"]}, 1),
        ({"event": invoice["id"]}, 2),
        ({"event": invoice["id"], "webhook": second["id"], "status": "pending"}, 1),
        ({"event": event["id"], "webhook": second["id"]}, 0),
    ]:
        assert len(await _listed(tenant, "/v1/deliveries", **filters)) == expected, filters
    of_event = f"/v1/events/{invoice['id']}/deliveries"
    assert len(await _listed(tenant, of_event)) == 2
    assert len(await _listed(tenant, of_event, status="delivered")) == 0


async def test_deliveries_are_narrowed_by_the_error_of_the_last_attempt_and_by_time(
    tenant: Caller, world: StoreHarness
) -> None:
    webhook = await tenant.webhook("*")
    first, second = await tenant.event(), await tenant.event()
    for number, error in [(1, "timeout"), (2, "dns_error")]:
        await world.do(
            "INSERT INTO attempts (delivery_id, number, duration_seconds, ended_at, error) "
            "SELECT id, :number, 0.25, flux_now(), :error FROM deliveries WHERE event_id = CAST(:event AS uuid)",
            number=number,
            error=error,
            event=parse_id(Prefix.EVENT, first["id"]),
        )
    await world.do("UPDATE deliveries SET attempts = 2")
    made = await world.scalar(
        "SELECT created_at FROM events WHERE id = CAST(:id AS uuid)", id=parse_id(Prefix.EVENT, second["id"])
    )
    before, after = (made - timedelta(milliseconds=1)).isoformat(), (made + timedelta(milliseconds=1)).isoformat()
    for filters, expected in [
        ({"outcome": "dns_error"}, {first["id"]}),
        ({"outcome": "timeout"}, set()),
        ({"outcome": "dns_error", "status": "delivered"}, set()),
        ({"created_before": after}, {first["id"], second["id"]}),
        ({"created_after": after}, set()),
        ({"created_after": before, "created_before": after}, {second["id"]}),
    ]:
        for path in ("/v1/deliveries", f"/v1/webhooks/{webhook['id']}/deliveries"):
            listed = await _listed(tenant, path, **filters)
            assert {each["event"] for each in listed} == expected, filters
    check_error(await tenant.http.get("/v1/deliveries", params={"outcome": "x"}), 400, "invalid_parameter", "outcome")


async def test_the_deliveries_of_a_webhook_are_its_own(tenant: Caller, other_tenant: Caller) -> None:
    every, invoices = await tenant.webhook("*"), await tenant.webhook("invoice.*")
    await tenant.event()
    path = "/v1/webhooks/{}/deliveries"
    assert [each["webhook"] for each in await _listed(tenant, path.format(every["id"]))] == [every["id"]]
    assert await _listed(tenant, path.format(invoices["id"])) == []
    check_error(await other_tenant.http.get(path.format(every["id"])), 404, "not_found")
    check_error(await tenant.http.get(path.format("wh_" + "0" * 32)), 404, "not_found")


async def test_a_delivery_to_a_deleted_webhook_still_shows_where_it_went(tenant: Caller) -> None:
    webhook, event = await tenant.webhook("*"), await tenant.event()
    await tenant.http.delete(f"/v1/webhooks/{webhook['id']}")
    (delivery,) = await _listed(tenant, f"/v1/events/{event['id']}/deliveries")
    assert (delivery["webhook"], delivery["url"]) == (webhook["id"], URL)


async def test_an_alert_shows_what_it_is_about(tenant: Caller, world: StoreHarness) -> None:
    webhook, event = await tenant.webhook("*"), await tenant.event()
    (delivery,) = await _listed(tenant, "/v1/deliveries")
    for number, status, error in [(1, 500, "http_status"), (2, None, "timeout")]:
        await world.do(
            """INSERT INTO attempts (delivery_id, number, duration_seconds, ended_at, status, error)
               VALUES (CAST(:id AS uuid), :number, 0.25, flux_now(), :status, :error)""",
            id=_hex(delivery),
            number=number,
            status=status,
            error=error,
        )
    made = await world.scalar(
        """INSERT INTO alerts (account_id, webhook_id, event_id, delivery_id, reason)
           SELECT account_id, webhook_id, event_id, id, 'attempts_exhausted' FROM deliveries RETURNING id"""
    )
    (alert,) = await _listed(tenant, "/v1/alerts")
    assert alert.pop("created").endswith("Z")
    assert alert.pop("acknowledged") is None
    assert alert == {
        "id": format_id(Prefix.ALERT, made.hex),
        "object": "alert",
        "reason": "attempts_exhausted",
        "webhook": webhook["id"],
        "url": URL,
        "event": event["id"],
        "event_type": "order.completed",
        "delivery": delivery["id"],
        "last_status": None,
        "last_error": "timeout",
    }


async def test_an_id_that_is_none_is_not_found(tenant: Caller) -> None:
    texts = ("x", "%00", "%ff", "%ED%A0%80", "..%2f..", "evt_0", "wh_" + "A" * 32, "😀", "dlv_" + "0" * 32)
    for path in ("webhooks", "events", "deliveries"):
        for text in texts:
            check_error(await tenant.http.get(f"/v1/{path}/{text}"), 404, "not_found")


_PUT_ATTEMPT = """
    INSERT INTO attempts (delivery_id, number, duration_seconds, ended_at, status, error, detail, phases,
                          response_headers)
    VALUES (CAST(:id AS uuid), :number, 0.25, '2026-01-15T10:30:00.5Z', :status, :error, '<script>\x1b',
            '{NULL,NULL,NULL,0.2,0.0001}', '{"server": "x"}')
"""


async def _listed(caller: Caller, path: str, **filters: str) -> list[dict[str, Any]]:
    answer = await caller.http.get(path, params=filters)
    assert answer.status_code == 200, answer.text
    things: list[dict[str, Any]] = answer.json()["data"]
    return things


def _hex(delivery: dict[str, Any]) -> str:
    return parse_id(Prefix.DELIVERY, delivery["id"])
