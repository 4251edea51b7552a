"""What a deployment for very many events a second needs, from what a run measured; then a simulation of it.

    python -m benchmarks.capacity_model [RESULT.json] [--events 100000]

Without a file the newest result is taken. The model is: each part needs the CPU that it was measured to need for an
event, at most `BUSY` of its cores are used, and PostgreSQL is cut into shards by account when one server would need
more than `SHARD_CORES`. The simulation sends events (Poisson arrivals, accounts of Zipf's sizes) through the parts as
stations with that many cores, and says how busy they were and how long events took. It is checked on this machine: two
cores that all parts share, whose throughput was measured.
"""

import argparse
import heapq
import json
import math
import random
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.environment import percentile

BUSY: Final = 0.6
"""Above this, queues grow long before the cores are used up."""

SHARD_CORES: Final = 8
"""Of PostgreSQL: with many more, its log and its vacuum become narrow before its cores do."""

ACCOUNTS: Final = 10_000
SIMULATED: Final = 200_000
"""Events that one simulation sends."""

RETENTION_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Costs:
    """Microseconds of CPU for an event with one delivery, by part, and bytes of the database that it leaves."""

    api: float
    postgres: float
    redis: float
    workers: float
    stored_bytes: float
    measured_per_second: float
    machine_cores: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How many cores each part gets; `shards` databases of `shard_cores` each."""

    api: int
    workers: int
    redis: int
    shards: int
    shard_cores: int


class Station:
    """So many cores, first come first served."""

    def __init__(self, cores: int) -> None:
        self._free_at = [0.0] * cores
        self.busy_seconds = 0.0

    def serve(self, at: float, seconds: float) -> float:
        """Return when work that comes at this time is done."""
        done = max(at, heapq.heappop(self._free_at)) + seconds
        heapq.heappush(self._free_at, done)
        self.busy_seconds += seconds
        return done

    def utilisation(self, until: float) -> float:
        """Return which share of the time the cores were used."""
        return self.busy_seconds / (until * len(self._free_at))


def main() -> None:
    """Print the plan and what the simulation says of it."""
    options = _options()
    costs = read_costs(json.loads(options.result.read_text()))
    _say(f"measured in {options.result.name}: {costs}\n")
    predicted = costs.machine_cores / (costs.api + costs.postgres + costs.redis + costs.workers) * 1e6
    simulated = saturated(costs)
    _say(f"check, {costs.machine_cores} cores for all parts: at most {predicted:,.0f} events/s,")
    _say(
        f"  simulated {simulated:,.0f}, measured {costs.measured_per_second:,.0f} (publisher and sink ran there, too)\n"
    )
    wanted = plan(costs, options.events)
    _say(f"for {options.events:,.0f} events/s: {wanted}")
    terabytes = costs.stored_bytes * options.events * 86_400 * RETENTION_DAYS / 1e12
    _say(f"  stored for {RETENTION_DAYS} days: {terabytes:,.0f} TB, {terabytes / wanted.shards:,.1f} TB a shard\n")
    for shards in sorted({wanted.shards, wanted.shards - 1, max(wanted.shards // 2, 1)} - {0}, reverse=True):
        _say(simulate(costs, wanted, shards, options.events))


def read_costs(result: Mapping[str, Any]) -> Costs:
    """Return what a run of the benchmark measured."""
    rounds = result["figures"]["end_to_end"]["rounds"]
    cost = {part: median(each["cpu_microseconds_per_event"][part] for each in rounds) for part in _PARTS}
    rate = median(each["events_per_second"] for each in rounds)
    stored_bytes, cores = result["figures"]["storage"]["bytes_per_event"], result["machine"]["cores"]
    return Costs(**cost, stored_bytes=stored_bytes, measured_per_second=rate, machine_cores=cores)


def plan(costs: Costs, events: float) -> Plan:
    """Return the cores that so many events a second need."""
    cores = {part: math.ceil(getattr(costs, part) * events / 1e6 / BUSY) for part in _PARTS}
    shards = math.ceil(cores["postgres"] / SHARD_CORES)
    return Plan(cores["api"], cores["workers"], max(cores["redis"], 1), shards, math.ceil(cores["postgres"] / shards))


def saturated(costs: Costs) -> float:
    """Return how many events a second this machine does when it never rests."""
    cores = Station(costs.machine_cores)
    total = (costs.api + costs.postgres + costs.redis + costs.workers) / 1e6
    return SIMULATED / max(cores.serve(0, random.expovariate(1 / total)) for _ in range(SIMULATED))


def simulate(costs: Costs, wanted: Plan, shards: int, events: float) -> str:
    """Return in words how a deployment with so many shards fares."""
    stations = {"api": Station(wanted.api), "redis": Station(wanted.redis), "workers": Station(wanted.workers)}
    databases = [Station(wanted.shard_cores) for _ in range(shards)]
    weights = list(accumulate(1 / rank for rank in range(1, ACCOUNTS + 1)))
    began, moment = [], 0.0
    coming: list[tuple[float, int, int, int]] = []
    for number, account in enumerate(random.choices(range(ACCOUNTS), cum_weights=weights, k=SIMULATED)):  # noqa: S311
        moment += random.expovariate(events)
        began.append(moment)
        coming.append((moment, 0, number, account % shards))
    took = []
    while coming:
        at, step, number, shard = heapq.heappop(coming)
        part, share = _STEPS[step]
        station = databases[shard] if part == "postgres" else stations[part]
        done = station.serve(at, getattr(costs, part) * share / 1e6)
        if step + 1 < len(_STEPS):
            heapq.heappush(coming, (done, step + 1, number, shard))
        else:
            took.append((done - began[number]) * 1000)
    busiest = max(each.utilisation(moment) for each in databases)
    shares = ", ".join(f"{name} {each.utilisation(moment):.0%}" for name, each in stations.items())
    late = "keeps up" if busiest < 1 else "falls behind"
    return (
        f"{shards} shards of {wanted.shard_cores} cores: {late}; busiest shard {busiest:.0%}, {shares}; "
        f"waiting and working p50 {percentile(took, 50):.1f} ms, p99 {percentile(took, 99):.1f} ms"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity_model")
    parser.add_argument("result", type=Path, nargs="?", default=_newest())
    parser.add_argument("--events", type=float, default=100_000)
    return parser.parse_args()


def _newest() -> Path | None:
    results = sorted((Path(__file__).parent / "results").glob("*.json"), key=lambda each: each.stat().st_mtime)
    return results[-1] if results else None


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


_PARTS: Final = ("api", "postgres", "redis", "workers")
_STEPS: Final = (("api", 1), ("postgres", 0.5), ("redis", 1), ("postgres", 0.25), ("workers", 1), ("postgres", 0.25))
"""Where an event goes, and which share of a part's work is done there: PostgreSQL accepts, hands out, and settles."""

if __name__ == "__main__":
    random.seed(1)
    main()
