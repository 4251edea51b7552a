"""Batcher form while a commit is in flight, keep their order, and share their errors."""

import asyncio
from collections.abc import Sequence

import pytest

from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.engine.flow.batcher import NO_LINGER, BatchedCall, Batcher, Linger, commit_isolating
from tests.support.waiting import let_others_run


class Commit:
    """Commits nothing, remembers the groups, and holds each until it is told to go on."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.go_on = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self, items: list[int]) -> Sequence[str]:
        self.groups.append(items)
        await self.go_on.wait()
        if self.error:
            raise self.error
        return [f"done {item}" for item in items]


async def test_the_first_goes_alone_and_those_who_come_meanwhile_go_together() -> None:
    commit = Commit()
    grouped = BatchedCall[int, str](commit, most=10, max_concurrent=1)
    calls = [asyncio.create_task(grouped(0))]
    await let_others_run(2)
    assert commit.groups == [[0]]
    calls += [asyncio.create_task(grouped(item)) for item in range(1, 15)]
    commit.go_on.set()
    assert await asyncio.gather(*calls) == [f"done {item}" for item in range(15)]
    assert commit.groups == [[0], list(range(1, 11)), list(range(11, 15))]


async def test_lanes_run_beside_each_other() -> None:
    commit = Commit()
    grouped = BatchedCall[int, str](commit, most=1, max_concurrent=2)
    calls = [asyncio.create_task(grouped(item)) for item in range(3)]
    await let_others_run(3)
    assert commit.groups == [[0], [1]]
    commit.go_on.set()
    await asyncio.gather(*calls)
    assert commit.groups == [[0], [1], [2]]


async def test_an_error_reaches_every_caller_of_its_group_and_no_other() -> None:
    commit = Commit()
    commit.error = ValueError("away")
    commit.go_on.set()
    grouped = BatchedCall[int, str](commit, most=10, max_concurrent=1)
    outcomes = await asyncio.gather(grouped(1), grouped(2), return_exceptions=True)
    assert [str(each) for each in outcomes] == ["away", "away"]
    commit.error = None
    assert await grouped(3) == "done 3"


async def test_a_caller_who_gives_up_does_not_disturb_the_others() -> None:
    commit = Commit()
    grouped = BatchedCall[int, str](commit, most=10, max_concurrent=1)
    impatient, patient = asyncio.create_task(grouped(1)), asyncio.create_task(grouped(2))
    await let_others_run()
    impatient.cancel()
    commit.go_on.set()
    assert await patient == "done 2"
    with pytest.raises(asyncio.CancelledError):
        await impatient


def test_the_more_the_last_group_held_the_longer_the_next_one_waits_for_company() -> None:
    linger = Linger(min_seconds=1, seconds_per_item=0.5, max_seconds=10)
    assert [linger.seconds_after(last) for last in (0, 1, 10, 1000)] == [1, 1.5, 6, 10]
    assert NO_LINGER.seconds_after(1000) == 0


async def test_what_comes_while_a_group_waits_for_company_goes_with_it() -> None:
    groups: list[list[int]] = []

    async def commit(items: list[int]) -> None:
        groups.append(items)

    lingering = Batcher[int](commit, most=3, max_concurrent=1, linger=Linger(0.001, 0, 0.001))
    lingering.put(0)
    await let_others_run(3)
    assert groups == []
    for item in range(1, 5):
        lingering.put(item)
    await lingering.drain()
    assert groups == [[0, 1, 2], [3, 4]]


async def test_an_item_that_cannot_be_stored_costs_nobody_but_itself() -> None:
    stored: list[int] = []

    async def commit(items: list[int]) -> list[str]:
        if set(items) & {3, 11}:
            raise ValueError(items)
        stored.extend(items)
        return [f"done {item}" for item in items]

    grouped = BatchedCall[int, str](commit, most=20, max_concurrent=1)
    outcomes = await asyncio.gather(*(grouped(item) for item in range(16)), return_exceptions=True)
    assert sorted(stored) == [item for item in range(16) if item not in {3, 11}]
    assert [outcomes[item] for item in stored] == [f"done {item}" for item in stored]
    assert [str(outcomes[item]) for item in (3, 11)] == ["[3]", "[11]"]


async def test_a_trouble_of_the_moment_is_said_to_all_and_not_looked_into() -> None:
    calls: list[list[int]] = []

    async def commit(items: list[int]) -> list[str]:
        calls.append(items)
        raise Unavailable("away")

    assert [str(each) for each in await commit_isolating(commit, [1, 2, 3])] == ["away"] * 3
    assert calls == [[1, 2, 3]]
