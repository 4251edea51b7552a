"""Every form of the dashboard that changes or reveals something leaves an entry in the audit log."""

from typing import Final

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.api_key import NewApiKey
from flux_dispatch.domain.secret_token import digest
from flux_dispatch.store.api_keys import ApiKeyStore
from tests.api.test_tenancy import _GIVEN_UP
from tests.dashboard.test_sign_in import new_link
from tests.support.api import URL, Caller, api_client, running_api
from tests.support.dashboard import SIGN_IN, SignedIn, signed_in
from tests.support.pages import ROUTES, things_of
from tests.support.store_harness import StoreHarness

BODIES: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "accounts/new": ("account.created", {"name": "Acme", "external_id": ""}),
    "accounts/{account}/portal-link": ("portal_link.created", {"expires_in": "900"}),
    "{account}/webhooks/new": ("webhook.created", {"url": URL, "event": "*"}),
    "{account}/webhooks/{webhook}/ready": ("webhook.tested", {}),
    "{account}/webhooks/{webhook}/test": ("webhook.tested", {}),
    "{account}/webhooks/{webhook}/edit": ("webhook.updated", {"url": f"{URL}/new", "event": "*"}),
    "{account}/webhooks/{webhook}/secret": ("secret.revealed", {}),
    "{account}/webhooks/{webhook}/secret/rotate": ("secret.rotated", {"overlap": "3600"}),
    "{account}/webhooks/{webhook}/recover/{recovery}/cancel": ("recovery.canceled", {}),
    "{account}/webhooks/{webhook}/recover": ("recovery.begun", {"since": "24"}),
    "{account}/events/{event}/resend": ("event.resent", {}),
    "{account}/deliveries/{delivery}/retry": ("delivery.retried", {}),
    "{account}/alerts/{alert}/acknowledge": ("alert.acknowledged", {}),
    "{account}/alerts/acknowledge": ("alert.acknowledged", {"alert": "{other_alert}"}),
    "{account}/alert-channels/new": (
        "alert_channel.created",
        {"way": "other", "url": "jsons://127.0.0.1:9/y", "kind": "delivery_failed"},
    ),
    "{account}/alert-channels/{channel}/test": ("alert_channel.tested", {}),
    "{account}/alert-channels/{channel}/edit": (
        "alert_channel.updated",
        {"way": "keep", "name": "On call", "kind": "delivery_failed"},
    ),
    "{account}/alert-channels/{channel}/status": ("alert_channel.updated", {"status": "disabled"}),
    "{account}/alert-channels/{channel}/delete": ("alert_channel.deleted", {}),
    "{account}/listen/{session}/end": ("listen_session.ended", {}),
    "{account}/api-keys/new": ("api_key.created", {"name": "x", "scope": "read"}),
    "{account}/api-keys/{key}/revoke": ("api_key.revoked", {}),
    "{account}/event-types/+new": ("event_type.created", {"name": "a.b"}),
    "{account}/event-types/{event_type}/edit": ("event_type.updated", {"description": "New", "version": "1"}),
    "{account}/event-types/{event_type}/archive": ("event_type.archived", {}),
    "{account}/webhooks/{webhook}/status": ("webhook.disabled", {"status": "disabled"}),
    "{account}/webhooks/{webhook}/delete": ("webhook.deleted", {"host": "example.com"}),
    "{account}/audit-log/export": ("audit_log.exported", {"format": "csv"}),
    "platform-audit-log/export": ("audit_log.exported", {"format": "jsonl"}),
    "accounts/{account}/sign-out": ("session.all_signed_out", {}),
    "sign-out": ("session.signed_out", {}),
}
"""What each form leaves, and what is sent, in an order in which each finds what it needs."""

NOT_AUDITED: Final = {
    "{account}/events/new": "what was published stands with the events",
    "{account}/event-types/{event_type}/publish": "as above",
    "theme": "it changes a cookie",
}
SIGN_INS: Final = {"sign-in", "sign-in/{token}"}
"""They have tests of their own below."""


async def told(world: StoreHarness, request_id: str) -> list[tuple[str, str, bool]]:
    rows = await world.rows("SELECT * FROM audit_entries WHERE request_id = :id", id=request_id)
    assert all(row.address == "127.0.0.1" and row.user_agent for row in rows)
    return [(row.action, row.actor_kind, row.session_id is not None) for row in rows]


def test_every_form_is_here() -> None:
    forms = {each.path.removeprefix("/dashboard/") for each in ROUTES if each.method == "POST"}
    assert forms == {*BODIES, *NOT_AUDITED, *SIGN_INS}


async def test_each_leaves_one_entry(database_url: str, redis_url: str, database: AsyncEngine) -> None:
    world = StoreHarness(database)
    async with (
        running_api(database_url, redis_url, delivery_timeout="0.1") as api,
        api_client(api, database) as tenant,
        signed_in(api, database, operator=True) as operator,
        signed_in(api, database, account=tenant.account),
    ):
        named = await things_of(tenant)
        for name in ("alert", "other_alert"):
            found = await world.scalar(_GIVEN_UP.text, id=named["delivery"].removeprefix("dlv_"))
            named[name] = f"alrt_{found.hex}"
        page = f"/dashboard/{tenant.account}/webhooks"
        for path, (action, fields) in BODIES.items():
            sent = {name: each.format(**named) for name, each in fields.items()}
            answer = await operator.form(page, f"/dashboard/{path.format(**named)}", **sent)
            assert answer.status_code in {200, 303}, f"{path}: {answer.text}"
            assert await told(world, answer.headers["X-Request-Id"]) == [(action, "operator", True)], path


async def test_a_secret_that_stands_on_a_page_is_told(api: str, database: AsyncEngine, world: StoreHarness) -> None:
    async with api_client(api, database) as tenant, signed_in(api, database, account=tenant.account) as customer:
        path = f"/dashboard/{tenant.account}/webhooks/{(await tenant.webhook('*'))['id']}"
        revealed = [("secret.revealed", "customer", True)]
        for method, place, expected in (("GET", "ready", revealed), ("HEAD", "ready", []), ("GET", "secret", [])):
            answer = await customer.request(method, f"{path}/{place}")
            assert await told(world, answer.headers["X-Request-Id"]) == expected


@pytest.mark.parametrize("kind", ["customer", "operator", "platform_key", "api_key"])
async def test_signing_in_is_told(api: str, database: AsyncEngine, world: StoreHarness, kind: str) -> None:
    async with api_client(api, database) as tenant:
        account = tenant.account if kind in {"customer", "api_key"} else None
        scopes = ["admin"] if kind.endswith("key") else None
        async with signed_in(api, database, account=account, operator=account is None, scopes=scopes):
            (entry,) = await world.rows("SELECT * FROM audit_entries WHERE action = 'session.signed_in'")
    assert entry.actor_kind == {"platform_key": "operator"}.get(kind, kind)
    assert (entry.account_id is None) == (account is None)
    assert (entry.actor_name.startswith("sk_live_…"), entry.api_key_id is not None) == (bool(scopes), bool(scopes))
    assert entry.session_id is not None


async def test_who_signs_in_again_is_signed_out_before(api: str, database: AsyncEngine, world: StoreHarness) -> None:
    async with api_client(api, database) as tenant, signed_in(api, database, account=tenant.account) as customer:
        link = await new_link(database, tenant.account)
        answer = await customer.post(link)
        assert {each[0] for each in await told(world, answer.headers["X-Request-Id"])} == {
            "session.signed_in",
            "session.signed_out",
        }


async def refuse(browser: SignedIn, world: StoreHarness, path: str, **fields: str) -> list[tuple[str, str]]:
    """Try to sign in, and return what is told of it: the reason, and whose log it stands in."""
    answer = await browser.post(path, data=fields)
    assert answer.status_code in {404, 422}, answer.text
    rows = await world.rows("SELECT * FROM audit_entries WHERE request_id = :id", id=answer.headers["X-Request-Id"])
    assert {(row.action, row.actor_kind) for row in rows} <= {("session.refused", "nobody")}
    return [(row.changes["reason"][1], "account" if row.account_id else "platform") for row in rows]


async def not_working(world: StoreHarness, tenant: Caller) -> list[tuple[str, dict[str, str], tuple[str, str]]]:
    """Return what does not sign in, where it is given, and what is told of it."""
    keys = ApiKeyStore(world.database)
    revoked, expired = [await keys.add(tenant.account, NewApiKey(("read",), "old")) for _ in range(2)]
    writes = await keys.add(tenant.account, NewApiKey(("events:write",)))
    assert revoked
    assert expired
    assert writes
    await keys.revoke(revoked[0].id)
    await world.do("UPDATE api_keys SET expires_at = flux_now() WHERE last4 = :last4", last4=expired[0].last4)
    used, over = await new_link(world.database, tenant.account), await new_link(world.database, tenant.account)
    await world.do(
        "UPDATE portal_links SET used_at = CASE WHEN digest = :used THEN flux_now() END, "
        "expires_at = CASE WHEN digest = :used THEN expires_at ELSE flux_now() END",
        used=digest(used.rpartition("/")[2]),
    )
    mistyped = tenant.key[:-1] + ("1" if tenant.key.endswith("0") else "0")
    return [
        (SIGN_IN, {"key": "secret password"}, ("unknown_key", "platform")),
        (SIGN_IN, {"key": mistyped}, ("unknown_key", "platform")),
        (SIGN_IN, {"key": revoked[1]}, ("revoked_key", "account")),
        (SIGN_IN, {"key": expired[1]}, ("expired_key", "account")),
        (SIGN_IN, {"key": writes[1]}, ("key_lacks_read", "account")),
        (f"{SIGN_IN}/nothing", {}, ("unknown_link", "platform")),
        (used, {}, ("used_link", "account")),
        (over, {}, ("expired_link", "account")),
    ]


async def test_a_sign_in_that_is_refused_is_told_with_the_reason(
    database_url: str, redis_url: str, database: AsyncEngine
) -> None:
    world = StoreHarness(database)
    async with (
        running_api(database_url, redis_url, trusted_proxies="127.0.0.1/32") as api,
        api_client(api, database) as tenant,
        SignedIn(base_url=api, headers={"Origin": api}, trust_env=False) as browser,
    ):
        cases = await not_working(world, tenant)
        for number, (path, fields, expected) in enumerate(cases):
            browser.headers["X-Forwarded-For"] = f"203.0.113.{number}"
            assert await refuse(browser, world, path, **fields) == [expected], fields
            assert await refuse(browser, world, path, **fields) == [], "it is counted"
        everything = await world.scalar("SELECT string_agg(e::text, '') FROM audit_entries AS e")
        for secret in ("password", *(fields["key"] for _, fields, _ in cases if fields), cases[-2][0], cases[-1][0]):
            assert secret.rpartition("/")[2] not in everything
    counted = await world.scalar("SELECT count(*) FROM audit_entries WHERE action = 'session.refused'")
    assert counted == 2 * len(cases), "what was counted is told at the end"


async def test_guessing_is_told_and_fills_nothing(database_url: str, redis_url: str, database: AsyncEngine) -> None:
    world = StoreHarness(database)
    async with (
        running_api(database_url, redis_url, trusted_proxies="127.0.0.1/32") as api,
        SignedIn(base_url=api, headers={"Origin": api}, trust_env=False) as browser,
    ):
        for number in range(100):
            browser.headers["X-Forwarded-For"] = f"203.0.113.{number}"
            for _ in range(2):
                await browser.post(SIGN_IN, data={"key": "x"})
        for number in range(10):
            browser.headers["X-Forwarded-For"] = f"2001:db8::{number}"
            await browser.post(SIGN_IN, data={"key": "x"})
        before = await world.scalar("SELECT count(*) FROM audit_entries")
        assert before == 51
    assert await world.scalar("SELECT count(*) FROM audit_entries") == 2 * before
    assert await world.scalar("SELECT sum((changes #>> '{times,1}')::int) FROM audit_entries") == 210
