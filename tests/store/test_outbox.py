"""What services write in the outbox is published as their commits went: each event once, whoever relays it."""

import asyncio
import json
from datetime import timedelta

import asyncpg
import pytest

from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.domain.event_type import NewEventType
from flux_dispatch.domain.ids import Prefix, parse_id
from flux_dispatch.engine.flow.side_work import IDLE_SECONDS
from flux_dispatch.engine.relay import BUSY_SECONDS, PAGE, WARM_SECONDS, Relay
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.connect import open_database
from flux_dispatch.store.erase import EraseStore
from flux_dispatch.store.event_types import EventTypeStore
from flux_dispatch.store.outbox import MAX_BYTES, OutboxStore
from flux_dispatch.store.publish import FAN_OUT_AT_ONCE
from tests.support.outbox import EVENTS, PUBLISH, WAITING, make_relay, publish, relay_all
from tests.support.queues import NotingQueue
from tests.support.store_harness import TIMING, StoreHarness, event
from workers.catalogue_schemas import CatalogueSchemas


async def test_what_was_committed_is_published_as_it_was_written(
    world: StoreHarness, relay: Relay, queue: NotingQueue, caller: asyncpg.Connection
) -> None:
    account = await world.account()
    await world.webhook(account, "order.*")
    made = await publish(caller, account, data='{"b": 1e2, "a":0.10, "c": "Zoë \\/"}')
    written = await world.scalar("SELECT written_at FROM outbox")
    assert await relay.run_once() == BUSY_SECONDS
    assert await relay.run_once() == WARM_SECONDS
    (stored,) = await world.rows("SELECT * FROM events")
    (delivery,) = await world.rows("SELECT * FROM deliveries")
    assert f"evt_{stored.id.hex}" == made
    assert stored.created_at == written
    assert abs(stored.id.int >> 80) == pytest.approx(written.timestamp() * 1000, abs=5)
    created = written.isoformat(timespec="seconds").replace("+00:00", "Z")
    assert bytes(stored.body).decode() == (
        f'{{"id":"{made}","type":"order.completed","created":"{created}",'
        '"data":{"b": 1e2, "a":0.10, "c": "Zo\\u00eb \\/"}}'
    )
    assert delivery.event_id == stored.id
    assert queue.enqueued == [(account, f"dlv_{delivery.id.hex}")]
    assert await world.scalar("SELECT count(*) FROM outbox") == 0


async def test_what_was_rolled_back_is_never_published(
    world: StoreHarness, relay: Relay, caller: asyncpg.Connection
) -> None:
    account = await world.account()
    async with caller.transaction():
        kept = await publish(caller, account)
        savepoint = caller.transaction()
        await savepoint.start()
        await publish(caller, account, key="k")
        await savepoint.rollback()
        again = await publish(caller, account, key="k")
        assert await relay.run_once() == IDLE_SECONDS
    whole = caller.transaction()
    await whole.start()
    await publish(caller, account)
    await whole.rollback()
    await relay_all(relay)
    assert {f"evt_{row.id.hex}" for row in await world.rows("SELECT id FROM events")} == {kept, again}


async def test_a_key_that_is_known_names_the_event_that_it_was_used_with(
    world: StoreHarness, relay: Relay, caller: asyncpg.Connection
) -> None:
    account, other = await world.account(), await world.account()
    first = await publish(caller, account, data='{"a": 1, "b": 2}', key="k")
    assert await publish(caller, account, data='{"b":2,"a":1.0}', key="k") == first
    assert await publish(caller, other, key="k") != first
    await relay_all(relay)
    assert await publish(caller, account, data='{"b":2,"a":1e0}', key="k") == first
    for event_type, data in (("order.completed", '{"a": 2}'), ("order.opened", '{"a": 1, "b": 2}')):
        refused = await caller.fetchrow(PUBLISH, account, event_type, data, "k")
        assert (refused["event"], refused["error_code"]) == (None, "idempotency_key_reused")
    await relay_all(relay)
    assert await world.scalar(EVENTS) == 2


async def test_two_transactions_with_the_same_key_wait_for_nobody_and_make_one_event(
    world: StoreHarness, relay: Relay, caller: asyncpg.Connection, database_url: str
) -> None:
    account = await world.account()
    second = await asyncpg.connect(database_url)
    try:
        async with caller.transaction(), second.transaction():
            made = {
                await publish(caller, account, data='{"n":1}', key="same"),
                await publish(second, account, data='{"n":1.0}', key="same"),
            }
            await publish(caller, account, data='{"n":1}', key="differs")
            await publish(second, account, data='{"n":2}', key="differs")
    finally:
        await second.close()
    await relay_all(relay)
    stored = await world.rows("SELECT id, idempotency_key FROM events ORDER BY idempotency_key")
    assert [row.idempotency_key for row in stored] == ["differs", "same"]
    assert f"evt_{stored[1].id.hex}" in made
    (kept,) = await world.rows("SELECT * FROM outbox")
    assert kept.reason.startswith("This idempotency key was used with another event.")


async def test_what_does_not_meet_the_schema_of_its_type_is_kept_with_the_reason(
    world: StoreHarness, relay: Relay, caller: asyncpg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    account = await world.account()
    known = await publish(caller, account, "described", "{}", "known")
    await relay_all(relay)
    draft = NewEventType("described", "", None, None, '{"required": ["total"]}')
    assert await EventTypeStore(world.database).create(account, draft, most=5)
    assert await caller.fetchval("SELECT flux_event_schema($1, 'described')", account) == draft.schema
    fresh = Relay(
        OutboxStore(world.database, TIMING),
        NotingQueue(),
        schemas := CatalogueSchemas(EventTypeStore(world.database)),
        first_delay=timedelta(0),
        horizon=TIMING.horizon,
    )
    bad = await publish(caller, account, "described", "{}", "bad")
    await publish(caller, account, "described", '{"total": 7}')
    # over HTTP a key that is known is not checked again, and here neither: it is in the outbox of a slow transaction
    await world.do("UPDATE events SET idempotency_key = NULL")
    await publish(caller, account, "described", "{}", "known")
    await world.do("UPDATE events SET idempotency_key = 'known' WHERE id = CAST(:id AS uuid)", id=known[4:])
    await relay_all(fresh)
    (kept,) = await world.rows("SELECT id, reason FROM outbox")
    assert f"evt_{kept.id.hex}" == bad
    assert kept.reason == 'data does not meet the schema of described, rule required: "total" is missing.'
    assert await world.scalar(EVENTS) == 2
    said = capsys.readouterr().out
    assert said.count("publication.refused") == 1
    assert "schema_mismatch" in said
    assert bad in said
    assert await publish(caller, account, "described", '{"total": 7}', "bad") != bad, "nothing has that key"
    await world.do("DELETE FROM outbox WHERE reason IS NULL")
    assert await EventTypeStore(world.database).archive(account, "described")
    await world.do("UPDATE outbox SET reason = NULL")
    await schemas.close()
    await relay_all(relay)
    assert await world.scalar(EVENTS) == 3


async def test_what_the_database_does_not_take_stops_no_other(
    world: StoreHarness, relay: Relay, caller: asyncpg.Connection
) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    await world.do("ALTER TABLE events ADD CONSTRAINT no_poison CHECK (type <> 'poison')")
    for name in ("a", "poison", "b", "poison", "c"):
        await publish(caller, account, name)
    await relay_all(relay)
    assert {row.type for row in await world.rows("SELECT type FROM events")} == {"a", "b", "c"}
    assert await world.scalar("SELECT count(*) FROM deliveries") == 3
    kept = await world.rows("SELECT type, reason FROM outbox")
    assert [row.type for row in kept] == ["poison", "poison"]
    assert all("no_poison" in row.reason for row in kept)


async def test_what_takes_too_long_together_is_published_in_smaller_pages(
    world: StoreHarness, caller: asyncpg.Connection, database_url: str
) -> None:
    account = await world.account()
    await world.do(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.1); RETURN NEW; END'"
    )
    await world.do("CREATE TRIGGER slow BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION slow()")
    for _ in range(15):
        await publish(caller, account)
    hurried = open_database(database_url, statement_seconds=1)
    schemas = CatalogueSchemas(EventTypeStore(hurried))
    relay = make_relay(StoreHarness(hurried), NotingQueue(), schemas)
    failures = 0
    while await world.scalar(WAITING):
        try:
            await relay.run_once()
        except Unavailable:
            failures += 1
    await schemas.close()
    await hurried.dispose()
    assert failures > 0
    assert await world.scalar(EVENTS) == 15


async def test_of_an_account_that_was_deleted_meanwhile_nothing_stays(
    world: StoreHarness, relay: Relay, caller: asyncpg.Connection
) -> None:
    account, other = await world.account(), await world.account()
    async with caller.transaction():
        await publish(caller, account)
        await publish(caller, other)
        assert await AccountStore(world.database).delete(account)
    await relay_all(relay)
    assert await world.scalar("SELECT count(*) FROM outbox") == 0
    (stored,) = await world.rows("SELECT account_id FROM events")
    assert f"acct_{stored.account_id.hex}" == other
    async with caller.transaction():
        await publish(caller, other)
        assert await AccountStore(world.database).delete(other)
    while (await EraseStore(world.database).erase_some(limit=100)) is not None:
        pass
    assert await world.scalar("SELECT count(*) FROM outbox") == 0


async def test_a_thousand_events_of_one_transaction_are_each_published_once_by_several_relays(
    world: StoreHarness,
    relay: Relay,
    queue: NotingQueue,
    caller: asyncpg.Connection,
    capsys: pytest.CaptureFixture[str],
) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    async with caller.transaction():
        made = {await publish(caller, account, data=f'{{"n": {n}}}') for n in range(1000)}
    schemas = CatalogueSchemas(EventTypeStore(world.database))
    await asyncio.gather(*(relay_all(each) for each in (relay, *(make_relay(world, queue, schemas) for _ in "ab"))))
    await schemas.close()
    stored = await world.rows("SELECT id, body FROM events ORDER BY id")
    assert [f"evt_{row.id.hex}" for row in stored] == sorted(made)
    assert {json.loads(row.body)["data"]["n"] for row in stored} == set(range(1000))
    assert len(set(queue.enqueued)) == len(queue.enqueued) == 1000
    assert "refused" not in capsys.readouterr().out, "none was taken twice"
    assert await world.scalar("SELECT count(*) FROM deliveries") == 1000
    assert await world.scalar("SELECT count(*) FROM outbox") == 0


async def test_nobody_waits_behind_an_account_that_has_very_much(world: StoreHarness, relay: Relay) -> None:
    heavy, light = await world.account(), await world.account()
    written = "SELECT flux_publish(:account, 'a', '{}') FROM generate_series(1, CAST(:count AS int))"
    await world.do(written, account=heavy, count=3 * PAGE)
    await world.do(written, account=light, count=2)
    await relay.run_once()
    mine = "SELECT count(*) FROM events WHERE account_id = CAST(:id AS uuid)"
    assert await world.scalar(mine, id=parse_id(Prefix.ACCOUNT, light)) == 2
    assert await world.scalar(mine, id=parse_id(Prefix.ACCOUNT, heavy)) == PAGE // 2
    await relay_all(relay)
    assert await world.scalar(WAITING) == 0


async def test_of_more_accounts_than_a_page_has_room_for_each_has_its_turn(world: StoreHarness, relay: Relay) -> None:
    await world.do(
        "INSERT INTO accounts (name) SELECT 'test' FROM generate_series(1, CAST(:count AS int))", count=PAGE + 50
    )
    await world.do(
        "SELECT flux_publish('acct_' || replace(id::text, '-', ''), 'a', '{}') FROM accounts, generate_series(1, 3)"
    )
    while await world.scalar(EVENTS) < 2 * PAGE:
        await relay.run_once()
    assert await world.scalar("SELECT count(DISTINCT account_id) FROM events") == PAGE + 50
    await relay_all(relay)
    assert await world.scalar(EVENTS) == 3 * (PAGE + 50)


async def test_a_page_has_bounded_weight(world: StoreHarness, relay: Relay) -> None:
    account = await world.account()
    await world.do(
        "SELECT flux_publish(:account, 'a', jsonb_build_object('text', repeat('x', 200000))::text) "
        "FROM generate_series(1, 60)",
        account=account,
    )
    async with OutboxStore(world.database, TIMING).take(PAGE) as page:
        assert len(page.written) == MAX_BYTES // 200_000 + 1
    await relay_all(relay)
    assert await world.scalar(EVENTS) == 60


async def test_a_page_for_very_many_webhooks_makes_a_bounded_part_of_the_deliveries(
    world: StoreHarness, relay: Relay
) -> None:
    account = await world.account()
    await world.do(
        "INSERT INTO webhooks (account_id, url, events, description, headers, status, secrets) "
        "SELECT CAST(:account AS uuid), 'http://127.0.0.1:9/', '{*}', '', '{}', 'enabled', '{}' "
        "FROM generate_series(1, CAST(:count AS int))",
        account=parse_id(Prefix.ACCOUNT, account),
        count=FAN_OUT_AT_ONCE,
    )
    await world.do("SELECT flux_publish(:account, 'a', '{}') FROM generate_series(1, 100)", account=account)
    await relay_all(relay)
    assert await world.scalar("SELECT count(*) FROM deliveries") == 10_000
    assert await world.scalar("SELECT count(*) FROM fan_outs") == 100


async def test_an_event_that_was_stored_before_with_this_key_is_known(
    world: StoreHarness, caller: asyncpg.Connection
) -> None:
    account = await world.account()
    (stored,) = await world.publish(event(account, data={"n": 1}, key="k"))
    assert await publish(caller, account, data='{"n":1.0}', key="k") == stored.event.id
