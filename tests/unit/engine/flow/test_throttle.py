"""Who counts as being there, and how long a flood rests for his sake."""

import pytest

from flux_dispatch.domain.ids import AccountId
from flux_dispatch.engine.flow.throttle import (
    COURTESY_SECONDS,
    LONGEST_REST_SECONDS,
    PRESENT_SECONDS,
    RESTS_PER_TURN,
    RESTS_PER_TURN_OF_RETRIES,
    Courtesy,
)

TURN = 0.001
FLOOD, SMALL, OTHER = AccountId("acct_flood"), AccountId("acct_small"), AccountId("acct_other")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def courtesy(clock: list[float]) -> Courtesy:
    assert clock
    return Courtesy()


def rest(courtesy: Courtesy, account: AccountId = FLOOD, *, is_retry: bool = False) -> float:
    return courtesy.rest_seconds(account, TURN, is_retry=is_retry)


def test_nobody_is_there_at_first_and_nobody_is_company_to_himself(courtesy: Courtesy) -> None:
    assert not courtesy.has_company(FLOOD)
    courtesy.note(FLOOD)
    courtesy.note(FLOOD)
    assert not courtesy.has_company(FLOOD)
    assert courtesy.has_company(SMALL)
    assert rest(courtesy) == 0


def test_who_was_there_is_company_for_a_while(courtesy: Courtesy, clock: list[float]) -> None:
    courtesy.note(SMALL)
    assert courtesy.has_company(FLOOD)
    clock[0] += PRESENT_SECONDS
    assert not courtesy.has_company(FLOOD)


def test_who_was_there_before_counts_by_his_own_time(courtesy: Courtesy, clock: list[float]) -> None:
    courtesy.note(SMALL)
    courtesy.note(OTHER)
    clock[0] += PRESENT_SECONDS / 2
    courtesy.note(FLOOD)
    courtesy.note(FLOOD)
    assert courtesy.has_company(FLOOD)
    clock[0] += PRESENT_SECONDS / 2
    assert not courtesy.has_company(FLOOD)
    assert courtesy.has_company(SMALL)


def test_retries_rest_longer_than_first_attempts(courtesy: Courtesy) -> None:
    courtesy.note(SMALL)
    assert rest(courtesy) == pytest.approx(TURN * RESTS_PER_TURN)
    assert rest(courtesy, is_retry=True) == pytest.approx(TURN * RESTS_PER_TURN_OF_RETRIES)
    assert courtesy.rest_seconds(FLOOD, 1, is_retry=True) == LONGEST_REST_SECONDS


def test_the_rests_of_a_flood_that_goes_on_shrink_to_nothing(courtesy: Courtesy, clock: list[float]) -> None:
    rests = []
    while len(rests) < 3 * COURTESY_SECONDS:
        courtesy.note(SMALL)
        rests.append(rest(courtesy))
        clock[0] += PRESENT_SECONDS / 2
    assert rests == sorted(rests, reverse=True)
    assert rests[int(COURTESY_SECONDS)] == pytest.approx(rests[0] / 2)
    assert rests[-1] == 0
    assert rest(courtesy, OTHER) == rests[0]  # it is new


def test_a_flood_that_comes_again_rests_again_and_one_that_ended_is_forgotten(
    courtesy: Courtesy, clock: list[float]
) -> None:
    courtesy.note(SMALL)
    whole = rest(courtesy)
    clock[0] += PRESENT_SECONDS / 2
    courtesy.note(SMALL)
    assert rest(courtesy) < whole
    clock[0] += PRESENT_SECONDS
    courtesy.note(SMALL)
    assert rest(courtesy, OTHER) == whole
    assert list(courtesy._floods) == [OTHER]
    assert rest(courtesy) == whole
