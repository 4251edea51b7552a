"""Which accounts count as active, and how long a heavy one waits because of them."""

import pytest

from flux_dispatch.domain.ids import AccountId
from flux_dispatch.engine.flow.throttle import (
    ACTIVE_WINDOW_SECONDS,
    DECAY_SECONDS,
    DELAY_PER_TICK,
    DELAY_PER_TICK_OF_RETRIES,
    MAX_DELAY_SECONDS,
    Throttle,
)

TURN = 0.001
HEAVY, SMALL, OTHER = AccountId("acct_heavy"), AccountId("acct_small"), AccountId("acct_other")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def throttle(clock: list[float]) -> Throttle:
    assert clock
    return Throttle()


def rest(throttle: Throttle, account: AccountId = HEAVY, *, is_retry: bool = False) -> float:
    return throttle.delay_seconds(account, TURN, is_retry=is_retry)


def test_nobody_is_there_at_first_and_nobody_is_company_to_himself(throttle: Throttle) -> None:
    assert not throttle.others_active(HEAVY)
    throttle.record_activity(HEAVY)
    throttle.record_activity(HEAVY)
    assert not throttle.others_active(HEAVY)
    assert throttle.others_active(SMALL)
    assert rest(throttle) == 0


def test_who_was_there_is_company_for_a_while(throttle: Throttle, clock: list[float]) -> None:
    throttle.record_activity(SMALL)
    assert throttle.others_active(HEAVY)
    clock[0] += ACTIVE_WINDOW_SECONDS
    assert not throttle.others_active(HEAVY)


def test_who_was_there_before_counts_by_his_own_time(throttle: Throttle, clock: list[float]) -> None:
    throttle.record_activity(SMALL)
    throttle.record_activity(OTHER)
    clock[0] += ACTIVE_WINDOW_SECONDS / 2
    throttle.record_activity(HEAVY)
    throttle.record_activity(HEAVY)
    assert throttle.others_active(HEAVY)
    clock[0] += ACTIVE_WINDOW_SECONDS / 2
    assert not throttle.others_active(HEAVY)
    assert throttle.others_active(SMALL)


def test_retries_rest_longer_than_first_attempts(throttle: Throttle) -> None:
    throttle.record_activity(SMALL)
    assert rest(throttle) == pytest.approx(TURN * DELAY_PER_TICK)
    assert rest(throttle, is_retry=True) == pytest.approx(TURN * DELAY_PER_TICK_OF_RETRIES)
    assert throttle.delay_seconds(HEAVY, 1, is_retry=True) == MAX_DELAY_SECONDS


def test_the_delays_of_a_heavy_account_that_goes_on_shrink_to_nothing(throttle: Throttle, clock: list[float]) -> None:
    rests = []
    while len(rests) < 3 * DECAY_SECONDS:
        throttle.record_activity(SMALL)
        rests.append(rest(throttle))
        clock[0] += ACTIVE_WINDOW_SECONDS / 2
    assert rests == sorted(rests, reverse=True)
    assert rests[int(DECAY_SECONDS)] == pytest.approx(rests[0] / 2)
    assert rests[-1] == 0
    assert rest(throttle, OTHER) == rests[0]  # it is new


def test_a_heavy_account_that_comes_again_waits_again_and_one_that_ended_is_forgotten(
    throttle: Throttle, clock: list[float]
) -> None:
    throttle.record_activity(SMALL)
    whole = rest(throttle)
    clock[0] += ACTIVE_WINDOW_SECONDS / 2
    throttle.record_activity(SMALL)
    assert rest(throttle) < whole
    clock[0] += ACTIVE_WINDOW_SECONDS
    throttle.record_activity(SMALL)
    assert rest(throttle, OTHER) == whole
    assert list(throttle._heavy) == [OTHER]
    assert rest(throttle) == whole
