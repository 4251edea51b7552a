"""Accounts over HTTP: made once for each external id, found by either name, changed, and gone at once when deleted."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.api_key import Scope
from flux_dispatch.store.api_keys import ApiKeyStore
from tests.support.api import EVENT, Caller, check_error, client, running_api
from tests.support.store_harness import StoreHarness

PATH = "/v1/accounts"
NOBODY = "acct_" + "0" * 32


@pytest.fixture
async def platform(api: str, database: AsyncEngine) -> AsyncIterator[httpx.AsyncClient]:
    _, key = await ApiKeyStore(database).create(None, [Scope.ADMIN])
    async with client(api, key) as caller:
        yield caller


async def made(platform: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await platform.post(PATH, json={"name": "Acme", **fields})
    assert answer.status_code == 201, answer.text
    account: dict[str, Any] = answer.json()
    return account


async def test_an_account_is_made_and_shown_by_either_name(platform: httpx.AsyncClient) -> None:
    account = await made(platform, external_id="cus_42", metadata={"plan": "gold"})
    assert account == {
        "id": account["id"],
        "object": "account",
        "name": "Acme",
        "external_id": "cus_42",
        "metadata": {"plan": "gold"},
        "created": account["created"],
        "updated": account["created"],
    }
    for name in (account["id"], "ext:cus_42"):
        assert (await platform.get(f"{PATH}/{name}")).json() == account
        answer = await platform.post("/v1/events", json=EVENT, headers={"Flux-Account": name})
        assert answer.status_code == 202
    own = {"Flux-Account": account["id"]}
    assert len((await platform.get("/v1/events", headers=own)).json()["data"]) == 2


async def test_a_known_external_id_is_that_account_as_it_is(platform: httpx.AsyncClient) -> None:
    account = await made(platform, external_id="cus_42")
    again = await platform.post(PATH, json={"name": "Other", "external_id": "cus_42", "metadata": {"a": "b"}})
    assert (again.status_code, again.json()) == (200, account)
    assert again.headers["Location"] == f"{PATH}/{account['id']}"
    await made(platform)
    await made(platform)
    assert len((await platform.get(PATH)).json()["data"]) == 3


@pytest.mark.parametrize("external_id", ["a/b", "a?b#c", "100 % sûr", "acct_1", "ext:x", "東京", "x" * 255, ".."])
async def test_an_external_id_of_any_printable_characters_is_a_name(
    platform: httpx.AsyncClient, external_id: str
) -> None:
    account = await made(platform, external_id=external_id)
    path = f"{PATH}/ext:" + "".join(f"%{byte:02X}" for byte in external_id.encode())
    assert (await platform.get(path)).json() == account
    headers = {b"Flux-Account": f"ext:{external_id}".encode()}
    assert (await platform.get("/v1/events", headers=headers)).status_code == 200


async def test_lists_are_pages_the_newest_first(platform: httpx.AsyncClient) -> None:
    ids = [(await made(platform))["id"] for _ in range(3)][::-1]
    first = (await platform.get(PATH, params={"limit": 2})).json()
    assert [each["id"] for each in first["data"]] == ids[:2]
    rest = (await platform.get(PATH, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert ([each["id"] for each in rest["data"]], rest["has_more"]) == (ids[2:], False)


async def test_what_a_change_does_not_name_stays_as_it_is(platform: httpx.AsyncClient) -> None:
    account = await made(platform, external_id="a", metadata={"plan": "gold"})
    path = f"{PATH}/{account['id']}"
    steps: list[dict[str, Any]] = [
        {"name": "New"},
        {"metadata": {"seats": "5"}},
        {"external_id": "b"},
        {"external_id": None},
        {},
    ]
    for changes in steps:
        account |= changes
        answer = await platform.patch(path, json=changes)
        assert answer.json() | {"updated": ""} == account | {"updated": ""}
        assert answer.json()["updated"] >= account["updated"]
    check_error(await platform.get(f"{PATH}/ext:a"), 404, "not_found")


async def test_an_external_id_that_went_to_another_account_names_that_one(
    platform: httpx.AsyncClient, database_url: str, redis_url: str
) -> None:
    names = {"Flux-Account": "ext:cus_42"}
    former = (await platform.post(PATH, json={"name": "former", "external_id": "cus_42"})).json()
    async with running_api(database_url, redis_url) as other_process:
        assert (await platform.post(f"{other_process}/v1/events", json=EVENT, headers=names)).status_code == 202
        await platform.patch(f"{PATH}/{former['id']}", json={"external_id": None})
        account = (await platform.post(PATH, json={"name": "new", "external_id": "cus_42"})).json()
        key = await platform.post(f"{other_process}/v1/api-keys", json={"scopes": ["read"]}, headers=names)
        assert key.json()["account"] == account["id"] != former["id"]


async def test_an_external_id_belongs_to_one(platform: httpx.AsyncClient) -> None:
    await made(platform, external_id="a")
    other = await made(platform, external_id="b")
    answer = await platform.patch(f"{PATH}/{other['id']}", json={"name": "New", "external_id": "a"})
    check_error(answer, 409, "external_id_taken", "external_id")
    assert (await platform.get(f"{PATH}/ext:b")).json() == other


BAD: list[tuple[dict[str, Any], int, str, str]] = [
    ({"name": ""}, 422, "invalid_value", "name"),
    ({"name": "x" * 201}, 422, "invalid_value", "name"),
    ({"name": "a\0"}, 422, "invalid_value", "name"),
    ({"name": None}, 400, "wrong_type", "name"),
    ({"external_id": ""}, 422, "invalid_value", "external_id"),
    ({"external_id": "x" * 256}, 422, "invalid_value", "external_id"),
    ({"external_id": "a\nb"}, 422, "invalid_value", "external_id"),
    ({"external_id": " a"}, 422, "invalid_value", "external_id"),
    ({"external_id": 7}, 400, "wrong_type", "external_id"),
    ({"metadata": {"a": 1}}, 400, "wrong_type", "metadata.a"),
    ({"metadata": ["a"]}, 400, "wrong_type", "metadata"),
    ({"metadata": None}, 400, "wrong_type", "metadata"),
    ({"metadata": {"": "a"}}, 422, "invalid_value", "metadata"),
    ({"metadata": {"k" * 41: "a"}}, 422, "invalid_value", "metadata"),
    ({"metadata": {"a": "v" * 501}}, 422, "invalid_value", "metadata.a"),
    ({"metadata": {"a": "\0"}}, 422, "invalid_value", "metadata.a"),
    ({"metadata": {str(n): "a" for n in range(51)}}, 422, "invalid_value", "metadata"),
    ({"plan": "gold"}, 422, "unknown_field", "plan"),
]


@pytest.mark.parametrize("case", BAD)
async def test_what_cannot_be_used_is_refused_and_nothing_stored(
    platform: httpx.AsyncClient, world: StoreHarness, case: tuple[dict[str, Any], int, str, str]
) -> None:
    fields, status, code, param = case
    check_error(await platform.post(PATH, json={"name": "Acme"} | fields), status, code, param)
    assert await world.scalar("SELECT count(*) FROM accounts") == 0
    account = await made(platform)
    check_error(await platform.patch(f"{PATH}/{account['id']}", json=fields), status, code, param)
    assert (await platform.get(f"{PATH}/{account['id']}")).json() == account


async def test_half_a_surrogate_pair_is_refused(platform: httpx.AsyncClient) -> None:
    for fields, param in (('"name": "\\ud800"', "name"), ('"name": "a", "metadata": {"a": "\\udfff"}', "metadata.a")):
        answer = await platform.post(PATH, content=f"{{{fields}}}", headers={"Content-Type": "application/json"})
        check_error(answer, 422, "invalid_value", param)


async def test_what_is_just_within_the_bounds_is_kept(platform: httpx.AsyncClient) -> None:
    metadata = {f"{n:040}": "é" * 500 for n in range(50)}
    account = await made(platform, name="x" * 200, metadata=metadata)
    assert (await platform.get(f"{PATH}/{account['id']}")).json()["metadata"] == metadata


@pytest.mark.parametrize(
    "name", [NOBODY, "acct_x", "ext:", "ext:nobody", "ext:%00", "ext:%ED%A0%80", "evt_" + "0" * 32]
)
async def test_an_account_that_is_none_is_not_found(platform: httpx.AsyncClient, name: str) -> None:
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        check_error(await platform.request(method, f"{PATH}/{name}", json=body), 404, "not_found")
    if "%" not in name:
        check_error(await platform.get("/v1/events", headers={"Flux-Account": name}), 404, "not_found")


async def test_the_key_of_an_account_may_not_even_ask_for_its_own(tenant: Caller) -> None:
    calls = [("GET", ""), ("POST", ""), *((each, f"/{tenant.account}") for each in ("GET", "PATCH", "DELETE"))]
    for method, rest in calls:
        check_error(await tenant.http.request(method, PATH + rest), 403, "platform_key_needed")


async def test_a_deleted_account_is_gone_at_once(
    platform: httpx.AsyncClient, tenant: Caller, world: StoreHarness
) -> None:
    await tenant.webhook("*")
    own = {"Flux-Account": tenant.account}
    path = f"{PATH}/{tenant.account}"
    assert (await platform.patch(path, json={"external_id": "cus_42"})).status_code == 200
    assert (await platform.get("/v1/webhooks", headers=own)).status_code == 200
    assert (await platform.delete(path)).status_code == 204
    check_error(await tenant.http.get("/v1/webhooks"), 401, "invalid_api_key")
    for name in (tenant.account, "ext:cus_42"):
        check_error(await platform.get("/v1/webhooks", headers={"Flux-Account": name}), 404, "not_found")
        for method in ("GET", "DELETE"):
            check_error(await platform.request(method, f"{PATH}/{name}"), 404, "not_found")
    assert (await platform.get(PATH)).json()["data"] == []
    assert await world.scalar("SELECT count(*) FROM subscriptions") == 0
    assert await world.scalar("SELECT count(*) FROM webhooks WHERE cancel_at IS NOT NULL") == 1
    again = await made(platform, external_id="cus_42")
    assert again["id"] != tenant.account
