"""A sparkline: how much of the attempts delivered, bucket by bucket, as small as a word in a row of a table."""

from collections.abc import Iterable, Sequence
from math import sqrt
from typing import Final

from markupsafe import Markup

from flux_dispatch.web.charts.lines import is_alone, path

_SPARKLINE: Final = Markup(
    '<svg class="sparkline" role="img" viewBox="0 0 {count} 100" preserveAspectRatio="none">'
    '<title>{label}: {said}</title><path class="none" d="M0 100H{count}"/>{marks}</svg>'
)


def sparkline(values: Sequence[float | None], label: str) -> Markup:
    """Return the line of these parts (0 to 1, the oldest first; None for no data), with a dot where it is lowest.

    Depth is the root of what failed: the one attempt in a hundred that failed is seen, too.

    Raises:
        ValueError: a value is below 0 or above 1.
    """
    known = [value for value in values if value is not None]
    if any(not 0 <= value <= 1 for value in known):
        raise ValueError(f"a sparkline draws parts of 1, not {values}")
    heights = [None if value is None else 8 + 84 * sqrt(1 - value) for value in values]
    lone = [number for number, each in enumerate(heights) if each is not None and is_alone(heights, number)]
    marks = Markup('<path d="{}"/>').format(path(heights)) if known else Markup("")
    if lone:
        marks += _dots("alone", heights, lone)
    if known and min(known) < 1:
        marks += _dots("lowest", heights, [max(number for number, each in enumerate(values) if each == min(known))])
    return _SPARKLINE.format(count=max(len(values), 1), label=label, said=_said(values, known), marks=marks)


def _dots(kind: str, heights: Sequence[float | None], numbers: Iterable[int]) -> Markup:
    # a line without a length has round ends, which no stretching makes oval
    points = "".join(f"M{number + 0.5:g} {heights[number]:.1f}h0" for number in numbers)
    return Markup('<path class="{}" d="{}"/>').format(kind, points)


def _said(values: Sequence[float | None], known: Sequence[float]) -> str:
    if not known:
        return "no data"
    # what is not all is never called 100 %
    lowest = f"{min(100 * min(known), 100 if min(known) == 1 else 99.9):.1f}".removesuffix(".0")
    gaps = len(values) - len(known)
    return f"lowest {lowest} %" + (f", no data in {gaps} of {len(values)}" if gaps else "")
