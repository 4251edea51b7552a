"""What retries that wait cost: the drain, the sweeper's look, and a worker's memory, with few and with very many."""

import asyncio
import time
from datetime import timedelta
from statistics import median
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.bench import Bench
from benchmarks.environment import BenchEnvironment
from benchmarks.figures.drain import drain_stored
from benchmarks.seed import endpoints, park, subscribe
from flux_dispatch.domain.sweep import BEGINNING, share_out
from flux_dispatch.domain.timing import Timing
from flux_dispatch.engine.sweep import MAX_GROUPS, SWEEP_BATCH_SIZE
from flux_dispatch.store.sweep import SweepStore

FAR: Final = timedelta(hours=1)
SPREAD: Final = timedelta(hours=24)


def measure(bench: Bench) -> dict[str, Any]:
    """Return both ratios, many parked against few."""
    few, many = bench.sizes.parked_few, bench.sizes.parked_many
    rounds = [{"few": _round(bench, few), "many": _round(bench, many)} for _ in range(bench.sizes.rounds)]
    return {
        "parked": {"few": few, "many": many},
        "rounds": rounds,
        "drain_ratio": _ratio(rounds, "drain_per_second"),
        "plan_cost_ratio": _ratio(rounds, "plan_microseconds_per_retry"),
        "memory_mb": max(each["many"]["memory_mb"] for each in rounds),
    }


def _ratio(rounds: list[dict[str, Any]], figure: str) -> float:
    ratios: list[float] = [each["many"][figure] / each["few"][figure] for each in rounds]
    return round(median(ratios), 3)


def _round(bench: Bench, parked: int) -> dict[str, float]:
    with bench.environment() as environment:
        subscribe(environment, endpoints(bench.sink.url))
        park(environment, parked, after=FAR, spread=SPREAD)
        cost = _plan_cost(bench, environment)
        # the endpoints of what is parked want nothing of what is drained
        environment.ask("UPDATE webhooks SET events = '{none}'")
        return {
            "drain_per_second": drain_stored(bench, environment, workers=1).per_second,
            "plan_microseconds_per_retry": round(cost * 1e6, 1),
            "memory_mb": round(environment.memory_mb()),
        }


def _plan_cost(bench: Bench, environment: BenchEnvironment) -> float:
    """Return the seconds that peeking and waking take for each retry that is due, then put all of it away."""
    due = bench.sizes.due_retries
    park(environment, due, after=timedelta(seconds=-1), spread=timedelta(0))
    seconds = environment.with_store(_look_until_nothing_is_due)
    environment.ask(
        "UPDATE deliveries SET state = 'delivered', sweep_at = NULL WHERE due_at < now() + interval '1 minute'"
    )
    environment.ask("VACUUM deliveries")
    return float(seconds / due)


async def _look_until_nothing_is_due(database: AsyncEngine) -> float:
    sweeps = SweepStore(database, Timing(lease=timedelta(seconds=25)))
    await sweeps.next_due()
    began = time.perf_counter()
    while True:
        await sweeps.next_due()
        groups = await sweeps.due_groups(retries=True, after=BEGINNING, limit=MAX_GROUPS)
        if not await sweeps.sweep(share_out(groups, SWEEP_BATCH_SIZE), retries=True):
            return time.perf_counter() - began
        await asyncio.sleep(0)
