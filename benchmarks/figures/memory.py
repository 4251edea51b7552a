"""What a worker's memory grows by over very many deliveries."""

from typing import Any, Final

from benchmarks.bench import Bench
from benchmarks.seed import endpoints, store_events, subscribe

WARM_UP: Final = 5_000


def measure(bench: Bench) -> dict[str, Any]:
    """Return a worker's resident memory after its first deliveries, and at the end."""
    with bench.environment() as environment:
        account = subscribe(environment, endpoints(bench.sink.url))
        environment.start_workers(1)
        memory = []
        for count in (WARM_UP, bench.sizes.memory):
            deliveries = store_events(environment, account, count)
            environment.enqueue(deliveries, account)
            environment.wait_until_drained()
            bench.arrivals_of_deliveries(deliveries)
            memory.append(environment.memory_mb())
    return {
        "deliveries": bench.sizes.memory,
        "after_warm_up_mb": round(memory[0], 1),
        "after_all_mb": round(memory[1], 1),
        "growth_mb": round(memory[1] - memory[0], 1),
    }
