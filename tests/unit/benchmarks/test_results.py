"""The tables of docs/performance.md: from what this release measures, and from what earlier ones did."""

import json
from pathlib import Path

import pytest

from benchmarks.goals import GOALS, excesses, rounds_of
from benchmarks.results import RESULTS, adversary_as_markdown, as_markdown, costs_as_markdown, newest
from benchmarks.verdict import Verdict

ROUND = {
    "alone": {"p50": 5.0, "p99": 10.0},
    "beside": {"wide": {"p50": 6.0, "p99": 50.0}, "deep": {"p50": 7.0, "p99": 150.0}},
}
PARKED = {"few": {"drain_per_second": 100}}


@pytest.mark.parametrize("file", sorted(RESULTS.glob("*.json")), ids=lambda file: file.name)
def test_every_result_that_is_kept_can_be_drawn(file: Path) -> None:
    result = json.loads(file.read_text())
    assert adversary_as_markdown(result)
    if "end_to_end" in result["figures"]:  # a run of all figures, not of some
        assert len(as_markdown(result).splitlines()) > 10
        assert costs_as_markdown(result)
    else:
        assert set(result["figures"]) - {"account"}
        assert newest() != result


def test_beside_an_adversary_twice_the_usual_is_allowed_or_what_is_good_enough_on_full_cores() -> None:
    assert excesses(ROUND) == {"wide": 0.5, "deep": 1.5}
    slow = ROUND | {"alone": {"p50": 60.0, "p99": 75.0}}
    assert excesses(slow)["deep"] == 1


def test_the_worst_pattern_is_the_figure_and_each_has_its_line() -> None:
    figures = {"adversary": {"rounds": [ROUND] * 3}}
    assert rounds_of(figures) == {"adversary_p99": [1.5] * 3}
    about = {"quick": True, "commit": "abc1234", "at": "2026-11-26T18:40:00Z", "machine": {"cores": 2}}
    lines = adversary_as_markdown(about | {"figures": figures}).splitlines()
    assert lines[0] == "The quick programme, measured at commit `abc1234`, 2026-11-26, 2 cores."
    assert lines[4] == "| alone | 5 | 10 | | | |"
    assert lines[5] == "| wide | 6 | 50 | 0.5 | 0.5 to 0.5 | reached |"
    assert lines[6] == "| deep | 7 | 150 | 1.5 | 1.5 to 1.5 | missed |"


def test_a_ratio_is_taken_within_each_round_and_judged_by_all_of_them() -> None:
    assert _parked([96, 97, 99]) == ([0.96, 0.97, 0.99], Verdict.REACHED)
    assert _parked([82, 97, 99])[1] is Verdict.CANNOT_TELL
    assert _parked([82, 83, 94])[1] is Verdict.MISSED
    assert _parked([97])[1] is Verdict.CANNOT_TELL


def test_what_metrics_take_is_what_counting_takes_and_what_scraping_takes() -> None:
    one = {
        "attempt_counted_microseconds": 1.0,
        "request_counted_microseconds": 3.0,
        "delivery_microseconds": 100,
        "event_microseconds": 400,
        "cores": {"unscraped": 0.02, "scraped": 0.025},
    }
    noisy = one | {"cores": {"unscraped": 0.02, "scraped": 0.01}}
    shares = rounds_of({"metrics": {"rounds": [one, noisy]}})
    assert shares["metrics_of_drain"] == pytest.approx([0.015, 0.01])
    assert shares["metrics_of_end_to_end"] == pytest.approx([0.015, 0.01])


def test_what_is_counted_tells_with_one_round() -> None:
    lost = next(each for each in GOALS if each.name == "lost")
    assert lost.verdict(lost.rounds({"lost": 0})) is Verdict.REACHED
    assert lost.verdict(lost.rounds({"lost": 1})) is Verdict.MISSED


def _parked(drains: list[int]) -> tuple[list[float], Verdict]:
    goal = next(each for each in GOALS if each.name == "parked_drain")
    rounds = goal.rounds({"rounds": [{**PARKED, "many": {"drain_per_second": each}} for each in drains]})
    return rounds, goal.verdict(rounds)
