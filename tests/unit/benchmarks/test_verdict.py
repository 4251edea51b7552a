"""What rounds may be said to show: reached, missed, or nothing."""

import math

import pytest

from benchmarks.verdict import Verdict, judge


@pytest.mark.parametrize(
    ("rounds", "verdict"),
    [
        ([0.8, 0.9, 1.0], Verdict.REACHED),
        ([1.1, 1.2, 1.3], Verdict.MISSED),
        ([0.8, 0.9, 1.1], Verdict.CANNOT_TELL),
        ([0.8, 1.1, 1.2], Verdict.CANNOT_TELL),
        ([0.8, 0.8, 0.8, 0.8, 0.8, 1.1], Verdict.REACHED),
        ([0.8, 1.1, 1.1, 1.1, 1.1, 1.1], Verdict.MISSED),
        ([0.8, 0.8, 1.1, 1.1, 1.1, 1.1], Verdict.CANNOT_TELL),
        ([0.8, 0.8, 0.8, 0.8, 1.1], Verdict.CANNOT_TELL),
        ([0.9, 0.9, math.nan], Verdict.CANNOT_TELL),
        ([math.nan] * 3, Verdict.MISSED),
    ],
)
def test_rounds_are_judged_by_where_the_goal_lies_among_them(rounds: list[float], verdict: Verdict) -> None:
    assert judge(rounds, at_most=1) is verdict


@pytest.mark.parametrize("rounds", [[], [0.1], [9.0], [0.1, 0.1]])
def test_one_or_two_rounds_tell_nothing(rounds: list[float]) -> None:
    assert judge(rounds, at_most=1) is Verdict.CANNOT_TELL


@pytest.mark.parametrize("count", range(3, 12))
def test_the_order_of_rounds_does_not_matter_and_both_sides_are_alike(count: int) -> None:
    for below in range(count + 1):
        rounds = [0.5] * below + [1.5] * (count - below)
        mirrored = [2 - each for each in rounds]
        there, back = judge(rounds, at_most=1), judge(mirrored, at_most=1)
        assert judge(rounds[::-1], at_most=1) is there
        assert {there, back} in ({Verdict.REACHED, Verdict.MISSED}, {Verdict.CANNOT_TELL})
