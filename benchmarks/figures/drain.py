"""How fast a backlog is worked off: against the raw limit of aiohttp, and against the textbook way."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from celery import Celery

from benchmarks import naive_celery
from benchmarks.bench import Bench
from benchmarks.environment import BenchEnvironment, uuids
from benchmarks.seed import endpoints, store_events, subscribe
from benchmarks.servers import process

_SPAN = """
    SELECT extract(epoch FROM max(ended_at) - min(ended_at - make_interval(secs => duration_seconds)))::float8
    FROM attempts WHERE delivery_id = ANY($1::uuid[])
"""


def measure(bench: Bench) -> dict[str, Any]:
    """Return deliveries a second, one list of rounds for each competitor."""
    figures: dict[str, list[int]] = {"raw": [], "drain": [], "drain_all_cores": [], "textbook": []}
    costs = []
    for _ in range(bench.sizes.rounds):
        figures["raw"].append(round(bench.raw_per_second(bench.sizes.drained)))
        one, all_cores = drain(bench, workers=1), drain(bench, workers=2)
        figures["drain"].append(one.per_second)
        figures["drain_all_cores"].append(all_cores.per_second)
        figures["textbook"].append(round(_textbook(bench)))
        costs.append(one.cost)
    return {"per_second": figures, "cpu_microseconds_per_delivery": costs}


@dataclass(frozen=True, slots=True)
class Drained:
    """Deliveries a second, and the microseconds of CPU that each part used for one."""

    per_second: int
    cost: dict[str, int]


def drain(bench: Bench, *, workers: int) -> Drained:
    """Measure so many worker processes with a backlog."""
    with bench.environment() as environment:
        return drain_stored(bench, environment, workers=workers)


def drain_stored(bench: Bench, environment: BenchEnvironment, *, workers: int) -> Drained:
    """Store a backlog on a environment whose webhooks want nothing of it, and measure how it is worked off."""
    count = bench.sizes.drained
    account = subscribe(environment, endpoints(bench.sink.url))
    deliveries = store_events(environment, account, count)
    environment.ask("CHECKPOINT")
    environment.enqueue(deliveries, account)
    environment.start_workers(workers)
    before = environment.cpu()
    rate = settled_per_second(bench, environment, deliveries)
    return Drained(rate, environment.cost_since(before, count))


def settled_per_second(bench: Bench, environment: BenchEnvironment, deliveries: Sequence[str]) -> int:
    """Wait until all have arrived and are settled, and return how many a second that was, from the first POST on."""
    bench.arrivals_of_deliveries(deliveries)
    environment.wait_until_delivered(deliveries)
    return round(len(deliveries) / float(environment.ask(_SPAN, uuids(deliveries))))


def _textbook(bench: Bench) -> float:
    with bench.environment() as environment:
        account = subscribe(environment, endpoints(bench.sink.url))
        deliveries = store_events(environment, account, bench.sizes.textbook)
        with Celery("textbook", broker=environment.servers.redis_url) as app:
            for each in deliveries:
                app.send_task("textbook.deliver", args=[each])
        options = ["--pool=prefork", f"--concurrency={naive_celery.PROCESSES}", "--without-gossip", "--without-mingle"]
        command = [sys.executable, "-m", "celery", "-A", "benchmarks.naive_celery", "worker", "-l", "warning", *options]
        with process(command, environment.servers.environment()):
            environment.wait_until_drained()
        bench.arrivals_of_deliveries(deliveries)
        return float(bench.sizes.textbook / environment.ask(_SPAN, uuids(deliveries)))
