"""The axes of charts: round ticks, short labels, and times that have room."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.web.charts.chart import Measure
from flux_dispatch.web.charts.plot import LAST_FROM
from flux_dispatch.web.charts.time_axis import Density, time_labels
from flux_dispatch.web.charts.value_axis import MOST_STEPS, compact, round_ticks, tick_label
from flux_dispatch.web.static_files import FOLDER

EVENING = datetime(2026, 11, 26, 18, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [
        (0, (0, 1)),
        (0.2, (0, 1)),
        (1, (0, 1)),
        (3, (0, 1, 2, 3)),
        (4, (0, 1, 2, 3, 4)),
        (5, (0, 2, 4, 6)),
        (9, (0, 5, 10)),
        (17, (0, 5, 10, 15, 20)),
        (100, (0, 50, 100)),
        (101, (0, 50, 100, 150)),
        (999, (0, 500, 1000)),
        (1234, (0, 500, 1000, 1500)),
        (1_200_000_000, (0, 500_000_000, 1_000_000_000, 1_500_000_000)),
    ],
)
def test_ticks_are_round(highest: float, ticks: tuple[int, ...]) -> None:
    assert round_ticks(highest) == ticks


@given(st.floats(0.001, 1e15))
def test_ticks_reach_up_to_the_highest_and_not_far_beyond(highest: float) -> None:
    ticks = round_ticks(highest)
    step = ticks[1]
    assert ticks == tuple(range(0, ticks[-1] + 1, step))
    assert ticks[-2] < highest <= ticks[-1]
    assert len(ticks) <= MOST_STEPS + 1
    assert str(step).rstrip("0") in {"1", "2", "5"}


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (950, "950"),
        (1000, "1k"),
        (1500, "1.5k"),
        (20_000, "20k"),
        (100_000, "100k"),
        (1_200_000, "1.2M"),
        (1_200_000_000, "1.2B"),
        (5 * 10**12, "5,000B"),
    ],
)
def test_counts_are_short(count: int, text: str) -> None:
    assert compact(count) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (5, "5 ms"), (500, "500 ms"), (1000, "1 s"), (1500, "1.5 s"), (20_000, "20 s")]
)
def test_durations_are_short(value: int, text: str) -> None:
    assert tick_label(value, Measure.MILLISECONDS) == text


@pytest.mark.parametrize(
    ("minutes", "count", "by_density"),
    [
        (
            30,
            48,
            {
                Density.FEW: ["27 Nov", "12:00"],
                Density.MORE: ["06:00", "18:00"],
                Density.MOST: ["21:00", "03:00", "09:00", "15:00"],
            },
        ),
        (60, 1, {Density.FEW: ["18:30"]}),
        (5, 12, {Density.FEW: ["19:00"], Density.MORE: ["18:30"], Density.MOST: ["18:40", "18:50", "19:10", "19:20"]}),
        (
            6 * 60,
            28,
            {
                Density.FEW: ["28 Nov", "2 Dec"],
                Density.MORE: ["30 Nov"],
                Density.MOST: ["27 Nov", "29 Nov", "1 Dec", "3 Dec"],
            },
        ),
        (24 * 60, 30, None),
        (7 * 60, 40, None),
        (24 * 60, 400, None),
    ],
)
def test_times_are_round_and_fewer_where_there_is_less_room(
    minutes: int, count: int, by_density: dict[Density, list[str]] | None
) -> None:
    step = timedelta(minutes=minutes)
    labels = time_labels(EVENING, step, count)
    found = {density: [each.text for each in labels if each.density is density] for density in Density}
    assert by_density is None or {density: texts for density, texts in found.items() if texts} == by_density
    assert 1 <= len(labels) <= 9
    assert len(found[Density.FEW]) <= 3
    assert len(found[Density.FEW]) + len(found[Density.MORE]) <= 5
    assert all(0 < each.x < 100 for each in labels)


def test_the_script_goes_by_the_same_edge() -> None:
    assert f"LAST_FROM = {LAST_FROM};" in (FOLDER / "chart.js").read_text()


def test_a_label_stands_under_the_middle_of_its_bucket() -> None:
    labels = time_labels(datetime(2026, 11, 26, tzinfo=UTC), timedelta(hours=1), 24)
    assert [(each.text, each.x) for each in labels][:2] == [("26 Nov", 50 / 24), ("03:00", 350 / 24)]
