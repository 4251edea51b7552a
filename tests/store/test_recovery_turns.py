"""Recoveries take turns by account: who has very many of them makes nobody else wait for more than one."""

from itertools import pairwise

import pytest

from flux_dispatch.domain.ids import AccountId, Prefix, RecoveryId, parse_id
from flux_dispatch.domain.recovery import Pace, RecoveredPage, Recovery
from flux_dispatch.store import recover
from flux_dispatch.store.recover import RecoverStore
from tests.support.missed import begin, recover_all, shown
from tests.support.store_harness import StoreHarness, event

UNHURRIED = Pace(page=10, scan=1000, per_second=1_000_000_000)
"""Whatever is not over is due, so only the turns decide."""


@pytest.mark.parametrize(
    ("misses", "status"),
    [(35, "enabled"), (5, "enabled"), (5, "disabled")],
    ids=["of many pages", "each over with its turn", "each canceled with its turn"],
)
async def test_one_recovery_waits_for_at_most_one_turn_of_an_account_with_many(
    world: StoreHarness, recover_store: RecoverStore, account: AccountId, misses: int, status: str
) -> None:
    many = await begin_many(world, account, webhooks=20, misses=misses)
    await world.do("UPDATE webhooks SET status = :status", status=status)
    other = await world.account()
    (one,) = await begin_many(world, other, webhooks=1, misses=35)
    turns = []
    while one.id not in await ended(world, one):
        turns.append((await turn(world, recover_store)).account)
    assert turns.count(other) == 4
    assert len(turns) <= 8
    assert (account, account) not in pairwise(turns)
    await recover_all(world, recover_store, UNHURRIED)
    assert len(await ended(world, *many)) == 20


async def test_the_recoveries_of_an_account_take_turns(
    world: StoreHarness, recover_store: RecoverStore, account: AccountId
) -> None:
    first, second, third = await begin_many(world, account, webhooks=3, misses=25)
    turns = [(await turn(world, recover_store)).recovery for _ in range(7)]
    assert turns == [each.id for each in (first, second, third, first, second, third, first)]


async def test_workers_that_choose_at_one_moment_choose_different_ones_and_leave_none(
    world: StoreHarness, recover_store: RecoverStore, account: AccountId
) -> None:
    mine = await begin_many(world, account, webhooks=2, misses=15)
    (theirs,) = await begin_many(world, await world.account(), webhooks=1, misses=15)
    workers = world.database.execution_options(isolation_level="READ COMMITTED")
    async with workers.connect() as one, workers.connect() as other:
        chosen = [(await each.execute(recover._NEXT, recover._STOP_REASONS)).one() for each in (one, other)]
        assert chosen[0].id != chosen[1].id
        assert {each.account_id.hex for each in chosen} == {parse_id(Prefix.ACCOUNT, account)}
        for _ in range(2):
            assert (await turn(world, recover_store)).recovery == theirs.id
        assert await recover_store.recover_some(UNHURRIED) is None
        assert await ended(world, *mine, theirs) == {theirs.id}
    # both have died
    await recover_all(world, recover_store, UNHURRIED)
    assert await ended(world, *mine, theirs) == {each.id for each in (*mine, theirs)}
    assert await world.scalar("SELECT count(*) FROM deliveries WHERE state = 'scheduled'") == 45


async def begin_many(world: StoreHarness, account: AccountId, *, webhooks: int, misses: int) -> list[Recovery]:
    """Begin the recoveries of new webhooks of which each has missed so much."""
    hooks = [await world.webhook(account, "*") for _ in range(webhooks)]
    await world.publish(*(event(account) for _ in range(misses)))
    await world.do(
        "UPDATE deliveries SET state = 'failed', reason = 'gone', ended_at = flux_now(), due_at = NULL, "
        "sweep_at = NULL WHERE account_id = CAST(:id AS uuid)",
        id=parse_id(Prefix.ACCOUNT, account),
    )
    return [await begin(world, account, each) for each in hooks]


async def turn(world: StoreHarness, store: RecoverStore) -> RecoveredPage:
    """Return what was done for the recovery that came next, a moment after the one before."""
    await world.advance_clock(0.001)
    page = await store.recover_some(UNHURRIED)
    assert page
    return page


async def ended(world: StoreHarness, *recoveries: Recovery) -> set[RecoveryId]:
    return {each.id for each in [await shown(world, each) for each in recoveries] if each.ended_at}
