"""What a run has to say: the ratios against what is to be reached, as a table, and everything as JSON."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final, cast

from benchmarks.parts import machine
from benchmarks.sizes import FULL, QUICK

Figures = Mapping[str, Any]

RESULTS: Final = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the table: where the value is among the figures, and what it should be."""

    name: str
    about: str
    figure: str
    value: Callable[[Any], float]
    at_least: float | None = None
    at_most: float | None = None

    def is_met(self, value: float) -> bool:
        """Say whether the value is good enough."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    def mark(self, value: float) -> str:
        """Return what stands behind a value that is not good enough."""
        return "" if self.is_met(value) else "✗"

    @property
    def wanted(self) -> str:
        """Return the goal in words."""
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"


def _ratio(numerator: str, denominator: str) -> Callable[[Any], float]:
    return lambda drain: round(median(drain["per_second"][numerator]) / median(drain["per_second"][denominator]), 3)


def _times(worse: str, usual: str) -> Callable[[Any], float]:
    return lambda figure: round(figure[worse]["p99"] / figure[usual]["p99"], 2)


def _end_to_end(figure: Any) -> float:  # noqa: ANN401 - what the figure returns
    ratios: list[float] = [each["events_per_second"] / each["raw_per_second"] for each in figure["rounds"]]
    return round(median(ratios), 3)


GOALS: Final = (
    Goal(
        "drain_over_raw",
        "a backlog drained by one worker ÷ the bare aiohttp client",
        "drain",
        _ratio("drain", "raw"),
        at_least=0.6,
    ),
    Goal(
        "drain_over_textbook",
        "a backlog drained by all cores ÷ one Celery task a delivery, by all cores",
        "drain",
        _ratio("drain_all_cores", "textbook"),
        at_least=10,
    ),
    Goal(
        "end_to_end_over_raw",
        "single events published, delivered and settled ÷ the bare client",
        "end_to_end",
        _end_to_end,
        at_least=0.4,
    ),
    Goal(
        "latency_p50_ms",
        "publish to arrival at 100 events/s, median, ms",
        "latency",
        lambda each: each["at_100_per_second"]["p50"],
        at_most=10,
    ),
    Goal(
        "latency_p99_ms",
        "the same, 99th percentile, ms",
        "latency",
        lambda each: each["at_100_per_second"]["p99"],
        at_most=50,
    ),
    Goal(
        "isolation_throughput",
        "healthy endpoints' throughput, a tenth hanging ÷ none",
        "isolation",
        lambda each: each["throughput_ratio"],
        at_least=0.9,
    ),
    Goal(
        "isolation_p99",
        "healthy endpoints' p99, a tenth hanging ÷ none",
        "isolation",
        lambda each: _times("hanging", "none")(each["latency_ms"]),
        at_most=2,
    ),
    Goal(
        "parked_drain",
        "drain with {parked_many:,} parked retries ÷ with {parked_few:,}",
        "parked",
        lambda each: each["drain_ratio"],
        at_least=0.95,
    ),
    Goal(
        "parked_plan_cost",
        "the planner's cost of a due retry, the same two",
        "parked",
        lambda each: each["plan_cost_ratio"],
        at_most=1.3,
    ),
    Goal(
        "outage_p99",
        "the others' p99 while {outage:,} overdue deliveries go out ÷ usual",
        "outage",
        _times("meanwhile_ms", "usual_ms"),
        at_most=2,
    ),
    Goal(
        "fairness_p99",
        "a quiet account's p99 beside a flood of {flood:,} ÷ alone",
        "fairness",
        _times("beside_ms", "alone_ms"),
        at_most=2,
    ),
    Goal(
        "worker_memory_mb",
        "a worker's memory after {memory:,} deliveries, MB",
        "memory",
        lambda each: each["after_all_mb"],
        at_most=150,
    ),
    Goal(
        "worker_memory_growth_mb",
        "of that, grown since the first 5,000, MB",
        "memory",
        lambda each: each["growth_mb"],
        at_most=20,
    ),
    Goal(
        "parked_memory_mb",
        "a worker's memory with {parked_many:,} parked, MB",
        "parked",
        lambda each: each["memory_mb"],
        at_most=150,
    ),
    Goal(
        "idle_redis_commands", "Redis commands a minute, idle", "idle", lambda each: each["redis_commands"], at_most=600
    ),
    Goal(
        "idle_sql_statements", "SQL statements a minute, idle", "idle", lambda each: each["sql_statements"], at_most=120
    ),
    Goal(
        "bytes_per_event",
        "database bytes for a delivered event of 1 kB, after vacuum",
        "storage",
        lambda each: each["bytes_per_event"],
        at_most=2500,
    ),
    Goal(
        "finished_drain",
        "drain with {finished:,} finished deliveries ÷ without",
        "scale",
        lambda each: each["against_plain"]["many_finished"],
        at_least=0.9,
    ),
    Goal(
        "webhooks_drain",
        "drain with {webhooks:,} more webhooks on another account ÷ without",
        "scale",
        lambda each: each["against_plain"]["many_webhooks"],
        at_least=0.9,
    ),
    Goal("lost", "events lost, in all of it", "account", lambda each: each["lost"], at_most=0),
    Goal("doubled", "events doubled, in all of it", "account", lambda each: each["doubled"], at_most=0),
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
            value = values[goal.name]
            sys.stdout.write(f"{goal.name:<26} {value:>10g} {goal.wanted:>10}  {goal.mark(value)}\n")


def newest() -> Mapping[str, Any]:
    """Return the newest result, a quick one only if there is no other."""
    results = [json.loads(file.read_text()) for file in RESULTS.glob("*.json")]
    return cast(Figures, max(results, key=lambda each: (not each["quick"], each["at"])))


def as_markdown(result: Figures) -> str:
    """Return the table of a result, with where it was measured."""
    where = result["machine"]
    sizes = asdict(QUICK if result["quick"] else FULL)
    values = values_of(result["figures"])
    rows = [
        f"| {goal.about.format(**sizes)} | {values[goal.name]:g} | {goal.wanted} | {goal.mark(values[goal.name])} |"
        for goal in GOALS
    ]
    programme = "The quick programme, measured" if result["quick"] else "Measured"
    head = (
        f"{programme} at commit `{result['commit']}`, {result['at'][:10]}, in {result['seconds'] / 60:.0f} minutes on "
        f"{where['cores']} cores ({where['processor']}, Linux {where['kernel'].split('-')[0]}, "
        f"Python {where['python']}), sink: {result['sink']}."
    )
    return "\n".join([head, "", "| figure | measured | to reach | |", "| --- | --- | --- | --- |", *rows])


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
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-{commit}.json"
    file.write_text(json.dumps(result, indent=2) + "\n")
    return file
