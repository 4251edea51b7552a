"""Two trees compared: what a run printed is read back, and pairs of runs are judged."""

from typing import Any

from benchmarks.against import COMPARED, figures_in
from benchmarks.verdict import Verdict

DRAIN = next(each for each in COMPARED if each.name == "drain, deliveries/s")
CPU = next(each for each in COMPARED if each.name == "CPU of a delivery, µs")


def test_what_a_run_printed_is_read_back() -> None:
    output = "sink: nginx\ndrain: {'per_second': {'raw': [1, 2]}}\nidle: {'commands': nan}\n\nfigure  median\n3 s\n"
    assert figures_in(output) == {"drain": {"per_second": {"raw": [1, 2]}}}


def test_less_of_what_should_be_much_is_worse_and_more_is_not() -> None:
    slower, quicker = _pairs(1000, [900, 910, 920]), _pairs(1000, [1100, 990, 1000])
    assert DRAIN.verdict(DRAIN.ratios(slower)) is Verdict.MISSED
    assert DRAIN.verdict(DRAIN.ratios(quicker)) is Verdict.REACHED
    assert DRAIN.verdict(DRAIN.ratios(_pairs(1000, [900, 1000, 1100]))) is Verdict.CANNOT_TELL


def test_more_of_what_should_be_little_is_worse() -> None:
    pairs = [({"cpu_microseconds_per_delivery": [{"api": 100}]}, {"cpu_microseconds_per_delivery": [{"api": 110}]})] * 3
    assert CPU.ratios(pairs) == [1.1] * 3
    assert CPU.verdict(CPU.ratios(pairs)) is Verdict.MISSED


def test_what_one_side_does_not_know_is_not_compared() -> None:
    assert DRAIN.ratios([(None, {"per_second": {"drain": [1]}}), ({"per_second": {}}, {"per_second": {}})]) == []


def _pairs(old: int, new: list[int]) -> list[tuple[Any, Any]]:
    return [({"per_second": {"drain": [old]}}, {"per_second": {"drain": [each]}}) for each in new]
