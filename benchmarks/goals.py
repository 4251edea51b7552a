"""What is to be reached: one goal a line of the table, and how its rounds are read out of the figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from benchmarks.verdict import Verdict, judge

Rounds = list[float]

CORES_ARE_FULL_MS: Final = 100
"""So much p99 beside an adversary is good enough: on a machine whose cores are full, twice one's own cannot be held."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the table: where its rounds are among the figures, and what they should be.

    What is counted (bytes, commands, lost events) and does not hang on how busy the machine is, tells with one round.
    """

    name: str
    about: str
    figure: str
    rounds: Callable[[Any], Rounds]
    at_least: float | None = None
    at_most: float | None = None
    is_counted: bool = False

    def verdict(self, rounds: Sequence[float]) -> Verdict:
        """Say what these rounds show."""
        if self.is_counted:
            return Verdict.REACHED if self._excess(median(rounds)) <= 0 else Verdict.MISSED
        return judge([self._excess(each) for each in rounds], at_most=0)

    @property
    def wanted(self) -> str:
        """Return the goal in words."""
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"

    def _excess(self, value: float) -> float:
        """Return by how much the value is too far on the wrong side."""
        return self.at_least - value if self.at_least is not None else value - (self.at_most or 0)


def excesses(adversary_round: Mapping[str, Any]) -> dict[str, float]:
    """Return by pattern the quiet account's p99 beside it, over what it may be: the smaller of two excesses.

    It may be twice what it is alone, or what is good enough on full cores: at most 1 is good.
    """
    may_be = max(2 * adversary_round["alone"]["p99"], CORES_ARE_FULL_MS)
    return {name: each["p99"] / may_be for name, each in adversary_round["beside"].items()}


def rounds_of(figures: Mapping[str, Any]) -> dict[str, Rounds]:
    """Return the rounds of every goal whose figure was measured, as this and earlier releases write them."""
    return {goal.name: goal.rounds(figures[goal.figure]) for goal in GOALS if goal.figure in figures}


def _once(name: str) -> Callable[[Any], Rounds]:
    return lambda figure: [figure[name]]


def _drained(numerator: str, denominator: str) -> Callable[[Any], Rounds]:
    def ratios(figure: Any) -> Rounds:  # noqa: ANN401 - what the figure returns
        rates = figure["per_second"]
        return [one / other for one, other in zip(rates[numerator], rates[denominator], strict=True)]

    return ratios


def _end_to_end(figure: Any) -> Rounds:  # noqa: ANN401 - what the figure returns
    return [each["events_per_second"] / each["raw_per_second"] for each in figure["rounds"]]


def _latency(percentile: str) -> Callable[[Any], Rounds]:
    def rounds(figure: Any) -> Rounds:  # noqa: ANN401 - what the figure returns
        at_100 = figure["at_100_per_second"]
        return [each[percentile] for each in at_100.get("rounds", [at_100])]

    return rounds


def _p99(worse: str, usual: str) -> Callable[[Any], Rounds]:
    return lambda figure: [each[worse]["p99"] / each[usual]["p99"] for each in figure.get("rounds", [figure])]


def _parked(name: str) -> Callable[[Any], Rounds]:
    return lambda figure: [each["many"][name] / each["few"][name] for each in figure["rounds"]]


def _against_plain(name: str) -> Callable[[Any], Rounds]:
    return lambda figure: [each[name] / each["plain"] for each in figure["drain_per_second"]]


def _metrics(measured: str, *counted: str) -> Callable[[Any], Rounds]:
    def shares(figure: Any) -> Rounds:  # noqa: ANN401 - what the figure returns
        return [
            sum(each[f"{name}_counted_microseconds"] for name in counted) / each[f"{measured}_microseconds"]
            + max(each["cores"]["scraped"] - each["cores"]["unscraped"], 0)
            for each in figure["rounds"]
        ]

    return shares


GOALS: Final = (
    Goal(
        "drain_over_raw",
        "a backlog drained by one worker ÷ the bare aiohttp client",
        "drain",
        _drained("drain", "raw"),
        at_least=0.6,
    ),
    Goal(
        "drain_over_textbook",
        "a backlog drained by all cores ÷ one Celery task a delivery, by all cores",
        "drain",
        _drained("drain_all_cores", "textbook"),
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
        _latency("p50"),
        at_most=10,
    ),
    Goal(
        "latency_p99_ms",
        "the same, 99th percentile, ms",
        "latency",
        _latency("p99"),
        at_most=50,
    ),
    Goal(
        "isolation_throughput",
        "healthy endpoints' throughput, a tenth hanging ÷ none",
        "isolation",
        lambda figure: [each["hanging"] / each["none"] for each in figure["healthy_per_second"]],
        at_least=0.9,
    ),
    Goal(
        "isolation_p99",
        "healthy endpoints' p99, a tenth hanging ÷ none",
        "isolation",
        lambda figure: _p99("hanging", "none")({"rounds": figure.get("latency_rounds", [figure["latency_ms"]])}),
        at_most=2,
    ),
    Goal(
        "parked_drain",
        "drain with {parked_many:,} parked retries ÷ with {parked_few:,}",
        "parked",
        _parked("drain_per_second"),
        at_least=0.95,
    ),
    Goal(
        "parked_plan_cost",
        "the sweeper's cost of a due retry, the same two",
        "parked",
        _parked("plan_microseconds_per_retry"),
        at_most=1.3,
    ),
    Goal(
        "outage_p99",
        "the others' p99 while {outage:,} overdue deliveries go out ÷ usual",
        "outage",
        _p99("meanwhile_ms", "usual_ms"),
        at_most=2,
    ),
    Goal(
        "fairness_p99",
        "a quiet account's p99 beside a flood of {flood:,} ÷ alone",
        "fairness",
        _p99("beside_ms", "alone_ms"),
        at_most=2,
    ),
    Goal(
        "adversary_p99",
        "a quiet account's p99 beside an adversary's worst pattern ÷ twice that alone, or ÷ 100 ms if that is more",
        "adversary",
        lambda figure: [max(excesses(each).values()) for each in figure["rounds"]],
        at_most=1,
    ),
    Goal(
        "worker_memory_mb",
        "a worker's memory after {memory:,} deliveries, MB",
        "memory",
        _once("after_all_mb"),
        at_most=150,
        is_counted=True,
    ),
    Goal(
        "worker_memory_growth_mb",
        "of that, grown since the first 5,000, MB",
        "memory",
        _once("growth_mb"),
        at_most=20,
        is_counted=True,
    ),
    Goal(
        "parked_memory_mb",
        "a worker's memory with {parked_many:,} parked, MB",
        "parked",
        lambda figure: [each["many"]["memory_mb"] for each in figure["rounds"]],
        at_most=150,
    ),
    Goal(
        "idle_redis_commands",
        "Redis commands a minute, idle",
        "idle",
        _once("redis_commands"),
        at_most=600,
        is_counted=True,
    ),
    Goal(
        "idle_sql_statements",
        "SQL statements a minute, idle",
        "idle",
        _once("sql_statements"),
        at_most=120,
        is_counted=True,
    ),
    Goal(
        "bytes_per_event",
        "database bytes for a delivered event of 1 kB, after vacuum",
        "storage",
        _once("bytes_per_event"),
        at_most=2500,
        is_counted=True,
    ),
    Goal(
        "finished_drain",
        "drain with {finished:,} finished deliveries ÷ without",
        "scale",
        _against_plain("many_finished"),
        at_least=0.9,
    ),
    Goal(
        "webhooks_drain",
        "drain with {webhooks:,} more webhooks on another account ÷ without",
        "scale",
        _against_plain("many_webhooks"),
        at_least=0.9,
    ),
    Goal(
        "slowest_page_ms",
        "the slowest page of the dashboard, of an account with {finished:,} deliveries, ms",
        "pages",
        lambda figure: [max(each.values()) for each in figure["rounds"]],
        at_most=100,
    ),
    Goal(
        "tunnel_p99_ms",
        "to 50 listen sessions and back, 20 requests/s each, two API processes, p99, ms",
        "tunnel",
        lambda figure: [each["alone"]["p99"] for each in figure["rounds"]],
        at_most=100,
    ),
    Goal(
        "tunnel_beside_hanging_p99_ms",
        "the same beside one that never answers, p99, ms",
        "tunnel",
        lambda figure: [each["beside_hanging"]["p99"] for each in figure["rounds"]],
        at_most=100,
    ),
    Goal(
        "metrics_of_drain",
        "metrics: counting ÷ the CPU of a delivery out of a backlog, and a scrape every 5 s, of a core",
        "metrics",
        _metrics("delivery", "attempt"),
        at_most=0.02,
    ),
    Goal(
        "metrics_of_end_to_end",
        "the same, ÷ the CPU of an event, published and delivered",
        "metrics",
        _metrics("event", "attempt", "request"),
        at_most=0.02,
    ),
    Goal(
        "storm_messages",
        "messages to an alert channel in the first ten minutes of {failures:,} failures (times of alerts a tenth)",
        "alert_storm",
        _once("messages"),
        at_most=5,
        is_counted=True,
    ),
    Goal(
        "storm_untold",
        "of these failures, untold or told twice",
        "alert_storm",
        _once("untold"),
        at_most=0,
        is_counted=True,
    ),
    Goal("lost", "events lost, in all of it", "account", _once("lost"), at_most=0, is_counted=True),
    Goal("duplicate", "events duplicate, in all of it", "account", _once("duplicate"), at_most=0, is_counted=True),
)
