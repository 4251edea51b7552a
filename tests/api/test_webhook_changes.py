"""Webhooks over HTTP: changed, disabled and enabled again; their secrets shown and rotated."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.ids import DeliveryId, Prefix, parse_id
from flux_dispatch.store.cancel import CancelStore
from flux_dispatch.store.deliver import DeliveryStore
from tests.api.test_webhooks import REFUSED_URLS, WRONG_FIELDS
from tests.support.api import URL, Caller, api_client, check_error
from tests.support.store_harness import SEALS, TIMING, StoreHarness

METADATA = {"team": "billing", "läden": "ja", "empty": ""}

WRONG_METADATA: list[tuple[dict[str, str], str]] = [
    ({f"k{n}": "" for n in range(51)}, "metadata"),
    ({"k" * 41: ""}, "metadata"),
    ({"": ""}, "metadata"),
    ({"k": "v" * 501}, "metadata.k"),
    ({"k": "\0"}, "metadata.k"),
]

WRONG_CHANGES: list[tuple[dict[str, object], int, str, str | None]] = [
    ({"status": "paused"}, 422, "invalid_value", "status"),
    ({"status": ""}, 422, "invalid_value", "status"),
    ({"status": None}, 400, "wrong_type", "status"),
    ({"disabled_reason": "moved"}, 422, "invalid_value", "disabled_reason"),
    ({"status": "enabled", "disabled_reason": "moved"}, 422, "invalid_value", "disabled_reason"),
    ({"status": "disabled", "disabled_reason": ""}, 422, "invalid_value", "disabled_reason"),
    ({"status": "disabled", "disabled_reason": "x" * 201}, 422, "invalid_value", "disabled_reason"),
    ({"status": "disabled", "disabled_reason": "\0"}, 422, "invalid_value", "disabled_reason"),
    ({"url": None}, 400, "wrong_type", "url"),
    ({"events": None}, 400, "wrong_type", "events"),
    ({"metadata": {"k": 1}}, 400, "wrong_type", "metadata.k"),
    ({"metadata": []}, 400, "wrong_type", "metadata"),
    ({"secret": "whsec_"}, 422, "unknown_field", "secret"),
]


async def patch(caller: Caller, webhook: str, **change: object) -> dict[str, Any]:
    answer = await caller.http.patch(f"/v1/webhooks/{webhook}", json=change)
    assert answer.status_code == 200, answer.text
    shown = await caller.http.get(f"/v1/webhooks/{webhook}")
    assert shown.json() == answer.json()
    return dict(answer.json())


async def rotate(caller: Caller, webhook: str, **body: int) -> dict[str, Any]:
    answer = await caller.http.post(f"/v1/webhooks/{webhook}/secret/rotate", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_metadata_comes_back_as_it_was_given(tenant: Caller) -> None:
    assert (await tenant.webhook("*"))["metadata"] == {}
    given = {"url": URL, "events": ["*"], "metadata": METADATA}
    made = (await tenant.http.post("/v1/webhooks", json=given)).json()
    assert made["metadata"] == METADATA
    assert (await patch(tenant, made["id"], metadata={"team": "x"}))["metadata"] == {"team": "x"}
    assert (await patch(tenant, made["id"], metadata={}))["metadata"] == {}


async def test_what_is_named_is_changed_and_nothing_else(tenant: Caller, world: StoreHarness) -> None:
    made = await tenant.webhook("*")
    changes: dict[str, object] = {
        "url": "https://example.org/new",
        "events": ["order.*", "a"],
        "description": "Neu",
        "headers": {"X-Team": "b", "A": "c"},
        "metadata": METADATA,
    }
    expected = {name: value for name, value in made.items() if name not in {"secret", "updated"}}
    for name, value in changes.items():
        expected[name] = value
        changed = await patch(tenant, made["id"], **{name: value})
        assert changed.items() >= expected.items()
    changed = await patch(tenant, made["id"], description="", headers={}, metadata={})
    assert (changed["description"], changed["headers"], changed["metadata"]) == ("", {}, {})
    before = await world.scalar("SELECT updated_at FROM webhooks")
    assert await patch(tenant, made["id"]) == changed
    assert await world.scalar("SELECT updated_at FROM webhooks") == before


async def test_an_event_goes_by_the_patterns_of_its_moment(tenant: Caller) -> None:
    made = await tenant.webhook("a")
    assert (await tenant.event("b"))["webhooks"] == 0
    await patch(tenant, made["id"], events=["b"])
    assert (await tenant.event("b"))["webhooks"] == 1
    assert (await tenant.event("a"))["webhooks"] == 0


async def test_a_disabled_webhook_gets_nothing_and_an_enabled_one_keeps_what_is_left(
    tenant: Caller, world: StoreHarness
) -> None:
    made = await tenant.webhook("*")
    events = [(await tenant.event())["id"] for _ in range(3)]
    disabled = await patch(tenant, made["id"], status="disabled")
    assert (disabled["status"], disabled["disabled_reason"]) == ("disabled", "by_hand")
    assert (await tenant.event())["webhooks"] == 0
    assert await world.scalar("SELECT cancel_at <= flux_now() FROM webhooks")
    cleared = await CancelStore(world.database).clear_one(limit=2)
    assert cleared
    assert cleared.canceled == 2
    again = await patch(tenant, made["id"], status="disabled", disabled_reason="The shop moved")
    assert again["disabled_reason"] == "The shop moved"

    enabled = await patch(tenant, made["id"], status="enabled")
    assert (enabled["status"], enabled["disabled_reason"]) == ("enabled", None)
    assert await CancelStore(world.database).clear_one(limit=2) is None
    assert (await tenant.event())["webhooks"] == 1
    listed = (await tenant.http.get(f"/v1/events/{events[0]}/deliveries")).json()["data"]
    lease = await DeliveryStore(world.database, TIMING, SEALS).claim([DeliveryId(listed[0]["id"])])
    assert lease
    assert len(lease.claims) == 1
    canceled = (await tenant.http.get("/v1/deliveries", params={"status": "canceled"})).json()["data"]
    assert [each["reason"] for each in canceled] == ["webhook_disabled"] * 2


async def test_a_webhook_disabled_by_a_410_is_enabled_again(tenant: Caller, world: StoreHarness) -> None:
    made = await tenant.webhook("*")
    await world.do("UPDATE webhooks SET status = 'disabled', disabled_reason = 'gone'")
    await patch(tenant, made["id"], description="still gone")
    enabled = await patch(tenant, made["id"], status="enabled")
    assert (enabled["status"], enabled["disabled_reason"]) == ("enabled", None)


async def test_a_wrong_change_is_named_and_nothing_is_changed(tenant: Caller, world: StoreHarness) -> None:
    made = await tenant.webhook("*")
    path = f"/v1/webhooks/{made['id']}"
    before = await world.rows("SELECT w::text FROM webhooks AS w")
    for url, code in REFUSED_URLS:
        check_error(await tenant.http.patch(path, json={"url": url, "description": "new"}), 422, code, "url")
    for field, value, param in WRONG_FIELDS:
        code = "invalid_event_type" if "[" in param else "invalid_value"
        check_error(await tenant.http.patch(path, json={field: value, "metadata": {"new": ""}}), 422, code, param)
    for metadata, param in WRONG_METADATA:
        check_error(await tenant.http.patch(path, json={"metadata": metadata}), 422, "invalid_value", param)
        answer = await tenant.http.post("/v1/webhooks", json={"url": URL, "events": ["*"], "metadata": metadata})
        check_error(answer, 422, "invalid_value", param)
    for change, status, code, at in WRONG_CHANGES:
        check_error(await tenant.http.patch(path, json=change), status, code, at)
    assert await world.rows("SELECT w::text FROM webhooks AS w") == before


async def test_the_secret_is_shown_and_rotated(tenant: Caller, world: StoreHarness) -> None:
    made = await tenant.webhook("*")
    path = f"/v1/webhooks/{made['id']}/secret"
    shown = {"object": "webhook_secret", "webhook": made["id"], "secret": made["secret"], "older": []}
    assert (await tenant.http.get(path)).json() == shown

    before = datetime.now(UTC) - timedelta(seconds=2)
    first = await rotate(tenant, made["id"])
    assert first["secret"] not in {made["secret"], ""}
    (until,) = [datetime.fromisoformat(each["expires"]) for each in first["older"]]
    assert timedelta(days=1) <= until - before < timedelta(days=1, seconds=30)
    assert (await tenant.http.get(path)).json() == first
    second = await rotate(tenant, made["id"], expires_in=604_800)
    assert len(second["older"]) == 2

    event = await tenant.event()
    listed = (await tenant.http.get(f"/v1/events/{event['id']}/deliveries")).json()["data"]
    lease = await DeliveryStore(world.database, TIMING, SEALS).claim([DeliveryId(listed[0]["id"])])
    assert lease
    assert lease.claims[0].secrets == (second["secret"], first["secret"], made["secret"])

    answer = await tenant.http.post(f"{path}/rotate", json={"expires_in": 0})
    assert answer.json()["older"] == []
    bare = await tenant.http.post(f"{path}/rotate")
    assert (bare.status_code, len(bare.json()["older"])) == (200, 1), "without a body it is a day"


async def test_a_rotation_that_cannot_be_changes_nothing(tenant: Caller) -> None:
    made = await tenant.webhook("*")
    path = f"/v1/webhooks/{made['id']}/secret"
    for value in (-1, 604_801, 10**30):
        answer = await tenant.http.post(f"{path}/rotate", json={"expires_in": value})
        check_error(answer, 422, "invalid_value", "expires_in")
    for wrong in ("60", 1.5, True, None, []):
        answer = await tenant.http.post(f"{path}/rotate", json={"expires_in": wrong})
        check_error(answer, 400, "wrong_type", "expires_in")
    check_error(await tenant.http.post(f"{path}/rotate", json={"secret": ""}), 422, "unknown_field", "secret")
    assert (await tenant.http.get(path)).json()["secret"] == made["secret"]
    for _ in range(9):
        last = await rotate(tenant, made["id"])
    check_error(await tenant.http.post(f"{path}/rotate", json={}), 409, "too_many_secrets")
    assert (await tenant.http.get(path)).json() == last
    assert (await rotate(tenant, made["id"], expires_in=0))["older"] == []


async def test_nobody_else_s_webhook_is_changed_shown_or_rotated(
    tenant: Caller, other_tenant: Caller, world: StoreHarness
) -> None:
    made = await tenant.webhook("*")
    before = await world.rows("SELECT w::text FROM webhooks AS w")
    nobody = "wh_" + "0" * 32
    said = []
    for caller, webhook in ((other_tenant, made["id"]), (tenant, nobody), (tenant, "wh_x")):
        path = f"/v1/webhooks/{webhook}"
        answers = (
            await caller.http.patch(path, json={"description": "mine"}),
            await caller.http.get(f"{path}/secret"),
            await caller.http.post(f"{path}/secret/rotate", json={}),
        )
        said += [check_error(each, 404, "not_found")["message"].replace(webhook, nobody) for each in answers]
    assert said[:3] == said[3:6]
    assert await world.rows("SELECT w::text FROM webhooks AS w") == before
    await tenant.http.delete(f"/v1/webhooks/{made['id']}")
    check_error(await tenant.http.get(f"/v1/webhooks/{made['id']}/secret"), 404, "not_found")
    check_error(await tenant.http.patch(f"/v1/webhooks/{made['id']}", json={}), 404, "not_found")
    (row,) = await world.rows("SELECT secrets, sealed_secrets, sealed_headers FROM webhooks")
    assert tuple(row) == ([], None, None), "a deleted one keeps no secret"


@pytest.mark.parametrize("scope", [Scope.READ, Scope.EVENTS_WRITE])
async def test_who_may_only_read_sees_and_changes_no_secret(api: str, database: AsyncEngine, scope: Scope) -> None:
    async with api_client(api, database, [scope]) as reader:
        path = "/v1/webhooks/wh_" + "0" * 32
        for answer in (
            await reader.http.patch(path, json={}),
            await reader.http.get(f"{path}/secret"),
            await reader.http.post(f"{path}/secret/rotate", json={}),
        ):
            check_error(answer, 403, "missing_scope")


async def test_what_does_not_open_is_an_error_of_its_own(tenant: Caller, world: StoreHarness) -> None:
    made = await tenant.webhook("*")
    await world.do("UPDATE webhooks SET sealed_secrets[1] = overlay(sealed_secrets[1] PLACING '\\xff' FROM 2)")
    answer = await tenant.http.get(f"/v1/webhooks/{made['id']}/secret")
    assert "FLUX_ENCRYPTION_KEYS" in check_error(answer, 500, "cannot_unseal")["message"]
    assert parse_id(Prefix.WEBHOOK, made["id"]) in answer.text
