"""The numbers of a chart as a table: for who does not see it, and who wants to copy them."""

from typing import Final

from markupsafe import Markup

from flux_dispatch.web.charts.chart import Chart
from flux_dispatch.web.charts.wording import day, day_and_clock, exact

_TABLE: Final = Markup(
    '<details class="chart-table" data-chart-table="" data-step="{step}">\n'
    "<summary>Show as a table</summary>\n<table>\n"
    '<caption class="unseen">{title}: {unit}</caption>\n'
    '<thead><tr><th scope="col">From (<span data-zone="">UTC</span>)</th>{names}</tr></thead>\n'
    "<tbody>\n{rows}</tbody>\n</table>\n</details>\n"
)
_ROW: Final = Markup('<tr><th scope="row"><time datetime="{at}">{said}</time></th>{cells}</tr>\n')


def data_table(chart: Chart) -> Markup:
    """Return the table, folded away; the same words as in the chart for each value."""
    say_time = day if chart.step.days else day_and_clock
    rows = (
        _ROW.format(
            at=f"{at:%Y-%m-%dT%H:%MZ}",
            said=say_time(at),
            cells=Markup("").join(Markup("<td>{}</td>").format(exact(value, chart.measure)) for value in bucket.values),
        )
        for at, bucket in zip(chart.begins_at, chart.buckets, strict=True)
    )
    return _TABLE.format(
        step=int(chart.step.total_seconds()),
        title=chart.title,
        unit=chart.unit,
        names=Markup("").join(Markup('<th scope="col">{}</th>').format(each.name) for each in chart.series),
        rows=Markup("").join(rows),
    )
