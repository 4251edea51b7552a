"""Counts add up, and a quantile is where its attempts are."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.domain.statistics import BUCKET, LATENCY_BOUNDS, Counts, Period, total

CLASSES = len(LATENCY_BOUNDS) + 1


def counts(**by_class: int) -> Counts:
    latencies = [0] * CLASSES
    for name, count in by_class.items():
        latencies[int(name.removeprefix("c"))] = count
    return Counts(sum(latencies), 0, 0, tuple(latencies))


def test_what_never_happened_has_no_rate_and_no_latency() -> None:
    nothing = total([])
    assert nothing == Counts()
    assert (nothing.success_rate, nothing.latency(0.5)) == (None, None)


def test_counts_add_up() -> None:
    both = total([Counts(3, 2, 1, counts(c0=3).latencies), Counts(5, 1, 0, counts(c0=1, c4=4).latencies)])
    assert (both.attempts, both.delivered, both.failed_attempts, both.final_failures) == (8, 3, 5, 1)
    assert (both.latencies, both.success_rate) == (counts(c0=4, c4=4).latencies, 0.375)


@pytest.mark.parametrize(
    ("what", "quantile", "seconds"),
    [
        (counts(c0=1), 1, 0.004),
        (counts(c0=2), 0.5, 0.002),
        (counts(c1=10), 0.5, 0.006),
        (counts(c0=95, c14=5), 0.95, 0.004),
        (counts(c0=94, c14=6), 0.95, LATENCY_BOUNDS[-1]),
    ],
)
def test_a_quantile_lies_in_its_class(what: Counts, quantile: float, seconds: float) -> None:
    assert what.latency(quantile) == pytest.approx(seconds)


@given(st.lists(st.integers(0, 50), min_size=CLASSES, max_size=CLASSES).filter(any), st.floats(0.01, 1))
def test_a_higher_quantile_is_never_sooner(latencies: list[int], quantile: float) -> None:
    what = Counts(sum(latencies), 0, 0, tuple(latencies))
    lower, higher = what.latency(quantile / 2), what.latency(quantile)
    assert lower is not None
    assert higher is not None
    assert 0 <= lower <= higher <= LATENCY_BOUNDS[-1]


def test_what_is_shown_is_made_of_whole_buckets_and_covers_its_period() -> None:
    for period, days in zip(Period, (1, 7, 30), strict=True):
        assert period.step % BUCKET == timedelta(0)
        assert period.step * period.buckets == timedelta(days=days)
