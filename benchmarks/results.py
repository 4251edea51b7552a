"""What a run has to say: the figures against what is to be reached, as a table, and everything as JSON."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final, cast

from benchmarks.goals import GOALS, Goal, Rounds, excesses, rounds_of
from benchmarks.servers import machine
from benchmarks.sizes import FULL, QUICK
from benchmarks.verdict import judge

Figures = Mapping[str, Any]

RESULTS: Final = Path(__file__).parent / "results"


def show(measured: Mapping[str, Rounds]) -> None:
    """Print the table."""
    sys.stdout.write(f"\n{'figure':<26} {'median':>10} {'to reach':>10}  {'rounds':<17} verdict\n")
    for goal in GOALS:
        if goal.name in measured:
            rounds = measured[goal.name]
            line = (
                f"{goal.name:<26} {_middle(rounds):>10} {goal.wanted:>10}  {_spread(rounds):<17} {goal.verdict(rounds)}"
            )
            sys.stdout.write(f"{line}\n")


SOME: Final = 4
"""A result of no more figures than this names them."""


def newest(figure: str = "end_to_end") -> Mapping[str, Any]:
    """Return the newest result that has this figure, a quick one only if there is no other."""
    results = [json.loads(file.read_text()) for file in RESULTS.glob("*.json")]
    having = [each for each in results if figure in each["figures"]]
    return cast(Figures, max(having or results, key=lambda each: (not each["quick"], each["at"])))


def as_markdown(result: Figures) -> str:
    """Return the table of a result, with where it was measured."""
    where = result["machine"]
    sizes = asdict(QUICK if result["quick"] else FULL)
    measured = rounds_of(result["figures"])
    rows = [_row(goal, goal.about.format(**sizes), measured[goal.name]) for goal in GOALS if goal.name in measured]
    programme = "The quick programme, measured" if result["quick"] else "Measured"
    head = (
        f"{programme} at commit `{result['commit']}`, {result['at'][:10]}, in {result['seconds'] / 60:.0f} minutes on "
        f"{where['cores']} cores ({where['processor']}, Linux {where['kernel'].split('-')[0]}, "
        f"Python {where['python']}), sink: {result['sink']}."
    )
    return "\n".join(
        [head, "", "| figure | median | rounds | to reach | verdict |", "| --- | --- | --- | --- | --- |", *rows]
    )


def adversary_as_markdown(result: Figures) -> str:
    """Return what a quiet account felt beside each pattern of an adversary: medians of the rounds."""
    if "adversary" not in result["figures"]:
        return "The newest whole run is from before this was measured."
    rounds = result["figures"]["adversary"]["rounds"]
    rows = [_felt("alone", [each["alone"] for each in rounds], "| | | |")]
    for name in rounds[0]["beside"]:
        over = [excesses(each)[name] for each in rounds]
        judged = f"| {_middle(over)} | {_spread(over)} | {judge(over, at_most=1)} |"
        rows.append(_felt(name, [each["beside"][name] for each in rounds], judged))
    head = "| the adversary | p50, ms | p99, ms | p99 ÷ what it may be | rounds | verdict |"
    programme = "The quick programme, measured" if result["quick"] else "Measured"
    where = f"{programme} at commit `{result['commit']}`, {result['at'][:10]}, {result['machine']['cores']} cores."
    return "\n".join([where, "", head, "| --- | --- | --- | --- | --- | --- |", *rows])


def costs_as_markdown(result: Figures) -> str:
    """Return what an event costs each part, in microseconds of CPU: the medians of the rounds."""
    figures = result["figures"]
    drain = figures["drain"]["cpu_microseconds_per_delivery"]
    whole = [each["cpu_microseconds_per_event"] for each in figures["end_to_end"]["rounds"]]
    parts = ("api", "workers", "postgres", "redis")
    rows = [f"| {part} | {_median(drain, part)} | {_median(whole, part)} |" for part in parts]
    head = "| part | a delivery out of a backlog | an event, published and delivered |"
    return "\n".join([head, "| --- | --- | --- |", *rows])


def _median(rounds: list[dict[str, float]], part: str) -> str:
    return f"{median(each[part] for each in rounds):g} µs" if part in rounds[0] else "none"


def _row(goal: Goal, about: str, rounds: Sequence[float]) -> str:
    return f"| {about} | {_middle(rounds)} | {_spread(rounds)} | {goal.wanted} | {goal.verdict(rounds)} |"


def _felt(name: str, rounds: Sequence[Mapping[str, float]], judged: str) -> str:
    p50, p99 = (median(each[percentile] for each in rounds) for percentile in ("p50", "p99"))
    return f"| {name} | {p50:g} | {p99:g} {judged}"


def _middle(rounds: Sequence[float]) -> str:
    return f"{round(median(rounds), 3):g}"


def _spread(rounds: Sequence[float]) -> str:
    """Return the smallest and the largest of several rounds."""
    return f"{round(min(rounds), 3):g} to {round(max(rounds), 3):g}" if len(rounds) > 1 else ""


def write(figures: Figures, about: Mapping[str, Any]) -> Path:
    """Write everything to benchmarks/results/ and return the file."""
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True).strip()  # noqa: S607
    measured = rounds_of(figures)
    result = {
        "commit": commit,
        "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "machine": machine(),
        **about,
        "goals": {
            goal.name: {
                "median": round(median(measured[goal.name]), 3),
                "rounds": [round(each, 3) for each in measured[goal.name]],
                "to_reach": goal.wanted,
                "verdict": goal.verdict(measured[goal.name]),
            }
            for goal in GOALS
            if goal.name in measured
        },
        "figures": figures,
    }
    RESULTS.mkdir(exist_ok=True)
    some = "" if len(figures) > SOME else "-" + "-".join(name for name in figures if name != "account")
    file = RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-{commit}{some}.json"
    file.write_text(json.dumps(result, indent=2) + "\n")
    return file
