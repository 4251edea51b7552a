"""Attempts begin a few at a time, and a heavy leaves the loop free for those who come beside it."""

import asyncio
from collections import Counter
from collections.abc import Collection

import pytest

from flux_dispatch.domain.ids import AccountId
from flux_dispatch.engine.flow.executor import (
    MAX_BYTES,
    MAX_IN_FLIGHT,
    MAX_QUEUED,
    MAX_QUEUED_OF_ONE,
    MAX_QUEUED_OF_ONE_BESIDE_OTHERS,
    STARTS_PER_TICK,
    AttemptExecutor,
)
from tests.support.waiting import let_others_run

HEAVY, SMALL = AccountId("acct_heavy"), AccountId("acct_small")
MANY = 10 * STARTS_PER_TICK


class Attempts:
    """Ends each attempt at once, and counts them."""

    def __init__(self) -> None:
        self.begun = Counter[AccountId]()
        self.logged: list[Collection[AccountId] | None] = []

    async def make(self, account: AccountId) -> None:
        self.begun[account] += 1

    def on_capacity(self, accounts: Collection[AccountId] | None) -> None:
        self.logged.append(accounts)


@pytest.fixture
def attempts() -> Attempts:
    return Attempts()


@pytest.fixture
async def executor(attempts: Attempts) -> AttemptExecutor[AccountId]:
    made = AttemptExecutor[AccountId](attempts.make)
    made.on_capacity = attempts.on_capacity
    return made


def heavy(executor: AttemptExecutor[AccountId], count: int) -> None:
    for _ in range(count):
        executor.add(HEAVY, HEAVY, is_retry=False, is_heavy=True)


def single(executor: AttemptExecutor[AccountId], account: AccountId) -> None:
    executor.add(account, account, is_retry=False, is_heavy=False)


async def test_a_heavy_account_alone_begins_a_few_at_each_tick(
    executor: AttemptExecutor[AccountId], attempts: Attempts
) -> None:
    heavy(executor, MANY)
    single(executor, HEAVY)  # nobody else is active
    await let_others_run(2)
    assert attempts.begun[HEAVY] == STARTS_PER_TICK + 1
    await let_others_run(2 * MANY // STARTS_PER_TICK)
    assert attempts.begun[HEAVY] == MANY + 1
    assert len([each for each in attempts.logged if each == {HEAVY}]) >= MANY // STARTS_PER_TICK


async def test_a_heavy_account_beside_others_waits_between_its_ticks_and_they_do_not(
    executor: AttemptExecutor[AccountId], attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flux_dispatch.engine.flow.throttle.DELAY_PER_TICK", 1000)
    monkeypatch.setattr("flux_dispatch.engine.flow.throttle.MAX_DELAY_SECONDS", 0.5)
    single(executor, SMALL)
    heavy(executor, MANY)
    await let_others_run(10)
    single(executor, SMALL)
    await let_others_run(2)
    assert attempts.begun == {SMALL: 2, HEAVY: STARTS_PER_TICK}
    monkeypatch.undo()
    await executor.drain()
    assert attempts.begun == {SMALL: 2, HEAVY: MANY}


async def test_a_heavy_account_has_capacity_again_when_half_of_its_part_has_begun(
    executor: AttemptExecutor[AccountId],
) -> None:
    def capacity(account: AccountId, *, is_retry: bool = False, is_heavy: bool = True) -> int:
        return executor.capacity(account, is_retry=is_retry, is_heavy=is_heavy)

    assert capacity(HEAVY) == capacity(SMALL, is_heavy=False) == MAX_QUEUED_OF_ONE
    heavy(executor, MAX_QUEUED_OF_ONE // 2)
    assert capacity(HEAVY) == MAX_QUEUED_OF_ONE // 2
    heavy(executor, 1)
    assert capacity(HEAVY) == 0
    assert capacity(HEAVY, is_retry=True) == MAX_QUEUED_OF_ONE
    single(executor, SMALL)
    assert capacity(SMALL, is_heavy=False) == MAX_QUEUED_OF_ONE - 1
    assert capacity(HEAVY, is_retry=True) == MAX_QUEUED_OF_ONE_BESIDE_OTHERS
    await executor.drain()


async def test_however_many_are_heavy_whoever_comes_next_has_capacity(
    executor: AttemptExecutor[AccountId], attempts: Attempts
) -> None:
    for n in range(50):
        account = AccountId(f"acct_{n}")
        for _ in range(executor.capacity(account, is_retry=False, is_heavy=True)):
            executor.add(account, account, is_retry=False, is_heavy=True)
    assert executor._heavy.queue.first_attempts.length <= MAX_QUEUED
    assert executor.capacity(SMALL, is_retry=False, is_heavy=False) == MAX_QUEUED_OF_ONE
    assert executor.capacity(SMALL, is_retry=False, is_heavy=True) == 0
    await executor.drain()
    assert attempts.logged.count(None) == 1, "who had nothing here, and no room, is told"


async def test_endpoints_that_hang_leave_room_among_what_is_under_way(attempts: Attempts) -> None:
    go_on = asyncio.Event()

    async def hang(account: AccountId) -> None:
        await (go_on.wait() if account == HEAVY else attempts.make(account))

    executor = AttemptExecutor[AccountId](hang)
    executor.on_capacity = attempts.on_capacity
    while room := executor.capacity(HEAVY, is_retry=False, is_heavy=False):
        for _ in range(room):
            single(executor, HEAVY)
        await let_others_run(room // STARTS_PER_TICK + 2)
    assert len(executor._tasks) <= MAX_IN_FLIGHT // 2
    assert executor.capacity(SMALL, is_retry=False, is_heavy=False) == MAX_QUEUED_OF_ONE
    attempts.logged.clear()
    go_on.set()
    await executor.drain()
    assert (HEAVY,) in attempts.logged, "who was refused is told that there is room again"


async def test_large_bodies_take_their_part_of_the_memory_and_no_more(attempts: Attempts) -> None:
    go_on = asyncio.Event()

    async def hang(account: AccountId) -> None:
        await go_on.wait()
        await attempts.make(account)

    executor = AttemptExecutor[AccountId](hang)
    executor.on_capacity = attempts.on_capacity
    size = MAX_BYTES // 40
    held = 0
    while room := executor.capacity(HEAVY, is_retry=False, is_heavy=False):
        for _ in range(min(room, 4)):  # before the first claim nobody knows what an account's bodies weigh
            executor.add(HEAVY, HEAVY, is_retry=False, is_heavy=False, bytes_held=size)
            held += size
        await let_others_run(4)
    assert MAX_BYTES // 3 < held <= MAX_BYTES // 2 + 4 * size
    assert executor.capacity(SMALL, is_retry=False, is_heavy=False) == MAX_QUEUED_OF_ONE
    go_on.set()
    await executor.drain()
    assert executor.capacity(HEAVY, is_retry=False, is_heavy=False) == MAX_QUEUED_OF_ONE


async def test_a_worker_with_few_sockets_has_few_under_way(attempts: Attempts) -> None:
    go_on = asyncio.Event()

    async def hang(account: AccountId) -> None:
        await go_on.wait()
        await attempts.make(account)

    executor = AttemptExecutor[AccountId](hang, max_in_flight=40)
    executor.on_capacity = attempts.on_capacity
    for n in range(20):
        account = AccountId(f"acct_{n}")
        for _ in range(min(executor.capacity(account, is_retry=False, is_heavy=False), 100)):
            single(executor, account)
        await let_others_run(20)
    assert 30 < len(executor._tasks) <= 40
    go_on.set()
    await executor.drain()
