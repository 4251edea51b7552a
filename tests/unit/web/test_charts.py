"""What charts draw: well-formed, escaped, of classes alone, and as small as they may be."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from flux_dispatch.web.charts.bars import GAP, LEAST_HEIGHT, bar_chart, stack
from flux_dispatch.web.charts.chart import Bucket, Chart, Measure, Series, Tone
from flux_dispatch.web.charts.lines import LEAST_DISTANCE, apart, line_chart, path
from flux_dispatch.web.charts.sparkline import sparkline
from flux_dispatch.web.charts.table import data_table

NOON = datetime(2026, 5, 3, 12, tzinfo=UTC)
HALF = timedelta(minutes=30)
ENDS = (Series("Delivered", Tone.GOOD), Series("Failed", Tone.BAD))
QUANTILES = (Series("p50", Tone.SIDE), Series("p95", Tone.MAIN))
DRAWN: list[Callable[[Chart], Markup]] = [bar_chart, line_chart, data_table]


def chart(*values: tuple[float | None, ...], step: timedelta = HALF, **changed: Any) -> Chart:
    buckets = [Bucket(NOON + number * step, each) for number, each in enumerate(values)]
    made = Chart(id="sent", title="Attempts", unit="attempts per half hour", step=step, series=ENDS, buckets=buckets)
    return replace(made, **changed)


def latency(*values: tuple[float | None, ...]) -> Chart:
    return chart(*values, series=QUANTILES, measure=Measure.MILLISECONDS, unit="milliseconds per half hour")


def parsed(markup: Markup) -> ET.Element:
    # our own text, in which nothing can be expanded
    return ET.fromstring(f"<div>{markup}</div>")  # noqa: S314


def texts(markup: Markup, where: str) -> list[str]:
    return ["".join(each.itertext()) for each in parsed(markup).findall(f".//{where}")]


@pytest.mark.parametrize("draw", DRAWN)
@pytest.mark.parametrize(
    "values", [[], [(0, 0)], [(None, None)] * 3, [(5, 0)], [(10**9, 1), (0, 3)], [(1, 2), (None, 3), (4, None)]]
)
def test_it_is_well_formed_and_has_neither_style_nor_script(
    draw: Callable[[Chart], Markup], values: Sequence[tuple[float | None, ...]]
) -> None:
    markup = draw(chart(*values))
    ids = [each.attrib["id"] for each in parsed(markup).iter() if "id" in each.attrib]
    assert len(ids) == len(set(ids))
    assert all(each.startswith("sent-") for each in ids)
    assert not re.search(r"\sstyle=|<script|\son\w+=|NaN|inf|None", markup)


@pytest.mark.parametrize("draw", DRAWN)
def test_what_the_caller_says_is_escaped(draw: Callable[[Chart], Markup]) -> None:
    odd = "<i>\"a\" & 'b'</i>"
    made = chart((1, 2), title=odd, unit=odd, nothing=odd, series=(Series(odd, Tone.GOOD), Series("b", Tone.BAD)))
    assert "<i>" not in draw(made)
    assert odd in "".join(parsed(draw(made)).itertext())
    assert "<i>" not in draw(replace(made, buckets=[]))


@pytest.mark.parametrize("draw", [bar_chart, line_chart])
def test_who_does_not_see_it_is_told_what_it_is(draw: Callable[[Chart], Markup]) -> None:
    [plot] = parsed(draw(chart((1200, 3), (800, 0)))).findall(".//svg[@role='img']")
    named = {each.attrib["id"]: each.text for each in plot if "id" in each.attrib}
    assert named[plot.attrib["aria-labelledby"]] == "Attempts"
    assert named[plot.attrib["aria-describedby"]] == (
        "attempts per half hour, 3 May, 12:00 to 3 May, 13:00 UTC. "
        "Delivered: 2,000 in all, at most 1,200 in one bucket. Failed: 3 in all, at most 3 in one bucket."
    )


@pytest.mark.parametrize("draw", [bar_chart, line_chart])
def test_each_bucket_says_when_it_is_and_what_it_has(draw: Callable[[Chart], Markup]) -> None:
    east = timezone(timedelta(hours=2))
    found = parsed(draw(chart((1234, 0), (5, 6), buckets=[Bucket(NOON.astimezone(east), (1234, None))])))
    [bucket] = [each for each in found.iter() if "data-from" in each.attrib]
    assert bucket.attrib["data-from"] == "2026-05-03T12:00Z"
    assert bucket.findtext("title") == "3 May, 12:00\N{EN DASH}12:30 UTC\nDelivered 1,234\nFailed no data"
    assert next(each.attrib for each in bucket.findall("rect")) == {}


@pytest.mark.parametrize("draw", [bar_chart, line_chart])
@pytest.mark.parametrize("values", [[], [(None, None)] * 3, [(0, 0)] * 3])
def test_where_there_is_nothing_it_says_so(draw: Callable[[Chart], Markup], values: Any) -> None:
    assert texts(draw(chart(*values, nothing="No attempts")), "text[@class='nothing']") == ["No attempts"]
    assert texts(draw(chart((1, 0))), "text[@class='nothing']") == []


@pytest.mark.parametrize(
    ("values", "top", "parts"),
    [
        ((50, 0), 100, [(50, 50), None]),
        ((50, 25), 100, [(50, 50), (25 - GAP, 25)]),
        ((0, 25), 100, [None, (75, 25)]),
        ((None, None), 100, [None, None]),
        ((1, 0), 10**9, [(100 - LEAST_HEIGHT, LEAST_HEIGHT), None]),
        ((10**9, 1), 10**9, [(LEAST_HEIGHT + GAP, 100 - LEAST_HEIGHT - GAP), (0, LEAST_HEIGHT)]),
    ],
)
def test_bars_stand_on_each_other_and_what_is_little_is_seen(
    values: tuple[float | None, ...], top: float, parts: list[tuple[float, float] | None]
) -> None:
    assert [each and pytest.approx(each) for each in parts] == stack(values, top)


@given(st.lists(st.integers(0, 10**10), min_size=1, max_size=4))
def test_a_bar_stays_in_the_plot(values: list[int]) -> None:
    parts = [each for each in stack(values, sum(values) or 1) if each]
    assert len(parts) == sum(map(bool, values))
    assert all(height > 0 for _, height in parts)
    assert all(-1e-6 <= y <= 100 - height + 1e-6 for y, height in parts)
    assert all(above[0] + above[1] < below[0] for below, above in pairwise(parts))


@pytest.mark.parametrize(
    ("heights", "drawn"),
    [
        ([], ""),
        ([None, None], ""),
        ([10.0, 20.0], "M0.5 10L1.5 20"),
        ([None, 10.0, 20.126, None, 0.0], "M1.5 10L2.5 20.1M4.5 0"),
    ],
)
def test_a_line_has_gaps_where_nothing_was_measured(heights: list[float | None], drawn: str) -> None:
    assert path(heights) == drawn


def test_a_value_without_neighbours_is_a_dot() -> None:
    markup = line_chart(latency((1, 9), (None, None), (3, 9), (4, None)))
    found = [each.attrib["class"] for each in parsed(markup).iter("circle")]
    assert found == ["side alone", "main alone", "side", "main alone", "side"]


@pytest.mark.parametrize(
    ("heights", "places"),
    [
        ([], []),
        ([30.0, 10.0], [30, 10]),
        ([50.0, 50.0], [50, 50 + LEAST_DISTANCE]),
        ([99.0, 98.0], [100, 100 - LEAST_DISTANCE]),
        ([0.0, 1.0, 2.0], [0, LEAST_DISTANCE, 2 * LEAST_DISTANCE]),
    ],
)
def test_names_at_the_ends_of_lines_keep_their_distance(heights: list[float], places: list[float]) -> None:
    assert apart(heights) == places


def test_a_line_is_named_at_its_end() -> None:
    ends = parsed(line_chart(latency((10, 20), (10, 20), (None, 20)))).findall(".//text[@class='end']")
    assert [(each.text, each.attrib["x"], each.attrib["y"]) for each in ends] == [
        ("p50", "50.00%", "50%"),
        ("p95", "83.33%", "0%"),
    ]


def test_names_of_lines_near_each_other_do_not_collide() -> None:
    p50, p95 = parsed(line_chart(latency((99, 100)))).findall(".//text[@class='end']")
    assert (p95.attrib["y"], p50.attrib["y"]) == ("0%", f"{LEAST_DISTANCE:g}%")


def test_what_failed_is_hatched_and_not_only_of_another_colour() -> None:
    found = parsed(bar_chart(chart((5, 5))))
    assert found.find(".//pattern[@id='sent-hatch']") is not None
    assert [each.attrib["class"] for each in found.iter("svg") if each.get("fill") == "url(#sent-hatch)"] == ["buckets"]


def test_the_table_says_what_the_chart_says() -> None:
    rows = parsed(data_table(chart((1234, 0), (None, 7)))).findall(".//tr")
    assert [["".join(cell.itertext()) for cell in row] for row in rows] == [
        ["From (UTC)", "Delivered", "Failed"],
        ["3 May, 12:00", "1,234", "0"],
        ["3 May, 12:30", "no data", "7"],
    ]
    assert [each.attrib["datetime"] for each in rows[1].iter("time")] == ["2026-05-03T12:00Z"]
    assert texts(data_table(chart((1, 2), step=timedelta(days=1))), "time") == ["3 May"]
    assert texts(data_table(latency((9.94, 12345.6))), "td") == ["9.9 ms", "12,346 ms"]


@given(st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 10**12) | st.none()), max_size=12))
def test_the_table_has_every_number(values: list[tuple[int, int | None]]) -> None:
    cells = [each.replace(",", "") for each in texts(data_table(chart(*values)), "td")]
    assert cells == ["no data" if each is None else str(each) for row in values for each in row]


def test_a_day_is_small() -> None:
    counted = chart(*((123_456 + 1009 * each, 1234 + 107 * each) for each in range(48)))
    measured = latency(*((234 + each, 1201 + 13 * each) for each in range(48)))
    assert len(bar_chart(counted).encode()) < 12_000
    assert len(line_chart(measured).encode()) < 12_000


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"id": "a b"}, "an?|id"),
        ({"series": ()}, "at least one series"),
        ({"series": ENDS[:1]}, "1 series, but"),
        ({"buckets": [Bucket(NOON, (-1, 0))]}, "0 or more"),
        ({"buckets": [Bucket(NOON, (1, 0)), Bucket(NOON, (1, 0))]}, "does not begin where"),
        ({"buckets": [Bucket(NOON.replace(tzinfo=None), (1, 0))]}, "aware"),
    ],
)
def test_what_cannot_be_drawn_is_refused(changed: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        chart((1, 2), **changed)


@pytest.mark.parametrize(
    ("values", "said", "lowest"),
    [
        ([], "no data", []),
        ([None] * 24, "no data", []),
        ([1.0] * 24, "lowest 100 %", []),
        ([1.0, None, 0.995, 1.0], "lowest 99.5 %, no data in 1 of 4", ["M2.5 13.9h0"]),
        ([0.9999], "lowest 99.9 %", ["M0.5 8.8h0"]),
        ([0.0, 0.0], "lowest 0 %", ["M1.5 92.0h0"]),
    ],
)
def test_a_sparkline_has_a_dot_where_it_is_lowest(values: list[float | None], said: str, lowest: list[str]) -> None:
    found = parsed(sparkline(values, "Success of <a>"))
    assert found.findtext(".//title") == f"Success of <a>: {said}"
    assert [each.attrib["d"] for each in found.findall(".//path[@class='lowest']")] == lowest


def test_a_sparkline_has_gaps() -> None:
    paths = [each.attrib["d"] for each in parsed(sparkline([1.0, 1.0, None, 1.0], "")).findall(".//path")]
    assert paths == ["M0 100H4", "M0.5 8L1.5 8M3.5 8", "M3.5 8.0h0"]


def test_a_sparkline_draws_parts_of_one() -> None:
    with pytest.raises(ValueError, match="parts of 1"):
        sparkline([99.5], "Success")
