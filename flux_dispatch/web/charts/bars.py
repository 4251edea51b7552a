"""Stacked bars: what was counted in each bucket, such as attempts that delivered and that failed."""

from collections.abc import Iterable
from typing import Final

from markupsafe import Markup

from flux_dispatch.web.charts.chart import Chart, Tone
from flux_dispatch.web.charts.plot import buckets, entry, figure, percent
from flux_dispatch.web.charts.value_axis import round_ticks
from flux_dispatch.web.charts.wording import exact

LEAST_HEIGHT: Final = 1.5
"""In percent of the plot: so high is what is little beside a lot, that it is seen."""

FOOT: Final = 100.0
"""In percent of the plot, from above."""

GAP: Final = 0.6
"""In percent of the plot: between one part of a bar and the next."""


def bar_chart(chart: Chart) -> Markup:
    """Return the chart with a bar for each bucket, the first series at its foot."""
    heights = [sum(value or 0 for value in bucket.values) for bucket in chart.buckets]
    ticks = round_ticks(max(heights, default=0))
    marks = buckets(chart, (_bar(chart, bucket.values, ticks[-1]) for bucket in chart.buckets))
    return figure(chart, ticks, marks, Markup("").join(_legend(chart)))


def stack(values: Iterable[float | None], top: float) -> list[tuple[float, float] | None]:
    """Return for each value where its part of the bar begins from above, and its height, in percent; None for nothing.

    What is little is drawn with the least height, for which the highest part gives way where there is no more room.
    """
    heights = [max(100 * value / top, LEAST_HEIGHT) if value else 0.0 for value in values]
    gaps = GAP * max(sum(map(bool, heights)) - 1, 0)
    excess = max(sum(heights) + gaps - 100, 0)
    highest = max(range(len(heights)), key=heights.__getitem__)
    foot, parts = FOOT, list[tuple[float, float] | None]()
    for number, full in enumerate(heights):
        height = full - excess if number == highest else full
        parts.append((foot - height, height) if height else None)
        foot -= height + GAP if height else 0
    return parts


def _bar(chart: Chart, values: Iterable[float | None], top: float) -> Markup:
    return Markup("").join(
        _part(series.tone, *part) for series, part in zip(chart.series, stack(values, top), strict=True) if part
    )


def _part(tone: Tone, y: float, height: float) -> Markup:
    # without a height it reaches to the foot
    ends = "" if percent(y + height) == percent(FOOT) else Markup(' height="{}%"').format(percent(height))
    return Markup('<rect class="{}" y="{}%"{}/>').format(tone, percent(y), ends)


def _legend(chart: Chart) -> Iterable[Markup]:
    for series, column in zip(chart.series, chart.columns, strict=True):
        fill = Markup(' fill="url(#{}-hatch)"').format(chart.id) if series.tone is Tone.BAD else ""
        swatch = Markup('<rect class="{}" width="10" height="10" rx="2"{}/>').format(series.tone, fill)
        yield entry(series, swatch, 10, exact(sum(value or 0 for value in column), chart.measure))
