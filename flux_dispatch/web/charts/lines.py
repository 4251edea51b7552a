"""Lines: what was measured in each bucket, such as how long attempts took, with gaps where nothing was."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from markupsafe import Markup

from flux_dispatch.web.charts.chart import Chart, Series
from flux_dispatch.web.charts.plot import buckets, entry, figure, percent
from flux_dispatch.web.charts.value_axis import round_ticks

LEAST_DISTANCE: Final = 9.0
"""In percent of the plot: between the names at the ends of two lines."""

_LINES: Final = Markup('<svg class="lines" viewBox="0 0 {} 100" preserveAspectRatio="none">{}</svg>\n')


def line_chart(chart: Chart) -> Markup:
    """Return the chart with a line for each series, its name at its end."""
    values = [value for bucket in chart.buckets for value in bucket.values if value is not None]
    ticks = round_ticks(max(values, default=0))
    heights = [[None if value is None else 100 - 100 * value / ticks[-1] for value in each] for each in chart.columns]
    drawn = list(zip(chart.series, heights, strict=True))
    paths = Markup("").join(
        Markup('<path class="{}" d="{}"/>').format(series.tone, path(column)) for series, column in drawn
    )
    points = (_points(drawn, number) for number in range(len(chart.buckets)))
    marks = buckets(chart, points) + _LINES.format(len(chart.buckets), paths) + _names(drawn) if values else Markup("")
    legend = (
        entry(series, Markup('<line class="{}" x1="1" x2="15" y1="5" y2="5"/>').format(series.tone), 16)
        for series in chart.series
    )
    return figure(chart, ticks, marks, Markup("").join(legend))


def path(heights: Sequence[float | None]) -> str:
    """Return what draws these heights, each in the middle of a bucket one wide; None ends a line."""
    return "".join(
        f"{'L' if number and heights[number - 1] is not None else 'M'}{number + 0.5:g} {percent(height)}"
        for number, height in _known(heights)
    )


def apart(heights: Sequence[float]) -> list[float]:
    """Return heights in percent that are near to these, and nowhere nearer to each other than the least distance."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    moved = list(heights)
    for above, below in pairwise(order):
        moved[below] = max(moved[below], moved[above] + LEAST_DISTANCE)
    beyond = 100.0
    for number in reversed(order):
        moved[number] = min(moved[number], beyond)
        beyond = moved[number] - LEAST_DISTANCE
    return moved


def is_alone(heights: Sequence[float | None], number: int) -> bool:
    """Say whether a value has none beside it, so that no line would show it."""
    return all(each is None for each in (*heights[max(number - 1, 0) : number], *heights[number + 1 : number + 2]))


def _points(drawn: Sequence[tuple[Series, Sequence[float | None]]], number: int) -> Markup:
    return Markup("").join(
        Markup('<circle class="{}{}" cy="{}%"/>').format(
            series.tone, " alone" if is_alone(heights, number) else "", percent(height)
        )
        for series, heights in drawn
        if (height := heights[number]) is not None
    )


def _names(drawn: Iterable[tuple[Series, Sequence[float | None]]]) -> Markup:
    ends = [(series, *end, len(heights)) for series, heights in drawn for end in _known(heights)[-1:]]
    places = apart([height for _, _, height, _ in ends])
    return Markup("").join(
        Markup('<text class="end" x="{}%" y="{}%">{}</text>\n').format(
            f"{100 * (last + 0.5) / count:.2f}", percent(y), series.name
        )
        for (series, last, _, count), y in zip(ends, places, strict=True)
    )


def _known(heights: Sequence[float | None]) -> list[tuple[int, float]]:
    return [(number, height) for number, height in enumerate(heights) if height is not None]
