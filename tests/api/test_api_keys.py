"""API keys over HTTP: shown once, of one account, bounded by the key that makes them, and ended when they are over."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.api import key_use
from flux_dispatch.domain.api_key import ApiKey, Limits, NewApiKey, Scope, is_well_formed
from flux_dispatch.domain.errors import BeyondOwnKey, Forbidden
from flux_dispatch.domain.ids import ApiKeyId
from flux_dispatch.engine.flow import short_memory
from flux_dispatch.store.api_keys import ApiKeyStore
from tests.support.api import Caller, check_error, client
from tests.support.store_harness import StoreHarness
from tests.support.waiting import eventually_async

PATH = "/v1/api-keys"
NOBODY = "key_" + "0" * 32
FELT_WITHIN_SECONDS = 5.0


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
async def platform(api: str, database: AsyncEngine) -> AsyncIterator[httpx.AsyncClient]:
    _, key = await ApiKeyStore(database).create(None, [Scope.ADMIN])
    async with client(api, key) as caller:
        yield caller


async def made(http: httpx.AsyncClient, headers: dict[str, str] | None = None, **fields: Any) -> dict[str, Any]:
    answer = await http.post(PATH, json={"scopes": ["read"], **fields}, headers=headers)
    assert answer.status_code == 201, answer.text
    key: dict[str, Any] = answer.json()
    return key


async def test_a_key_is_shown_once_and_works(tenant: Caller, api: str) -> None:
    wanted = {"name": "billing", "scopes": ["read", "event_types:write"], "expires_at": "2099-01-01T00:00:00Z"}
    limits = {"events_per_second": 5, "requests_per_second": 1000}
    shown = await made(tenant.http, **wanted, **limits)
    key = shown.pop("key")
    assert is_well_formed(key)
    assert shown == {
        "id": shown["id"],
        "object": "api_key",
        "account": tenant.account,
        "prefix": "sk_live_",
        "last4": key[-4:],
        "created": shown["created"],
        "last_used_at": None,
        **wanted,
        **limits,
    }
    listed = (await tenant.http.get(PATH)).json()["data"]
    assert listed[0] == shown
    assert len(listed) == 2
    assert key not in (await tenant.http.get(PATH)).text
    async with client(api, key) as caller:
        assert (await caller.get("/v1/events")).status_code == 200
        check_error(await caller.get(PATH), 403, "missing_scope")


async def test_a_key_that_is_revoked_here_stops_here_at_once(tenant: Caller, api: str) -> None:
    shown = await made(tenant.http)
    async with client(api, shown["key"]) as caller:
        assert (await caller.get("/v1/events")).status_code == 200
        assert (await tenant.http.delete(f"{PATH}/{shown['id']}")).status_code == 204
        check_error(await caller.get("/v1/events"), 401, "invalid_api_key")
    check_error(await tenant.http.delete(f"{PATH}/{shown['id']}"), 404, "not_found")
    assert shown["id"] not in (await tenant.http.get(PATH)).text


async def test_a_key_that_is_over_answers_as_one_that_never_was(
    tenant: Caller, api: str, world: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(short_memory, "time", clock)
    soon = datetime.now(UTC) + timedelta(hours=1)
    shown = await made(tenant.http, expires_at=soon.isoformat())
    async with client(api, shown["key"]) as caller:
        assert (await caller.get("/v1/events")).status_code == 200
        await world.advance_clock(3601)
        clock.now += FELT_WITHIN_SECONDS
        over = check_error(await caller.get("/v1/events"), 401, "invalid_api_key")
    async with client(api, "sk_live_") as stranger:
        never = check_error(await stranger.get("/v1/events"), 401, "invalid_api_key")
    assert over | {"request_id": ""} == never | {"request_id": ""}


async def test_the_last_use_is_written_once_a_minute(
    tenant: Caller, world: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(short_memory, "time", clock)
    monkeypatch.setattr(key_use, "time", clock)
    await world.advance_clock(0)

    async def last_use() -> datetime | None:
        await tenant.http.get("/v1/events")
        found: datetime | None = await world.scalar("SELECT last_used_at FROM api_keys")
        return found

    first = await eventually_async(last_use, "the use is written")
    assert first is not None
    assert (first.second, first.microsecond) == (0, 0)
    assert timedelta(0) <= await world.scalar("SELECT flux_now()") - first < timedelta(minutes=1)
    await world.advance_clock(180)
    clock.now += FELT_WITHIN_SECONDS
    assert await last_use() == first

    async def is_later() -> bool:
        clock.now += 60
        return await last_use() == first + timedelta(minutes=3)

    await eventually_async(is_later, "a later use is written")
    shown = (await tenant.http.get(PATH)).json()["data"][0]["last_used_at"]
    assert shown == f"{first + timedelta(minutes=3):%Y-%m-%dT%H:%M:00Z}"


async def test_keys_are_of_the_account_that_is_named_or_of_the_platform(
    platform: httpx.AsyncClient, tenant: Caller, other_tenant: Caller
) -> None:
    named = {"Flux-Account": tenant.account}
    theirs, ours = await made(platform, named), await made(platform)
    assert (theirs["account"], ours["account"]) == (tenant.account, None)
    assert {each["id"] for each in (await platform.get(PATH)).json()["data"]} > {ours["id"]}
    assert theirs["id"] not in (await platform.get(PATH)).text
    assert ours["id"] not in (await tenant.http.get(PATH)).text
    assert theirs["id"] in (await tenant.http.get(PATH)).text
    for caller, headers in (
        (other_tenant.http, {}),
        (platform, {}),
        (platform, {"Flux-Account": other_tenant.account}),
    ):
        check_error(await caller.delete(f"{PATH}/{theirs['id']}", headers=headers), 404, "not_found")
    check_error(await tenant.http.delete(f"{PATH}/{ours['id']}"), 404, "not_found")
    assert (await platform.delete(f"{PATH}/{theirs['id']}", headers=named)).status_code == 204
    assert (await platform.delete(f"{PATH}/{ours['id']}")).status_code == 204


async def test_lists_are_pages_the_newest_first(tenant: Caller) -> None:
    ids = [(await made(tenant.http))["id"] for _ in range(3)][::-1]
    first = (await tenant.http.get(PATH, params={"limit": 2})).json()
    assert [each["id"] for each in first["data"]] == ids[:2]
    rest = (await tenant.http.get(PATH, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert ([each["id"] for each in rest["data"]][:1], rest["has_more"]) == (ids[2:], False)


async def test_a_key_gives_no_more_than_it_has(tenant: Caller, api: str) -> None:
    end = "2099-01-01T00:00:00Z"
    own = await made(tenant.http, scopes=["admin"], events_per_second=10, expires_at=end)
    async with client(api, own["key"]) as caller:
        like = await made(caller)
        assert (like["events_per_second"], like["requests_per_second"], like["expires_at"]) == (10, None, end)
        less = await made(caller, events_per_second=9, requests_per_second=3, expires_at="2098-01-01T00:00:00Z")
        assert (less["events_per_second"], less["requests_per_second"]) == (9, 3)
        more: list[dict[str, Any]] = [{"events_per_second": 11}, {"expires_at": "2099-01-01T00:00:01Z"}]
        for fields in more:
            check_error(await caller.post(PATH, json={"scopes": ["read"], **fields}), 403, "beyond_own_key")


async def test_the_last_moment_that_can_be_written_is_one_like_every_other(tenant: Caller, api: str) -> None:
    end = "9999-12-31T23:59:59Z"
    own = await made(tenant.http, scopes=["admin"], expires_at="9999-12-31T23:59:59.999999Z")
    assert own["expires_at"] == end
    async with client(api, own["key"]) as caller:
        assert [(await made(caller, expires_at=each))["expires_at"] for each in (end, "2099-01-01T00:00:00Z")] == [
            end,
            "2099-01-01T00:00:00Z",
        ]


def test_a_key_passes_on_the_scopes_that_it_covers() -> None:
    now = datetime.now(UTC)
    key = ApiKey(ApiKeyId("key_1"), None, (Scope.READ,), "abcd", now, None, limits=Limits(events_per_second=5))
    assert key.pass_on(NewApiKey((Scope.READ,))).limits == Limits(5, None)
    for scope in set(Scope) - {Scope.READ}:
        with pytest.raises(Forbidden, match=scope):
            key.pass_on(NewApiKey((Scope.READ, scope)))
    with pytest.raises(BeyondOwnKey, match="events_per_second 5"):
        key.pass_on(NewApiKey((Scope.READ,), limits=Limits(6)))


BAD: list[tuple[dict[str, Any], int, str, str]] = [
    ({"scopes": []}, 422, "invalid_value", "scopes"),
    ({"scopes": ["read", "write"]}, 422, "invalid_value", "scopes[1]"),
    ({"scopes": "read"}, 400, "wrong_type", "scopes"),
    ({"scopes": [7]}, 400, "wrong_type", "scopes[0]"),
    ({"name": "x" * 101}, 422, "invalid_value", "name"),
    ({"name": "\0"}, 422, "invalid_value", "name"),
    ({"expires_at": "tomorrow"}, 422, "invalid_value", "expires_at"),
    ({"expires_at": "2020-01-01T00:00:00Z"}, 422, "invalid_value", "expires_at"),
    ({"expires_at": "9999-12-31T23:59:59-01:00"}, 422, "invalid_value", "expires_at"),  # in the year 10000, by UTC
    ({"expires_at": "10000-01-01T00:00:00Z"}, 422, "invalid_value", "expires_at"),
    ({"expires_at": "0001-01-01T00:00:00+01:00"}, 422, "invalid_value", "expires_at"),
    ({"expires_at": "infinity"}, 422, "invalid_value", "expires_at"),
    ({"expires_at": 1}, 400, "wrong_type", "expires_at"),
    ({"events_per_second": 0}, 422, "invalid_value", "events_per_second"),
    ({"events_per_second": 1.5}, 400, "wrong_type", "events_per_second"),
    ({"events_per_second": True}, 400, "wrong_type", "events_per_second"),
    ({"requests_per_second": 10**30}, 422, "invalid_value", "requests_per_second"),
    ({"requests_per_second": -1}, 422, "invalid_value", "requests_per_second"),
    ({"account": "acct_1"}, 422, "unknown_field", "account"),
]


@pytest.mark.parametrize(("fields", "status", "code", "param"), BAD)
async def test_what_cannot_be_used_is_refused_and_nothing_stored(
    tenant: Caller, fields: dict[str, Any], status: int, code: str, param: str
) -> None:
    check_error(await tenant.http.post(PATH, json={"scopes": ["read"]} | fields), status, code, param)
    assert len((await tenant.http.get(PATH)).json()["data"]) == 1


@pytest.mark.parametrize("name", [NOBODY, "key_x", "acct_" + "0" * 32, "%00"])
async def test_a_key_that_is_none_is_not_found(tenant: Caller, name: str) -> None:
    check_error(await tenant.http.delete(f"{PATH}/{name}"), 404, "not_found")
