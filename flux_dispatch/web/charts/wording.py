"""How a chart says in words what it draws: times, exact values, and all of it in two sentences."""

from datetime import datetime, timedelta

from flux_dispatch.web.charts.chart import Chart, Measure

NO_VALUE = "no data"


def day(at: datetime) -> str:
    """Return a day, like `3 May`."""
    return f"{at.day} {at:%b}"


def clock(at: datetime) -> str:
    """Return a time of the day, like `09:30`."""
    return f"{at:%H:%M}"


def day_and_clock(at: datetime) -> str:
    """Return an instant, like `3 May, 09:30`."""
    return f"{day(at)}, {clock(at)}"


def stretch(at: datetime, step: timedelta) -> str:
    """Return from when until when a bucket is, like `3 May, 09:30` to `10:00 UTC`, with a dash."""
    if step < timedelta(days=1):
        return f"{day_and_clock(at)}\N{EN DASH}{clock(at + step)} UTC"
    last = at + step - timedelta(days=1)
    return f"{day(at)} UTC" if step == timedelta(days=1) else f"{day(at)} \N{EN DASH} {day(last)} UTC"


def exact(value: float | None, measure: Measure) -> str:
    """Return a value as it is: `1,234`, `240 ms`; below 10 ms with a decimal, for which a whole one would be coarse."""
    if value is None:
        return NO_VALUE
    if measure is Measure.COUNT:
        return f"{int(value):,}"
    return f"{value:.1f} ms" if 0 < value < 10 else f"{value:,.0f} ms"  # noqa: PLR2004 - stands in the docstring


def bucket_lines(chart: Chart, number: int) -> str:
    """Return what one bucket has: its time on a line, and each series on one of its own."""
    values = zip(chart.series, chart.buckets[number].values, strict=True)
    return "\n".join(
        [
            stretch(chart.begins_at[number], chart.step),
            *(f"{series.name} {exact(value, chart.measure)}" for series, value in values),
        ]
    )


def summary(chart: Chart) -> str:
    """Return what there is to see, for who does not see it."""
    if not chart.buckets:
        return f"{chart.nothing}."
    begin, end = chart.begins_at[0], chart.begins_at[-1] + chart.step
    said = [f"{chart.unit}, {day_and_clock(begin)} to {day_and_clock(end)} UTC."]
    for series, column in zip(chart.series, chart.columns, strict=True):
        known = [value for value in column if value is not None]
        if not known:
            said.append(f"{series.name}: {NO_VALUE}.")
        elif chart.measure is Measure.COUNT:
            said.append(f"{series.name}: {sum(known):,} in all, at most {max(known):,} in one bucket.")
        else:
            said.append(f"{series.name}: {exact(min(known), chart.measure)} to {exact(max(known), chart.measure)}.")
    return " ".join(said)
