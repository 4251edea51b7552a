"""API keys in the dashboard: made within what one may do, shown once, and revoked at once."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.api_key import Limits, NewApiKey
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.api_keys import ApiKeyStore
from tests.support.api import Caller, client
from tests.support.dashboard import SIGN_IN, SignedIn, signed_in
from tests.support.store_harness import StoreHarness

EVIL = "<script>alert(1)</script>"
A_KEY = re.compile(r'data-copy-text="(sk_live_\w+)"')


def path(account: AccountId, *more: str) -> str:
    return "/".join([f"/dashboard/{account}/api-keys", *more])


def key_in(answer: httpx.Response) -> str:
    found = A_KEY.search(answer.text)
    assert found, answer.text
    return found[1]


async def status_of(api: str, key: str, what: str = "/v1/webhooks") -> int:
    async with client(api, key) as http:
        return (await http.get(what)).status_code


@asynccontextmanager
async def signed_in_by(
    api: str, database: AsyncEngine, account: AccountId, wanted: NewApiKey
) -> AsyncIterator[SignedIn]:
    made = await ApiKeyStore(database).add(account, wanted)
    assert made is not None
    async with SignedIn(base_url=api, headers={"Origin": api}, trust_env=False) as browser:
        assert (await browser.post(SIGN_IN, data={"key": made[1]})).status_code == 303
        yield browser


async def test_a_key_is_shown_once_works_and_works_no_more_when_it_is_revoked(
    api: str, tenant: Caller, world: StoreHarness
) -> None:
    async with signed_in(api, world.database, account=tenant.account, scopes=["admin"]) as admin:
        made = await admin.form(path(tenant.account, "new"), name="billing", scope=["read", "events:write"])
        key = key_in(made)
        assert await status_of(api, key) == 200
        listed = (await admin.get(path(tenant.account))).text
        assert "billing" in listed
        assert f"sk_live_…{key[-4:]}" in listed
        assert key not in listed

        stored = await ApiKeyStore(world.database).find(key)
        assert stored is not None
        assert (stored.scopes, stored.account) == (("read", "events:write"), tenant.account)
        question = path(tenant.account, stored.id, "revoke")
        assert f"sk_live_…{key[-4:]}" in (await admin.get(question)).text
        # the API has just seen it work, and must not go by that any more
        assert await status_of(api, key) == 200
        revoked = await admin.form(question)
        assert revoked.headers["Location"] == path(tenant.account) + "?done=key_revoked"
        assert await status_of(api, key) == 401
        assert "billing" not in (await admin.get(path(tenant.account))).text
        assert (await admin.get(question)).status_code == 404


async def test_a_key_has_the_end_and_the_limits_that_are_asked_for(
    api: str, tenant: Caller, world: StoreHarness
) -> None:
    async with signed_in(api, world.database, operator=True) as operator:
        fields = {"scope": ["read"], "expires_on": "2999-12-31", "events_per_second": "5", "requests_per_second": "7"}
        key = key_in(await operator.form(path(tenant.account, "new"), **fields))
        listed = (await operator.get(path(tenant.account))).text
    found = await ApiKeyStore(world.database).find(key)
    assert found is not None
    assert found.expires_at == datetime(2999, 12, 31, tzinfo=UTC)
    assert found.limits == Limits(5, 7)
    assert "7 requests a second" in listed


WRONG: list[tuple[dict[str, str | list[str]], str, str]] = [
    ({"scope": []}, "scopes", "Tick at least one"),
    ({"scope": ["everything"]}, "scopes", "is not a scope"),
    ({"name": "x" * 101}, "name", "0 to 100 characters"),
    ({"events_per_second": "many"}, "events_per_second", "whole number"),
    ({"events_per_second": "٣"}, "events_per_second", "whole number"),
    ({"requests_per_second": "0"}, "requests_per_second", "1 to 1000000"),
    ({"expires_on": "soon"}, "expires_at", "Give a day like"),
    ({"expires_on": "2020-01-01"}, "expires_at", "has begun already"),
]


async def test_what_is_wrong_stands_at_its_field(api: str, tenant: Caller, world: StoreHarness) -> None:
    async with signed_in(api, world.database, account=tenant.account, scopes=["admin"]) as admin:
        for fields, field, message in WRONG:
            given: dict[str, str | list[str]] = {"name": "kept", "scope": ["read"], **fields}
            answer = await admin.form(path(tenant.account, "new"), **given)
            assert answer.status_code == 422
            assert message in answer.text.partition(f'id="{field}-problem">')[2].partition("</p>")[0]
            assert f'value="{given["name"]}"' in answer.text
    assert await world.scalar("SELECT count(*) FROM api_keys WHERE name <> ''") == 0


async def test_who_signed_in_with_a_key_makes_none_that_may_do_more(
    api: str, tenant: Caller, world: StoreHarness
) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    own = NewApiKey(("admin",), expires_at=end, limits=Limits(5, None))
    async with signed_in_by(api, world.database, tenant.account, own) as admin:
        for more, field in (
            ({"events_per_second": "6"}, "events_per_second"),
            ({"expires_on": "2999-01-01"}, "expires_at"),
        ):
            refused = await admin.form(path(tenant.account, "new"), scope=["read"], **more)
            assert refused.status_code == 403
            assert "no more than it has itself" in refused.text.partition(f'id="{field}-problem">')[2]
        key = key_in(await admin.form(path(tenant.account, "new"), scope=["read"]))
    found = await ApiKeyStore(world.database).find(key)
    assert found is not None
    assert (found.expires_at, found.limits) == (end, Limits(5, None))


async def test_who_revokes_the_own_key_is_told_before_and_signed_out(
    api: str, tenant: Caller, world: StoreHarness
) -> None:
    async with signed_in(api, world.database, account=tenant.account, scopes=["admin"]) as admin:
        _, own = await ApiKeyStore(world.database).list_all(tenant.account)
        page = path(tenant.account, own.id, "revoke")
        assert "You signed in with this key" in (await admin.get(page)).text
        await admin.form(page)
        assert (await admin.get(path(tenant.account))).headers["Location"].startswith(SIGN_IN)


async def test_customers_and_lesser_keys_see_no_keys(api: str, tenant: Caller, world: StoreHarness) -> None:
    (key,) = await ApiKeyStore(world.database).list_all(tenant.account)
    pages = [path(tenant.account), path(tenant.account, "new"), path(tenant.account, key.id, "revoke")]
    webhooks = f"/dashboard/{tenant.account}/webhooks"
    for scopes, status in ((None, 404), (["read", "webhooks:write", "events:write"], 403)):
        async with signed_in(api, world.database, account=tenant.account, scopes=scopes) as client:
            assert "API keys" not in (await client.get(webhooks)).text
            assert [(await client.get(each)).status_code for each in pages] == [status] * 3
            for each in pages[1:]:
                assert (await client.form(webhooks, each, scope=["read"])).status_code == status
    assert await status_of(api, tenant.key) == 200


async def test_anothers_keys_are_not_there(api: str, tenant: Caller, other_tenant: Caller, world: StoreHarness) -> None:
    (theirs,) = await ApiKeyStore(world.database).list_all(other_tenant.account)
    platform, _ = await ApiKeyStore(world.database).create(None, ["admin"])
    async with signed_in(api, world.database, account=tenant.account, scopes=["admin"]) as admin:
        listed = (await admin.get(path(tenant.account))).text
        assert theirs.last4 not in listed
        assert platform.last4 not in listed
        for each in (theirs, platform):
            for account in (tenant.account, other_tenant.account):
                page = path(account, each.id, "revoke")
                assert (await admin.get(page)).status_code == 404
                assert (await admin.form(path(tenant.account, "new"), page)).status_code == 404
        refused = await admin.form(path(tenant.account, "new"), path(other_tenant.account, "new"), scope=["read"])
        assert refused.status_code == 404
    assert await status_of(api, other_tenant.key) == 200


async def test_stored_markup_is_text_and_what_expired_says_so(api: str, tenant: Caller, world: StoreHarness) -> None:
    made = await ApiKeyStore(world.database).add(tenant.account, NewApiKey(("read",), name=EVIL))
    assert made is not None
    await world.do("UPDATE api_keys SET expires_at = flux_now() - interval '1 day' WHERE name <> ''")
    async with signed_in(api, world.database, operator=True) as operator:
        for page in (path(tenant.account), path(tenant.account, made[0].id, "revoke")):
            text = (await operator.get(page)).text
            assert EVIL not in text
            assert "&lt;script&gt;" in text
        assert "Expired" in (await operator.get(path(tenant.account))).text


async def test_an_account_without_keys_is_told_what_they_are_for(api: str, world: StoreHarness) -> None:
    account = await world.account()
    async with signed_in(api, world.database, operator=True) as operator:
        page = (await operator.get(path(account))).text
    assert "No keys yet" in page
    assert f"--account {account}" in page
