"""How attempts went over time, as the charts of several pages show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from aiohttp import web
from markupsafe import Markup

from flux_dispatch.domain.statistics import Counts, Period, total
from flux_dispatch.web.charts.bars import bar_chart
from flux_dispatch.web.charts.chart import Bucket, Chart, Measure, Series, Tone
from flux_dispatch.web.charts.lines import line_chart
from flux_dispatch.web.charts.table import data_table

PERIODS: Final = {Period.DAY: "24 hours", Period.WEEK: "7 days", Period.MONTH: "30 days"}

_MERGED: Final = {Period.DAY: 6, Period.WEEK: 3, Period.MONTH: 2}
"""How many buckets of the statistics make one of the chart: half an hour, three hours, half a day."""

_TONES: Final = (Series("Delivered", Tone.GOOD), Series("Failed", Tone.BAD))
_QUANTILES: Final = ((0.5, Series("p50", Tone.MAIN)), (0.95, Series("p95", Tone.SIDE)))


@dataclass(frozen=True, slots=True)
class Traffic:
    """What stands on the page: the sum of the period, and its charts with their numbers as tables."""

    period: Period
    sum: Counts
    attempts: Markup
    latency: Markup


def asked_period(request: web.Request) -> Period:
    """Return the period that the address names; a day unless it names one that there is."""
    named = request.query.get("period", "")
    return Period(named) if named in set(Period) else Period.DAY


def traffic(period: Period, buckets: Sequence[tuple[datetime, Counts]]) -> Traffic:
    """Return how these buckets of statistics look."""
    return Traffic(
        period, total([each for _, each in buckets]), attempts_over(period, buckets), _latency_over(period, buckets)
    )


def attempts_over(period: Period, buckets: Sequence[tuple[datetime, Counts]]) -> Markup:
    """Return how many attempts of the period delivered and failed: the chart, and its table."""
    title = f"Attempts in the last {PERIODS[period]}"
    return attempts_chart(title, period.step * _MERGED[period], _merge(buckets, _MERGED[period]))


def attempts_chart(title: str, step: timedelta, buckets: Sequence[tuple[datetime, Counts]]) -> Markup:
    """Return how many attempts delivered and failed in these buckets, `step` wide: the chart, and its table."""
    attempts = Chart(
        id="attempts",
        title=title,
        unit="attempts",
        step=step,
        series=_TONES,
        buckets=[Bucket(at, (each.delivered, each.failed_attempts)) for at, each in buckets],
        nothing="No attempts in this time",
    )
    return bar_chart(attempts) + data_table(attempts)


def _latency_over(period: Period, buckets: Sequence[tuple[datetime, Counts]]) -> Markup:
    latency = Chart(
        id="latency",
        title=f"How long attempts took in the last {PERIODS[period]}",
        unit="time",
        step=period.step * _MERGED[period],
        series=[series for _, series in _QUANTILES],
        buckets=[
            Bucket(at, tuple(_milliseconds(each.latency(quantile)) for quantile, _ in _QUANTILES))
            for at, each in _merge(buckets, _MERGED[period])
        ],
        measure=Measure.MILLISECONDS,
        nothing="No attempts in this time",
    )
    return line_chart(latency) + data_table(latency)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds


def _merge(buckets: Sequence[tuple[datetime, Counts]], count: int) -> list[tuple[datetime, Counts]]:
    """Return buckets so many times as wide; the last one ends with now."""
    first = len(buckets) % count
    bounds = [*([0] if first else []), *range(first, len(buckets), count), len(buckets)]
    return [(buckets[start][0], total([each for _, each in buckets[start:end]])) for start, end in pairwise(bounds)]
