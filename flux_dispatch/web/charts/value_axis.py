"""The axis of values: round ticks from 0, and how they are written in little room."""

from collections.abc import Iterator
from itertools import takewhile
from typing import Final

from flux_dispatch.web.charts.chart import Measure

MOST_STEPS: Final = 4
_UNITS: Final = ((10**9, "B"), (10**6, "M"), (10**3, "k"))


def round_ticks(highest: float) -> tuple[int, ...]:
    """Return the ticks for values up to this one: 0, and up to four more, one, two or five times a power of ten apart.

    The last one is the end of the axis. Where all values are 0 there are 0 and 1.
    """
    step = next(each for each in _steps() if each * MOST_STEPS >= highest)
    before = takewhile(lambda tick: tick - step < highest, range(step, (MOST_STEPS + 1) * step, step))
    return (0, *before) if highest > 0 else (0, 1)


def _steps() -> Iterator[int]:
    power = 1
    while True:
        yield from (power, 2 * power, 5 * power)
        power *= 10


def tick_label(value: float, measure: Measure) -> str:
    """Return what stands beside a tick: `1.2M`, `250 ms`, `1.5 s`."""
    if measure is Measure.COUNT or not value:
        return compact(value)
    return f"{value:g} ms" if value < 1000 else f"{value / 1000:g} s"  # noqa: PLR2004 - milliseconds of a second


def compact(count: float) -> str:
    """Return a count in at most five characters and a letter: `950`, `1.2k`, `20M`, `1.25B`."""
    for size, letter in _UNITS:
        if count >= size:
            return f"{count / size:,.2f}".rstrip("0").rstrip(".") + letter
    return f"{count:g}"
