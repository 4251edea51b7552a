"""Portal links: for one account, within their time, and kept as digests alone."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.ids import Prefix, parse_id
from flux_dispatch.domain.secret_token import digest
from flux_dispatch.store.api_keys import ApiKeyStore
from tests.support.api import Caller, check_error, client, running_api
from tests.support.store_harness import StoreHarness

PATH = "/v1/portal-links"


@pytest.fixture
async def platform(api: str, database: AsyncEngine) -> AsyncIterator[httpx.AsyncClient]:
    _, key = await ApiKeyStore(database).create(None, [Scope.ADMIN])
    async with client(api, key) as caller:
        yield caller


async def test_a_link_is_shown_once_and_kept_as_a_digest(tenant: Caller, api: str, world: StoreHarness) -> None:
    await world.advance_clock(0)
    answer = await tenant.http.post(PATH, json={})
    assert answer.status_code == 201, answer.text
    link = answer.json()
    assert link.keys() == {"id", "object", "url", "expires_at"}
    assert link["object"] == "portal_link"
    base, token = link["url"].rsplit("/", 1)
    assert base == f"{api}/dashboard/sign-in"
    assert len(token) >= 43
    (row,) = await world.rows("SELECT *, CAST(portal_links AS text) AS shown FROM portal_links")
    assert bytes(row.digest) == digest(token)
    assert token not in row.shown
    assert (row.id.hex, row.account_id.hex) == (
        parse_id(Prefix.PORTAL_LINK, link["id"]),
        parse_id(Prefix.ACCOUNT, tenant.account),
    )
    assert row.used_at is None
    assert row.expires_at - row.created_at == timedelta(seconds=900)
    assert datetime.fromisoformat(link["expires_at"]) == row.expires_at


async def test_a_platform_names_the_account_in_the_body_or_in_the_header(
    platform: httpx.AsyncClient, tenant: Caller, other_tenant: Caller, world: StoreHarness
) -> None:
    await platform.patch(f"/v1/accounts/{tenant.account}", json={"external_id": "cus_42"})
    header = {"Flux-Account": tenant.account}
    calls: list[tuple[dict[str, Any], dict[str, str]]] = [
        ({"account": tenant.account}, {}),
        ({"account": "ext:cus_42"}, {}),
        ({}, header),
        ({"account": "ext:cus_42"}, header),
    ]
    for body, headers in calls:
        assert (await platform.post(PATH, json=body, headers=headers)).status_code == 201
    assert await world.scalar("SELECT count(*) FROM portal_links") == 4
    assert await world.scalar("SELECT DISTINCT account_id FROM portal_links") is not None
    check_error(await platform.post(PATH, json={}), 422, "account_missing", "account")
    for unknown in ("acct_" + "0" * 32, "ext:nobody", "", "\0"):
        check_error(await platform.post(PATH, json={"account": unknown}), 404, "not_found")
    two = await platform.post(PATH, json={"account": other_tenant.account}, headers=header)
    check_error(two, 422, "invalid_value", "account")
    assert await world.scalar("SELECT count(DISTINCT account_id) FROM portal_links") == 1


async def test_the_key_of_an_account_makes_links_for_no_other(
    tenant: Caller, other_tenant: Caller, world: StoreHarness
) -> None:
    assert (await tenant.http.post(PATH, json={"account": tenant.account})).status_code == 201
    foreign, nobody = other_tenant.account, "acct_" + "0" * 32
    said = [
        check_error(await tenant.http.post(PATH, json={"account": each}), 404, "not_found")["message"].replace(each, "")
        for each in (foreign, nobody)
    ]
    assert said[0] == said[1]
    assert await world.scalar("SELECT count(*) FROM portal_links") == 1


BAD: list[tuple[dict[str, Any], int, str, str]] = [
    ({"expires_in": 59}, 422, "invalid_value", "expires_in"),
    ({"expires_in": 86_401}, 422, "invalid_value", "expires_in"),
    ({"expires_in": "60"}, 400, "wrong_type", "expires_in"),
    ({"account": 7}, 400, "wrong_type", "account"),
    ({"url": "x"}, 422, "unknown_field", "url"),
]


@pytest.mark.parametrize(("fields", "status", "code", "param"), BAD)
async def test_what_cannot_be_used_is_refused_and_nothing_stored(
    tenant: Caller, fields: dict[str, Any], status: int, code: str, param: str
) -> None:
    check_error(await tenant.http.post(PATH, json=fields), status, code, param)


async def test_links_begin_with_the_public_url_and_old_ones_are_forgotten(
    database_url: str, redis_url: str, database: AsyncEngine, world: StoreHarness
) -> None:
    await world.advance_clock(0)
    account = await world.account()
    _, key = await ApiKeyStore(database).create(account, [Scope.ADMIN])
    async with (
        running_api(database_url, redis_url, public_url="https://flux.example.com/") as api,
        client(api, key) as caller,
    ):
        for _ in range(2):
            link = (await caller.post(PATH, json={"expires_in": 60})).json()
            assert link["url"].startswith("https://flux.example.com/dashboard/sign-in/")
        await world.advance_clock(90_000)
        await caller.post(PATH, json={})
    assert await world.scalar("SELECT count(*) FROM portal_links") == 1
