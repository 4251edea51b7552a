"""What a run has to say: the ratios against what is to be reached, as a table, and everything as JSON."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.parts import machine

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the table: where the value is among the figures, and what it should be."""

    name: str
    figure: str
    value: Callable[[Any], float]
    at_least: float | None = None
    at_most: float | None = None

    def is_met(self, value: float) -> bool:
        """Say whether the value is good enough."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    @property
    def wanted(self) -> str:
        """Return the goal in words."""
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"


def _ratio(numerator: str, denominator: str) -> Callable[[Any], float]:
    return lambda drain: round(median(drain["per_second"][numerator]) / median(drain["per_second"][denominator]), 3)


def _times(worse: str, usual: str) -> Callable[[Any], float]:
    return lambda figure: round(figure[worse]["p99"] / figure[usual]["p99"], 2)


def _end_to_end(figure: Any) -> float:  # noqa: ANN401 - what the figure returns
    return round(median(each["events_per_second"] / each["raw_per_second"] for each in figure["rounds"]), 3)


GOALS: Final = (
    Goal("drain_over_raw", "drain", _ratio("drain", "raw"), at_least=0.6),
    Goal("drain_over_textbook", "drain", _ratio("drain_all_cores", "textbook"), at_least=10),
    Goal("end_to_end_over_raw", "end_to_end", _end_to_end, at_least=0.4),
    Goal("latency_p50_ms", "latency", lambda each: each["at_100_per_second"]["p50"], at_most=10),
    Goal("latency_p99_ms", "latency", lambda each: each["at_100_per_second"]["p99"], at_most=50),
    Goal("isolation_throughput", "isolation", lambda each: each["throughput_ratio"], at_least=0.9),
    Goal("isolation_p99", "isolation", lambda each: _times("hanging", "none")(each["latency_ms"]), at_most=2),
    Goal("parked_drain", "parked", lambda each: each["drain_ratio"], at_least=0.95),
    Goal("parked_plan_cost", "parked", lambda each: each["plan_cost_ratio"], at_most=1.3),
    Goal("outage_p99", "outage", _times("meanwhile_ms", "usual_ms"), at_most=2),
    Goal("fairness_p99", "fairness", _times("beside_ms", "alone_ms"), at_most=2),
    Goal("worker_memory_mb", "memory", lambda each: each["after_all_mb"], at_most=150),
    Goal("worker_memory_growth_mb", "memory", lambda each: each["growth_mb"], at_most=20),
    Goal("parked_memory_mb", "parked", lambda each: each["memory_mb"], at_most=150),
    Goal("idle_redis_commands", "idle", lambda each: each["redis_commands"], at_most=600),
    Goal("idle_sql_statements", "idle", lambda each: each["sql_statements"], at_most=120),
    Goal("bytes_per_event", "storage", lambda each: each["bytes_per_event"], at_most=2500),
    Goal("finished_drain", "scale", lambda each: each["against_plain"]["many_finished"], at_least=0.9),
    Goal("webhooks_drain", "scale", lambda each: each["against_plain"]["many_webhooks"], at_least=0.9),
    Goal("lost", "account", lambda each: each["lost"], at_most=0),
    Goal("doubled", "account", lambda each: each["doubled"], at_most=0),
)

_IN_RATIOS: Final = {
    "drain_over_raw",
    "drain_over_textbook",
    "end_to_end_over_raw",
    "isolation_throughput",
    "isolation_p99",
    "parked_drain",
    "parked_plan_cost",
    "outage_p99",
    "fairness_p99",
    "finished_drain",
    "webhooks_drain",
    "lost",
    "doubled",
}


def values_of(figures: Figures) -> dict[str, float]:
    """Return the value of every goal whose figure was measured."""
    return {goal.name: goal.value(figures[goal.figure]) for goal in GOALS if goal.figure in figures}


def show(values: Mapping[str, float]) -> None:
    """Print the table."""
    sys.stdout.write(f"\n{'figure':<26} {'measured':>10} {'to reach':>10}\n")
    for goal in GOALS:
        if goal.name in values:
            mark = "" if goal.is_met(values[goal.name]) else "  ✗"
            sys.stdout.write(f"{goal.name:<26} {values[goal.name]:>10g} {goal.wanted:>10}{mark}\n")


def write(figures: Figures, values: Mapping[str, float], about: Mapping[str, Any]) -> Path:
    """Write everything to benchmarks/results/ and return the file."""
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True).strip()  # noqa: S607
    result = {
        "commit": commit,
        "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "machine": machine(),
        **about,
        "ratios": {name: value for name, value in values.items() if name in _IN_RATIOS},
        "latency_ms": figures.get("latency"),
        "memory_mb": figures.get("memory"),
        "idle_per_minute": figures.get("idle"),
        "bytes_per_event": values.get("bytes_per_event"),
        "figures": figures,
    }
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    file = folder / f"{datetime.now(UTC):%Y-%m-%d}-{commit}.json"
    file.write_text(json.dumps(result, indent=2) + "\n")
    return file
