"""What a webhook missed is recovered page by page, each delivery once, by whichever worker comes."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

import pytest

from flux_dispatch.domain.event import patterns_that_match
from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, format_id, parse_id
from flux_dispatch.domain.recovery import Missed, Pace, RecoveredPage, Recovery, RecoveryStatus, StopReason
from flux_dispatch.store.missed import place
from flux_dispatch.store.recover import RecoverStore
from flux_dispatch.store.recoveries import MissedQueries, RecoveryStore
from flux_dispatch.store.send_test import SendTestStore
from tests.support.missed import PACE, at, begin, missed, recover_all, shown, states
from tests.support.recount import STATUSES_THAT_DIFFER
from tests.support.store_harness import TIMING, StoreHarness, event


async def test_what_failed_or_was_canceled_is_due_with_a_whole_schedule_and_nothing_else_is_touched(
    world: StoreHarness, recover_store: RecoverStore, account: AccountId
) -> None:
    webhook = await world.webhook(account, "*")
    ended = {state: (await missed(world, account, 1, state))[0] for state in ("failed", "canceled")}
    for state in ("pending", "sending", "scheduled", "exhausted", "delivered"):
        await missed(world, account, 1, state)
    names = {"ids": [parse_id(Prefix.DELIVERY, each) for each in ended.values()]}
    others = "SELECT * FROM deliveries WHERE id <> ALL(CAST(:ids AS uuid[])) ORDER BY id"
    before = await world.rows(others, **names)
    recovery = await begin(world, account, webhook)
    (page,) = await recover_all(world, recover_store)
    assert sorted(page.deliveries) == sorted((each, 3) for each in ended.values())
    assert (page.recovery, page.account, page.status) == (recovery.id, account, RecoveryStatus.COMPLETED)
    for each in ended.values():
        row = await world.state(each)
        assert (row.state, row.attempts, row.recovered_after, row.rescues) == ("scheduled", 2, 2, 0)
        assert (row.reason, row.ended_at, row.ending) == (None, None, 0)
        assert row.due_in <= 0 < row.sweep_in <= TIMING.enqueue_grace.total_seconds()
    assert await world.rows(others, **names) == before
    assert await world.scalar("SELECT count(*) FROM events WHERE failed_at IS NOT NULL") == 0
    assert (await shown(world, recovery)).recovered == Missed(failed=1, canceled=1, never_attempted=0)


async def test_what_was_never_attempted_is_made_for_the_types_that_the_webhook_wants(
    world: StoreHarness, recover_store: RecoverStore, account: AccountId
) -> None:
    other = await world.account()
    await world.webhook(account, "user.*")
    events = [event(account, kind) for kind in ("order.paid", "order", "user.left", "order.a.b", "invoice.paid")]
    await world.publish(*events, event(other, "order.paid"))
    webhook = await world.webhook(account, "order.*", "invoice.paid")  # later than all of these
    assert await world.scalar("SELECT count(*) FROM deliveries") == 1
    recovery = await begin(world, account, webhook)
    await world.publish(event(account, "order.late"))  # after its span
    (page,) = await recover_all(world, recover_store)
    made = await world.rows(
        "SELECT d.*, e.type FROM deliveries d JOIN events e ON e.id = event_id WHERE webhook_id = CAST(:id AS uuid)",
        id=parse_id(Prefix.WEBHOOK, webhook),
    )
    assert {row.type for row in made} == {"order.paid", "order.a.b", "invoice.paid", "order.late"}
    mine = [row for row in made if row.type != "order.late"]
    assert sorted(page.deliveries) == sorted((format_id(Prefix.DELIVERY, row.id.hex), 1) for row in mine)
    for row in mine:
        assert (row.state, row.attempts, row.account_id.hex) == ("pending", 0, parse_id(Prefix.ACCOUNT, account))
        state = await world.state(cast(DeliveryId, format_id(Prefix.DELIVERY, row.id.hex)))
        assert state.due_in <= 0 < state.sweep_in <= TIMING.enqueue_grace.total_seconds()
    assert (await shown(world, recovery)).recovered == Missed(failed=0, canceled=0, never_attempted=3)
    assert await world.rows(STATUSES_THAT_DIFFER) == []


async def test_a_test_of_a_webhook_was_missed_by_none(
    world: StoreHarness, recover_store: RecoverStore, account: AccountId
) -> None:
    webhook, other = [await world.webhook(account, "*") for _ in range(2)]
    for name in (webhook, other):
        delivery = await SendTestStore(world.database, TIMING).add(event(account), name)
        assert delivery
        await world.put(UUID(parse_id(Prefix.DELIVERY, delivery)), "failed")
    recovery = await begin(world, account, webhook)
    assert await MissedQueries(world.database).count(account, webhook, recovery.span) == Missed(0, 0, 0)
    await recover_all(world, recover_store)
    assert await world.scalar("SELECT count(*) FROM deliveries WHERE state = 'failed'") == 2
    assert await world.scalar("SELECT count(*) FROM deliveries") == 2


async def test_a_second_recovery_finds_nothing_that_the_first_has_found(
    world: StoreHarness, recover_store: RecoverStore, account: AccountId
) -> None:
    webhook = await world.webhook(account, "*")
    await missed(world, account, 3)
    await world.do("UPDATE webhooks SET status = 'disabled'")
    await world.publish(event(account), event(account))
    await world.do("UPDATE webhooks SET status = 'enabled'")
    for expected in (Missed(3, 0, 2), Missed(0, 0, 0)):
        recovery = await begin(world, account, webhook)
        counted = await MissedQueries(world.database).count(account, webhook, recovery.span)
        await recover_all(world, recover_store)
        assert counted == (await shown(world, recovery)).recovered == expected


@pytest.mark.parametrize("pattern", ["*", "a.*", "a.b.*", "a_b.*", "a", "a.b", "a.b.c", "aXb.c", "A.b"])
async def test_a_pattern_means_what_it_means_to_a_new_event(
    world: StoreHarness, account: AccountId, pattern: str
) -> None:
    types = ["a", "a.b", "a.b.c", "a.bc", "ab.c", "a_b.c", "aXb.c", "a_b", "A.b"]
    await world.publish(*(event(account, each) for each in types))
    webhook = await world.webhook(account, pattern)
    recovery = await begin(world, account, webhook)
    counted = await MissedQueries(world.database).count(account, webhook, recovery.span)
    wanted = sum(pattern in patterns_that_match(each) for each in types)
    assert counted == Missed(0, 0, wanted)


async def test_a_span_begins_with_its_first_millisecond_and_ends_before_its_last(
    world: StoreHarness, recover_store: RecoverStore, account: AccountId
) -> None:
    webhook = await world.webhook(account, "*")
    since = datetime.now(UTC).replace(microsecond=5000) - timedelta(hours=1)
    until = since + timedelta(seconds=10)
    step = timedelta(milliseconds=1)
    for moment in (since - step, since, until - step, until):
        await world.publish(at(account, moment))
    await world.do("UPDATE deliveries SET state = 'failed', reason = 'gone', ended_at = flux_now(), due_at = NULL")
    await world.do("UPDATE webhooks SET status = 'disabled'")
    for moment in (since - step, since, until - step, until):
        await world.publish(at(account, moment))
    await world.do("UPDATE webhooks SET status = 'enabled'")
    recovery = await begin(world, account, webhook, since=since, until=until)
    await recover_all(world, recover_store)
    rows = await world.rows("SELECT event_id FROM deliveries WHERE ending = 0 ORDER BY event_id")
    assert [row.event_id.int >> 80 for row in rows] == [
        place(each).int >> 80 for each in (since, since, until - step, until - step)
    ]
    assert (await shown(world, recovery)).recovered == Missed(2, 0, 2)


async def test_very_much_is_recovered_in_pages_the_oldest_first_and_its_progress_is_seen(
    world: StoreHarness, recover_store: RecoverStore, account: AccountId
) -> None:
    webhook = await world.webhook(account, "*")
    await missed(world, account, 25)
    recovery = await begin(world, account, webhook)
    assert (recovery.status, recovery.position) == (RecoveryStatus.PENDING, recovery.span.since)
    assert await recover_store.recover_some(PACE)
    assert await states(world) == ["scheduled"] * 10 + ["failed"] * 15
    running = await shown(world, recovery)
    assert (running.status, running.recovered.failed) == (RecoveryStatus.RUNNING, 10)
    assert recovery.span.since < running.position < recovery.span.until
    another_worker = RecoverStore(world.database, TIMING)
    assert [len(page.deliveries) for page in await recover_all(world, another_worker)] == [10, 5]
    over = await shown(world, recovery)
    assert (over.status, over.position, over.recovered.failed) == (RecoveryStatus.COMPLETED, over.span.until, 25)
    assert over.ended_at


async def test_no_more_than_the_pace_is_recovered_in_a_second_however_many_workers_come(
    world: StoreHarness, account: AccountId
) -> None:
    webhook = await world.webhook(account, "*")
    await missed(world, account, 35)
    await begin(world, account, webhook)
    slow = Pace(page=10, scan=1000, per_second=10)
    workers = [RecoverStore(world.database, TIMING) for _ in range(3)]
    for done in (10, 20, 30, 35):
        for _ in range(2):
            await asyncio.gather(*(each.recover_some(slow) for each in workers))
            assert (await states(world)).count("scheduled") == done
        await world.advance_clock(0.9)
        assert await workers[0].recover_some(slow) is None
        await world.advance_clock(0.1)


async def test_workers_share_several_recoveries_and_each_delivery_is_recovered_once(
    world: StoreHarness, account: AccountId
) -> None:
    webhooks = [await world.webhook(account, "*") for _ in range(3)]
    await world.publish(*(event(account, data={"n": n}) for n in range(30)))
    await world.do("UPDATE deliveries SET state = 'failed', reason = 'gone', ended_at = flux_now(), due_at = NULL")
    await world.do("UPDATE events SET failed_at = flux_now()")
    for each in webhooks:
        await begin(world, account, each)

    async def work() -> list[RecoveredPage]:
        return await recover_all(world, RecoverStore(world.database, TIMING), Pace(7, 1000, 1_000_000))

    pages = [page for theirs in await asyncio.gather(*(work() for _ in range(4))) for page in theirs]
    recovered = [delivery for page in pages for delivery, _ in page.deliveries]
    assert len(recovered) == len(set(recovered)) == 90
    assert len({page.recovery for page in pages}) == 3
    assert set(await states(world)) == {"scheduled"}
    assert await world.scalar("SELECT count(*) FROM events WHERE failed_at IS NOT NULL") == 0


async def test_a_page_holds_all_deliveries_of_its_last_event(
    world: StoreHarness, recover_store: RecoverStore, account: AccountId
) -> None:
    webhook = await world.webhook(account, "*")
    await missed(world, account, 4)
    await world.do(
        "INSERT INTO deliveries (event_id, webhook_id, account_id, state, reason, ended_at) "
        "SELECT event_id, webhook_id, account_id, state, reason, ended_at FROM deliveries"
    )
    recovery = await begin(world, account, webhook)
    pages = await recover_all(world, recover_store, Pace(3, 1000, 1000))
    assert [len(page.deliveries) for page in pages] == [4, 4, 0]
    assert (await shown(world, recovery)).recovered.failed == 8


async def test_what_is_recovered_and_fails_again_is_not_recovered_again(
    world: StoreHarness, recover_store: RecoverStore, account: AccountId
) -> None:
    webhook = await world.webhook(account, "*")
    await missed(world, account, 15)
    recovery = await begin(world, account, webhook)
    assert await recover_store.recover_some(PACE)
    first, *_, last = await world.rows("SELECT id FROM deliveries WHERE state = 'scheduled' ORDER BY event_id")
    for each in (first, last):
        await world.put(each.id, "failed")
    await recover_all(world, recover_store)
    assert await states(world) == ["failed"] + ["scheduled"] * 8 + ["failed"] + ["scheduled"] * 5
    assert (await shown(world, recovery)).recovered.failed == 15


async def test_few_among_very_many_events_are_found_in_steps(
    world: StoreHarness, recover_store: RecoverStore, account: AccountId
) -> None:
    webhook = await world.webhook(account, "*")
    await missed(world, account, 1)
    await world.publish(*(event(account, data={"n": n}) for n in range(30)))
    await missed(world, account, 1)
    await begin(world, account, webhook)
    pages = await recover_all(world, recover_store, Pace(page=10, scan=8, per_second=1000))
    assert [len(page.deliveries) for page in pages] == [1, 0, 0, 1]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE webhooks SET status = 'disabled'", StopReason.WEBHOOK_DISABLED),
        ("UPDATE webhooks SET deleted_at = flux_now()", StopReason.WEBHOOK_DELETED),
        ("DELETE FROM webhooks", StopReason.WEBHOOK_DELETED),  # its account is being erased
    ],
)
async def test_the_end_of_the_webhook_ends_its_recovery(
    world: StoreHarness, recover_store: RecoverStore, account: AccountId, change: str, reason: StopReason
) -> None:
    webhook = await world.webhook(account, "*")
    await missed(world, account, 15)
    recovery = await begin(world, account, webhook)
    assert await recover_store.recover_some(PACE)
    await world.do(change)
    (page,) = await recover_all(world, recover_store)
    assert (page.status, page.deliveries) == (RecoveryStatus.CANCELED, [])
    ended = await shown(world, recovery)
    assert (ended.status, ended.reason, ended.recovered.failed) == (RecoveryStatus.CANCELED, reason, 10)
    assert await states(world) == ["scheduled"] * 10 + ["failed"] * 5


async def test_who_cancels_stops_it_within_a_page_and_what_was_recovered_stays(
    world: StoreHarness, recover_store: RecoverStore, account: AccountId
) -> None:
    webhook = await world.webhook(account, "*")
    await missed(world, account, 25)
    recovery = await begin(world, account, webhook)
    _, canceled = await asyncio.gather(
        recover_store.recover_some(PACE), RecoveryStore(world.database).cancel(account, recovery.id)
    )
    assert canceled
    assert (canceled.status, canceled.reason) == (RecoveryStatus.CANCELED, StopReason.REQUESTED)
    assert await recover_all(world, recover_store) == []
    done = canceled.recovered.failed
    assert done in (0, 10)
    assert await states(world) == ["scheduled"] * done + ["failed"] * (25 - done)
    assert isinstance(await RecoveryStore(world.database).begin(account, webhook, recovery.span), Recovery)
