"""Operators are told once that a condition holds, once that it is over, and nothing of what passes by itself."""

import pytest
from sqlalchemy import text

from flux_dispatch.domain.alert_channel import AlertKind
from flux_dispatch.domain.condition import HOLD, LOOK_PAUSE, Condition, Seen
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.engine.watch import Watch
from flux_dispatch.store.conditions import ConditionStore
from flux_dispatch.store.connect import transaction
from tests.support.alerting import OPERATORS, PACE, Alerting
from tests.support.store_harness import StoreHarness

DOWN = Seen(Condition.BROKER_DOWN, holds=True, says="Start Redis again.")
UP = Seen(Condition.BROKER_DOWN, holds=False, says=DOWN.says)
UNKNOWN = Seen(Condition.BROKER_DOWN, holds=None)


class Watching:
    """A process that sees what a test says."""

    def __init__(self, world: StoreHarness) -> None:
        self.alerting = Alerting(world, operators=OPERATORS)
        self.world = world
        self.seen = UP
        self.looked = 0
        self.watch = Watch(ConditionStore(world.database, "worker", PACE), [self._look])

    async def after(self, seconds: float, seen: Seen) -> list[AlertKind]:
        self.seen = seen
        await self.world.advance_clock(seconds)
        await self.watch.run_once()
        sent = await self.alerting.after(10)
        return [each.kind for message in sent for each in message.digests]

    async def _look(self) -> Seen:
        self.looked += 1
        return self.seen


@pytest.fixture
async def watching(world: StoreHarness, account: AccountId) -> Watching:
    watching = Watching(world)
    await watching.alerting.run()
    await watching.alerting.channel(account)
    return watching


async def test_a_condition_is_told_once_when_it_holds_and_once_when_it_is_over(watching: Watching) -> None:
    hold = HOLD.total_seconds()
    assert await watching.after(20, DOWN) == []
    assert await watching.after(hold, DOWN) == [AlertKind.PLATFORM_TROUBLE]
    told = watching.alerting.sender.sent[-1]
    assert (told.account, told.digests[0].subject, told.digests[0].detail["says"]) == (None, "broker_down", DOWN.says)
    for _ in range(5):
        assert await watching.after(hold, DOWN) == []
    assert await watching.after(hold, UP) == []
    assert await watching.after(hold, UP) == [AlertKind.PLATFORM_WELL]
    assert set(watching.alerting.sender.sent[-1].digests[0].detail) == {"since"}, "there is nothing left to do"
    assert await watching.after(hold, UP) == []


async def test_what_passes_soon_is_not_told(watching: Watching) -> None:
    for seen in (DOWN, UP, DOWN, UP, UNKNOWN, DOWN, UP):
        assert await watching.after(20, seen) == []


async def test_what_can_be_seen_is_told_though_another_look_takes_too_long(watching: Watching) -> None:
    async def too_long() -> Seen:
        async with transaction(watching.world.database) as connection:
            await connection.execute(text("SET LOCAL statement_timeout = 1"))
            await connection.execute(text("SELECT pg_sleep(5)"))
        raise AssertionError

    watching.watch = Watch(ConditionStore(watching.world.database, "worker", PACE), [too_long, watching._look])
    assert await watching.after(20, DOWN) == []
    assert await watching.after(60, DOWN) == [AlertKind.PLATFORM_TROUBLE]


async def test_who_restarts_tells_nothing_again(watching: Watching, world: StoreHarness) -> None:
    await watching.after(20, DOWN)
    assert await watching.after(60, DOWN) == [AlertKind.PLATFORM_TROUBLE]
    other = Watching(world)
    assert await other.after(60, DOWN) == []
    assert await other.after(600, DOWN) == []


async def test_of_all_processes_one_looks_at_a_time(watching: Watching, world: StoreHarness) -> None:
    others = [watching, *(Watching(world) for _ in range(3))]
    for _ in range(3):
        await world.advance_clock(LOOK_PAUSE.total_seconds())
        for each in others:
            await each.watch.run_once()
    assert sum(each.looked for each in others) == 3
