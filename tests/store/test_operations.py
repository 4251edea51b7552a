"""Operators see all accounts together: throughput, backlog, what has been due longest, and the accounts themselves."""

from datetime import timedelta

import pytest

from flux_dispatch.domain.account import NewAccount
from flux_dispatch.domain.ids import AccountId, Prefix, parse_id
from flux_dispatch.domain.statistics import total
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.operations import OperationsQueries
from flux_dispatch.store.pages import Page
from flux_dispatch.store.statistics import StatisticsStore
from tests.support.attempted import REJECTED, attempt, give_up
from tests.support.store_harness import SEALS, TIMING, StoreHarness, event


@pytest.fixture
def operations(world: StoreHarness) -> OperationsQueries:
    return OperationsQueries(world.database)


async def test_of_an_installation_without_anything_nothing_is_told(operations: OperationsQueries) -> None:
    assert len(await operations.throughput()) == 12
    assert (await operations.backlog()).total == 0
    assert await operations.oldest_due() is None


async def test_throughput_is_that_of_all_accounts_in_the_last_hour_rolled_up_or_not(
    world: StoreHarness, account: AccountId, operations: OperationsQueries
) -> None:
    for one in (account, await world.account()):
        await world.webhook(one, "*")
        await attempt(world, [await world.delivery(one)])
    await StatisticsStore(world.database).roll_up_some(1)
    await world.advance_clock(300)
    await give_up(world, [await world.delivery(account)])
    buckets = await operations.throughput()
    assert len(buckets) == 12
    assert [(each.attempts, each.delivered, each.final_failures) for _, each in buckets[-2:]] == [(2, 2, 0), (1, 0, 1)]
    await world.advance_clock(3600)
    assert total([counts for _, counts in await operations.throughput()]).attempts == 0


async def test_the_backlog_is_what_is_open_by_state_up_to_as_many(
    world: StoreHarness, account: AccountId, operations: OperationsQueries
) -> None:
    deliveries = []
    for one in (account, await world.account()):
        await world.webhook(one, "*")
        deliveries += [
            each for stored in await world.publish(*(event(one) for _ in range(3))) for each in stored.deliveries
        ]
    await attempt(world, deliveries[:1])
    await attempt(world, deliveries[1:2], REJECTED)
    await give_up(world, deliveries[2:3])
    assert await DeliveryStore(world.database, TIMING, SEALS).claim(deliveries[3:4])
    backlog = await operations.backlog()
    assert (backlog.by_state, backlog.total, backlog.is_more) == (
        {"scheduled": 1, "sending": 1, "pending": 2},
        4,
        False,
    )
    bounded = await operations.backlog(most=2)
    assert (bounded.total, bounded.is_more) == (2, True)


async def test_what_has_been_due_longest_is_found_in_every_lane(
    world: StoreHarness, account: AccountId, operations: OperationsQueries
) -> None:
    await world.webhook(account, "*")
    (stored,) = await world.publish(event(account))
    (first,) = stored.deliveries
    await world.advance_clock(1)
    due = await operations.oldest_due()
    assert due
    assert (due.account, due.delivery, due.due_at) == (account, first, (await world.state(first)).due_at)
    await attempt(world, [first], REJECTED)
    await world.advance_clock(1)
    second = await world.delivery(account)
    await world.advance_clock(1)
    due = await operations.oldest_due()
    assert due
    assert due.delivery == first, "a retry waits longer than a first attempt"
    await world.do(
        "UPDATE deliveries SET sweep_at = 'infinity', due_at = due_at - interval '1 hour' WHERE id = CAST(:id AS uuid)",
        id=parse_id(Prefix.DELIVERY, second),
    )
    due = await operations.oldest_due()
    assert due
    assert due.delivery == second, "what is parked waits too"
    await world.do("UPDATE deliveries SET state = 'sending'")
    assert await operations.oldest_due() is None
    await world.do("UPDATE deliveries SET state = 'scheduled', due_at = flux_now() + interval '1 second'")
    assert await operations.oldest_due() is None, "what is due later is not due"


async def test_the_oldest_of_each_parked_webhook_is_looked_at(
    world: StoreHarness, account: AccountId, operations: OperationsQueries
) -> None:
    for name in ("a", "b", "c"):
        await world.webhook(account, name)
    deliveries = [await world.delivery(account, name) for name in ("a", "b", "b", "c")]
    await world.do("UPDATE deliveries SET sweep_at = 'infinity'")
    await world.advance_clock(60)
    for seconds, each in enumerate((deliveries[0], deliveries[3], deliveries[1], deliveries[2])):
        await world.do(
            "UPDATE deliveries SET due_at = flux_now() - CAST(:ago AS interval) WHERE id = CAST(:id AS uuid)",
            ago=timedelta(seconds=seconds),
            id=parse_id(Prefix.DELIVERY, each),
        )
    due = await operations.oldest_due()
    assert due
    assert due.delivery == deliveries[2]


async def test_accounts_are_found_by_a_piece_of_their_name_or_external_id(
    world: StoreHarness, operations: OperationsQueries
) -> None:
    store = AccountStore(world.database)
    acme, _ = await store.add(NewAccount("Acme Ltd", "crm_1"))
    half, _ = await store.add(NewAccount("50 % off", "crm-2"))
    plain, _ = await store.add(NewAccount("plain"))
    deleted, _ = await store.add(NewAccount("Acme of before", "old"))
    await store.delete(deleted.id)
    page = Page(10)
    for search, expected in [
        ("", [plain, half, acme]),
        ("acme", [acme]),
        ("CRM", [half, acme]),
        ("crm_", [acme]),
        ("%", [half]),
        ("\\", []),
        ("\0", []),
        ("old", []),
        ("nobody", []),
    ]:
        found = [each.id for each in await operations.accounts(page, search)]
        assert found == sorted((each.id for each in expected), reverse=True), search
    older, newer = sorted([half.id, acme.id])
    assert [each.id for each in await operations.accounts(Page(1), "crm")] == [newer]
    behind = Page(1, (parse_id(Prefix.ACCOUNT, newer),))
    assert [each.id for each in await operations.accounts(behind, "crm")] == [older]
