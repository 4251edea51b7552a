"""The frame that all charts share: title, legend, axes, grid, and a place for the mouse on each bucket.

Across, all is in percent of whatever width there is, and text has the size of the page's: so nothing is scaled that has
to be read. What has to be one line or one area stands in a viewBox of its own that is stretched.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from markupsafe import Markup

from flux_dispatch.web.charts.chart import Chart, Series, Tone
from flux_dispatch.web.charts.time_axis import TimeLabel, time_labels
from flux_dispatch.web.charts.value_axis import tick_label
from flux_dispatch.web.charts.wording import bucket_lines, summary

LAST_FROM: Final = 95
"""In percent of the width: from there a label ends at its time, and does not stick out; `chart.js` goes by it, too."""

_FIGURE: Final = Markup(
    '<figure class="chart" data-chart="" data-step="{step}">\n'
    '<figcaption><b>{title}</b> <span>{unit}, <span data-zone="">UTC</span></span></figcaption>\n'
    '<ul class="legend">{legend}</ul>\n'
    '<svg class="plot" role="img" aria-labelledby="{id}-title" aria-describedby="{id}-desc" '
    'width="100%" height="180">\n'
    '<title id="{id}-title">{title}</title>\n<desc id="{id}-desc">{summary}</desc>\n{hatch}{grid}{marks}{times}'
    "</svg>\n</figure>\n"
)
_HATCH: Final = Markup(
    '<defs><pattern id="{id}-hatch" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect class="hatched" width="4" height="4"/><rect class="stripe" width="2" height="4"/></pattern></defs>\n'
)
_BUCKET: Final = Markup('<svg x="{x}%" data-from="{at}"><title>{lines}</title><rect/>{marks}</svg>\n')
_NOTHING: Final = Markup('<text class="nothing" x="50%" y="50%">{}</text>\n')


def figure(chart: Chart, ticks: Sequence[int], marks: Markup, legend: Markup) -> Markup:
    """Return a chart of these marks; in words that there is none, where no series has a value above 0."""
    has_values = any(value for bucket in chart.buckets for value in bucket.values)
    return _FIGURE.format(
        id=chart.id,
        title=chart.title,
        unit=chart.unit,
        step=int(chart.step.total_seconds()),
        summary=summary(chart),
        legend=legend,
        hatch=_HATCH.format(id=chart.id) if _is_hatched(chart) else "",
        grid=_grid(chart, ticks if has_values else (0,)),
        marks=marks if has_values else marks + _NOTHING.format(chart.nothing),
        times=_times(chart),
    )


def buckets(chart: Chart, marks: Iterable[Markup]) -> Markup:
    """Return each bucket with its marks, what it says when pointed at, and the place for that."""
    made = (
        _BUCKET.format(
            x=100 * number,
            at=f"{chart.begins_at[number]:%Y-%m-%dT%H:%MZ}",
            lines=bucket_lines(chart, number),
            marks=each,
        )
        for number, each in enumerate(marks)
    )
    # the stylesheet cannot know the name of this chart's pattern, so that what is bad inherits it from here
    fill = Markup(' fill="url(#{}-hatch)"').format(chart.id) if _is_hatched(chart) else ""
    # as wide as one of them, so that each begins at a multiple of its own width
    width = 100 / max(len(chart.buckets), 1)
    frame = Markup('<svg class="buckets" width="{:.4f}%"{}>\n{}</svg>\n')
    return frame.format(width, fill, Markup("").join(made))


def entry(series: Series, swatch: Markup, width: int, total: str = "") -> Markup:
    """Return a line of the legend: how the series looks, in that many pixels, its name, and what it comes to."""
    return Markup('<li><svg class="swatch" width="{}" height="10" aria-hidden="true">{}</svg>{}{}</li>').format(
        width, swatch, series.name, Markup(" <b>{}</b>").format(total) if total else ""
    )


def percent(value: float) -> str:
    """Return a number of percent with up to one decimal: less is less than a pixel of the plot."""
    return f"{value:.1f}".removesuffix(".0")


def _is_hatched(chart: Chart) -> bool:
    return any(each.tone is Tone.BAD for each in chart.series)


def _grid(chart: Chart, ticks: Sequence[int]) -> Markup:
    lines = [
        Markup('<line{} x2="100%" y1="{y}%" y2="{y}%"/><text x="0" y="{y}%">{}</text>\n').format(
            Markup("") if tick else Markup(' class="zero"'),
            tick_label(tick, chart.measure),
            y=percent(100 - 100 * tick / max(ticks[-1], 1)),
        )
        for tick in ticks
    ]
    return Markup('<g class="grid">\n{}</g>\n').format(Markup("").join(lines))


def _times(chart: Chart) -> Markup:
    if not chart.buckets:
        return Markup("")
    labels = time_labels(chart.begins_at[0], chart.step, len(chart.buckets))
    return Markup('<g class="times">\n{}</g>\n').format(Markup("").join(map(_time, labels)))


def _time(label: TimeLabel) -> Markup:
    return Markup('<text class="{}{}" x="{}%" y="100%" data-at="{}">{}</text>\n').format(
        label.density,
        " last" if label.x > LAST_FROM else "",
        f"{label.x:.2f}",
        f"{label.at:%Y-%m-%dT%H:%MZ}",
        label.text,
    )
