"""Who asks: which keys pass, for which account and call, and what every answer has."""

from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.api import auth
from flux_dispatch.domain.api_key import Scope, encode_api_key
from flux_dispatch.domain.ids import Prefix
from flux_dispatch.engine.flow import short_memory
from flux_dispatch.store.api_keys import ApiKeyStore
from tests.support.api import EVENT, URL, Caller, api_client, check_error, client

FELT_WITHIN_SECONDS = 5.0
NOBODY = "0" * 32
WEBHOOK = {"url": URL, "events": ["*"]}


async def test_every_request_without_a_usable_key_gets_the_same_answer(tenant: Caller, api: str) -> None:
    other = "a" if tenant.key[-1] != "a" else "b"
    headers = [
        None,
        "",
        "Bearer",
        f"Basic {tenant.key}",
        f"Token {tenant.key}",
        tenant.key,
        "Bearer sk_live_",
        f"Bearer {tenant.key[:-1]}{other}",
        f"Bearer {tenant.key}x",
        f"Bearer {tenant.key} x",
        f"Bearer {encode_api_key(bytes(24))}",
        "Bearer " + "x" * 5000,
    ]
    answers = []
    async with httpx.AsyncClient(base_url=api) as stranger:
        for header in headers:
            given = {} if header is None else {"Authorization": header}
            answers.append(await stranger.post("/v1/events", json=EVENT, headers=given))
        answers.append(await stranger.get("/v1/events", params={"key": tenant.key, "api_key": tenant.key}))
    errors = []
    for answer in answers:
        error = check_error(answer, 401, "invalid_api_key")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert tenant.key not in answer.text
        errors.append({**error, "request_id": ""})
    assert errors == errors[:1] * len(errors)


async def test_the_scheme_may_be_written_in_any_case_and_with_spaces(tenant: Caller, api: str) -> None:
    async with httpx.AsyncClient(base_url=api) as caller:
        for written in (f"bearer {tenant.key}", f"BEARER   {tenant.key}"):
            answer = await caller.get("/v1/events", headers={"Authorization": written})
            assert answer.status_code == 200, written


async def test_a_revocation_is_felt_within_five_seconds(
    tenant: Caller, database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(short_memory, "time", clock)
    (key,) = await ApiKeyStore(database).list_all(tenant.account)
    assert (await tenant.http.get("/v1/events")).status_code == 200
    assert await ApiKeyStore(database).revoke(key.id)
    clock.now += FELT_WITHIN_SECONDS
    check_error(await tenant.http.get("/v1/events"), 401, "invalid_api_key")


async def test_a_key_is_remembered_for_a_while(
    tenant: Caller, database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(short_memory, "time", clock)
    await tenant.http.get("/v1/events")
    (key,) = await ApiKeyStore(database).list_all(tenant.account)
    await ApiKeyStore(database).revoke(key.id)
    clock.now += auth.CACHE_SECONDS / 3
    assert (await tenant.http.get("/v1/events")).status_code == 200


async def test_the_memory_of_keys_is_bounded(
    tenant: Caller, other_tenant: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(short_memory, "MAX_REMEMBERED", 1)
    for caller in (tenant, other_tenant, tenant):
        assert (await caller.http.get("/v1/events")).status_code == 200


@pytest.mark.parametrize("scope", Scope)
async def test_a_scope_covers_its_calls_and_no_others(api: str, database: AsyncEngine, scope: Scope) -> None:
    calls: list[tuple[Scope, str, str, Any]] = [
        (Scope.EVENTS_WRITE, "POST", "/v1/events", EVENT),
        (Scope.WEBHOOKS_WRITE, "POST", "/v1/webhooks", WEBHOOK),
        (Scope.WEBHOOKS_WRITE, "DELETE", f"/v1/webhooks/wh_{NOBODY}", None),
        *((Scope.READ, "GET", f"/v1/{each}", None) for each in ("webhooks", "events", "deliveries", "alerts")),
        (Scope.READ, "GET", f"/v1/webhooks/wh_{NOBODY}", None),
        (Scope.READ, "GET", f"/v1/events/evt_{NOBODY}", None),
        (Scope.READ, "GET", f"/v1/events/evt_{NOBODY}/deliveries", None),
        (Scope.READ, "GET", f"/v1/deliveries/dlv_{NOBODY}", None),
    ]
    async with api_client(api, database, [scope]) as caller:
        for needed, method, path, body in calls:
            answer = await caller.http.request(method, path, json=body)
            if scope in {needed, Scope.ADMIN}:
                assert answer.status_code in ({404} if NOBODY in path else {200, 201, 202}), path
            else:
                assert needed in check_error(answer, 403, "missing_scope")["message"]


async def test_what_is_anothers_is_like_what_does_not_exist(tenant: Caller, other_tenant: Caller) -> None:
    webhook, event = await other_tenant.webhook("*"), await other_tenant.event()
    delivery = (await other_tenant.http.get("/v1/deliveries")).json()["data"][0]
    calls = [
        ("GET", "/v1/webhooks/{}", webhook),
        ("DELETE", "/v1/webhooks/{}", webhook),
        ("GET", "/v1/events/{}", event),
        ("GET", "/v1/events/{}/deliveries", event),
        ("GET", "/v1/deliveries/{}", delivery),
    ]
    for method, path, thing in calls:
        nobody = f"{thing['id'].partition('_')[0]}_{NOBODY}"
        messages = [
            check_error(await tenant.http.request(method, path.format(each)), 404, "not_found")["message"].replace(
                each, ""
            )
            for each in (thing["id"], nobody)
        ]
        assert messages[0] == messages[1]
    for path in ("/v1/webhooks", "/v1/events", "/v1/deliveries", "/v1/alerts"):
        assert (await tenant.http.get(path)).json()["data"] == []
    for filters in ({"webhook": webhook["id"]}, {"event": event["id"]}):
        assert (await tenant.http.get("/v1/deliveries", params=filters)).json()["data"] == []
    assert (await other_tenant.http.get(f"/v1/webhooks/{webhook['id']}")).status_code == 200
    assert (await tenant.event())["webhooks"] == 0


async def test_a_platform_key_acts_for_the_account_that_is_named(
    tenant: Caller, other_tenant: Caller, api: str, database: AsyncEngine
) -> None:
    _, key = await ApiKeyStore(database).create(None, [Scope.ADMIN])
    async with client(api, key) as platform:
        for caller in (tenant, other_tenant):
            for _ in range(2):
                answer = await platform.post("/v1/events", json=EVENT, headers={"Flux-Account": caller.account})
                assert answer.status_code == 202
            listed = (await caller.http.get("/v1/events")).json()["data"]
            assert len(listed) == 2
            assert listed[0]["id"] == answer.json()["id"]
        check_error(await platform.get("/v1/events"), 422, "account_missing", "Flux-Account")
        for unknown in (f"{Prefix.ACCOUNT}_{NOBODY}", "acct_x", "", "wh_" + NOBODY, tenant.account.upper()):
            check_error(await platform.get("/v1/events", headers={"Flux-Account": unknown}), 404, "not_found")


async def test_two_accounts_named_at_once_are_none(tenant: Caller, other_tenant: Caller, database: AsyncEngine) -> None:
    _, platform_key = await ApiKeyStore(database).create(None, [Scope.ADMIN])
    for key, one, other in [
        (platform_key, tenant.account, other_tenant.account),
        (platform_key, tenant.account, tenant.account),
        (tenant.key, tenant.account, other_tenant.account),
    ]:
        both = [("Authorization", f"Bearer {key}"), ("Flux-Account", one), ("Flux-Account", other)]
        check_error(await tenant.http.get("/v1/events", headers=both), 404, "not_found")
        check_error(await tenant.http.post("/v1/api-keys", headers=both, json={"scopes": ["read"]}), 404, "not_found")


async def test_the_key_of_an_account_acts_for_no_other(tenant: Caller, other_tenant: Caller) -> None:
    own, foreign = {"Flux-Account": tenant.account}, {"Flux-Account": other_tenant.account}
    assert (await tenant.http.post("/v1/events", json=EVENT, headers=own)).status_code == 202
    check_error(await tenant.http.post("/v1/events", json=EVENT, headers=foreign), 404, "not_found")
    assert (await other_tenant.http.get("/v1/events")).json()["data"] == []


async def test_an_address_that_is_none_is_not_found(tenant: Caller) -> None:
    for path in ("/nothing", "/v1", "/v1/", "/v1/events/", "/v2/events", "/%00", "/%ff", "//v1/events", "/.env"):
        check_error(await tenant.http.get(path), 404, "not_found")


async def test_a_method_that_is_none_is_told_which_there_are(tenant: Caller) -> None:
    for method, path in [("PUT", "/v1/events"), ("DELETE", "/v1/alerts"), ("POST", "/healthz")]:
        answer = await tenant.http.request(method, path)
        check_error(answer, 405, "method_not_allowed")
        assert "GET" in answer.headers["Allow"].split(",")


async def test_what_is_answered_to_a_key_is_kept_by_nobody(tenant: Caller) -> None:
    for path in ("/v1/events", "/v1/webhooks/x", "/v1/audit-log/export", "/v1/events?limit=0"):
        assert (await tenant.http.get(path)).headers["Cache-Control"] == "no-store", path
    assert "no-store" not in (await tenant.http.get("/openapi.json")).headers["Cache-Control"]


async def test_every_answer_has_an_id_of_its_own(tenant: Caller) -> None:
    answers = [await tenant.http.get(path) for path in ("/", "/healthz", "/readyz", "/v1/events", "/nothing") * 2]
    ids = {answer.headers["X-Request-Id"] for answer in answers}
    assert len(ids) == len(answers)
    assert all(each.startswith("req_") for each in ids)


class Clock:
    """What the API reads the time from, when a test sets it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now
