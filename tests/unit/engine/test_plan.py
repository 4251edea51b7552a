"""What the planner rings: grouped, never early, and with a pause that fits what is coming."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.domain.finding import Finding, Found, Horizon
from flux_dispatch.domain.ids import AccountId, DeliveryId
from flux_dispatch.engine.plan import (
    COUNTDOWN_STEP_SECONDS,
    LONGEST_SLEEP_SECONDS,
    SHORTEST_SLEEP_SECONDS,
    _messages,
    _pause,
)

OURS = AccountId("acct_1")


@given(st.lists(st.floats(min_value=-100, max_value=30)))
def test_no_message_is_early_and_none_a_step_late(due: list[float]) -> None:
    found = [Found(DeliveryId(f"dlv_{n}"), OURS, Finding.RING, 2, seconds, None) for n, seconds in enumerate(due)]
    rung = {each: countdown for (_, countdown), theirs in _messages(found).items() for _, each in theirs}
    assert len(rung) == len(found)
    for each in found:
        late = rung[each.delivery] - max(each.due_in_seconds, 0)
        assert -1e-9 <= late <= COUNTDOWN_STEP_SECONDS + 1e-9


def test_only_what_shall_be_tried_is_rung_and_attempts_do_not_mix() -> None:
    found = [Found(DeliveryId(f"dlv_{n}"), OURS, finding, n % 2 + 1, 0, None) for n, finding in enumerate(Finding)]
    rung = _messages(found)
    assert {each for theirs in rung.values() for _, each in theirs} == {
        each.delivery for each in found if each.finding in {Finding.RING, Finding.RESCUED}
    }
    assert all(
        {int(each.removeprefix("dlv_")) % 2 + 1 for _, each in theirs} == {attempt}
        for (attempt, _), theirs in rung.items()
    )


@pytest.mark.parametrize(
    ("first", "retries", "pause"),
    [
        (None, None, LONGEST_SLEEP_SECONDS),
        (600.0, None, LONGEST_SLEEP_SECONDS),
        (3.0, 2.0, 2.0),
        (-4.0, 2.0, SHORTEST_SLEEP_SECONDS),
    ],
)
def test_the_planner_sleeps_until_something_comes(first: float | None, retries: float | None, pause: float) -> None:
    assert _pause(Horizon(first, retries, unsent_alerts=False)) == pause
