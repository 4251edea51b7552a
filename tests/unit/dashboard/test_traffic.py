"""Charts have fewer buckets than the statistics: nothing of those is lost, and the last one ends with now."""

from datetime import UTC, datetime, timedelta

import pytest
from aiohttp.test_utils import make_mocked_request

from flux_dispatch.dashboard.traffic import _merge, asked_period, traffic
from flux_dispatch.domain.statistics import Counts, Period

BEGIN = datetime(2026, 5, 3, tzinfo=UTC)


def buckets(*attempts: int) -> list[tuple[datetime, Counts]]:
    return [(BEGIN + timedelta(minutes=5 * number), Counts(count, count)) for number, count in enumerate(attempts)]


@pytest.mark.parametrize(
    ("attempts", "count", "merged"),
    [
        ([], 3, []),
        ([1], 3, [(0, 1)]),
        ([1, 2], 3, [(0, 3)]),
        ([1, 2, 4], 3, [(0, 7)]),
        ([1, 2, 4, 8], 3, [(0, 1), (1, 14)]),
        ([1, 2, 4, 8, 16], 3, [(0, 3), (2, 28)]),
        ([1, 2, 4, 8, 16, 32], 3, [(0, 7), (3, 56)]),
        ([1, 2, 4], 1, [(0, 1), (1, 2), (2, 4)]),
    ],
)
def test_the_first_bucket_is_the_one_that_may_be_narrower(
    attempts: list[int], count: int, merged: list[tuple[int, int]]
) -> None:
    made = _merge(buckets(*attempts), count)
    assert [((at - BEGIN) // timedelta(minutes=5), each.attempts) for at, each in made] == merged
    assert sum(each.delivered for _, each in made) == sum(attempts)


@pytest.mark.parametrize(("period", "rows"), [(Period.DAY, 48), (Period.WEEK, 56), (Period.MONTH, 60)])
def test_a_chart_has_about_as_many_buckets_whatever_the_period(period: Period, rows: int) -> None:
    shown = traffic(period, [(BEGIN + number * period.step, Counts(1, 1)) for number in range(period.buckets)])
    assert shown.sum.attempts == period.buckets
    assert shown.attempts.count("<tr><th") - 1 == shown.latency.count("<tr><th") - 1 == rows


@pytest.mark.parametrize(
    ("query", "period"),
    [("", Period.DAY), ("?period=7d", Period.WEEK), ("?period=30d", Period.MONTH), ("?period=1y", Period.DAY)],
)
def test_the_address_names_the_period(query: str, period: Period) -> None:
    assert asked_period(make_mocked_request("GET", f"/{query}")) is period
