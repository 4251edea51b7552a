"""What a webhook missed is asked for, counted beforehand, watched and canceled over HTTP."""

import asyncio
from typing import Any

import pytest

from flux_dispatch.domain.recovery import Pace
from flux_dispatch.store.recover import COMMITTED_AFTER, RecoverStore
from tests.support.api import Caller, check_error
from tests.support.store_harness import TIMING, StoreHarness

SINCE = "2024-01-15T10:30:00Z"
PACE = Pace(page=2, scan=100, per_second=1_000_000)


async def _asked(tenant: Caller, webhook: str, **body: Any) -> dict[str, Any]:
    answer = await tenant.http.post(f"/v1/webhooks/{webhook}/recover", json={"since": SINCE, **body})
    assert answer.is_success, answer.text
    asked: dict[str, Any] = answer.json()
    return asked


async def _missing(tenant: Caller, world: StoreHarness) -> str:
    """Return a webhook that missed three events that failed, two that were canceled, and one that it never got."""
    webhook = str((await tenant.webhook("*"))["id"])
    for _ in range(5):
        await tenant.event()
    for n, row in enumerate(await world.rows("SELECT id FROM deliveries ORDER BY event_id")):
        await world.put(row.id, "failed" if n < 3 else "canceled")
    await world.do("UPDATE webhooks SET status = 'disabled'")
    await tenant.event()
    await world.do("UPDATE webhooks SET status = 'enabled'")
    return webhook


def _counts(failed: int, canceled: int, never_attempted: int) -> dict[str, int]:
    total = failed + canceled + never_attempted
    return {"failed": failed, "canceled": canceled, "never_attempted": never_attempted, "total": total}


async def test_a_dry_run_says_how_much_was_missed_and_changes_nothing(tenant: Caller, world: StoreHarness) -> None:
    webhook = await _missing(tenant, world)
    await world.do("UPDATE webhooks SET status = 'disabled'")  # who asks may still be mending it
    before = await world.rows("SELECT * FROM deliveries")
    answer = await tenant.http.post(f"/v1/webhooks/{webhook}/recover", json={"since": SINCE, "dry_run": True})
    counted = answer.json()
    assert answer.status_code == 200
    assert (counted["object"], counted["webhook"]) == ("recovery_count", webhook)
    assert counted["since"] == "2024-01-15T10:30:00.000Z" < counted["until"]
    assert counted["missed"] == _counts(3, 2, 1)
    assert await world.rows("SELECT * FROM deliveries") == before
    assert await world.scalar("SELECT count(*) FROM recoveries") == 0


async def test_a_recovery_is_accepted_and_its_progress_shown(tenant: Caller, world: StoreHarness) -> None:
    webhook = await _missing(tenant, world)
    answer = await tenant.http.post(f"/v1/webhooks/{webhook}/recover", json={"since": SINCE})
    asked = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/v1/recoveries/{asked['id']}")
    assert (asked["object"], asked["webhook"], asked["status"], asked["reason"]) == (
        *("recovery", webhook, "pending", None),
    )
    assert (asked["since"], asked["position"], asked["ended"]) == (*["2024-01-15T10:30:00.000Z"] * 2, None)
    assert asked["recovered"] == _counts(0, 0, 0)
    await world.advance_clock(COMMITTED_AFTER.total_seconds() + 1)
    seen = []
    store = RecoverStore(world.database, TIMING)
    while await store.seconds_until_next() is not None:
        await store.recover_some(PACE)
        seen.append((await tenant.http.get(f"/v1/recoveries/{asked['id']}")).json())
        await world.advance_clock(0.1)
    assert [each["recovered"]["total"] for each in seen] == [2, 4, 6, 6]
    assert [each["status"] for each in seen] == ["running"] * 3 + ["completed"]
    positions = [each["position"] for each in seen]
    assert positions == sorted(positions)
    assert (positions[-1], seen[-1]["recovered"]) == (asked["until"], _counts(3, 2, 1))
    assert asked["until"] < seen[-1]["ended"]
    check_error(await tenant.http.post(f"/v1/recoveries/{asked['id']}/cancel"), 409, "recovery_completed")


async def test_a_webhook_has_one_recovery_at_a_time(tenant: Caller, world: StoreHarness) -> None:
    webhook, other = [(await tenant.webhook("*"))["id"] for _ in range(2)]
    asking = [tenant.http.post(f"/v1/webhooks/{webhook}/recover", json={"since": SINCE}) for _ in range(8)]
    answers = await asyncio.gather(*asking)
    (first,) = [each.json()["id"] for each in answers if each.status_code == 202]
    for each in answers:
        if each.status_code != 202:
            assert first in check_error(each, 409, "recovery_open")["message"]
    await _asked(tenant, other)
    assert (await tenant.http.post(f"/v1/recoveries/{first}/cancel")).status_code == 200
    assert (await _asked(tenant, webhook))["id"] != first
    assert await world.scalar("SELECT count(*) FROM recoveries") == 3


async def test_a_recovery_is_canceled_and_once_more_is_no_error(tenant: Caller, world: StoreHarness) -> None:
    asked = await _asked(tenant, await _missing(tenant, world))
    first, second = [await tenant.http.post(f"/v1/recoveries/{asked['id']}/cancel") for _ in range(2)]
    assert (first.status_code, first.json()["status"], first.json()["reason"]) == (200, "canceled", "requested")
    assert first.json()["ended"]
    assert (second.status_code, second.json()) == (200, first.json())
    assert await RecoverStore(world.database, TIMING).recover_some(PACE) is None


async def test_who_cancels_another_s_recovery_changes_nothing(tenant: Caller, other_tenant: Caller) -> None:
    asked = await _asked(tenant, str((await tenant.webhook("*"))["id"]))
    check_error(await other_tenant.http.post(f"/v1/recoveries/{asked['id']}/cancel"), 404, "not_found")
    assert (await tenant.http.get(f"/v1/recoveries/{asked['id']}")).json()["status"] == "pending"


async def test_a_disabled_webhook_is_to_be_enabled_first(tenant: Caller, world: StoreHarness) -> None:
    webhook = (await tenant.webhook("*"))["id"]
    await world.do("UPDATE webhooks SET status = 'disabled'")
    answer = await tenant.http.post(f"/v1/webhooks/{webhook}/recover", json={"since": SINCE})
    assert "Enable it first" in check_error(answer, 409, "webhook_not_enabled")["message"]
    assert await world.scalar("SELECT count(*) FROM recoveries") == 0


async def test_a_deleted_webhook_is_not_found(tenant: Caller, world: StoreHarness) -> None:
    webhook = (await tenant.webhook("*"))["id"]
    await tenant.http.delete(f"/v1/webhooks/{webhook}")
    for dry_run in (False, True):
        answer = await tenant.http.post(f"/v1/webhooks/{webhook}/recover", json={"since": SINCE, "dry_run": dry_run})
        check_error(answer, 404, "not_found")
    assert await world.scalar("SELECT count(*) FROM recoveries") == 0


FUTURE = "2999-01-15T10:30:00Z"
LATELY = "2025-01-15T10:30:00Z"


NO_SPANS = [
    ({}, 422, "missing_field", "since"),
    ({"since": "yesterday"}, 422, "invalid_value", "since"),
    ({"since": "2024-01-15T25:30:00Z"}, 422, "invalid_value", "since"),
    ({"since": ""}, 422, "invalid_value", "since"),
    ({"since": "0001-01-01T00:00:00+14:00"}, 422, "invalid_value", "since"),
    ({"since": 1705314600}, 400, "wrong_type", "since"),
    ({"since": None}, 400, "wrong_type", "since"),
    ({"since": FUTURE}, 422, "invalid_value", "since"),
    ({"since": "9999-12-31T23:59:59Z"}, 422, "invalid_value", "since"),
    ({"since": SINCE, "until": "tomorrow"}, 422, "invalid_value", "until"),
    ({"since": SINCE, "until": FUTURE}, 422, "invalid_value", "until"),
    ({"since": SINCE, "until": SINCE}, 422, "invalid_value", "until"),
    ({"since": "0001-01-01", "until": "0001-01-02"}, 422, "invalid_value", "until"),
    ({"since": LATELY, "until": SINCE}, 422, "invalid_value", "until"),
    ({"since": SINCE, "untill": SINCE}, 422, "unknown_field", "untill"),
]


@pytest.mark.parametrize(("body", "status", "code", "param"), NO_SPANS)
async def test_what_is_no_span_is_refused_and_nothing_is_stored(  # noqa: PLR0913, PLR0917 - the columns of a table
    tenant: Caller, world: StoreHarness, body: dict[str, Any], status: int, code: str, param: str
) -> None:
    webhook = (await tenant.webhook("*"))["id"]
    for dry_run in (False, True):
        answer = await tenant.http.post(f"/v1/webhooks/{webhook}/recover", json=body | {"dry_run": dry_run})
        check_error(answer, status, code, param)
    assert await world.scalar("SELECT count(*) FROM recoveries") == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"since": "\xff"}', b'{"since": "2024-01-15", "dry_run": "yes"}'])
async def test_what_is_no_such_body_is_refused(tenant: Caller, world: StoreHarness, body: bytes) -> None:
    webhook = (await tenant.webhook("*"))["id"]
    headers = {"Content-Type": "application/json"}
    answer = await tenant.http.post(f"/v1/webhooks/{webhook}/recover", content=body, headers=headers)
    assert answer.status_code == 400, answer.text
    assert await world.scalar("SELECT count(*) FROM recoveries") == 0


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2024-01-15", LATELY])
async def test_any_time_gone_by_is_one_to_begin_with(tenant: Caller, since: str) -> None:
    webhook = (await tenant.webhook("*"))["id"]
    await tenant.event()
    counted = await _asked(tenant, webhook, since=since, dry_run=True)
    asked = await _asked(tenant, webhook, since=since)
    assert counted["since"] == asked["since"] == asked["position"] < asked["until"]
    shown = await tenant.http.get(f"/v1/recoveries/{asked['id']}")
    assert shown.json() == asked


async def test_recoveries_are_listed_newest_first_and_of_one_webhook(tenant: Caller, other_tenant: Caller) -> None:
    first, second = [(await tenant.webhook("*"))["id"] for _ in range(2)]
    made = [await _asked(tenant, webhook) for webhook in (first, second)]
    await _asked(other_tenant, (await other_tenant.webhook("*"))["id"])
    assert (await tenant.http.get("/v1/recoveries")).json()["data"] == made[::-1]
    assert (await tenant.http.get("/v1/recoveries", params={"webhook": first})).json()["data"] == made[:1]
    page = (await tenant.http.get("/v1/recoveries", params={"limit": 1})).json()
    rest = (await tenant.http.get("/v1/recoveries", params={"limit": 1, "cursor": page["next_cursor"]})).json()
    assert (page["data"], rest["data"], rest["has_more"]) == (made[1:], made[:1], False)
    foreign = await other_tenant.http.get("/v1/recoveries", params={"webhook": first})
    assert foreign.json()["data"] == []
    check_error(await tenant.http.get("/v1/recoveries", params={"webhook": "x"}), 400, "invalid_parameter", "webhook")
    check_error(await tenant.http.get("/v1/recoveries", params={"since": SINCE}), 400, "invalid_parameter", "since")


async def test_what_takes_too_long_to_count_says_what_to_do(
    tenant: Caller, world: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = await _missing(tenant, world)
    monkeypatch.setattr("flux_dispatch.store.recoveries.COUNT_STEP", 2)
    assert (await _asked(tenant, webhook, dry_run=True))["missed"] == _counts(3, 2, 1)  # in steps, too
    monkeypatch.setattr("flux_dispatch.store.recoveries.COUNT_SECONDS", -1)
    answer = await tenant.http.post(f"/v1/webhooks/{webhook}/recover", json={"since": SINCE, "dry_run": True})
    assert "without" in check_error(answer, 400, "query_too_slow")["message"]
