"""Who did what stands in the log if and only if it was done, and nobody changes what stands there."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import Acting, Actor, ActorKind, AuditEntry, Reader, Target, TargetKind
from flux_dispatch.domain.ids import AccountId, Prefix, format_id, parse_id
from flux_dispatch.domain.webhook import NewWebhook, WebhookChange
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.acting import acting_as
from flux_dispatch.store.api_keys import ApiKeyStore
from flux_dispatch.store.audit_log import AuditLogQueries, AuditLogStore, note
from flux_dispatch.store.connect import transaction
from flux_dispatch.store.dashboard_sessions import DashboardSessionStore
from flux_dispatch.store.fail import FailureStore
from flux_dispatch.store.pages import Page
from flux_dispatch.store.webhooks import WebhookStore
from tests.support.alerting import exhaust
from tests.support.store_harness import SEALS, SECRET, StoreHarness, event
from tests.support.waiting import eventually_async

DRAFT = NewWebhook(
    url="https://example.com/a", events=("a.*",), description="shop", headers={"X-Key": "sesame"}, metadata={}
)


@pytest.fixture
def webhooks(world: StoreHarness) -> WebhookStore:
    return WebhookStore(world.database, SEALS)


async def entries(
    world: StoreHarness, account: AccountId | None, reader: Reader = Reader.PLATFORM, **filters: Any
) -> list[AuditEntry]:
    """Return what a reader is told, the newest first; ids of one millisecond are in no order."""
    found = await AuditLogQueries(world.database).page(account, Page(100), filters, reader)
    return sorted(found, key=lambda entry: entry.created_at, reverse=True)


async def test_an_entry_says_who_did_what_and_from_where(world: StoreHarness, webhooks: WebhookStore) -> None:
    account = await world.account()
    key, _ = await ApiKeyStore(world.database).create(account, ["admin"])
    come = Acting(key.actor, "req_1", "203.0.113.7", "curl/8")
    with acting_as(lambda: come):
        made = await webhooks.create(account, DRAFT, SECRET, most=9)
        assert made
        await webhooks.update(account, made.id, WebhookChange(url="https://example.com/b", headers={"X-Key": "other"}))
    changed, created, key_created = await entries(world, account)
    assert (changed.action, created.action, key_created.action) == (
        Action.WEBHOOK_UPDATED,
        Action.WEBHOOK_CREATED,
        Action.API_KEY_CREATED,
    )
    assert changed.acting == created.acting == come
    assert changed.target == created.target == Target(TargetKind.WEBHOOK, made.id, "shop")
    assert changed.changes == {
        "url": ("https://example.com/a", "https://example.com/b"),
        "headers": (["X-Key"], ["X-Key"]),
    }
    assert created.changes["events"] == (None, ["a.*"])
    assert key_created.acting == Acting(Actor(ActorKind.ENGINE))
    everything = await world.scalar("SELECT string_agg(e::text, '') FROM audit_entries AS e")
    assert not {each for each in ("sesame", "other", SECRET) if each in everything}


async def test_what_changes_nothing_is_not_told(world: StoreHarness, webhooks: WebhookStore) -> None:
    account = await world.account()
    made = await webhooks.create(account, DRAFT, SECRET, most=1)
    assert made
    before = len(await entries(world, account))
    await webhooks.update(account, made.id, WebhookChange(url=DRAFT.url, status="enabled", headers=DRAFT.headers))
    await AccountStore(world.database).change(account, {"name": "test"})
    assert await webhooks.create(account, DRAFT, SECRET, most=1) is None
    assert len(await entries(world, account)) == before
    assert await entries(world, None) == []


Verb = Callable[[StoreHarness, AccountId], Awaitable[object]]


async def _create(world: StoreHarness, account: AccountId) -> object:
    return await WebhookStore(world.database, SEALS).create(account, DRAFT, SECRET, most=9)


async def _delete(world: StoreHarness, account: AccountId) -> object:
    return await AccountStore(world.database).delete(account)


async def _make_key(world: StoreHarness, account: AccountId) -> object:
    return await ApiKeyStore(world.database).create(account, ["read"])


@pytest.mark.parametrize("verb", [_create, _delete, _make_key])
async def test_what_cannot_be_told_is_not_done(world: StoreHarness, verb: Verb) -> None:
    account = await world.account()
    await world.do("ALTER TABLE audit_entries ADD CONSTRAINT nothing_more CHECK (false) NOT VALID")
    with pytest.raises(DBAPIError):
        await verb(world, account)
    assert await world.scalar("SELECT (SELECT count(*) FROM webhooks) + (SELECT count(*) FROM api_keys)") == 0
    assert await world.scalar("SELECT count(*) FROM audit_entries") == 0
    assert await world.scalar("SELECT deleted_at FROM accounts") is None


async def test_what_is_rolled_back_is_not_told(world: StoreHarness) -> None:
    account = await world.account()

    async def fail() -> None:
        async with transaction(world.database) as connection:
            await note(connection, Action.WEBHOOK_DELETED, account)
            await connection.exec_driver_sql("SELECT 1 / 0")

    with pytest.raises(DBAPIError):
        await fail()
    assert await entries(world, account) == []


async def test_many_at_once_leave_an_entry_each(world: StoreHarness, webhooks: WebhookStore) -> None:
    account = await world.account()

    async def make(number: int) -> None:
        with acting_as(lambda: Acting(Actor(ActorKind.COMMAND, name=f"n{number}"))):
            await webhooks.create(
                account, replace(DRAFT, url=f"https://example.com/{number}", description=""), SECRET, most=99
            )

    await asyncio.gather(*(make(number) for number in range(20)))
    told = {(each.acting.actor.name, each.target.name) for each in await entries(world, account) if each.target}
    assert told == {(f"n{number}", f"https://example.com/{number}") for number in range(20)}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_entries SET action = 'x'",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
        "SELECT set_config('flux.audit_retention_days', '1', false); DELETE FROM audit_entries",
        "SELECT set_config('flux.audit_retention_days', '0', false); DELETE FROM audit_entries",
        "SELECT set_config('flux.audit_retention_days', '-9', false); DELETE FROM audit_entries",
        "SELECT set_config('flux.erased_account', account_id::text, false) FROM api_keys; DELETE FROM audit_entries",
        (
            "CREATE TEMP TABLE accounts AS SELECT account_id AS id, now() AS deleted_at FROM audit_entries; "
            "SELECT set_config('flux.erased_account', id::text, false) FROM accounts; DELETE FROM audit_entries"
        ),
        (
            "CREATE SCHEMA faked; CREATE FUNCTION faked.flux_now() RETURNS timestamptz RETURN now() + interval '9d'; "
            "SELECT set_config('search_path', 'faked, public', false); "
            "SELECT set_config('flux.audit_retention_days', '1', false); DELETE FROM audit_entries"
        ),
    ],
)
async def test_what_stands_there_stays_as_it_is(world: StoreHarness, change: str) -> None:
    account = await world.account()
    await _make_key(world, account)

    async def try_it() -> None:
        async with transaction(world.database) as connection:
            for statement in change.split("; "):
                await connection.exec_driver_sql(statement)

    with pytest.raises(DBAPIError, match="The audit log is not changed"):
        await try_it()
    (entry,) = await entries(world, account)
    assert entry.action == Action.API_KEY_CREATED


async def test_what_is_old_goes_in_pages_and_what_is_younger_stays(world: StoreHarness) -> None:
    await world.advance_clock(0)
    log = AuditLogStore(world.database)
    for _ in range(5):
        await log.note_export(None, {})
    await world.advance_clock(timedelta(days=6).total_seconds())
    await log.note_export(None, {"format": "csv"})
    assert await log.prune(7, limit=3) == 0
    await world.advance_clock(timedelta(days=1, seconds=1).total_seconds())
    assert [await log.prune(7, limit=3) for _ in range(3)] == [3, 2, 0]
    (entry,) = await entries(world, None)
    assert entry.changes == {"format": (None, "csv")}


async def test_several_who_prune_share_it(world: StoreHarness) -> None:
    await world.advance_clock(0)
    log = AuditLogStore(world.database)
    await asyncio.gather(*(log.note_export(None, {}) for _ in range(30)))
    await world.advance_clock(timedelta(days=2).total_seconds())
    assert sum(await asyncio.gather(*(log.prune(1, limit=10) for _ in range(3)))) + await log.prune(1, limit=30) == 30


async def test_an_erased_account_leaves_that_it_was_deleted_and_erased(world: StoreHarness) -> None:
    from flux_dispatch.domain.account import NewAccount
    from flux_dispatch.store.erase import LINGER, EraseStore

    await world.advance_clock(0)
    accounts, erase = AccountStore(world.database), EraseStore(world.database)
    made, _ = await accounts.add(NewAccount("Jane Doe", "jane@example.com"))
    other = await accounts.create("other")
    await accounts.change(made.id, {"name": "Jane Roe", "metadata": {"mail": "jane@example.com"}})
    await _make_key(world, made.id)
    await _make_key(world, other)
    await accounts.delete(made.id)
    while await erase.erase_some(limit=100):
        pass
    await world.advance_clock(LINGER.total_seconds())
    while await erase.erase_some(limit=100):
        pass
    assert await entries(world, made.id) == []
    assert len(await entries(world, other)) == 1
    told = [(each.action, each.target.id) for each in await entries(world, None) if each.target]
    assert sorted(told) == [
        (Action.ACCOUNT_CREATED, other),
        (Action.ACCOUNT_DELETED, made.id),
        (Action.ACCOUNT_ERASED, made.id),
    ]
    assert "ane" not in await world.scalar("SELECT string_agg(e::text, '') FROM audit_entries AS e")


async def test_a_webhook_that_is_gone_is_told_as_disabled_by_the_engine(world: StoreHarness) -> None:
    account = await world.account()
    webhook = await world.webhook(account, "*")
    delivery = await world.delivery(account)
    await exhaust(world, [delivery], 410)
    await FailureStore(world.database).fail([delivery])
    await FailureStore(world.database).fail([delivery])
    (entry,) = await entries(world, account)
    assert (entry.action, entry.target and entry.target.id) == (Action.WEBHOOK_DISABLED, webhook)
    assert entry.acting.actor == Actor(ActorKind.ENGINE)
    assert entry.changes == {"status": ("enabled", "disabled"), "disabled_reason": (None, "gone")}


async def test_an_entry_whose_statement_waited_is_found_by_its_time(world: StoreHarness) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    delivery = await world.delivery(account)
    await exhaust(world, [delivery], 410)
    waits = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
               AND wait_event_type = 'Lock' AND clock_timestamp() > query_start + interval '50 ms'"""
    async with transaction(world.database) as connection:
        await connection.exec_driver_sql("SELECT FROM webhooks FOR UPDATE")
        failing = asyncio.create_task(FailureStore(world.database).fail([delivery]))
        await eventually_async(lambda: world.scalar(waits), "it waits")
    await failing
    (entry,) = await entries(world, account)
    moment = timedelta(microseconds=1)
    found = {"created_after": entry.created_at - moment, "created_before": entry.created_at + moment}
    assert await entries(world, account, **found) == [entry]


async def test_who_signed_in_with_a_key_is_called_by_it(world: StoreHarness) -> None:
    account, keys = await world.account(), ApiKeyStore(world.database)
    key, text = await keys.create(account, ["read"])
    sessions = DashboardSessionStore(world.database)
    token, session = await sessions.sign_in_by_key(key)
    await sessions.end(token)
    await sessions.end(token)
    out, came, _ = await entries(world, account)
    assert (came.action, out.action) == (Action.SIGNED_IN, Action.SIGNED_OUT)
    assert came.acting.actor == out.acting.actor == Actor(ActorKind.API_KEY, key.id, session.id, key.label)
    assert text not in str(came)
    assert [each.action for each in await entries(world, account, actor=session.id)] == [out.action, came.action]
    assert [each.action for each in await entries(world, account, actor=key.id)] == [out.action, came.action]


async def test_a_list_is_narrowed(world: StoreHarness, webhooks: WebhookStore) -> None:
    account, other = await world.account(), await world.account()
    first = await webhooks.create(account, DRAFT, SECRET, most=9)
    assert first
    second = await webhooks.create(account, DRAFT, SECRET, most=9)
    assert second
    await webhooks.delete(account, second.id)
    await webhooks.create(other, DRAFT, SECRET, most=9)
    at = (await entries(world, account, target=second.id))[-1].created_at

    async def found(**filters: Any) -> list[tuple[str, str]]:
        return [(each.action, each.target.id) for each in await entries(world, account, **filters) if each.target]

    assert await found(actions={Action.WEBHOOK_DELETED}) == [(Action.WEBHOOK_DELETED, second.id)]
    assert len(await found(actions={Action.WEBHOOK_DELETED, Action.WEBHOOK_CREATED})) == 3
    assert await found(target=first.id) == [(Action.WEBHOOK_CREATED, first.id)]
    assert await found(created_before=at) == [(Action.WEBHOOK_CREATED, first.id)]
    assert len(await found(created_after=at - timedelta(microseconds=1))) == 2
    assert await found(actor="operator") == []
    assert len(await found(actor="engine")) == 3
    queries = AuditLogQueries(world.database)
    pages, after = [], None
    while page := await queries.page(account, Page(1, after), {}, Reader.ACCOUNT):
        pages += page
        after = (parse_id(Prefix.AUDIT_ENTRY, page[-1].id),)
    assert sorted(pages, key=str) == sorted(await entries(world, account, Reader.ACCOUNT), key=str)


async def test_each_reader_is_told_what_is_theirs(world: StoreHarness) -> None:
    account, keys = await world.account(), ApiKeyStore(world.database)
    platform, _ = await keys.create(None, ["admin"])
    own, _ = await keys.create(account, ["admin"])
    session = format_id(Prefix.DASHBOARD_SESSION, "0" * 32)
    actors = [own.actor, platform.actor, Actor(ActorKind.OPERATOR, session=session), Actor(ActorKind.CUSTOMER)]  # type: ignore[arg-type]
    store = AuditLogStore(world.database)
    for actor in actors:
        with acting_as(lambda actor=actor: Acting(actor, "req_1", "203.0.113.7", "curl")):
            await store.note_export(account, {})
    told = {}
    for reader in Reader:
        listed = await entries(world, account, reader, actions={Action.AUDIT_LOG_EXPORTED})
        told[reader] = [(each.acting.actor.kind.value, each.acting.address is not None) for each in reversed(listed)]
        assert {each.acting.request_id for each in listed} == {"req_1"}
    kinds = ["api_key", "platform_key", "operator", "customer"]
    assert told[Reader.PLATFORM] == [(each, True) for each in kinds]
    assert told[Reader.ACCOUNT] == list(zip(kinds, [True, False, False, True], strict=True))
    assert told[Reader.CUSTOMER] == list(zip(kinds, [False, False, False, True], strict=True))
    assert len(await entries(world, account, Reader.ACCOUNT)) == 5
    assert len(await entries(world, account, Reader.CUSTOMER)) == 4, "who has which keys is not theirs"
    for reader, found in ((Reader.PLATFORM, 1), (Reader.ACCOUNT, 0), (Reader.CUSTOMER, 0)):
        assert len(await entries(world, account, reader, actor=platform.id)) == found
        assert len(await entries(world, account, reader, actor=session)) == found
    assert len(await entries(world, account, Reader.CUSTOMER, actor=own.id)) == 0


async def test_publishing_is_not_told(world: StoreHarness) -> None:
    account = await world.account()
    assert await world.publish(event(account)) != []
    assert await entries(world, account) == []
