"""What happens while a recovery goes on: events that are being stored, failures, retries, a webhook's end."""

import asyncio
from datetime import UTC, datetime
from typing import cast
from uuid import UUID

import pytest

from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, format_id, parse_id
from flux_dispatch.domain.recovery import Missed, Recovery, RecoveryStatus, Span
from flux_dispatch.store.connect import Plans, open_database
from flux_dispatch.store.fail import FailureStore
from flux_dispatch.store.recover import COMMITTED_AFTER, WAIT, RecoverStore
from flux_dispatch.store.recoveries import MissedQueries, RecoveryStore
from flux_dispatch.store.session import Generation
from flux_dispatch.store.webhooks import WebhookStore
from tests.support.missed import LONG_AGO, PACE, at, begin, missed, recover_all, shown
from tests.support.store_harness import SEALS, TIMING, StoreHarness, event


async def test_what_may_still_be_stored_with_an_earlier_id_is_waited_for(
    world: StoreHarness, recover_store: RecoverStore, account: AccountId
) -> None:
    webhook = await world.webhook(account, "*")
    await world.advance_clock(100)
    now = await world.scalar("SELECT flux_now()")
    begun = await RecoveryStore(world.database).begin(account, webhook, Span(LONG_AGO, now))
    assert isinstance(begun, Recovery)
    assert await recover_store.recover_some(PACE)
    assert await recover_store.recover_some(PACE) is None
    assert (await shown(world, begun)).status is RecoveryStatus.RUNNING
    await world.do("UPDATE webhooks SET status = 'disabled'")
    await world.publish(at(account, now - COMMITTED_AFTER / 2))
    await world.do("UPDATE webhooks SET status = 'enabled'")
    waits = 0
    while await recover_store.seconds_until_next() is not None:
        await world.advance_clock(WAIT.total_seconds())
        await recover_store.recover_some(PACE)
        waits += 1
    assert waits == COMMITTED_AFTER / WAIT
    assert (await shown(world, begun)).recovered.never_attempted == 1


async def test_an_event_that_still_gets_its_first_deliveries_is_waited_for(
    world: StoreHarness, recover_store: RecoverStore, account: AccountId
) -> None:
    webhook = await world.webhook(account, "*")
    await missed(world, account, 1)
    await world.do("UPDATE webhooks SET status = 'disabled'")
    (fanning_out,) = await world.publish(event(account))
    await world.do("UPDATE webhooks SET status = 'enabled'")
    ids = {"account": parse_id(Prefix.ACCOUNT, account), "event": parse_id(Prefix.EVENT, fanning_out.event.id)}
    await world.do(
        "INSERT INTO fan_outs VALUES (CAST(:account AS uuid), CAST(:event AS uuid), '{*}', :zero, 2)",
        **ids,
        zero=UUID(int=0),
    )
    recovery = await begin(world, account, webhook)
    for _ in range(3):
        await recover_store.recover_some(PACE)
        await world.advance_clock(WAIT.total_seconds())
    assert (await shown(world, recovery)).recovered == Missed(1, 0, 0)
    await world.do("DELETE FROM fan_outs")
    await recover_all(world, recover_store)
    assert (await shown(world, recovery)).recovered == Missed(1, 0, 1)


async def test_an_event_stays_failed_while_another_of_its_deliveries_is(
    world: StoreHarness, recover_store: RecoverStore, account: AccountId
) -> None:
    webhooks = [await world.webhook(account, "*") for _ in range(2)]
    await world.publish(event(account))
    await world.do("UPDATE deliveries SET state = 'failed', reason = 'gone', ended_at = flux_now(), due_at = NULL")
    await world.do("UPDATE events SET failed_at = flux_now()")
    for webhook, has_failed in zip(webhooks, (True, False), strict=True):
        await begin(world, account, webhook)
        await recover_all(world, recover_store)
        assert await world.scalar("SELECT failed_at IS NOT NULL FROM events") is has_failed


async def test_recoveries_and_failures_at_once_leave_each_event_as_its_deliveries_say(
    world: StoreHarness, account: AccountId
) -> None:
    first, _ = [await world.webhook(account, "*") for _ in range(2)]
    await world.publish(*(event(account, data={"n": n}) for n in range(20)))
    mine = {"first": parse_id(Prefix.WEBHOOK, first)}
    for _ in range(5):
        await world.do("UPDATE deliveries SET reason = 'gone', due_at = NULL, sweep_at = NULL, ended_at = flux_now()")
        await world.do(
            "UPDATE deliveries SET state = CASE WHEN webhook_id = CAST(:first AS uuid) THEN 'failed' ELSE 'exhausted' "
            "END, ended_at = CASE WHEN webhook_id = CAST(:first AS uuid) THEN flux_now() END",
            **mine,
        )
        await world.do("UPDATE webhooks SET status = 'enabled'")
        await world.do("UPDATE events SET failed_at = flux_now()")
        await begin(world, account, first)
        exhausted = await world.rows("SELECT id FROM deliveries WHERE state = 'exhausted' ORDER BY random()")
        names = [cast(DeliveryId, format_id(Prefix.DELIVERY, row.id.hex)) for row in exhausted]
        await asyncio.gather(
            recover_all(world, RecoverStore(world.database, TIMING)),
            *(FailureStore(world.database).fail(names[start : start + 5]) for start in range(0, 20, 5)),
        )
        assert await world.scalar("SELECT count(*) FROM events WHERE failed_at IS NULL") == 0
        assert await world.scalar("SELECT count(*) FROM deliveries WHERE state = 'scheduled'") == 20


async def test_what_is_retried_by_hand_meanwhile_is_not_counted(
    world: StoreHarness, recover_store: RecoverStore, account: AccountId
) -> None:
    webhook = await world.webhook(account, "*")
    first, _ = await missed(world, account, 2)
    recovery = await begin(world, account, webhook)
    await world.put(UUID(parse_id(Prefix.DELIVERY, first)), "scheduled")
    await recover_all(world, recover_store)
    assert (await shown(world, recovery)).recovered == Missed(1, 0, 0)


async def test_nobody_recovers_for_a_webhook_that_is_gone(world: StoreHarness, account: AccountId) -> None:
    webhook = await world.webhook(account, "*")
    other = await world.account()
    recoveries, span = RecoveryStore(world.database), Span(LONG_AGO, datetime.now(UTC))
    assert await recoveries.begin(other, webhook, span) is None
    await WebhookStore(world.database, SEALS).delete(account, webhook)
    assert await recoveries.begin(account, webhook, span) is None
    assert await MissedQueries(world.database).count(account, webhook, span) is None


async def test_counting_that_takes_its_time_ends_no_connection_of_the_process(
    world: StoreHarness, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flux_dispatch.store.connect.SILENCE_SECONDS", 0.1)
    account = await world.account()
    webhook = await world.webhook(account, "*")
    span = Span(LONG_AGO, datetime.now(UTC))
    await world.do("ALTER TABLE events RENAME TO all_events")
    await world.do("CREATE VIEW events AS SELECT * FROM all_events WHERE (SELECT pg_sleep(0.4) IS NOT NULL)")
    generation = Generation()
    slow = open_database(database_url, plans=Plans.CUSTOM, statement_seconds=0.6, generation=generation)
    assert await MissedQueries(slow).count(account, webhook, span) == Missed(0, 0, 0)
    assert generation.current == 0
    await slow.dispose()
