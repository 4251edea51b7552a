"""The signing secret: out of sight until it is asked for, and replaced without an endpoint having to hurry."""

from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.dashboard.pages.webhook_secret import OVERLAPS
from flux_dispatch.domain.ids import WebhookId
from flux_dispatch.domain.webhook import MAX_SECRETS, SigningSecrets
from flux_dispatch.store.webhooks import WebhookStore
from tests.dashboard.test_webhook_new import problem_at
from tests.support.api import Caller
from tests.support.dashboard import signed_in
from tests.support.store_harness import SEALS, StoreHarness

DOTS = "whsec_••••"


async def secrets_of(database: AsyncEngine, caller: Caller, webhook: str) -> SigningSecrets:
    found = await WebhookStore(database, SEALS).reveal_secret(caller.account, WebhookId(webhook))
    assert found
    return found


async def test_it_is_shown_when_somebody_asks_and_only_then(api: str, database: AsyncEngine, tenant: Caller) -> None:
    webhook = await tenant.webhook("*")
    path = f"/dashboard/{tenant.account}/webhooks/{webhook['id']}/secret"
    async with signed_in(api, database, account=tenant.account) as customer:
        assert DOTS in (await customer.get(path)).text
        revealed = await customer.form(path)
        assert revealed.status_code == 200
        assert f'data-copy-text="{webhook["secret"]}"' in revealed.text
        assert DOTS not in revealed.text
        again = await customer.get(path)
        assert webhook["secret"] not in again.text
        assert DOTS in again.text


@pytest.mark.parametrize("overlap", OVERLAPS, ids=str)
async def test_the_one_before_goes_on_signing_for_as_long_as_was_chosen(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness, overlap: timedelta
) -> None:
    webhook = await tenant.webhook("*")
    path = f"/dashboard/{tenant.account}/webhooks/{webhook['id']}/secret"
    seconds = str(round(overlap.total_seconds()))
    async with signed_in(api, database, account=tenant.account) as customer:
        assert f'name="overlap" value="{seconds}"' in (await customer.get(path)).text
        answer = await customer.form(path, f"{path}/rotate", overlap=seconds)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"{path}?done=secret_rotated")
        page = (await customer.get(answer.headers["Location"])).text
    made = await secrets_of(database, tenant, webhook["id"])
    assert made.newest != webhook["secret"]
    assert made.newest not in page
    assert "There is a new secret." in page
    assert page.count('data-when="left"') == len(made.older_expire_at) == bool(overlap)
    for each in made.older_expire_at:
        left = await world.scalar("SELECT CAST(:end AS timestamptz) - flux_now()", end=each)
        assert overlap - timedelta(minutes=1) < left <= overlap


@pytest.mark.parametrize("overlap", ["", "1", "-1", "3601", "604801", "3600.0", " 3600", "٣٦٠٠", "1e9"])
async def test_what_is_not_offered_is_refused(api: str, database: AsyncEngine, tenant: Caller, overlap: str) -> None:
    webhook = await tenant.webhook("*")
    path = f"/dashboard/{tenant.account}/webhooks/{webhook['id']}/secret"
    async with signed_in(api, database, account=tenant.account) as customer:
        answer = await customer.form(path, f"{path}/rotate", overlap=overlap)
    assert answer.status_code == 422
    assert problem_at(answer.text, "overlap") == "Choose for how long the secret before goes on signing."
    assert webhook["secret"] not in answer.text
    assert await secrets_of(database, tenant, webhook["id"]) == SigningSecrets(webhook["secret"], ())


async def test_of_too_many_at_once_the_page_says_what_to_do(api: str, database: AsyncEngine, tenant: Caller) -> None:
    webhook = await tenant.webhook("*")
    path = f"/dashboard/{tenant.account}/webhooks/{webhook['id']}/secret"
    async with signed_in(api, database, account=tenant.account) as customer:
        for _ in range(MAX_SECRETS - 1):
            assert (await customer.form(path, f"{path}/rotate", overlap="86400")).status_code == 303
        before = await secrets_of(database, tenant, webhook["id"])
        assert (await customer.get(path)).text.count('data-when="left"') == MAX_SECRETS - 1
        answer = await customer.form(path, f"{path}/rotate", overlap="86400")
        assert answer.status_code == 409
        assert problem_at(answer.text, "overlap").startswith(f"{MAX_SECRETS} secrets sign already.")
        assert await secrets_of(database, tenant, webhook["id"]) == before
        assert (await customer.form(path, f"{path}/rotate", overlap="0")).status_code == 303
    assert (await secrets_of(database, tenant, webhook["id"])).older_expire_at == ()


async def test_one_that_does_not_open_can_be_replaced(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness
) -> None:
    webhook = await tenant.webhook("*")
    path = f"/dashboard/{tenant.account}/webhooks/{webhook['id']}/secret"
    await world.do("UPDATE webhooks SET secrets = '{}', sealed_secrets = ARRAY[CAST('lost' AS bytea)]")
    async with signed_in(api, database, account=tenant.account) as customer:
        page = await customer.get(path)
        assert page.status_code == 200
        assert "does not open with the keys that there are" in page.text
        revealed = await customer.form(path)
        assert "does not open with the keys that there are" in revealed.text
        assert (await customer.form(path, f"{path}/rotate", overlap="0")).status_code == 303
        made = await secrets_of(database, tenant, webhook["id"])
        assert f'data-copy-text="{made.newest}"' in (await customer.form(path)).text
