"""Of a deleted account nothing stays: its rows go page by page, whoever comes, and the account last."""

import asyncio
import json
from uuid import UUID

import pytest
from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.event_type import NewEventType
from flux_dispatch.domain.ids import AccountId, Prefix, parse_id
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.api_keys import ApiKeyStore
from flux_dispatch.store.connect import Plans, open_database, transaction
from flux_dispatch.store.dashboard_sessions import DashboardSessionStore
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.erase import IN_ORDER, LINGER, PAUSE, SAY_ERASED, STEPS, EraseStore
from flux_dispatch.store.event_types import EVERYBODY, EventTypeStore
from flux_dispatch.store.portal_links import PortalLinkStore
from flux_dispatch.store.tables import metadata
from tests.support.store_harness import SEALS, TIMING, StoreHarness, event

OWNED = {"account_id", "webhook_id", "event_id", "delivery_id"}
"""A table with one of these columns holds what is somebody's."""

ATTEMPTS = "attempts"  # they go with their deliveries


@pytest.fixture
def erase(world: StoreHarness) -> EraseStore:
    return EraseStore(world.database)


async def filled(world: StoreHarness) -> AccountId:
    """Return an account that has something in every table."""
    account = await world.account()
    await world.webhook(account, "*")
    delivery = await world.delivery(account)
    webhook, event_id = await world.scalar("SELECT max(id::text) FROM webhooks"), (await world.state(delivery)).event_id
    ids = {"account": parse_id(Prefix.ACCOUNT, account), "delivery": parse_id(Prefix.DELIVERY, delivery)}
    await world.do(
        "INSERT INTO attempts VALUES (CAST(:delivery AS uuid), 1, 0.1, flux_now(), 500)", delivery=ids["delivery"]
    )
    await world.do(
        "INSERT INTO alerts (account_id, webhook_id, event_id, delivery_id, reason) VALUES "
        "(CAST(:account AS uuid), CAST(:webhook AS uuid), :event, CAST(:delivery AS uuid), 'attempts_exhausted')",
        **ids,
        webhook=webhook,
        event=event_id,
    )
    await world.do(
        "INSERT INTO fan_outs VALUES (CAST(:account AS uuid), :event, '{*}', CAST(:webhook AS uuid), 9)",
        account=ids["account"],
        event=event_id,
        webhook=webhook,
    )
    await _kept_beside(world, ids["account"], webhook, event_id)
    key, _ = await ApiKeyStore(world.database).create(account, ["admin"])
    await DashboardSessionStore(world.database).sign_in_by_key(key)
    await PortalLinkStore(world.database).create(account, TIMING.lease)
    assert await EventTypeStore(world.database).create(account, NewEventType("a.b", "", None, None, None), most=1)
    return account


async def _kept_beside(world: StoreHarness, account: str, webhook: str, event_id: UUID) -> None:
    await world.do(
        "INSERT INTO webhook_statistics VALUES (CAST(:webhook AS uuid), flux_now(), 1, 1, 0, '{}')", webhook=webhook
    )
    await world.do(
        "INSERT INTO recoveries (account_id, webhook_id, since, until, position, status) VALUES "
        "(CAST(:account AS uuid), CAST(:webhook AS uuid), flux_now(), flux_now(), :event, 'pending')",
        account=account,
        webhook=webhook,
        event=event_id,
    )
    await world.do(
        "INSERT INTO listen_sessions (account_id, webhook_id, token) VALUES "
        "(CAST(:account AS uuid), CAST(:webhook AS uuid), CAST(:webhook AS text))",
        account=account,
        webhook=webhook,
    )
    await world.do(
        "INSERT INTO outbox VALUES (:event, CAST(:account AS uuid), 'a', '{}', NULL, flux_now())",
        event=event_id,
        account=account,
    )
    await _alerting(world, account, webhook)
    await world.do(
        "INSERT INTO event_statuses VALUES (:event, CAST(:account AS uuid), 1, 0, 0, 0, false)",
        event=event_id,
        account=account,
    )


async def _alerting(world: StoreHarness, account: str, webhook: str) -> None:
    channel = await world.scalar(
        "INSERT INTO alert_channels (account_id, name, service, target, kinds) "
        "VALUES (CAST(:account AS uuid), '', 'email', '', '{}') RETURNING id",
        account=account,
    )
    await world.do(
        "INSERT INTO alert_digests VALUES "
        "(:channel, :webhook, 'delivery_failed', CAST(:account AS uuid), 1, flux_now(), flux_now(), '{}')",
        channel=channel,
        webhook=webhook,
        account=account,
    )
    await world.do(
        "INSERT INTO notifications (channel_id, account_id, content) VALUES (:channel, CAST(:account AS uuid), '{}')",
        channel=channel,
        account=account,
    )
    await world.do(
        "INSERT INTO webhook_health VALUES "
        "(CAST(:webhook AS uuid), CAST(:account AS uuid), 'suspect', flux_now(), flux_now())",
        webhook=webhook,
        account=account,
    )


async def rows_left(world: StoreHarness) -> dict[str, int]:
    """Return how many rows each table holds of what is somebody's."""
    return {
        table.name: await world.scalar(_count(table)) for table in metadata.sorted_tables if OWNED & set(table.c.keys())
    }


def _count(table: Table) -> str:
    counted = f"SELECT count(*) FROM {table.name}"  # noqa: S608 - one of ours
    return f"{counted} WHERE account_id <> '{EVERYBODY}'" if "account_id" in table.c else counted


async def erase_all(erase: EraseStore, limit: int = 100) -> list[int]:
    """Come until there is nothing more to come for, and return how many rows went each time."""
    rows = []
    while erased := await erase.erase_some(limit=limit):
        rows.append(erased.rows)
    return rows


def test_every_table_of_somebody_s_is_erased() -> None:
    owned = {table.name for table in metadata.sorted_tables if OWNED & set(table.c.keys())}
    assert owned == {*STEPS, ATTEMPTS} - {"ended", "told_by_platform"}


async def test_nothing_of_a_deleted_account_stays_and_nothing_of_another_goes(
    world: StoreHarness, erase: EraseStore
) -> None:
    await world.advance_clock(0)
    other = await filled(world)
    before = await rows_left(world)
    assert all(before.values())
    account = await filled(world)
    assert await AccountStore(world.database).delete(account)
    await erase_all(erase)
    assert await rows_left(world) == before
    assert await world.scalar("SELECT count(*) FROM accounts") == 2
    await world.advance_clock(LINGER.total_seconds())
    assert await erase_all(erase) == [0]
    assert await world.scalar("SELECT count(*) FROM accounts") == 1
    assert await AccountStore(world.database).exists(other)


async def test_very_much_goes_in_pages_and_several_workers_share_it(world: StoreHarness, erase: EraseStore) -> None:
    await world.advance_clock(0)
    accounts = [await world.account() for _ in range(2)]
    for account in accounts:
        await world.webhook(account, "*")
        await world.publish(*(event(account, data={"n": n}) for n in range(25)))
        await AccountStore(world.database).delete(account)
    pages = await asyncio.gather(*(erase_all(erase, 10) for _ in range(3)))
    pages = [*pages, await erase_all(erase, 10)]
    assert max(max(each, default=0) for each in pages) == 10
    assert sum(map(sum, pages)) == 2 * (25 + 25 + 1)
    assert set((await rows_left(world)).values()) == {0}


async def test_what_is_being_sent_stays_until_its_lease_is_over(world: StoreHarness, erase: EraseStore) -> None:
    await world.advance_clock(0)
    account = await world.account()
    await world.webhook(account, "*")
    sending, _ = await world.delivery(account), await world.delivery(account)
    assert await DeliveryStore(world.database, TIMING, SEALS).claim([sending])
    await AccountStore(world.database).delete(account)
    assert await erase_all(erase) == [1, 0]
    assert (await world.state(sending)).state == "sending"
    assert await world.scalar("SELECT count(*) FROM events") == 2
    await world.advance_clock(PAUSE.total_seconds())
    assert await erase_all(erase) == [0]
    await world.advance_clock(TIMING.lease.total_seconds())
    await erase_all(erase)
    assert set((await rows_left(world)).values()) == {0}


async def test_what_was_made_meanwhile_goes_too(world: StoreHarness, erase: EraseStore) -> None:
    await world.advance_clock(0)
    account = await world.account()
    await AccountStore(world.database).delete(account)
    assert await erase_all(erase) == [0]
    deleted_at = await world.scalar("SELECT deleted_at FROM accounts")
    # as by calls that saw the account as it was before
    await world.do("UPDATE accounts SET deleted_at = NULL")
    await world.webhook(account, "*")
    await world.delivery(account)
    await world.do("UPDATE accounts SET deleted_at = :at", at=deleted_at)
    await ApiKeyStore(world.database).create(account, ["admin"])
    await world.advance_clock(LINGER.total_seconds())
    await erase_all(erase)
    assert set((await rows_left(world)).values()) == {0}
    assert await world.scalar("SELECT count(*) FROM accounts") == 0


async def test_nothing_is_published_for_a_deleted_account(world: StoreHarness) -> None:
    account = await world.account()
    await AccountStore(world.database).delete(account)
    assert await world.publish(event(account)) == []
    assert await world.scalar("SELECT count(*) FROM events") == 0


async def test_a_key_that_was_made_meanwhile_does_not_work(world: StoreHarness) -> None:
    account, keys = await world.account(), ApiKeyStore(world.database)
    await AccountStore(world.database).delete(account)
    _, key = await keys.create(account, ["admin"])
    assert await keys.find(key) is None


@pytest.mark.parametrize("statistics", ["none", "of the time before"])
async def test_a_page_is_found_and_deleted_by_its_ids_whatever_the_statistics_say(
    world: StoreHarness, database_url: str, statistics: str
) -> None:
    if statistics != "none":
        await world.do("ANALYZE")
    accounts = [await filled(world), await filled(world)]
    for account in accounts:
        for statement in _FILL.split(";\n"):
            await world.do(statement, account=parse_id(Prefix.ACCOUNT, account))
    await AccountStore(world.database).delete(accounts[0])
    engine = open_database(database_url, plans=Plans.GENERIC)
    for name, statement in STEPS.items():
        given = {"account": UUID(parse_id(Prefix.ACCOUNT, accounts[0])), "limit": 5}
        sending = {"sending": "sending"} if ":sending" in statement else {}
        assert await _read(engine, statement, given | sending) <= 40, name
    await engine.dispose()


_FILL = """
    INSERT INTO events (id, account_id, type, created_at, body)
    SELECT flux_new_id(), CAST(:account AS uuid), 'a', flux_now(), '{}' FROM generate_series(1, 3000);
    INSERT INTO deliveries (event_id, webhook_id, account_id, state, due_at)
    SELECT id, id, account_id, 'pending', flux_now() FROM events WHERE account_id = CAST(:account AS uuid);
    INSERT INTO attempts SELECT id, 1, 0.1, flux_now(), 500 FROM deliveries
    WHERE account_id = CAST(:account AS uuid) ON CONFLICT DO NOTHING;
    INSERT INTO alerts (account_id, webhook_id, event_id, delivery_id, reason)
    SELECT account_id, webhook_id, event_id, id, 'a' FROM deliveries WHERE account_id = CAST(:account AS uuid);
    INSERT INTO fan_outs SELECT account_id, id, '{*}', id, 9 FROM events
    WHERE account_id = CAST(:account AS uuid) ON CONFLICT DO NOTHING;
    INSERT INTO recoveries (account_id, webhook_id, since, until, position, status)
    SELECT account_id, id, flux_now(), flux_now(), id, 'completed' FROM events
    WHERE account_id = CAST(:account AS uuid);
    INSERT INTO audit_entries (account_id, action, actor_kind, actor_name, target_id)
    SELECT CASE WHEN n % 2 = 0 THEN CAST(:account AS uuid) END, 'a', 'engine', '',
           'acct_' || replace(CAST(CAST(:account AS uuid) AS text), '-', '')
    FROM generate_series(1, 6000) AS n
"""


async def _read(database: AsyncEngine, statement: str, given: dict[str, object]) -> int:
    """Return how many rows the statement touches."""
    async with transaction(database) as connection:
        await connection.execute(IN_ORDER)
        await connection.execute(SAY_ERASED, {"account": str(given["account"])})
        explained = (await connection.execute(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"), given)).scalar_one()
    (root,) = explained if isinstance(explained, list) else json.loads(explained)
    nodes = [root["Plan"]]
    for node in nodes:
        nodes += node.get("Plans", [])
    scans = [node for node in nodes if "Scan" in node["Node Type"]]
    return round(
        sum((each["Actual Rows"] + each.get("Rows Removed by Filter", 0)) * each["Actual Loops"] for each in scans)
    )
