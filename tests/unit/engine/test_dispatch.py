"""Attempts begin a few at a time, and a flood leaves the loop free for those who come beside it."""

from collections import Counter

import pytest

from flux_dispatch.domain.ids import AccountId
from flux_dispatch.engine.dispatch import (
    MOST_QUEUED,
    MOST_QUEUED_OF_ONE,
    MOST_QUEUED_OF_ONE_BESIDE_OTHERS,
    STARTS_PER_TURN,
    Dispatch,
)
from tests.waiting import let_others_run

FLOOD, SMALL = AccountId("acct_flood"), AccountId("acct_small")
MANY = 10 * STARTS_PER_TURN


class Attempts:
    """Ends each attempt at once, and counts them."""

    def __init__(self) -> None:
        self.begun = Counter[AccountId]()
        self.times_room = 0

    async def make(self, account: AccountId) -> None:
        self.begun[account] += 1

    def made_room(self) -> None:
        self.times_room += 1


@pytest.fixture
def attempts() -> Attempts:
    return Attempts()


@pytest.fixture
async def dispatch(attempts: Attempts) -> Dispatch[AccountId]:
    made = Dispatch[AccountId](attempts.make)
    made.made_room = attempts.made_room
    return made


def flood(dispatch: Dispatch[AccountId], count: int) -> None:
    for _ in range(count):
        dispatch.add(FLOOD, FLOOD, is_retry=False, is_flood=True)


def single(dispatch: Dispatch[AccountId], account: AccountId) -> None:
    dispatch.add(account, account, is_retry=False, is_flood=False)


async def test_a_flood_alone_begins_a_few_at_each_turn(dispatch: Dispatch[AccountId], attempts: Attempts) -> None:
    flood(dispatch, MANY)
    single(dispatch, FLOOD)  # no company: its own
    await let_others_run(2)
    assert attempts.begun[FLOOD] == STARTS_PER_TURN + 1
    await let_others_run(2 * MANY // STARTS_PER_TURN)
    assert attempts.begun[FLOOD] == MANY + 1
    assert attempts.times_room >= MANY // STARTS_PER_TURN


async def test_a_flood_beside_others_rests_between_its_turns_and_they_do_not(
    dispatch: Dispatch[AccountId], attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flux_dispatch.engine.courtesy.RESTS_PER_TURN", 1000)
    monkeypatch.setattr("flux_dispatch.engine.courtesy.LONGEST_REST_SECONDS", 0.5)
    single(dispatch, SMALL)
    flood(dispatch, MANY)
    await let_others_run(10)
    single(dispatch, SMALL)
    await let_others_run(2)
    assert attempts.begun == {SMALL: 2, FLOOD: STARTS_PER_TURN}
    monkeypatch.undo()
    await dispatch.all_ended()
    assert attempts.begun == {SMALL: 2, FLOOD: MANY}


async def test_a_flood_has_room_of_its_own_again_when_half_of_it_has_begun(dispatch: Dispatch[AccountId]) -> None:
    assert dispatch.room(FLOOD, is_retry=False) == MOST_QUEUED_OF_ONE
    flood(dispatch, MOST_QUEUED_OF_ONE // 2)
    assert dispatch.room(FLOOD, is_retry=False) == MOST_QUEUED_OF_ONE // 2
    flood(dispatch, 1)
    assert dispatch.room(FLOOD, is_retry=False) == 0
    assert dispatch.room(FLOOD, is_retry=True) == MOST_QUEUED_OF_ONE
    assert dispatch.room(None, is_retry=False) == MOST_QUEUED
    single(dispatch, SMALL)
    assert dispatch.room(None, is_retry=False) == MOST_QUEUED - 1
    assert dispatch.room(FLOOD, is_retry=True) == MOST_QUEUED_OF_ONE_BESIDE_OTHERS
    await dispatch.all_ended()
